"""The store: made on first use, migrated, safe for several processes, on both databases."""

import multiprocessing
import sqlite3
import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import func, insert, inspect, select as query, text
from tests.shared_store import empty_postgres

from paperworks.store import engine, open_store, select, writing
from paperworks.store.tables import abstracts, metadata, trials

ROW = {"paper": "rezero", "claim": "c", "control": False, "on": "2026-01-01", "line": "{}"}


def test_migrations_lead_to_the_tables(store):
    with store.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_head_is_the_newest_migration():
    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", "paperworks.store:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == engine.HEAD


def test_opening_twice_keeps_what_is_there(store, store_url):
    with store.begin() as connection:
        connection.execute(insert(trials), ROW)
    again = open_store(store_url)
    with again.connect() as connection:
        assert connection.execute(query(trials.c.paper)).scalars().all() == ["rezero"]
    again.dispose()


def test_default_is_a_wal_file_in_the_data_folder(data_folder):
    open_store().dispose()
    with sqlite3.connect(data_folder / "paperworks.db") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        connection.execute("SELECT slug, abstract FROM abstracts")
    connection.close()


def _open_and_add(url, start, results):
    start.wait()
    try:
        mine = open_store(url)
        for _ in range(10):
            with writing(mine) as connection:
                connection.execute(insert(trials), ROW)
        mine.dispose()
        results.put("")
    except Exception as wrong:  # reported to the test, whatever it is
        results.put(repr(wrong))


def test_processes_that_start_at_once(store_url):
    context = multiprocessing.get_context("spawn")
    start, results = context.Barrier(3), context.Queue()
    args = (store_url, start, results)
    processes = [context.Process(target=_open_and_add, args=args) for _ in range(3)]
    for process in processes:
        process.start()
    assert [results.get(timeout=60) for _ in processes] == ["", "", ""]
    for process in processes:
        process.join()
    assert select("SELECT count(*) AS n FROM trials", store_url) == [{"n": 30}]


def test_writing_reads_what_it_will_change(store):
    """Each of 4 threads counts, then writes one more than it counted: none is lost or doubled."""

    def add() -> None:
        for _ in range(5):
            with writing(store) as connection:
                seen = connection.execute(query(func.count()).select_from(abstracts)).scalar()
                row = {"slug": f"a{seen}", "abstract": "", "source": "", "imported_at": ""}
                connection.execute(insert(abstracts), row)

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with store.connect() as connection:
        found = connection.execute(query(abstracts.c.slug)).scalars().all()
    assert sorted(found) == sorted(f"a{n}" for n in range(20))


def test_writing_takes_everything_back_on_an_error(store):
    def fail() -> None:
        with writing(store) as connection:
            connection.execute(insert(trials), ROW)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert select("SELECT * FROM trials") == []


def test_a_store_that_cannot_be_written(data_folder):
    def write() -> None:
        with writing(store) as connection:
            connection.exec_driver_sql("PRAGMA query_only = ON")
            connection.execute(insert(trials), ROW)

    store = open_store()
    with pytest.raises(OSError, match=r"could not be written: attempt to write a readonly .*\.$"):
        write()
    store.dispose()


def test_select(store):
    with store.begin() as connection:
        connection.execute(insert(trials), [ROW, ROW | {"paper": "resnet"}])
    found = select("SELECT paper, line FROM trials WHERE paper = :paper", paper="resnet")
    assert found == [{"paper": "resnet", "line": "{}"}]


def test_asking_creates_no_store(data_folder):
    assert select("SELECT * FROM papers") == []
    assert list(data_folder.iterdir()) == []


def test_select_opens_a_server_once(postgres_url, monkeypatch):
    opened = []
    monkeypatch.setattr(engine, "open_store", lambda url: opened.append(url) or open_store(url))
    one, other = empty_postgres(postgres_url), empty_postgres(postgres_url)
    for url in (one, one, other, other, one):
        assert select("SELECT * FROM papers", url) == []
    assert opened == [one, other, one]


def test_select_sees_that_the_file_is_another_one(data_folder):
    asked = "SELECT count(*) AS papers FROM trials"
    made = open_store()
    with made.begin() as connection:
        connection.execute(insert(trials), ROW)
    assert select(asked) == select(asked) == [{"papers": 1}]
    made.dispose()
    for file in data_folder.iterdir():
        file.unlink()
    assert select(asked) == []
    open_store().dispose()
    assert select(asked) == [{"papers": 0}]


def test_threads_select_at_once(data_folder):
    made, found = open_store(), list[object]()
    with made.begin() as connection:
        connection.execute(insert(trials), [ROW] * 50)

    def ask():
        found.extend(len(select("SELECT line FROM trials")) for _ in range(20))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    made.dispose()
    assert found == [50] * 120


def test_select_migrates_first(data_folder):
    sqlite3.connect(data_folder / "paperworks.db").close()  # an empty file, as after a crash
    assert select("SELECT * FROM papers") == []


def test_store_of_a_newer_version(store_url):
    made = open_store(store_url)
    with made.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    made.dispose()
    with pytest.raises(ValueError, match="newer paperworks \\(revision 9999"):
        open_store(store_url)
    with pytest.raises(ValueError, match="newer paperworks"):
        select("SELECT * FROM papers", store_url)


def test_migrations_go_back(store):
    from alembic import command

    config = Config()
    config.set_main_option("path_separator", "os")
    config.set_main_option("script_location", "paperworks.store:migrations")
    with writing(store) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert inspect(store).get_table_names() == ["alembic_version"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "A database address looks like"),
        ("oracle+nothing://x", "The store is sqlite or postgresql"),
        ("sqlite:////proc/nowhere/store.db", "nowhere"),
        ("postgresql://user:secret@127.0.0.1:1/db", r"user:\*\*\*@127.0.0.1:1/db cannot be opened"),
    ],
)
def test_addresses_that_lead_nowhere(url, message):
    with pytest.raises((ValueError, OSError), match=message) as raised:
        open_store(url)
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_database(data_folder):
    (data_folder / "paperworks.db").write_text(
        "not a database, but long enough to be looked at\n" * 9
    )
    with pytest.raises(OSError, match=r"paperworks.db cannot be opened: file is not a database\."):
        select("SELECT * FROM papers")
