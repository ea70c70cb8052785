"""The index file: derived, whole after any kill, made again where it must be, shared by threads."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from functools import cache

import numpy as np
import pytest
from sqlalchemy import delete, insert, update

from paperworks.index import book, meaning
from paperworks.index.book import opened
from paperworks.index.filters import admitted
from paperworks.index.listing import listing
from paperworks.index.search import ask, search
from paperworks.paper import Paper, shipped
from paperworks.store import home
from paperworks.store.tables import abstracts, details, papers


def own(number, title, **more):
    row = {"slug": f"own_{number}", "id": f"u{number}", "title": title, "added_at": ""}
    return row | more


def put(store, table, *rows):
    with store.begin() as connection:
        connection.execute(insert(table), list(rows))


def index_file():
    return opened().path


def test_a_new_paper_is_found_at_once_by_words_names_and_meaning(store):
    assert "own_1" not in {hit.slug for hit in search("zorgnet", 5)}
    put(store, papers, own(1, "ZorgNet: Telling ripe bananas from unripe ones"))
    assert search("zorg net")[0].slug == "own_1"
    assert search("bananas unripe")[0].slug == "own_1"
    by_meaning = search("maturity of yellow fruit")[0]
    assert (by_meaning.slug, by_meaning.by) == ("own_1", "meaning")
    assert "“ZorgNet: Telling ripe bananas" in by_meaning.why


def test_changed_and_deleted_papers(store):
    put(store, papers, own(1, "Zyzzyva counting"), own(2, "Zyzzyva sorting"))
    put(store, abstracts, {"slug": "own_2", "abstract": "A quux.", "source": "", "imported_at": ""})
    assert {hit.slug for hit in search("zyzzyva")} == {"own_1", "own_2"}
    with store.begin() as connection:
        connection.execute(update(papers).where(papers.c.slug == "own_1").values(title="Wombat"))
        connection.execute(delete(abstracts).where(abstracts.c.slug == "own_2"))
    assert {hit.slug for hit in search("zyzzyva")} == {"own_2"}
    assert search("quux") == ()
    assert search("wombat")[0].slug == "own_1"
    with store.begin() as connection:
        connection.execute(delete(papers))
    assert search("zyzzyva") == ()
    assert ask("graph").status.papers == len(shipped())


def test_authors_are_found(store):
    put(store, papers, own(1, "A title"))
    told = {"slug": "own_1", "authors": '["Grace Quizzlefort"]', "source": "", "fetched_at": ""}
    put(store, details, told)
    assert [(hit.slug, hit.why) for hit in search("quizzlefort")] == [
        ("own_1", "authors: matched 'quizzlefort'")
    ]


def test_many_new_papers_are_searched_by_words_and_the_answer_says_so(store):
    put(store, papers, *(own(i, f"Wombats of burrow {i}") for i in range(12)))
    found = ask("bird wombats", 20)
    assert len([hit for hit in found.hits if hit.slug.startswith("own_")]) == 12
    assert found.status.papers == len(shipped()) + 12
    assert found.status.embedded == len(shipped())
    assert found.status.note.startswith("12 of 782 papers are searched by their words alone")
    assert opened().embed() == 0
    found = ask("marsupials underground", 20)
    assert found.status.note == ""
    assert found.status.embedded == found.status.papers
    assert found.hits[0].slug.startswith("own_")


def test_missing_damaged_and_old_files_are_made_again():
    before = search("graph rewiring", 5)
    file = index_file()
    assert file == home() / "search.db"
    file.unlink()
    assert search("graph rewiring", 5) == before  # the open file was deleted
    opened().close()
    for damage in (b"", b"no database at all" * 999, file.read_bytes()[:5000]):
        opened().close()
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        file.write_bytes(damage)
        assert search("graph rewiring", 5) == before
    opened().close()
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE told SET value = 'older' WHERE what = 'format'")
        connection.execute("UPDATE docs SET title = 'Old'")
    connection.close()
    assert search("graph rewiring", 5) == before


def test_holes_in_the_file():
    before = search("graph rewiring", 5)
    opened().embed()
    opened().close()
    file = index_file()
    whole = bytearray(file.read_bytes())
    draw = random.Random(0)
    for _ in range(6):
        broken = bytearray(whole)
        for _ in range(40):
            at = draw.randrange(4096, len(broken) - 4096)
            broken[at : at + 4096] = bytes(4096)
        file.write_bytes(broken)
        for ending in ("-wal", "-shm"):
            file.with_name(file.name + ending).unlink(missing_ok=True)
        search("graph rewiring", 5)  # of what is left, or made again; never an error
        opened().close()
    opened().forget()
    assert search("graph rewiring", 5) == before


def test_a_folder_that_cannot_be_written(monkeypatch, tmp_path):
    monkeypatch.setenv("PAPERWORKS_HOME", str(tmp_path / "shut"))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert opened().path is None
    assert search("resnet", 1)[0].slug == "resnet"
    assert search("graph rewiring", 1)[0].slug == "laser_rewiring"


FILTERS = [
    {"area": "graph"},
    {"kind": "survey"},
    {"year": 2019},
    {"year": (2019, 2021)},
    {"year": (None, 2015)},
    {"year": (2024, None)},
    {"works": True},
    {"works": False},
    {"verdict": "holds"},
    {"area": "graph", "year": (2020, None), "works": False},
    {"area": "language", "kind": "architecture"},
]


@cache
def ranked(query):
    """All papers, for every filter to leave some out."""
    return [hit.slug for hit in search(query, 5000)]


@pytest.mark.parametrize("filters", FILTERS, ids=str)
def test_filters_against_brute_force(filters):
    year = filters.get("year", (None, None))
    first, last = (year, year) if isinstance(year, int) else year
    rest = {name: value for name, value in filters.items() if name != "year"}
    allowed = {
        row.slug
        for row in listing(**rest)
        if first is last is None
        or first is None
        and (row.year or 9999) <= last
        or first is not None
        and (row.year or 0) >= first
        and (last is None or (row.year or 9999) <= last)
    }
    assert admitted(**filters) == allowed
    for query in ("deep networks", "attention", "survey of graph learning"):
        expected = [slug for slug in ranked(query) if slug in allowed]
        found = [hit.slug for hit in search(query, 5000, **filters)]
        # the few that are ordered again by whole vectors are others among fewer papers
        assert set(expected) <= set(found) <= allowed
        assert len(search(query, 7, **filters)) == min(7, len(found))


def test_a_filter_of_which_there_is_none():
    with pytest.raises(LookupError, match="No area 'grph'; there are: 3d-shape, "):
        search("x", area="grph")
    with pytest.raises(LookupError, match="No verdict 'true'; there are: does not hold"):
        search("x", verdict="true")
    with pytest.raises(ValueError, match="not 2021 to 2019"):
        search("x", year=(2021, 2019))


WRITER = """
import sys
from paperworks.index.book import opened
from paperworks.index.search import search
print("ready", flush=True)
while True:
    opened().shelf()
    opened().embed(0.2)
