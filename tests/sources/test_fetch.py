"""What is fetched: stored whole, once, page by page, on both databases."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from datetime import date, timedelta

import pytest
from tests.sources.conftest import NOW
from tests.sources.sites import BUSY, PAPERS, Known, Reply, atom, oai, rss

from paperworks.sources import fetch
from paperworks.sources.importer import import_papers
from paperworks.sources.web import NoAnswer
from paperworks.store import select

SINCE = date(2026, 11, 15)


def rows(table, key="slug"):
    return select(f"SELECT * FROM {table} ORDER BY {key}")


def everything():
    return [rows(table) for table in ("papers", "abstracts", "details", "listed")]


def titles():
    return {row["title"] for row in rows("papers")}


def details(slug="folding_unfolding_of_umbrella_networks"):
    return next(row for row in rows("details") if row["slug"] == slug)


def test_the_feed_of_a_day(web, site):
    kept = fetch.new_papers(web, ("cs.LG", "stat.ML", "cs.LG"), NOW)
    assert kept.counted().new == 5
    assert site.paths == ["/rss/cs.LG+stat.ML"]
    row = rows("papers")[0]
    assert row["title"] == "A Fifth Study of Rain"
    assert row["arxiv"] == "2611.00005"
    found = details()
    assert json.loads(found["authors"]) == ["Ada Maria Lovelace", "Émilie du Châtelet"]
    assert json.loads(found["categories"]) == ["cs.LG", "stat.ML"]
    assert found["source"] == "arXiv"
    assert found["fetched_at"] == "2026-11-21T06:00:00+00:00"
    assert rows("abstracts")[0]["abstract"] == "We fold an umbrella $x < y$ and measure the rain."
    days = {(row["source"], row["date"], row["announced"]) for row in rows("listed")}
    assert days == {("arxiv", "2026-11-20", "new"), ("arxiv", "2026-11-20", "cross")}


def test_a_feed_that_is_the_same_is_not_sent_again(local, site, told):
    fetch.new_papers(local, ("cs.LG",), NOW)
    before = everything()
    assert fetch.new_papers(local, ("cs.LG",), NOW + timedelta(hours=1)).listed == 0
    assert site.asked[1][1]["If-None-Match"] == '"one"'
    assert everything() == before
    assert "nothing announced" in told[-1]


def test_half_a_feed_replaces_nothing(local, site):
    fetch.new_papers(local, ("cs.LG",), NOW)
    before, site.tag = everything(), '"two"'
    site.papers = (replace(PAPERS[0], abstract=""), PAPERS[1])
    assert fetch.new_papers(local, ("cs.LG",), NOW + timedelta(hours=1)).counted().matched == 2
    assert everything() == before
    site.papers, site.tag = (), '"three"'
    fetch.new_papers(local, ("cs.LG",), NOW + timedelta(hours=2))
    assert everything() == before


def test_a_change_does_not_bring_an_old_paper(local, site):
    site.papers = (replace(PAPERS[0], announced="replace"), PAPERS[2])
    kept = fetch.new_papers(local, ("cs.LG",), NOW)
    assert (kept.listed, titles()) == (2, {"A Third Study of Rain"})
    site.papers, site.tag = (replace(PAPERS[2], announced="replace"),), '"two"'
    assert fetch.new_papers(local, ("cs.LG",), NOW).counted().matched == 1


def test_records_page_by_page(web, site):
    kept = fetch.changed_papers(web, "cs.LG", SINCE, None, NOW)
    assert kept.counted().new == 5
    assert "set=cs:cs:LG" in site.paths[0]
    assert "until" not in site.paths[0]
    assert len(site.paths) == 2
    found = details()
    assert found["published"] == "2026-11-18T00:00:00+00:00"
    assert found["comment"] == "8 pages"
    assert json.loads(found["authors"])[0] == "Ada Maria Lovelace"
    assert "An Old Study of Rain" not in titles()


def test_a_deleted_record_is_marked_and_stays(web, site):
    gone = PAPERS[-1]
    site.papers = (replace(gone, deleted=False),)
    fetch.changed_papers(web, "cs.LG", SINCE, None, NOW)
    before = rows("abstracts")
    site.papers = (PAPERS[0], gone)
    for hours in (1, 2):  # the moment when it was first known stays
        fetch.changed_papers(web, "cs.LG", SINCE, None, NOW + timedelta(hours=hours))
    assert details("a_study_taken_back")["withdrawn_at"] == "2026-11-21T07:00:00+00:00"
    assert [row for row in rows("abstracts") if row in before] == before
    site.papers = (replace(gone, deleted=False),)
    fetch.changed_papers(web, "cs.LG", SINCE, None, NOW)
    assert details("a_study_taken_back")["withdrawn_at"] is None


TAKEN_BACK = (
    replace(PAPERS[0], comment="This paper has been withdrawn: the umbrella leaks", version=2),
    replace(PAPERS[0], abstract="This paper has been withdrawn by the authors.", version=2),
)


@pytest.mark.parametrize("later", TAKEN_BACK, ids=["comment", "abstract"])
def test_a_paper_that_says_it_was_withdrawn_is_marked_and_loses_nothing(web, site, later):
    def harvest(paper, hours):
        site.papers = (paper,)
        fetch.changed_papers(web, "cs.LG", SINCE, None, NOW + timedelta(hours=hours))

    harvest(PAPERS[0], 0)
    before = rows("abstracts"), rows("papers")
    later = replace(later, title="Withdrawn", updated="2026-11-20T08:00:00Z")
    for hours in (1, 2):  # the moment when it was first seen stays
        harvest(later, hours)
    found = details()
    assert found["withdrawn_at"] == "2026-11-21T07:00:00+00:00"
    assert found["fetched_at"] == found["withdrawn_at"]  # pages that are kept look at this
    assert (found["comment"], found["updated"][:10]) == (later.comment, "2026-11-20")
    assert (rows("abstracts"), rows("papers")) == before
    site.papers = (replace(PAPERS[0], announced="replace"),)
    fetch.new_papers(web, ("cs.LG",), NOW + timedelta(hours=3))  # a feed has no comments
    assert details()["withdrawn_at"]
    fetch.papers(web, [later.id], NOW + timedelta(hours=4))
    assert details()["withdrawn_at"] is None


def test_nothing_changed(local, site):
    assert fetch.changed_papers(local, "hep-th", date(2027, 1, 1), None, NOW).listed == 0
    assert "set=physics:hep-th" in site.paths[0]


def test_an_interrupted_harvest_goes_on(web, site):
    def interrupted(line):
        if "page 1" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.changed_papers(replace(web, tell=interrupted), "cs.LG", SINCE, None, NOW)
    assert len(rows("papers")) == 3
    fetch.changed_papers(web, "cs.LG", SINCE, None, NOW)
    assert len(rows("papers")) == 5
    assert "skip%3D3" in site.paths[1] or "skip=3" in site.paths[1]
    assert len(site.paths) == 2


def test_a_forgotten_place_begins_again(local, site, told):
    site.faults.extend([lambda _: page_with_token("gone")])
    fetch.changed_papers(local, "cs.LG", SINCE, None, NOW)
    assert any("beginning again" in line for line in told)
    assert len(rows("papers")) == 5
    site.faults.extend([lambda _: page_with_token("gone"), lambda _: expired()] * 3)
    with pytest.raises(NoAnswer, match="forgets places"):
        fetch.changed_papers(local, "cs.LG", SINCE, None, NOW)


def page_with_token(token):
    from tests.sources.sites import record

    body = (
        f"<ListRecords>{record(PAPERS[0])}<resumptionToken>{token}</resumptionToken></ListRecords>"
    )
    return Reply(oai(body))


def expired():
    return Reply(oai('<error code="badResumptionToken"/>'))


def test_a_search(local, site):
    site.papers = tuple(Known(f"2611.{n:05}", f"Rain, part {n}") for n in range(450))
    kept = fetch.search(local, "umbrella rain", 420, NOW)
    assert kept.counted().new == 420
    starts = [path.partition("start=")[2].split("&")[:2] for path in site.paths]
    assert starts == [
        ["0", "max_results=200"],
        ["200", "max_results=200"],
        ["400", "max_results=20"],
    ]
    assert "all:umbrella+AND+all:rain" in site.paths[0]
    assert fetch.search(local, "umbrella  rain", 420, NOW).listed == 0
    assert len(site.paths) == 3
    fetch.search(local, "umbrella rain", 420, NOW + timedelta(days=1))
    assert len(site.paths) == 6


def test_an_empty_page_is_asked_for_again(local, site):
    site.faults.extend([Reply(atom([], 0, 6), "application/atom+xml")] * 2)
    assert fetch.search(local, "ti:rain", 10, NOW).counted().new == 6
    assert len(site.asked) == 3


def test_papers_by_their_names(web, site):
    kept, missing = fetch.papers(
        web,
        [
            "arXiv:2611.00002v1",
            "https://arxiv.org/abs/cs/9901002v1",
            "2611.99999",
            "10.5555/RAIN.1",
        ],
        NOW,
    )
    assert missing == ("arXiv has no 2611.99999.",)
    assert kept.counted().new == 3
    assert "id_list=2611.00002,cs/9901002,2611.99999" in site.paths[0]
    old = next(row for row in rows("papers") if row["arxiv"] == "cs/9901002")
    assert (old["title"], old["year"]) == ("An Old Study of Rain", 1999)
    found = details()
    assert (found["doi"], found["venue"]) == ("10.5555/rain.1", "Journal of Rain")
    assert found["published"] == "2026-11-01T00:00:00+00:00"
    assert found["source"] == "DOI"
    assert rows("abstracts")[1]["abstract"] == "We fold an umbrella $x < y$ and measure the rain."


def test_a_paper_of_two_sources_is_one(web, site):
    fetch.papers(web, ["10.5555/rain.1"], NOW)
    before = rows("papers")
    assert [row["arxiv"] for row in before] == [None]
    fetch.papers(web, ["2611.00001"], NOW)
    after = rows("papers")
    assert [row["slug"] for row in after] == [row["slug"] for row in before]
    assert after[0]["arxiv"] == "2611.00001"
    assert details()["source"] == "arXiv"
    assert details()["venue"] == "Journal of Rain"
    assert details()["published"] == "2026-11-18T17:59:46+00:00"


def test_a_registered_nowhere(local, site):
    kept, missing = fetch.papers(local, ["10.5555/none", "2611.00003"], NOW)
    assert missing == ("No paper is registered as DOI 10.5555/none.",)
    assert kept.counted().new == 1
    with pytest.raises(ValueError, match="looks like 10.1000/xyz; not 'rain'"):
        fetch.papers(local, ["2611.00001", "rain"], NOW)


def test_votes_of_a_day(web, site):
    kept = fetch.daily_papers(web, "date", "2026-11-20", NOW)
    assert kept.counted().new == 5
    assert [path.rpartition("p=")[2] for path in site.paths] == ["0", "1"]
    assert {row["upvotes"] for row in rows("listed")} == {7}
    assert {row["comments"] for row in rows("listed")} == {2}
    assert {row["date"] for row in rows("listed")} == {"2026-11-20"}
    assert details()["code"] == "https://github.com/rain/umbrella"
    assert details()["page"] is None  # it was a script's
    site.papers = (replace(PAPERS[0], upvotes=9), replace(PAPERS[2], upvotes=None))
    fetch.daily_papers(web, "date", "2026-11-20", NOW + timedelta(hours=1))
    votes = {row["slug"]: row["upvotes"] for row in rows("listed")}
    assert votes["folding_unfolding_of_umbrella_networks"] == 9
    assert votes["a_third_study_of_rain"] == 7
    assert len(votes) == 5


def test_votes_of_a_week_are_of_their_days(local, site):
    fetch.daily_papers(local, "week", "2026-W47", NOW)
    assert {row["date"] for row in rows("listed")} == {"2026-11-20"}
    assert "week=2026-W47" in site.paths[0]


def test_a_list_without_pages_ends(local, site):
    everything = [Known(f"2611.{n:05}", f"Rain, part {n}") for n in range(100)]
    site.papers, site.page = tuple(everything), 100
    from tests.sources.sites import daily

    body = json.dumps([daily(paper) for paper in everything])
    site.faults.extend([Reply(body, "application/json")] * 9)
    assert fetch.daily_papers(local, "date", "2026-11-20", NOW).counted().new == 100
    assert len(site.asked) == 2


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 0, 2)])
def test_fetching_twice_changes_nothing(local, site, order):
    steps = [
        lambda: fetch.papers(local, ["2611.00001", "2611.00002", "cs/9901002"], NOW),
        lambda: fetch.changed_papers(local, "cs.LG", SINCE, None, NOW),
        lambda: fetch.daily_papers(local, "date", "2026-11-20", NOW),
    ]
    for place in order:
        steps[place]()
    before = everything()
    for place in order:
        steps[place]()
    assert everything() == before
    assert details()["published"] == "2026-11-18T17:59:46+00:00"


def test_a_newer_version_is_believed(web, site):
    fetch.papers(web, ["2611.00002"], NOW)
    newer = replace(
        PAPERS[1], version=3, updated="2026-11-20T00:00:00Z", title="Sleep!", abstract="Newer."
    )
    older = replace(newer, updated="2026-11-18T00:00:00Z", title="Old", abstract="Older.")
    for known in (newer, older):
        site.papers = (known,)
        fetch.changed_papers(web, "cs.LG", SINCE, None, NOW + timedelta(hours=1))
    assert titles() == {"Sleep!"}
    assert rows("papers")[0]["slug"] == "on_the_sleep_of_gradients"
    assert [row["abstract"] for row in rows("abstracts")] == ["Newer."]


def test_what_the_user_imported_stays(local, site, tmp_path):
    file = tmp_path / "mine.jsonl"
    mine = {"title": "on the sleep of gradients", "abstract": "Mine.", "arxiv": "2611.00002"}
    file.write_text(json.dumps(mine | {"authors": "A. Person and B. Person", "doi": "10.5555/X"}))
    import_papers([file], NOW)
    fetch.papers(local, ["2611.00002"], NOW)
    assert titles() == {"on the sleep of gradients"}
    assert [row["abstract"] for row in rows("abstracts")] == ["Mine."]
    found = details("on_the_sleep_of_gradients")
    assert found["source"] == "arXiv"
    assert found["doi"] == "10.5555/x"
    assert json.loads(found["authors"])[0] == "Ada Maria Lovelace"


def test_shipped_papers_get_their_abstracts(local, site, monkeypatch):
    site.papers = (Known("1512.03385", "Deep Residual Learning for Image Recognition"),)
    kept, missing = fetch.abstracts(local, NOW)
    assert kept.counted().matched == 1
    assert rows("papers") == []
    assert [row["slug"] for row in rows("abstracts")] == ["resnet"]
    assert len(missing) > 600
    assert len(site.asked) == -(-(len(missing) + 1) // 100)


def test_records_that_are_no_papers_are_left_out(local, site, told):
    site.papers = (PAPERS[0], Known("2611.00008", "!!!"), Known("2611.00009", "x" * 401))
    assert fetch.new_papers(local, ("cs.LG",), NOW).counted().new == 1
    assert [line for line in told if "left out" in line] == [
        "left out: arXiv:2611.00008: a paper needs a title with a letter or a digit in it.",
        "left out: arXiv:2611.00009: a title has at most 400 characters.",
    ]
    site.papers, site.tag = (Known("2611.00008", "!!!"),) * 4, '"two"'
    with pytest.raises(NoAnswer, match="No record of a page can be read"):
        fetch.new_papers(local, ("cs.LG",), NOW)


def test_every_day(local, site):
    done = fetch.daily(local.engine, NOW, ("cs.LG", "stat.ML"), web=local)
    assert (len(done.kept.new), done.troubles) == (5, ())
    kinds = [path.split("?")[0] for path in site.paths]
    assert kinds.count("/rss/cs.LG+stat.ML") == 1
    assert kinds.count("/oai") == 4
    assert sum("date=2026-11-" in path for path in site.paths) == 2 * fetch.VOTING
    assert "from=2026-11-18" in site.paths[1]
    site.asked.clear()
    fetch.daily(local.engine, NOW + timedelta(hours=1), ("cs.LG", "stat.ML"), web=local)
    assert "/oai" not in [path.split("?")[0] for path in site.paths]
    site.asked.clear()
    fetch.daily(local.engine, NOW + timedelta(days=9), ("cs.LG",), upvoted=False, web=local)
    assert "from=2026-11-18" in site.paths[1]  # the days that were missed, and some before


def test_one_source_that_fails_stops_no_other(local, site):
    site.faults.extend([BUSY])
    impatient = replace(local, patience=30.0)
    done = fetch.daily(local.engine, NOW, ("cs.LG",), web=impatient)
    assert len(done.troubles) == 2  # one machine stands for both here, and wants to be left alone
    assert "wants to be left alone until 06:01 UTC" in done.troubles[0]
    assert len(site.asked) == 1


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda web: fetch.new_papers(web, ("cs LG",), NOW), "looks like cs.LG or hep-th"),
        (lambda web: fetch.search(web, " ", 9, NOW), "A search needs a word"),
        (lambda web: fetch.search(web, "x", 30_001, NOW), "from 1 to 30000 results; not 30001"),
        (lambda web: fetch.daily_papers(web, "week", "2026-47", NOW), "A week looks like 2026-W05"),
        (
            lambda web: fetch.changed_papers(web, "cs", SINCE, date(2026, 1, 1), NOW),
            "ends after it begins",
        ),
    ],
)
def test_what_cannot_be_asked(local, site, ask, said):
    with pytest.raises(ValueError, match=said):
        ask(local)
    assert site.asked == []


KILLED = """
import sys
from datetime import UTC, date, datetime
from paperworks.sources import fetch
from paperworks.sources.web import Web
from paperworks.store import open_store

