"""Kill -9 at random moments: nothing acknowledged is lost, nothing is done or sent twice.

    python benchmarks/kill.py [KILLS] [DATABASE_URL]

First a real server with its worker, while readers vote, make collections and ask for runs: the
server, the worker or both are killed. Then `paperworks digest`, day after day, while a real SMTP
server takes what it sends. Prints one JSON line for each; every count of what is `lost`, `twice`
or `wrong` must be 0.
"""

import asyncio
import contextlib
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Engine, func, select, text

from paperworks.people import accounts, searches, subscriptions
from paperworks.store import open_store, tables
from paperworks.trial import queue

SHORT = (  # claims whose runs take a moment
    ("sgc", "loops_shrink_the_spectrum"),
    ("sgc", "is_a_low_pass"),
    ("sgc", "needs_smooth_features"),
    ("temperature_scaling", "keeps_predictions"),
    ("rezero", "starts_isometric"),
    ("ntk", "stays"),
)
VOTED = ("rezero", "resnet", "sgc", "ntk", "fpn", "midas", "simsiam", "transformer")
ADDRESSES = 40  # of this machine, from which readers come
DRAIN = 900.0  # seconds that the rest of the queue may take at the end


# --- a server with its worker ---


@dataclass
class Seen:
    """What was answered with success, and what was sent without an answer."""

    votes: dict[str, bool] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)  # papers whose last change got no answer
    collections: set[str] = field(default_factory=set)
    runs: set[int] = field(default_factory=set)
    answered: int = 0


@contextmanager
def serving(command: Sequence[str], environment: dict[str, str]) -> Iterator[tuple[Any, str]]:
    """A server and its address."""
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdout
        try:
            yield process, json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.wait(60)


