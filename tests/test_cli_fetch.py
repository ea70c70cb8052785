"""The fetch commands: what they print, their statuses, and what Ctrl-C leaves."""

import json
import os
import signal
import subprocess
import sys

import pytest
from click.testing import CliRunner
from tests.sources.sites import BUSY, Known, Reply, serving

from paperworks.cli import main
from paperworks.store import select

FIVE = {"listed": 5, "papers": 5, "new": 5, "matched": 0}


@pytest.fixture
def site(monkeypatch):
    with serving() as site:
        site.mirrors(monkeypatch)
        yield site


def fetch(*arguments, status=0):
    done = CliRunner().invoke(main, ["fetch", *arguments])
    assert done.exit_code == status, done.output
    assert "Traceback" not in done.output
    return done


@pytest.mark.parametrize(
    ("arguments", "counts", "asked"),
    [
        (["arxiv", "cs.LG", "stat.ML"], FIVE, "/rss/cs.LG+stat.ML"),
        (["arxiv", "cs.LG", "--from", "2026-11-15"], FIVE, "from=2026-11-15"),
        (
            ["arxiv", "math.AG", "--from", "2026-11-19", "--until", "2026-11-19"],
            {"listed": 1, "papers": 1, "new": 1, "matched": 0},
            "until=2026-11-19",
        ),
        (["search", "umbrella", "rain"], FIVE | {"listed": 6, "papers": 6, "new": 6}, "all:rain"),
        (["search", "--most", "2", "ti:rain"], FIVE | {"listed": 2, "papers": 2, "new": 2}, "=2&"),
        (["hf", "--date", "2026-11-20"], FIVE, "date=2026-11-20"),
        (["hf", "--week", "2026-W47"], FIVE, "week=2026-W47"),
        (["hf", "--month", "2026-11"], FIVE, "month=2026-11"),
        (["hf"], FIVE, "date="),
        (
            ["paper", "2611.00001", "10.5555/rain.1"],
            FIVE | dict(listed=2, papers=1, new=1),
            "id_list",
        ),
    ],
)
def test_each_prints_one_document(site, arguments, counts, asked):
    done = fetch(*arguments, "--json")
    assert json.loads(done.stdout) == counts
    assert asked in site.paths[0]
    again = json.loads(fetch(*arguments, "--json").stdout)
    assert again["new"] == 0


def test_every_day(site):
    assert json.loads(fetch("daily", "cs.LG", "--json").stdout)["new"] == 5
    kinds = {path.split("?")[0] for path in site.paths}
    assert kinds == {"/rss/cs.LG", "/oai", "/api/daily_papers"}
    site.asked.clear()
    assert json.loads(fetch("daily", "--no-hf", "cs.LG", "--json").stdout)["listed"] == 0
    assert site.paths == ["/rss/cs.LG"]


@pytest.mark.parametrize(
    ("setting", "arguments", "kinds"),
    [
        ("cs.LG, stat.ML,hf", [], {"/rss/cs.LG+stat.ML", "/oai", "/api/daily_papers"}),
        ("cs.LG", [], {"/rss/cs.LG", "/oai"}),
        ("cs.LG,hf", ["--no-hf"], {"/rss/cs.LG", "/oai"}),
        ("cs.LG", ["math.AG", "--no-hf"], {"/rss/math.AG", "/oai"}),
        ("", [], {"/api/daily_papers"}),
    ],
)
def test_every_day_what_the_setting_lists(site, monkeypatch, setting, arguments, kinds):
    monkeypatch.setenv("PAPERWORKS_FETCH", setting)
    fetch("daily", *arguments)
    assert {path.split("?")[0] for path in site.paths} == kinds


def test_in_words(site):
    done = fetch("arxiv", "cs.LG")
    assert done.stdout == "5 listed, 5 papers: 0 were known, 5 are new.\n"
    assert done.stderr == "arXiv: 5 announced, 5 of them new here\n"


def test_what_is_not_found(site):
    done = fetch("paper", "2611.00001", "2611.99999", "--json", status=1)
    assert json.loads(done.stdout)["new"] == 1
    assert "arXiv has no 2611.99999." in done.stderr


def test_a_source_that_does_not_answer(site):
    site.faults.append(Reply(BUSY.body, "text/plain", 429, {"Retry-After": "7200"}))
    done = fetch("arxiv", "cs.LG", "--json", status=1)
    assert json.loads(done.stdout) == {"listed": 0, "papers": 0, "new": 0, "matched": 0}
    assert "wants to be left alone until" in done.stderr
    assert "left alone" in fetch("daily", "cs.LG", status=1).stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["arxiv", "cs LG"], "An arXiv category looks like cs.LG or hep-th; not 'cs LG'."),
        (["arxiv", "cs", "--until", "2026-01-01"], "--until needs --from."),
        (["arxiv", "cs", "--from", "2026-13-01"], "does not match the format"),
        (["hf", "--date", "2026-01-01", "--week", "2026-W01"], "Give one of --date"),
        (["hf", "--date", "yesterday"], "A date looks like 2026-01-31; not 'yesterday'."),
        (["paper", "rain"], "A DOI looks like 10.1000/xyz; not 'rain'."),
        (["search", "id_list:abc"], "arXiv does not understand the search"),
        (["arxiv"], "Missing argument"),
        (["daily", "cs LG"], "An arXiv category looks like cs.LG or hep-th; not 'cs LG'."),
    ],
)
def test_wrong_usage(site, arguments, said):
    if "understand" in said:
        from tests.sources.sites import ATOM, refusal

        site.faults.append(Reply(refusal("incorrect"), ATOM, 400))
    assert said in fetch(*arguments, status=2).stderr


def test_ctrl_c_leaves_what_was_stored(site, data_folder):
    site.papers = tuple(Known(f"2611.{n:05}", f"Rain, part {n}") for n in range(6))
    program = [sys.executable, "-m", "paperworks.cli", "fetch", "arxiv", "cs.LG", "--json"]
    program += ["--from", "2026-11-15"]
    stuck = []

    def hang(path):
        stuck.append(path)
        child.send_signal(signal.SIGINT)
        return Reply(hang=9.0)

    site.faults.extend([lambda path: Reply(site._records(asked(path))), hang])
    pipe = subprocess.PIPE
    child = subprocess.Popen(program, env=dict(os.environ), stdout=pipe, stderr=pipe, text=True)
    out, err = child.communicate(timeout=120)
    assert child.returncode == 130
    assert json.loads(out) == {"listed": 3, "papers": 3, "new": 3, "matched": 0}
    assert "What was fetched is stored; the same command goes on from there." in err
    assert len(stuck) == 1
    assert len(select("SELECT * FROM papers")) == 3
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    assert "going on after page 1" in done.stderr
    assert json.loads(done.stdout)["new"] == 3


def asked(path):
    from urllib.parse import parse_qsl, urlsplit

    return dict(parse_qsl(urlsplit(path).query))
