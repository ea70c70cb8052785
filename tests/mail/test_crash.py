"""kill -9 of schedulers: nothing is sent twice, and what can still be sent is sent."""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from tests.mail.office import MORNING, SETTINGS, add, reader

from paperworks.mail import deliveries, digest, relay
from paperworks.store import select

SCHEDULER = str(Path(__file__).with_name("scheduler.py"))
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
pytestmark = pytest.mark.usefixtures("plain_search")


class Schedulers:
    """A process that forks schedulers on request."""

    def __init__(self, store_url, office) -> None:
        command = [sys.executable, SCHEDULER, store_url, str(office.port)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)

    def start(self, now, moment="never") -> int:
        """Start one; gives its process id."""
        self.process.stdin.write(f"{now.isoformat()} {moment}\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def ended(self) -> int:
        """Wait for the one that was started; gives the signal that ended it, else 0."""
        return os.WTERMSIG(int(self.process.stdout.readline()))

    def close(self) -> None:
        self.process.stdin.close()
        assert self.process.wait(60) == 0
        self.process.stdout.close()


@pytest.fixture
def schedulers(store, store_url, office):
    started = Schedulers(store_url, office)
    yield started
    started.close()


def schedule(store, office, now) -> None:
    """Run a scheduler that is left in peace."""
    with relay.Connection(office.relay) as connection:
        digest.run_digests(store, now, connection.send, SETTINGS)


@pytest.mark.parametrize(
    ("moment", "taken", "state"),
    [
        ("claimed", 1, "sent"),  # nothing had been handed on: the next one does it
        ("begun", 0, "sending"),  # whether it was handed on is not known: at most once
        ("taken", 1, "sending"),  # it was, though nobody wrote it down
    ],
)
def test_killed_at_its_worst_moments(store, office, schedulers, moment, taken, state):
    ada = reader(store)
    (slug,) = add(store, "A net")
    schedulers.start(MORNING, moment)
    assert schedulers.ended() == signal.SIGKILL
    schedule(store, office, MORNING + HOUR)
    assert len(office.taken) == taken
    (one,) = deliveries.history(store, ada)
    assert (one.state, one.papers) == (state, (slug,))
    (other,) = add(store, "Another net", at=MORNING + 2 * HOUR)
    schedule(store, office, MORNING + DAY)
    assert len(office.taken) == taken + 1  # the next day is as if nothing had been
    assert deliveries.history(store, ada)[0].papers == (other,)


def test_killed_again_and_again(store, office, schedulers):
    people = [reader(store, f"p{n}", f"p{n}@example.org") for n in range(30)]
    add(store, "A net", "Another net")
    chance, killed = random.Random(0), 0
    times = [MORNING + timedelta(minutes=20 * n) for n in range(30)]
    for now in times[: 16 if store.dialect.name == "sqlite" else 8]:
        goal = office.told + chance.randrange(7)  # a message takes three commands
        child = schedulers.start(now)
        with suppress(ProcessLookupError):  # it had ended by itself
            while office.told < goal:
                os.kill(child, 0)
                time.sleep(0.001)
            time.sleep(chance.uniform(0, 0.02))
            os.kill(child, signal.SIGKILL)
        killed += schedulers.ended() == signal.SIGKILL
    schedulers.start(times[-1] + HOUR)
    assert schedulers.ended() == 0
    got = Counter(to for to, _ in office.taken)
    assert set(got.values()) == {1}
    states = Counter(deliveries.history(store, one)[0].state for one in people)
    assert set(states) <= {"sent", "sending"}
    assert len(got) >= states["sent"]  # whatever is noted as sent was taken
    assert len(people) - len(got) <= killed  # a kill costs one digest at most
    assert killed
    told = select("SELECT person, slug, count(*) AS n FROM delivered GROUP BY person, slug")
    assert {row["n"] for row in told} == {1}
    assert len(told) == 2 * len(people)
    if store.dialect.name == "sqlite":
        with store.connect() as connection:
            assert connection.execute(text("PRAGMA integrity_check")).scalar() == "ok"