def write(
    url: str,
    seen: Seen,
    draw: random.Random,
    ending: threading.Event,
    claims: Sequence[tuple[str, str | None]],
    papers: Sequence[str],
) -> None:
    """Vote, make collections and ask for one run, until told to end or nobody answers."""
    place, asked = urlsplit(url), 0
    own = {"Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}

    def say(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        number = draw.randrange(ADDRESSES) + 1
        link = http.client.HTTPConnection(
            place.hostname or "", place.port, timeout=60, source_address=(f"127.0.2.{number}", 0)
        )
        with contextlib.closing(link):
            link.request(method, path, None if body is None else json.dumps(body), own)
            answer = link.getresponse()
            said = answer.read()
        seen.answered += answer.status < 300
        return answer.status, json.loads(said or b"null")

    with contextlib.suppress(OSError, http.client.HTTPException):
        while not ending.is_set():
            slug, on = draw.choice(papers), draw.random() < 0.5
            seen.unsure.add(slug)
            status, _ = say("PUT" if on else "DELETE", f"/api/v1/papers/{slug}/vote")
            if status < 300:
                seen.votes[slug] = on
                seen.unsure.discard(slug)
            title = f"c{draw.getrandbits(48):x}"
            if (
                draw.random() < 0.3
                and say("POST", "/api/v1/collections", {"title": title})[0] < 300
            ):
                seen.collections.add(title)
            if not asked:
                paper, claim = draw.choice(claims)
                wanted = {"paper": paper, "seeds": 5, "first_seed": draw.randrange(1000, 900_000)}
                status, said = say(
                    "POST", "/api/v1/runs", wanted | ({"claim": claim} if claim else {})
                )
                if status < 300:
                    seen.runs.add(said["data"]["id"])
                    asked += 1
            time.sleep(0.02)


def worker_of(server: int) -> int | None:
    """The process of a server's worker."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{server}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                if b"--with-parent" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0"):
                    return child
    return None


def servers(
    command: Sequence[str],
    environment: dict[str, str],
    engine: Engine,
    kills: int,
    claims: Sequence[tuple[str, str | None]] = SHORT,
    papers: Sequence[str] = VOTED,
    longest: float = 6.0,
    seed: int = 0,
) -> dict[str, Any]:
    """Kill server and worker so often, then let the queue run empty, and count what is wrong."""
    draw, seen = random.Random(seed), Seen()
    killed, stored, again = Counter[str](), dict[str, str](), 0
    left = kills
    while left:
        with serving(command, environment) as (process, url):
            ending = threading.Event()
            writer = threading.Thread(target=write, args=(url, seen, draw, ending, claims, papers))
            writer.start()
            while process.poll() is None and left:
                time.sleep(draw.uniform(0.2, longest))
                what = draw.choice(("server", "worker", "both"))
                for end in ("server", "worker") if what == "both" else (what,):
                    number = process.pid if end == "server" else worker_of(process.pid)
                    if number:
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(number, signal.SIGKILL)
                killed[what] += 1
                left -= 1
                again += sum(run != stored.get(key, run) for key, run in _runs(engine).items())
                stored = _runs(engine)
                if what != "worker":
                    break
            ending.set()
            writer.join()
    with serving(command, environment):
        deadline = time.monotonic() + DRAIN
        while queue.queued(engine) and time.monotonic() < deadline:
            time.sleep(0.2)
        again += sum(run != stored.get(key, run) for key, run in _runs(engine).items())
        wrong = _wrong(engine, seen)
    return {
        "benchmark": "kill_server_and_worker",
        "database": engine.dialect.name,
        "kills": dict(killed),
        "acknowledged": seen.answered,
        "runs_asked": len(seen.runs),
        "runs_measured": len(_runs(engine)),
        "runs_measured_before_a_kill": len(stored),
        "measured_twice": again,
        **wrong,
        "integrity": integrity(engine),
    }


def _runs(engine: Engine) -> dict[str, str]:
    """Every run that is stored, and when it was."""
    with engine.connect() as connection:
        rows = connection.execute(select(tables.runs.c.key, tables.runs.c.finished_at))
        return {row.key: row.finished_at for row in rows}


def _wrong(engine: Engine, seen: Seen) -> dict[str, Any]:
    """What was acknowledged and is not there, or is there twice."""
    asked = [queue.status(engine, number) for number in sorted(seen.runs)]
    with engine.connect() as connection:
        votes = set(connection.execute(select(tables.votes.c.paper)).scalars())
        titles = Counter(connection.execute(select(tables.collections.c.title)).scalars())
        trials = tables.trials
        twice = (
            select(func.count()).group_by(trials.c.asked, trials.c.claim).having(func.count() > 1)
        )
        doubled = len(connection.execute(twice.where(trials.c.asked.is_not(None))).all())
        answered = set(connection.execute(select(trials.c.asked)).scalars())
    sure = {slug: on for slug, on in seen.votes.items() if slug not in seen.unsure}
    return {
        "votes_lost": sum((slug in votes) != on for slug, on in sure.items()),
        "collections_lost": len(seen.collections - titles.keys()),
        "collections_twice": sum(count > 1 for count in titles.values()),
        "runs_lost": sum(one.state != "done" or one.id not in answered for one in asked),
        "runs_answered_twice": doubled,
        "states": dict(Counter(str(one.state) for one in asked)),
    }


def integrity(engine: Engine) -> str:
    """What the database says of itself: "ok", or what is wrong.

    SQLite checks its file. PostgreSQL compares every index with its table and looks at each
    page of each table (its extension amcheck, which goes with the transaction); an index that
    is wrong raises.
    """
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            broken = connection.execute(text("PRAGMA foreign_key_check")).all()
            return connection.execute(text("PRAGMA integrity_check")).scalar_one() + "!" * len(
                broken
            )
        connection.execute(text("CREATE EXTENSION amcheck"))
        here = "relnamespace = current_schema()::regnamespace"
        indexes = connection.execute(
            text(f"SELECT bt_index_check(oid, true) FROM pg_class WHERE relkind = 'i' AND {here}")
        ).all()
        found = connection.execute(
            text(
                "SELECT relname, msg FROM pg_class, LATERAL verify_heapam(oid)"
                f" WHERE relkind = 'r' AND {here}"
            )
        ).all()
        connection.rollback()
    assert len(indexes) > len(tables.metadata.sorted_tables), "no index was looked at"
    return "; ".join(map(str, found)) or "ok"


# --- digests ---


class Office:
    """An SMTP server that counts messages and, at a chosen moment of its talk, calls `then`."""

    def __init__(self) -> None:
        self.taken, self.then = list[tuple[str, str]](), None
        self.countdown = -1

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, _: Any
    ) -> str:
        """Who sends."""
        await self._step()
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, _: Any
    ) -> str:
        """Who is to get it."""
        await self._step()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """The message, which counts as taken."""
        message = message_from_bytes(envelope.content, policy=default)
        self.taken += [(to, str(message["Message-ID"])) for to in envelope.rcpt_tos]
        await self._step()
        return "250 OK"

    async def _step(self) -> None:
        self.countdown -= 1
        if self.countdown == 0 and self.then:
            self.then()
            await asyncio.sleep(0.05)


def digests(
    command: Sequence[str],
    environment: dict[str, str],
    engine: Engine,
    kills: int,
    people: int = 12,
    seed: int = 0,
) -> dict[str, Any]:
    """A digest for everybody on each of so many days, killed once a day; who got what."""
    from aiosmtpd.controller import Controller

    draw, start = random.Random(seed), datetime(2031, 3, 3, 12, tzinfo=UTC)
    for number in range(people):
        person = accounts.create(engine, f"reader{number}", "a long password", start)
        searches.save(engine, person, "mine", "residual", {}, start)
        subscriptions.settle(engine, person, start, hour=7, tell_nothing=True)
        asked = subscriptions.ask(
            engine, person, f"r{number}@example.org", f"10.0.{number}.0", start
        )
        assert asked
        subscriptions.confirm(engine, asked.token, start)
    office, killed = Office(), 0
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(office, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        environment = environment | {
            "PAPERWORKS_SMTP_URL": f"smtp://127.0.0.1:{port}",
            "PAPERWORKS_MAIL_FROM": "papers@example.org",
            "PAPERWORKS_OPERATOR": "Papers, 1 Paper Street",
        }

        def send(now: datetime) -> subprocess.Popen[bytes]:
            words = [*command, "digest", "--now", now.isoformat()]
            quiet = subprocess.DEVNULL
            return subprocess.Popen(words, env=environment, stdout=quiet, stderr=quiet)

        for day in range(1, kills + 1):
            morning = start.replace(hour=7) + timedelta(days=day)
            process = send(morning)
            office.then = process.kill
            office.countdown = draw.randrange(1, 3 * people)
            killed += process.wait(300) == -signal.SIGKILL
            office.then = None
            assert send(morning + timedelta(hours=2)).wait(300) == 0, "the second one must send"
    finally:
        controller.stop()
    got = Counter(office.taken)
    with engine.connect() as connection:
        rows = connection.execute(select(tables.deliveries)).mappings().all()
    sent = Counter(to for to, _ in office.taken)
    marked = Counter(
        f"r{_number(engine, row['person'])}@example.org" for row in rows if row["state"] == "sent"
    )
    return {
        "benchmark": "kill_digests",
        "database": engine.dialect.name,
        "kills": killed,
        "people": people,
        "days": kills,
        "messages": len(office.taken),
        "messages_twice": sum(count > 1 for count in got.values()),
        "periods_missed": people * kills - len(rows),
        "states": dict(Counter(row["state"] for row in rows)),
        "marked_sent_and_not_taken": sum(max(0, marked[to] - sent[to]) for to in marked),
        "integrity": integrity(engine),
    }


def _number(engine: Engine, person: int) -> str:
    found = accounts.by_id(engine, person)
    return found.name.removeprefix("reader") if found else "?"


def main(kills: int, url: str | None) -> None:
    """Both, on a store that goes away; on PostgreSQL an empty database, where one may do all."""
    python = [sys.executable, "-m", "paperworks.cli"]
    with TemporaryDirectory() as home:
        os.environ |= {"PAPERWORKS_HOME": home} | ({"PAPERWORKS_DATABASE_URL": url} if url else {})
        engine = open_store()
        serve = [*python, "serve", "--port", "0", "--json", "--runners", "2"]
        parts: list[Callable[[], dict[str, Any]]] = [
            lambda: servers(serve, dict(os.environ), engine, kills),
            lambda: digests(python, dict(os.environ), engine, kills),
        ]
        for part in parts:
            print(json.dumps(part()), flush=True)
        engine.dispose()


if __name__ == "__main__":
    given = dict(enumerate(sys.argv))
    main(int(given.get(1, 50)), given.get(2))
