"""Pages: what they show, to whom, and what their forms do."""

import json
import os
import re
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from sqlalchemy import insert
from tests.server.called import NOW, PASSWORD, SECRET

from paperworks.evidence import Verdict, shipped
from paperworks.people import collections, opinions, searches, subscriptions
from paperworks.people.times import stamp
from paperworks.server import figures
from paperworks.server.pages import Asked
from paperworks.server.stock import stock
from paperworks.store import tables, writing
from paperworks.trial import kept, queue


class Shown(HTMLParser):
    """A page: its text, its links, its headings' order and its ids."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links, self.ids, self.levels = dict[str, str](), list[str](), list[int]()
        self.text, self._open = "", ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        told = dict(attrs)
        self._open = told.get("href", "") if tag == "a" else self._open
        self.ids += [told["id"]] if told.get("id") else []
        self.levels += [int(tag[1])] if re.fullmatch("h[1-6]", tag) else []

    def handle_endtag(self, tag):
        self._open = "" if tag == "a" else self._open

    def handle_data(self, data):
        self.text += f"{data} "
        if self._open:
            self.links[" ".join(data.split())] = self._open

    @property
    def said(self) -> str:
        return " ".join(self.text.split())


def seen(caller, path: str, status: int = 200) -> Shown:
    answer = caller.get(path)
    assert answer.status_code == status, (path, answer.text[-500:])
    return Shown(answer.text)


def test_the_front_page_counts_primary_claims_beside_the_error_rate(site):
    said = seen(site.browser(), "/").said
    verdicts = re.search(r"(\d+) hold (\d+) do not hold (\d+) inconclusive", said)
    papers = re.search(r"Primary claims of (\d+) papers", said)
    assert verdicts is not None
    assert papers is not None
    assert sum(map(int, verdicts.groups())) == int(papers[1])
    assert re.search(r"Of \d+ controls, .* 95\s% interval", said)


def test_a_result_says_why_and_filters_cut(site):
    browser = site.browser()
    page = browser.get("/search?q=depth&from=2024&to=2024").text
    assert set(re.findall(r"<span>(\d{4})</span>", page)) == {"2024"}
    results = page.split('<ol class="papers">')[1].split("</ol>")[0]
    assert results.count('class="why"') == results.count("<li>") > 5
    runs = browser.get("/search?works=yes").text.split('<ol class="papers">')[1]
    assert "/papers/rezero" in runs
    assert "no code yet" not in runs


def test_papers_like_a_text(site):
    browser = site.browser()
    assert seen(browser, "/search").links["Find papers like a text"] == "/like"
    assert "The nearest" not in seen(browser, "/like").said
    text = "Residual branches begin at zero by one gate a layer, </textarea> so that " * 20
    answer = browser.post("/like", data={"text": text})
    assert answer.status_code == 200
    found = Shown(answer.text)
    papers = [link for link in found.links.values() if link.startswith("/papers/")]
    assert "/papers/rezero" in papers[:3]
    assert len(papers) > 5
    assert answer.text.count("</textarea>") == 1
    assert browser.post("/like", data={"text": "?!"}).status_code == 400
    assert browser.post("/like", data={"text": "x" * 10_001}).status_code == 422


@pytest.mark.parametrize(
    ("asked", "status"),
    [("q=%21%3F", 200), ("q=x&from=20x4", 400), ("area=nowhere", 404), ("from=2024&to=2020", 400)],
)
def test_a_search_that_makes_no_sense_is_told(site, asked, status):
    assert seen(site.browser(), f"/search?{asked}", status).said


def test_lists_are_turned_page_by_page(site):
    first = seen(site.browser(), "/search")
    second = seen(site.browser(), first.links["Next →"])
    assert first.links["Next →"] == "/search?offset=25"
    papers = [
        {at for at in page.links.values() if at.startswith("/papers/")} for page in (first, second)
    ]
    assert len(papers[0]) == len(papers[1]) == 25
    assert not papers[0] & papers[1]


def test_a_paper_has_all_of_it(site):
    shown = seen(site.browser(), "/papers/rezero")
    for claim in {trial.claim for trial in shipped("rezero") if not trial.control}:
        assert claim in shown.ids
    assert "Deep Residual Learning for Image Recognition" in shown.links
    assert {"f1L1", "says", "measured", "models", "source", "bibtex"} <= set(shown.ids)
    assert "@misc{rezero," in shown.said
    assert "Similar papers" in shown.said
    printed = seen(site.browser(), "/papers/resnet").said
    assert "25,557,032" in printed
    assert "4,089,184,256" in printed


def test_other_names_of_a_paper_lead_to_it(site):
    for name in ("2003.04887", "p162", "ReZero"):
        answer = site.browser().get(f"/papers/{name}")
        assert answer.headers["location"] == "/papers/rezero", name
    missing = seen(site.browser(), "/papers/rezro", 404)
    assert "nearest: rezero" in missing.said
    assert (
        missing.links["ReZero is All You Need: Fast Convergence at Large Depth"] == "/papers/rezero"
    )


def test_figures_have_two_looks_and_run_nothing(site):
    browser = site.browser()
    at = "/papers/rezero/figures/learns_faster.svg"
    light, dark = (browser.get(f"{at}?look={look}") for look in ("light", "dark"))
    assert light.text != dark.text
    assert ElementTree.fromstring(light.text).tag.endswith("svg")
    assert "sandbox" in light.headers["content-security-policy"]
    trial = [t for t in shipped("rezero") if t.claim == "learns_faster" and not t.control][-1]
    kept = browser.get(f"{at}?look=light&v={figures.mark(trial)}")
    assert "immutable" in kept.headers["cache-control"]
    assert "immutable" not in light.headers["cache-control"]
    assert browser.get("/papers/rezero/figures/nothing.svg").status_code == 404


def test_a_figure_is_drawn_once_and_kept_in_the_data_folder(tmp_path, monkeypatch):
    from paperworks.views import figure

    monkeypatch.setenv("PAPERWORKS_HOME", str(tmp_path))
    monkeypatch.setattr(figures, "_drawn", type(figures._drawn)())
    trial = next(t for t in shipped("rezero") if not t.control)
    named = figures.mark(trial)
    first = figures.drawn(trial, named, dark=False)
    [file] = (tmp_path / "figures").iterdir()
    assert (file.name, file.read_text()) == (f"{named}-light.svg", first)
    figures._drawn.clear()  # as another process has it
    monkeypatch.setattr(figure, "svg", None)
    assert figures.drawn(trial, named, dark=False) == first
    assert figures.mark(replace(trial, says=f"{trial.says} Really.")) != named


def test_a_figure_is_shown_where_nothing_can_be_kept(tmp_path, monkeypatch):
    (tmp_path / "taken").write_text("no folder")
    monkeypatch.setenv("PAPERWORKS_HOME", str(tmp_path / "taken"))
    monkeypatch.setattr(figures, "_drawn", type(figures._drawn)())
    trial = next(t for t in shipped("rezero") if not t.control)
    assert figures.drawn(trial, figures.mark(trial), dark=True).startswith("<svg")


def test_old_drawings_are_dropped(tmp_path, monkeypatch):
    monkeypatch.setattr(figures, "_FILES", 3)
    for number in range(5):
        figures._keep(tmp_path / f"{number}.svg", "<svg/>")
        os.utime(tmp_path / f"{number}.svg", (number, number))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["2.svg", "3.svg", "4.svg"]


def test_votes_change_what_trends_and_nothing_else_is_made_again(place):
    known = stock(place.engine)
    before = [trend.slug for trend in known.trends(place.engine, NOW)]
    opinions.vote(place.engine, place.people["rita"], "fcn_8s", NOW)
    try:
        again = stock(place.engine)
        assert again is known
        after = {trend.slug: trend.score for trend in again.trends(place.engine, NOW)}
        assert [*after] != before
    finally:
        opinions.unvote(place.engine, place.people["rita"], "fcn_8s")
    assert [trend.slug for trend in known.trends(place.engine, NOW)] == before


def test_what_is_measured_here_is_on_the_page_at_once(place):
    now, rita = NOW + timedelta(days=1), place.people["rita"]
    browser = place.browser("rita")
    assert "Sign in to run" in seen(place.browser(), "/papers/sgc").said
    assert browser.post("/papers/sgc/run").headers["location"] == "/papers/sgc#run"
    assert "Waiting" in seen(browser, "/papers/sgc").said
    asked = queue.claim_next(place.engine, "tests", now)
    assert asked is not None
    assert asked.asked_by == rita.id
    before = next(trial for trial in shipped("sgc") if not trial.control)
    queue.finish(place.engine, asked, [replace(before, says="Just now.", on="2099-01-01")], now)
    shown = seen(browser, "/papers/sgc")
    assert "Just now." in shown.said
    assert "Measured on this computer" in shown.said
    assert f"run-{asked.id}" in seen(browser, "/lab").ids


def test_runs_are_for_runners_and_cancelled_by_whoever_asked(place):
    assert place.browser("anna").post("/papers/rezero/run").status_code == 403
    place.browser("rita").post("/papers/rezero/run", data={"claim": "learns_faster"})
    asked = queue.history(place.engine, paper="rezero", limit=1)[0]
    assert asked.claim == "learns_faster"
    assert "Cancel" not in seen(place.browser("anna"), "/papers/rezero").said
    place.browser("rita").post(f"/lab/runs/{asked.id}/cancel")
    assert queue.status(place.engine, asked.id).state == "cancelled"
    wrong = place.browser("rita").post("/papers/rezero/run", data={"kind": "latency"})
    assert wrong.status_code == 400
    assert place.browser("rita").post("/papers/nothing/run").status_code == 404


def test_votes_saves_and_views_are_told_by_forms_alone(place):
    anna, browser = place.people["anna"], place.browser("anna")
    browser.get("/papers/fpn")
    browser.post("/papers/fpn/vote")
    browser.post("/papers/fpn/save", data={"note": "look <b>here</b>"})
    assert browser.post("/papers/fpn/view").status_code == 204
    told = opinions.opinion(place.engine, "fpn", anna)
    assert (told.votes, told.voted, told.saved, told.views) == (1, True, True, 1)
    assert "look <b>here</b>" in seen(browser, "/library").said
    assert "Voted" in seen(browser, "/papers/fpn").said
    browser.post("/papers/fpn/vote", data={"on": "no"})
    browser.post("/papers/fpn/save", data={"on": "no"})
    told = opinions.opinion(place.engine, "fpn", anna)
    assert (told.votes, told.voted, told.saved, told.views) == (0, False, False, 1)
    assert place.browser().post("/papers/fpn/vote").status_code == 401


def test_collections_are_made_shown_and_changed(place):
    anna, browser = place.people["anna"], place.browser("anna")
    at = browser.post("/library/collections", data={"title": "Depth"}).headers["location"]
    slug = at.removeprefix("/collections/")
    for paper in ("midas", "fpn"):
        browser.post(f"/papers/{paper}/collect", data={"collection": slug})
    made = collections.get(place.engine, anna, slug)
    assert [item.paper for item in made.items] == ["midas", "fpn"]
    assert place.browser("rita").get(at).status_code == 404  # hers alone, until she shows it
    item = f"{at}/items/{made.items[1].id}"
    browser.post(item, data={"do": "move", "position": "0"})
    browser.post(item, data={"do": "note", "note": "the neck"})
    said = {"title": "Depth, mostly", "description": "What we read."}
    at = browser.post(at, data=said).headers["location"]
    shown = seen(place.browser("rita"), at)
    assert shown.said.index("Feature Pyramid") < shown.said.index("the neck")
    assert "Take out" not in shown.said
    browser.post(f"{at}/items/{made.items[0].id}", data={"do": "discard"})
    browser.post("/papers/fpn/collect", data={"collection": at.removeprefix("/collections/")})
    assert collections.get(place.engine, anna, at.removeprefix("/collections/")).items == ()
    assert place.browser("rita").post(f"{at}/remove").status_code in (403, 404)
    browser.post(f"{at}/remove")
    assert collections.collections(place.engine, anna, owners=["anna"]) == ()


def test_a_saved_search_asks_what_the_page_asked(place):
    anna, browser = place.people["anna"], place.browser("anna")
    given = {"name": "Young and deep", "q": "deep nets", "from": "2019", "to": "", "works": "yes"}
    answer = browser.post("/library/searches", data=given)
    saved = searches.saved(place.engine, anna)[-1]
    assert answer.headers["location"] == f"/library#search-{saved.id}"
    assert saved.filters == {"year": (2019, None), "works": True}
    shown = seen(browser, "/library")
    address = "/search?q=deep+nets&works=yes&from=2019"
    assert shown.links["Young and deep"] == address
    assert seen(browser, address).said
    feed = place.browser().get(shown.links["Atom feed"])
    assert ElementTree.fromstring(feed.text).tag.endswith("feed")
    at = f"/library/searches/{saved.id}"
    browser.post(at, data={"do": "rename", "name": "Deep"})
    browser.post(at, data={"do": "pause"})
    browser.post(at, data={"do": "renew"})
    again = searches.search(place.engine, anna, saved.id)
    assert (again.name, again.paused) == ("Deep", True)
    assert place.browser().get(shown.links["Atom feed"]).status_code == 404
    browser.post(at, data={"do": "forget"})
    assert searches.saved(place.engine, anna) == ()
    assert browser.post("/library/searches", data={"name": "x"}).status_code == 400


def test_digests_are_set_and_previewed(place):
    anna, browser = place.people["anna"], place.browser("anna")
    given = {"every": "week", "weekday": "2", "hour": "6", "timezone": "Europe/Vienna"}
    assert browser.post("/library/digest", data=given).status_code == 303
    mine = subscriptions.subscription(place.engine, anna)
    assert mine is not None
    assert (mine.every, mine.weekday, mine.hour, mine.address) == ("week", 2, 6, None)
    asked = browser.post("/library/digest", data=given | {"address": "anna@example.org"})
    assert subscriptions.ANSWER in seen(browser, asked.headers["location"]).said
    wrong = browser.post("/library/digest", data=given | {"timezone": "Nowhere"})
    assert wrong.status_code == 400
    assert "time zone" in Shown(wrong.text).said
    preview = browser.get("/library/digest/preview")
    assert "sandbox" in preview.headers["content-security-policy"]
    assert "paperworks digest" in preview.text


def test_a_digest_that_ended_says_why_and_how_to_have_it_again(place):
    rita, browser = place.people["rita"], place.browser("rita")
    here = "rita@example.org"

    def agree(at):
        asked = subscriptions.ask(place.engine, rita, here, "10.0.0.0", at)
        assert asked is not None
        assert subscriptions.confirm(place.engine, asked.token, at) == here

    agree(NOW)
    assert "Digests go to rita@example.org" in seen(browser, "/library/digest").said
    subscriptions.suppress(place.engine, here, "it bounced with 5.1.1", NOW)
    told = seen(browser, "/library/digest").said
    assert f"Nothing is sent to {here} since {NOW.date()}: it bounced with 5.1.1." in told
    assert "another address" in told
    assert "Digests go to" not in told
    assert here not in seen(place.browser("anna"), "/library/digest").said
    admin = place.browser("ada")
    assert f"{here} it bounced with 5.1.1" in seen(admin, "/admin").said
    lift = {"address": here}
    assert browser.post("/admin/suppressions/lift", data=lift).status_code == 403
    assert admin.post("/admin/suppressions/lift", data=lift).status_code == 303
    assert admin.post("/admin/suppressions/lift", data=lift).status_code == 404
    assert here not in seen(admin, "/admin").said
    assert "Digests go to rita@example.org" in seen(browser, "/library/digest").said
    mine = subscriptions.subscription(place.engine, rita)
    assert mine is not None
    token = subscriptions.unsubscribe_token(SECRET, mine)
    assert subscriptions.unsubscribe(place.engine, SECRET, token, NOW)
    page = browser.get("/library/digest").text
    told = Shown(page).said
    assert f"Digests to {here} ended on {NOW.date()}: unsubscribed by the link in a" in told
    assert "press Save; it is asked anew" in told
    assert f'value="{here}"' in page
    agree(NOW + timedelta(days=1))
    assert "ended on" not in seen(browser, "/library/digest").said


def test_a_library_is_taken_along_and_brought_in(place):
    browser = place.browser("anna")
    browser.post("/papers/resnet/save", data={"note": "the root"})
    document = browser.get("/library/export.json")
    assert "attachment" in document.headers["content-disposition"]
    assert json.loads(document.text)["saves"][0]["paper"] == "resnet"
    table, entries = (browser.get(f"/library/export.{form}") for form in ("csv", "bib"))
    assert "the root" in table.text
    assert "@" in entries.text
    assert browser.get("/library/export.xml").status_code == 404
    again = place.browser("rita")
    for file, said in (
        (("l.json", document.content), "1 save"),
        (("l.csv", table.content), "already"),
    ):
        answer = again.post("/library/import", files={"file": file})
        assert answer.status_code == 200
        assert said in Shown(answer.text).said
    fresh = "title,year,note\nA paper that nobody knows here,2024,mine\n"
    answer = again.post("/library/import", files={"file": ("l.csv", fresh.encode())})
    assert "1 paper" in Shown(answer.text).said
    assert "A paper that nobody knows here" in seen(again, "/library").said
    broken = again.post("/library/import", files={"file": ("l.json", b"{")})
    assert broken.status_code == 400


def test_the_atlas_has_every_paper_once(site):
    points = site.browser().get("/atlas/points.json").json()
    columns = ("slug", "title", "year", "x", "y", "area", "verdict")
    assert len({len(points[name]) for name in columns}) == 1
    assert len(set(points["slug"])) == len(points["slug"]) >= 770
    assert all(0 <= value <= 4095 for value in (*points["x"], *points["y"]))
    place = points["slug"].index("sgc")
    assert points["verdicts"][points["verdict"][place]] in [str(verdict) for verdict in Verdict]
    assert "Simplifying Graph" in seen(site.browser(), "/atlas?area=graph").said


def test_networks_are_compared_as_counted_and_as_printed(site):
    said = seen(site.browser(), "/compare?model=resnet50&model=resnet18").said
    assert "25.6 M" in said
    assert "3.8 G" in said
    assert "not measured" in said
    unknown = seen(site.browser(), "/compare?model=resnet51", 404).said
    assert "no such network; nearest: resnet50, " in unknown


def test_trending_says_how_it_comes_about(site):
    shown = seen(site.browser(), "/trending/formula")
    assert "half-life" in shown.said
    assert "vote" in shown.said
    assert seen(site.browser(), "/trending").links["The formula"] == "/trending/formula"


def test_an_administrator_sees_queue_sources_and_mail(place, monkeypatch):
    monkeypatch.setenv("PAPERWORKS_SMTP_URL", "smtp://mail.example.org:2525?tls=none")
    row = {"job": "arxiv daily cs.LG", "pages": 3, "records": 120, "began_at": stamp(NOW)}
    with writing(place.engine) as connection:
        connection.execute(insert(tables.harvests), row | {"seen_at": stamp(NOW)})
    queue.ask(place.engine, "resnet", person=place.people["rita"], now=NOW)
    said = seen(place.browser("ada"), "/admin").said
    assert "arxiv daily cs.LG 3 120" in said
    assert "pages are to come" in said
    assert "PAPERWORKS_MAIL_FROM" in said  # what is missing, and not a broken page
    assert "sends no mail" in seen(place.browser("rita"), "/library/digest").said
    monkeypatch.setenv("PAPERWORKS_MAIL_FROM", "paperworks <papers@example.org>")
    assert "mail.example.org:2525" in seen(place.browser("ada"), "/admin").said
    assert "resnet" in said
    assert place.browser("rita").get("/admin").status_code == 403


def test_trials_on_other_data_stand_apart_and_count_nowhere(place):
    primary = [one for one in shipped("rezero") if one.primary and not one.control][-1]
    data = {"name": "pets <b>", "kind": "images", "fingerprint": "f00d", "taken": "2 classes"}
    browser = place.browser()
    before = seen(browser, "/papers/rezero"), seen(browser, "/").said
    worse = replace(
        primary, data=data, treatment=primary.baseline, seeds=primary.seeds, on="2026-11-20"
    )
    kept.set_aside(place.engine, [replace(worse, on="2026-11-19"), worse])
    page = browser.get("/papers/rezero").text
    evidence, _, other = page.partition('id="elsewhere"')
    assert 'id="elsewhere"' not in before[0].text
    assert "pets" not in evidence
    assert "pets &lt;b&gt;" in other
    said = Shown(other).said
    assert "no evidence about the paper" in said
    assert "Images f00d, measured on 2026-11-20" in said
    assert "2026-11-19" not in said  # the newest of each claim and data
    assert str(worse.judge().verdict) in said
    counts = re.compile(r"\d+ claims? (?:holds?|do(?:es)? not hold|inconclusive)")
    assert counts.findall(Shown(page).said) == counts.findall(before[0].said)
    assert seen(browser, "/").said == before[1]
    told = place.caller().get("/api/v1/papers/rezero").json()["data"]
    assert [(one["claim"], one["data"]) for one in told["elsewhere"]] == [(primary.claim, data)]
    assert told["elsewhere"][0]["reason"] == worse.judge().reason
    assert primary.claim in {one["claim"] for one in told["trials"]}
    assert "data" not in told["trials"][0]
    markdown = browser.get("/papers/rezero.md").text
    assert "## On other data" in markdown
    assert "with pets &#60;b> (images)" in markdown


def test_a_withdrawn_paper_says_so_wherever_it_is(place):
    browser, slug = place.browser(), "background_prompting"
    assert "withdrawn" not in seen(browser, f"/papers/{slug}").said.casefold()
    blank = {"categories": "[]", "source": "arXiv", "fetched_at": stamp(NOW)}
    blank |= {"authors": '["Ada Lovelace"]'}
    said = {"comment": "This paper is withdrawn: Lemma 3", "withdrawn_at": stamp(NOW)}
    with writing(place.engine) as connection:
        connection.execute(insert(tables.details), {"slug": slug} | blank | said)
    page = seen(browser, f"/papers/{slug}").said
    assert "Withdrawn by its authors or by arXiv: “This paper is withdrawn: Lemma 3”" in page
    assert f"Seen on {NOW.date()}" in page
    found = browser.get("/search?q=background+prompting").text
    assert "<strong>withdrawn</strong>" in found.split(f"/papers/{slug}")[1].split("</li>")[0]
    told = place.caller().get(f"/api/v1/papers/{slug}").json()["data"]
    assert (told["withdrawn"], told["withdrawn_at"]) == (True, stamp(NOW))
    assert (told["comment"], told["authors"]) == (said["comment"], ["Ada Lovelace"])
    assert "## Withdrawn" in browser.get(f"/papers/{slug}.md").text


def test_errors_lead_somewhere(site):
    shown = seen(site.browser(), "/nowhere/at/all", 404)
    assert {"/", "/search", "/atlas"} <= set(shown.links.values())
    assert "nowhere" not in shown.said


def test_signing_in_leads_back(place):
    asked = place.browser().get("/library")
    assert asked.headers["location"] == "/login?next=%2Flibrary"
    given = {"name": "anna", "password": PASSWORD, "next": "/library"}
    assert place.browser().post("/login", data=given).headers["location"] == "/library"


def test_a_search_is_named_and_addressed_by_what_it_asks():
    asked = Asked(q="a b", area="depth-and-3d-scene", first=2020)
    assert asked.name == "a b, depth and 3d scene, 2020"
    assert asked.address == "/search?q=a+b&area=depth-and-3d-scene&from=2020"
    assert asked.filters() == {"area": "depth-and-3d-scene", "year": (2020, None)}
    assert Asked().any is False
