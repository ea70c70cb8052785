"""Servers that are killed, and servers that share a queue; the long version is a benchmark."""

import importlib.util
import json
import threading
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.trial.house import House
from tests.trial.test_service import PATIENCE, ended, until

from paperworks.trial import queue

SPEC = importlib.util.spec_from_file_location(
    "kill", Path(__file__).parents[1] / "benchmarks" / "kill.py"
)
assert SPEC
assert SPEC.loader
kill = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(kill)

HARM = (("plain", None), ("hostile", "forks"))
ZERO = ("votes_lost", "collections_lost", "collections_twice", "runs_lost", "runs_answered_twice")


@pytest.fixture(scope="module")
def house(tmp_path_factory) -> House:
    return House(tmp_path_factory.mktemp("house"))


def words(house: House) -> list[str]:
    return house.command("serve", "--port", "0", "--json", "--runners", "2")


def environment(house: House, store_url: str) -> dict[str, str]:
    return house.environment() | {"PAPERWORKS_DATABASE_URL": store_url}


def test_killed_servers_and_workers(house, store_url, store):
    """Nothing acknowledged is lost or done twice, and a work that means harm does none."""
    given = environment(house, store_url)
    found = kill.servers(words(house), given, store, 3, HARM, longest=4.0, papers=("plain",))
    assert sum(found["kills"].values()) == 3
    assert found["acknowledged"] > 0
    assert {name: found[name] for name in ZERO} == dict.fromkeys(ZERO, 0)
    assert found["measured_twice"] == 0
    assert found["integrity"] == "ok"


def ask(url: str, method: str, path: str, body: Any = None) -> Any:
    """An answer of a server's JSON API."""
    own = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(
        urllib.request.Request(url + path, data, own, method=method), timeout=PATIENCE
    ) as answer:
        return json.loads(answer.read())


def watched(url: str, number: int, told: list[dict[str, Any]]) -> None:
    """Read a run's events until the stream ends."""
    with urllib.request.urlopen(f"{url}/api/v1/runs/{number}/events", timeout=PATIENCE) as stream:
        for line in stream:
            if line.startswith(b"data: "):
                told.append(json.loads(line[6:]))


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_two_servers_share_a_queue(house, store_url, store):
    """What one is asked, either runs; both show how far it is; and both answer meanwhile."""
    given = environment(house, store_url)
    with ExitStack() as stack:
        urls = [stack.enter_context(kill.serving(words(house), given))[1] for _ in range(2)]
        wanted = [{"paper": "plain", "seeds": 5}, {"paper": "hostile", "claim": "forks"}]
        asked = [
            ask(url, "POST", "/api/v1/runs", body)["data"]["id"]
            for url, body in zip(urls, wanted, strict=True)
        ]
        told: list[dict[str, Any]] = []
        # the other server tells how a run goes on
        watching = threading.Thread(target=watched, args=(urls[1], asked[0], told))
        watching.start()
        until(lambda: all(ended(store, number) for number in asked), "both runs")
        watching.join()
        listed = [ask(url, "GET", "/api/v1/runs")["data"] for url in urls]
        assert listed[0] == listed[1]
    assert [queue.status(store, number).state for number in asked] == ["done", "done"]
    workers = {queue.status(store, number).worker for number in asked}
    assert len(workers) == 2
    versions = [one["version"] for one in told]
    assert versions == sorted(set(versions))
    assert (told[-1]["state"], told[-1]["done"], told[-1]["total"]) == ("done", 15, 15)
    (harm,) = queue.answers(store, asked[1])
    assert all(said.startswith("Limit of processes.") for said in harm.failures.values())
    assert len(harm.failures) == 5