"""


def test_kill_at_any_moment(store, monkeypatch):
    """A process that brings papers in is killed; the file stays whole and loses nothing."""
    draw = random.Random(1)
    search("x ray")
    for number in range(3):
        writer = subprocess.Popen([sys.executable, "-c", WRITER], stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        rows = [own(20 * number + i, f"Wombat {number} digs burrow {i}") for i in range(20)]
        put(store, papers, *rows)
        time.sleep(draw.random() * 0.2)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        with sqlite3.connect(index_file()) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        connection.close()
        found = {hit.slug for hit in search(f"wombat {number} burrow", 300)}
        assert found >= {row["slug"] for row in rows}
    after = search("wombat digs", 30)
    opened().embed()
    opened().forget()
    opened().embed()
    assert {hit.slug for hit in search("wombat digs", 30)} >= {hit.slug for hit in after[:5]}


def test_segments_give_what_one_would(store):
    """Papers that came one by one are found as if they had come together."""
    for i in range(6):
        put(store, papers, own(i, f"Wombat {i}" + " burrow" * (i % 4)))
        search("x")
    opened().embed()
    queries = ("wombat", "burrow wombat 3", "graph wombat")
    apart = [[(h.slug, h.score, h.why) for h in search(query, 40)] for query in queries]
    with opened().reading() as connection:
        assert connection.execute("SELECT count(*) FROM segments").fetchone()[0] < 5
    opened().forget()
    opened().embed()
    together = [[(h.slug, h.score, h.why) for h in search(query, 40)] for query in queries]
    for one, other in zip(apart, together, strict=True):
        assert [hit[0] for hit in one][:6] == [hit[0] for hit in other][:6]


def test_many_papers_in_parts_give_what_one_segment_would(store, monkeypatch):
    put(store, papers, *(own(i, f"Wombat {i % 7} of Burrow-{i}") for i in range(1400)))
    queries = "wombat 3", "burrow 77", "burow77 graphs"
    whole = [search(query, 40) for query in queries]
    monkeypatch.setattr(book, "_AT_ONCE", 300)
    monkeypatch.setattr(book, "_LARGEST", 1000)
    opened().forget()
    assert [search(query, 40) for query in queries] == whole
    with opened().reading() as connection:
        sizes = connection.execute("SELECT docs FROM segments ORDER BY segment").fetchall()
        made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'names_by_key'")
        assert made.fetchone()
    assert sizes == [(len(shipped()),), (1000,), (400,)]


def test_threads_read_while_one_writes(store):
    expected, wrong = search("graph rewiring", 3), []

    def read():
        for _ in range(10):
            if search("graph rewiring", 3)[0].slug != expected[0].slug:
                wrong.append("order")

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for i in range(5):
        put(store, papers, own(i, f"Wombat {i}"))
        assert search(f"wombat {i}")[0].slug == f"own_{i}"
    for thread in threads:
        thread.join()
    assert wrong == []


def test_stores_have_their_own_files(monkeypatch, tmp_path):
    first = opened().path
    monkeypatch.setenv("PAPERWORKS_DATABASE_URL", f"sqlite:///{tmp_path / 'other.db'}")
    assert opened().path != first


def test_passages_and_their_vectors():
    paper = Paper(id="u1", slug="x", title="A title", summary="It does. And more.", claim="")
    told = book.passages(paper, "One is here. Two e.g. this. (Three)")
    assert told == ["A title", "It does. And more.", "One is here.", "Two e.g. this.", "(Three)"]
    vectors = meaning.encode(told)
    small, scales = book.squeeze(vectors)
    again = book.restore(small.tobytes(), scales.tobytes())
    assert np.abs(again - vectors).max() < 0.003
    sizes = book.sizes(paper, "One is here. Two e.g. this. (Three)")
    assert sizes == [1, 1, 0, 3]
    one = book.mean(sizes, list(range(5)), vectors)
    parts = [vectors[0], vectors[1], vectors[2:].sum(0) / np.linalg.norm(vectors[2:].sum(0))]
    expected = sum(parts) / np.linalg.norm(sum(parts))
    np.testing.assert_allclose(one, expected, atol=1e-5)
