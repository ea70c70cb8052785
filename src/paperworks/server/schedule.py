"""What is done at its time: digests are sent, papers fetched.

Several servers on one store have one scheduler: whoever holds the lease. A job that fails is
logged and tried again at its next time; what it must not do twice, it prevents itself.
"""

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from paperworks.server import leases
from paperworks.server.settings import Settings
from paperworks.store import open_store

log = logging.getLogger("paperworks.server")

LEASE = "scheduler"
HELD = 90.0  # seconds that a lease lasts,
RENEW = 20.0  # and after which it is renewed


@dataclass(frozen=True)
class Job:
    """Something to be done again and again."""

    name: str
    every: timedelta
    do: Callable[[Engine, Settings, datetime], object]


def loop(
    settings: Settings,
    ending: threading.Event,
    jobs: tuple[Job, ...] | None = None,
    tick: float = 5.0,
) -> None:
    """Do jobs at their times until told to end, while this process holds the lease."""
    engine, holder = open_store(), leases.name_holder()
    try:
        with _Keeper(engine, holder, ending) as keeper:
            done = dict[str, datetime]()
            while not ending.is_set():
                if keeper.holds():
                    run(engine, settings, due(jobs or configured(), done, _now()), done)
                ending.wait(tick)
    finally:
        engine.dispose()


def due(jobs: tuple[Job, ...], done: dict[str, datetime], now: datetime) -> tuple[Job, ...]:
    """The jobs whose time has come, after when they were last done."""
    return tuple(job for job in jobs if job.name not in done or now - done[job.name] >= job.every)


def run(
    engine: Engine, settings: Settings, jobs: tuple[Job, ...], done: dict[str, datetime]
) -> None:
    """Do jobs, one after the other; one that fails keeps no other from its turn."""
    for job in jobs:
        done[job.name] = _now()
        try:
            job.do(engine, settings, _now())
        except Exception:
            log.exception("The job %r failed; it is tried again in %s.", job.name, job.every)


def configured(environment: Mapping[str, str] | None = None) -> tuple[Job, ...]:
    """The jobs that this installation's environment asks for."""
    told = os.environ if environment is None else environment
    jobs = []
    if told.get("PAPERWORKS_SMTP_URL"):
        jobs.append(Job("digests", timedelta(minutes=1), digests))
    if told.get("PAPERWORKS_FETCH"):
        jobs.append(Job("fetch", timedelta(hours=1), fetch))
    return tuple(jobs)


def digests(engine: Engine, settings: Settings, now: datetime) -> object:
    """Send the digests that are due."""
    from paperworks.mail import digest, settings as mail_settings
    from paperworks.mail.relay import Connection

    told = mail_settings.from_environment(settings.url, settings.secret)
    if not digest.due(engine, now):
        return ()
    with Connection(told.needed()) as relay:
        return digest.run_digests(engine, now, relay.send, told)


def fetch(engine: Engine, settings: Settings, now: datetime) -> object:
    """Fetch what is new: PAPERWORKS_FETCH lists arXiv's categories, and hf for Hugging Face."""
    from paperworks.sources.fetch import daily, wanted

    done = daily(engine, now, *wanted(os.environ["PAPERWORKS_FETCH"]), tell=log.info)
    for trouble in done.troubles:
        log.warning("Fetching: %s", trouble)
    return done


class _Keeper:
    """Renews the lease while jobs run, however long they take."""

    def __init__(self, engine: Engine, holder: str, ending: threading.Event) -> None:
        self.engine, self.holder, self.ending = engine, holder, ending
        self.until: datetime | None = None
        self.thread = threading.Thread(target=self._renew, name="lease", daemon=True)

    def holds(self) -> bool:
        """Whether the lease is ours now."""
        return self.until is not None and _now() < self.until

    def __enter__(self) -> "_Keeper":
        self._take()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ending.set()
        self.thread.join()
        leases.release(self.engine, LEASE, self.holder)

    def _renew(self) -> None:
        while not self.ending.wait(RENEW):
            self._take()

    def _take(self) -> None:
        now = _now()
        try:
            mine = leases.hold(self.engine, LEASE, self.holder, HELD, now)
        except OSError:
            log.exception("The lease could not be renewed.")
            return
        self.until = now + timedelta(seconds=HELD - RENEW) if mine else None


def _now() -> datetime:
    return datetime.now(UTC)