def tell(line):
    print(line, flush=True)
    if "page 2" in line:
        sys.stdin.readline()  # until it is killed

fetch.changed_papers(
    Web(engine=open_store(), tell=tell), "cs.LG", date(2026, 11, 15), None,
    datetime(2026, 11, 21, tzinfo=UTC),
)
"""


def test_killed_and_started_again(store, store_url, site):
    site.papers = tuple(Known(f"2611.{n:05}", f"Rain, part {n}") for n in range(12))
    settings = os.environ | {"PAPERWORKS_DATABASE_URL": store_url}
    program = [sys.executable, "-c", KILLED]
    with subprocess.Popen(
        program, env=settings, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout
        assert any("page 2" in line for line in iter(child.stdout.readline, ""))
        child.send_signal(signal.SIGKILL)
    assert child.returncode == -signal.SIGKILL
    assert len(rows("papers")) == 6
    done = subprocess.run(
        [sys.executable, "-c", KILLED.replace("sys.stdin.readline()", "pass")],
        env=settings,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    assert "going on after page 2" in done.stdout
    assert len(rows("papers")) == 12
    assert len(site.asked) == 4


def test_rss_of_another_day_is_another_listing(local, site):
    site.faults.append(Reply(rss(PAPERS[:1]), "application/rss+xml"))
    fetch.new_papers(local, ("cs.LG",), NOW)
    later = rss(PAPERS[:1], "Mon, 23 Nov 2026 00:00:00 -0500")
    site.faults.append(Reply(later, "application/rss+xml"))
    fetch.new_papers(local, ("cs.LG",), NOW + timedelta(days=2))
    assert [row["date"] for row in rows("listed", "date")] == ["2026-11-20", "2026-11-23"]
