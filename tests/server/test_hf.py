"""The Hugging Face client, as it is installed, against a server that really listens.

`hub.py` is what it is called with; docs/decisions/server.md names older versions that were tried.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

CALLS = Path(__file__).with_name("hub.py")


@pytest.fixture(scope="module")
def said(listening, tmp_path_factory) -> dict:
    """What the client said to each of the calls above."""
    hub = {
        "HF_ENDPOINT": listening.url,
        "HF_HOME": str(tmp_path_factory.mktemp("hf")),
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "TOKEN": listening.token,
    }
    done = subprocess.run(
        [sys.executable, str(CALLS)],
        env=os.environ | hub,
        capture_output=True,
        timeout=240,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_papers(said):
    number, title, upvotes, published = said["info"]
    assert (number, said["ours"], upvotes, said["more"]) == ("2003.04887", "rezero", 0, [0, []])
    assert title == "ReZero is All You Need: Fast Convergence at Large Depth"
    assert published == "2020-03-01T00:00:00+00:00"
    assert said["version"] == said["slug"] == "2003.04887"


def test_lists(said):
    assert said["found"][0][0] == "2003.04887"
    assert {upvotes for _, _, upvotes in said["found"]} == {0}  # the client takes 0 for nothing
    assert said["three"] <= 3
    assert said["all"] == 7
    assert said["newest"] == 2
    assert [upvotes for _, upvotes, _ in said["daily"]] == [0] * 5
    assert {day[:7] for _, _, day in said["daily"]} == {"2026-11"}


def test_markdown(said):
    assert said["read"] == "# ReZero is All You Need: Fast"


@pytest.mark.parametrize(
    ("call", "kind", "status"),
    [
        ("unknown", "HfHubHTTPError", 404),
        ("unread", "HfHubHTTPError", 404),
        ("out", "HfHubHTTPError", 404),
        ("two", "BadRequestError", 400),
        ("day", "BadRequestError", 400),
        ("long", "BadRequestError", 400),
        ("many", "HfHubHTTPError", 422),
        ("nobody", "HfHubHTTPError", 401),
        ("twice", "HfHubHTTPError", 409),
        ("model", "BadRequestError", 400),
        ("none", "HfHubHTTPError", 404),
        ("gone", "HfHubHTTPError", 404),
    ],
)
def test_errors(said, call, kind, status):
    assert said[call][:2] == [kind, status]


def test_errors_say_what_to_do(said):
    assert "at most 250 characters" in said["long"][2]
    assert "nearest:" in said["unknown"][2]
    assert "one of date, week and month" in said["two"][2]


def test_collections(said):
    assert said["me"] == "you"
    assert said["made"] == ["Reading", "you", True, 0, []]
    assert said["again"] is True
    assert said["added"] == ["2003.04887", "paper", "n", 0]
    assert said["changed"] == ["Read", "green", True]
    assert said["got"] == [["2011.10566", None], ["2003.04887", "z"]]
    assert said["listed"] == said["holding"] == ["Read"]
    assert said["models"] == []
    assert said["left"] == ["2003.04887"]
    assert said["pages"] == 4  # two at a time, by the Link header
