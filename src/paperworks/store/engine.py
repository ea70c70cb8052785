"""Opening the store: where it is, its transactions, and bringing it up to date.

SQLite in the user's data folder, or what PAPERWORKS_DATABASE_URL names. SQLAlchemy takes
longer to import than most questions take to answer, so it is imported where it is used, and
`select` reads an SQLite file without it.
"""

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection, Engine

HEAD = "0003"  # the newest file of migrations/versions
_WAIT = 30.0  # seconds to wait for another writer
_LOCK = 7277696  # names our PostgreSQL advisory lock; any number that nobody else takes
_last: "tuple[tuple[str, int], Engine] | None" = None  # (address, process), and the store
_Idle = tuple[tuple[int, ...], list[sqlite3.Connection]]
_idle: _Idle | None = None  # (process, device, file), and connections that nobody uses
_forked = list[_Idle]()  # a parent's, which only it may close
_turn = threading.Lock()


def home() -> Path:
    """The user's data folder: PAPERWORKS_HOME, else the place the system has for such."""
    if chosen := os.environ.get("PAPERWORKS_HOME"):
        return Path(chosen)
    from platformdirs import user_data_path

    return user_data_path("paperworks", appauthor=False)


def open_store(url: str | None = None) -> "Engine":
    """The store at `url`, created and migrated where needed.

    Without `url`: PAPERWORKS_DATABASE_URL, else `paperworks.db` in `home()`. Safe when several
    processes start at once. Raises ValueError for an address that is none, and for a store
    written by a newer paperworks, OSError for one that cannot be opened, ModuleNotFoundError
    for a missing driver.
    """
    from sqlalchemy import create_engine, event
    from sqlalchemy.exc import DatabaseError

    where = _address(url)
    shown = where.render_as_string(hide_password=True)
    sqlite = where.get_backend_name() == "sqlite"
    if sqlite and where.database:
        Path(where.database).parent.mkdir(parents=True, exist_ok=True)
    try:
        options = {"connect_args": {"timeout": _WAIT}} if sqlite else {"pool_pre_ping": True}
        engine = create_engine(where, **options)
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f'This database needs {missing.name}: pip install "paperworks[postgres]".'
        ) from None
    if sqlite:
        event.listen(engine, "connect", _prepare)
        event.listen(engine, "begin", _begin)
    try:
        _migrate(engine)
    except DatabaseError as wrong:
        engine.dispose()
        said = str(wrong.orig).strip().splitlines()[0]
        raise OSError(f"The store at {shown} cannot be opened: {said}.") from None
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: "Engine") -> "Iterator[Connection]":
    """A transaction that excludes other writers from its first statement on.

    What it reads is still true when it writes. Waits for its turn; rolls back on any error.
    Raises OSError where the database gives up: it is full, read-only, or gone.
    """
    from sqlalchemy import text
    from sqlalchemy.exc import OperationalError

    connected = engine.connect().execution_options(immediate=True)
    try:
        with connected as connection, connection.begin():
            if engine.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
    except OperationalError as wrong:
        said = str(wrong.orig).strip().splitlines()[0]
        raise OSError(f"The store could not be written: {said}.") from None


def select(sql: str, url: str | None = None, **values: Any) -> list[dict[str, Any]]:
    """Rows of a query such as `SELECT line FROM trials WHERE paper = :paper`.

    Nothing where no store exists yet: asking creates none.
    """
    file = _file(url)
    if file and not file.exists():
        return []
    if file:
        with _reading(file) as connection:
            if _current(connection):
                return [dict(row) for row in connection.execute(sql, values)]
        open_store(url).dispose()  # brings it up to date, or says why it cannot
        with _reading(file) as connection:
            return [dict(row) for row in connection.execute(sql, values)]
    from sqlalchemy import text

    with _kept_open(url).connect() as connection:
        return [dict(row) for row in connection.execute(text(sql), values).mappings()]


@contextmanager
def _reading(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection to an SQLite store that nobody else uses meanwhile, kept for the next question.

    An open one keeps its file's number taken, so that a file made anew is told from it.
    """
    idle = _idle_ones(file)
    try:
        connection = idle.pop()
    except IndexError:
        connection = sqlite3.connect(file, timeout=_WAIT, check_same_thread=False)
        connection.row_factory = sqlite3.Row
    try:
        yield connection
    except BaseException:
        connection.close()
        raise
    idle.append(connection)


def _idle_ones(file: Path) -> list[sqlite3.Connection]:
    """Connections to the file last asked; those to another one before it are closed."""
    global _idle
    seen = file.stat()
    asked = os.getpid(), seen.st_dev, seen.st_ino
    with _turn:
        if _idle is None or _idle[0] != asked:
            former, _idle = _idle, (asked, [])
            if former and former[0][0] != asked[0]:
                _forked.append(former)
            while former and former[0][0] == asked[0] and former[1]:
                former[1].pop().close()
        return _idle[1]


def _kept_open(url: str | None) -> "Engine":
    """The server's store at `url`, open from one question to the next: the last one asked."""
    global _last
    asked = url or os.environ["PAPERWORKS_DATABASE_URL"], os.getpid()
    with _turn:
        if _last is None or _last[0] != asked:
            former, _last = _last, (asked, open_store(url))
            if former:
                former[1].dispose(close=former[0][1] == asked[1])  # a forked one is the parent's
        return _last[1]


def _address(url: str | None) -> "URL":
    from sqlalchemy import URL, make_url
    from sqlalchemy.exc import ArgumentError

    chosen = url or os.environ.get("PAPERWORKS_DATABASE_URL")
    if not chosen:
        return URL.create("sqlite", database=str(home() / "paperworks.db"))
    try:
        where = make_url(chosen)
    except ArgumentError:
        raise ValueError(
            "A database address looks like postgresql+psycopg://user@host/name or sqlite:////file."
        ) from None
    if where.drivername in ("postgres", "postgresql"):  # the driver that our extra installs
        where = where.set(drivername="postgresql+psycopg")
    if where.drivername not in ("sqlite", "sqlite+pysqlite", "postgresql+psycopg"):
        raise ValueError(f"The store is sqlite or postgresql+psycopg; not {where.drivername}.")
    return where


def _file(url: str | None) -> Path | None:
    """The SQLite file of an address; None for any other address."""
    chosen = url or os.environ.get("PAPERWORKS_DATABASE_URL")
    if not chosen:
        return home() / "paperworks.db"
    plain = chosen.startswith("sqlite:///") and "?" not in chosen
    return Path(chosen.removeprefix("sqlite:///")) if plain else None


def _current(connection: sqlite3.Connection) -> bool:
    """Whether the store can be read as it is: neither to be migrated nor no store at all."""
    try:
        found = connection.execute("SELECT version_num FROM alembic_version").fetchall()
        return [tuple(row) for row in found] == [(HEAD,)]
    except sqlite3.DatabaseError:
        return False


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    """Settings of a fresh SQLite connection."""
    connection.isolation_level = None  # transactions are begun by _begin, tables included
    for statement in ("synchronous = NORMAL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {statement}")
    deadline = time.monotonic() + _WAIT
    while True:  # switching to WAL does not wait for its turn by itself
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as busy:
            if "locked" not in str(busy) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _begin(connection: "Connection") -> None:
    immediate = connection.get_execution_options().get("immediate")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _revision(connection: "Connection") -> str | None:
    from sqlalchemy import inspect, text

    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def _migrate(engine: "Engine") -> None:
    """Bring the tables to HEAD. One process does it, the others wait and find it done."""
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    from alembic import command
    from alembic.config import Config

    config = Config()
    scripts = str(Path(__file__).parent / "migrations")
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    with writing(engine) as connection:
        found = _revision(connection)
        if found is not None and found > HEAD:
            raise ValueError(
                f"This store is of a newer paperworks (revision {found}; this one knows {HEAD}): "
                "pip install --upgrade paperworks."
            )
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
