"""The search index: one SQLite file in the user's data folder, derived from catalog and store.

It holds, for every paper, its text, its names, the words that lead to it and its vectors. Papers
that changed are brought in before a question is answered; a file that is missing, damaged or of
another version is made again. Every change is one transaction, so a process that is killed
leaves the file as it was before. It may be deleted at any time.

A changed paper gets a new number, and its old one is gone: lists of papers only grow at their
ends. Each change adds a segment of such lists; two of a size become one of twice the size.
"""

import gc
import os
import re
import sqlite3
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import chain, islice
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from paperworks.index import meaning, spelled
from paperworks.index.words import split, stems
from paperworks.paper import Paper, shipped
from paperworks.store import home, select

if TYPE_CHECKING:
    import numpy as np

COARSE = 128  # numbers of a vector that every paper keeps in memory; the first ones say most
FORMAT = f"1, {meaning.MODEL}"
# fields by how much a word in them counts, and how long each usually is, in words
FIELDS = {
    "name": (3.0, 6),
    "title": (3.0, 9),
    "summary": (2.0, 22),
    "claim": (1.0, 28),
    "area": (1.0, 4),
    "authors": (2.0, 10),
    "abstract": (1.0, 170),
}
_KINDS = 8  # the fields, and three-letter runs; a power of two
_EVEN = 0.5  # how much a field's length counts, from 0 to 1
_ENOUGH = 1.5  # a word that weighs so much counts half of what it can
_AT_ONCE = 20_000  # papers whose words are counted together
_LARGEST = 200_000  # papers of one segment; half of them are added together
_MANY = 500  # papers; of more, all are looked at together
_PASSAGES = 24  # of one paper at most
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z(\[\"'])")
_SETTINGS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "mmap_size = 2000000000",
    "cache_size = -64000",  # kB, of pages being changed: a large import changes all of them
)
_WAIT = 60.0  # seconds to wait for another process that writes
_DAMAGED = (sqlite3.DatabaseError, ValueError, KeyError, OverflowError)

_TABLES = """
    CREATE TABLE told (what TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE docs (
        doc INTEGER PRIMARY KEY, slug TEXT NOT NULL, id TEXT NOT NULL, title TEXT NOT NULL,
        year INTEGER, area TEXT, kind TEXT, summary TEXT NOT NULL, claim TEXT NOT NULL,
        authors TEXT NOT NULL, abstract TEXT NOT NULL, stamp BLOB NOT NULL,
        gone INTEGER NOT NULL DEFAULT 0, changed INTEGER NOT NULL
    );
    CREATE INDEX docs_by_slug ON docs (slug);
    CREATE INDEX docs_by_change ON docs (changed);
    CREATE TABLE segments (segment INTEGER PRIMARY KEY, docs INTEGER NOT NULL);
    CREATE TABLE postings (
        segment INTEGER NOT NULL, term TEXT NOT NULL, docs BLOB NOT NULL, weights BLOB NOT NULL
    );
    CREATE UNIQUE INDEX postings_of_a_term ON postings (segment, term);
    CREATE TABLE names (
        doc INTEGER NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, name TEXT,
        PRIMARY KEY (doc, key)
    ) WITHOUT ROWID;
    CREATE INDEX names_by_key ON names (key);
    CREATE TABLE vectors (
        doc INTEGER PRIMARY KEY, complete INTEGER NOT NULL, whole BLOB NOT NULL,
        places BLOB NOT NULL, small BLOB NOT NULL, scales BLOB NOT NULL, changed INTEGER NOT NULL
    );
    CREATE INDEX vectors_by_change ON vectors (changed);
    CREATE INDEX vectors_to_complete ON vectors (doc) WHERE NOT complete;
"""


class Told(NamedTuple):
    """A paper, and what sources say of it."""

    paper: Paper
    abstract: str
    authors: str


@dataclass(frozen=True)
class Shelf:
    """What a search needs of every paper in memory; rows are the papers' numbers."""

    generation: int
    slugs: tuple[str, ...]
    there: "np.ndarray"  # (docs,) bool: not gone
    years: "np.ndarray"  # (docs,) int32; 0 where unknown
    areas: "np.ndarray"  # (docs,) int32 into `labels`
    kinds: "np.ndarray"
    coarse: "np.ndarray"  # (docs, COARSE) float32
    meant: "np.ndarray"  # (docs,) bool: has a vector
    complete: "np.ndarray"  # (docs,) bool: of everything it says
    labels: tuple[str | None, ...]
    rows: dict[str, int]  # number by slug, without those that are gone


def passages(paper: Paper, abstract: str = "") -> list[str]:
    """What has a vector of its own: title, summary, claim, and each sentence of the abstract."""
    return list(chain.from_iterable(_groups(paper, abstract)))[:_PASSAGES]


def _groups(paper: Paper, abstract: str) -> list[list[str]]:
    told = [[paper.title], [paper.summary], [paper.claim], _SENTENCE.split(abstract)]
    return [[text.strip() for text in group if text.strip()] for group in told]


def squeeze(vectors: "np.ndarray") -> "tuple[np.ndarray, np.ndarray]":
    """Vectors as int8, and what each row is to be multiplied with."""
    import numpy as np

    scales = np.abs(vectors).max(1) / 127
    small = np.round(vectors / np.maximum(scales, 1e-12)[:, None]).astype(np.int8)
    return small, scales.astype(np.float32)


class Book:
    """An open index file. Threads may share it; so may processes share the file."""

    def __init__(self, path: Path | None, store: str | None = None):
        self.path = path  # None: in memory, where the data folder cannot be written
        self._store = store
        self._idle: list[sqlite3.Connection] = []
        self._only = Lock()  # one thread at a time brings changes in
        self._shelf: Shelf | None = None
        self._memory: sqlite3.Connection | None = None

    # --- connections ---

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection that nobody else uses meanwhile."""
        if self.path is None:
            with _TOGETHER:
                yield self._in_memory()
            return
        try:
            connection = self._idle.pop()
        except IndexError:
            connection = self._connect()
        try:
            yield connection
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path or ":memory:", timeout=_WAIT, isolation_level=None, check_same_thread=False
        )
        try:
            for setting in _SETTINGS:
                connection.execute(f"PRAGMA {setting}")
        except BaseException:
            connection.close()
            raise
        return connection

    def _in_memory(self) -> sqlite3.Connection:
        if self._memory is None:
            self._memory = self._connect()
        return self._memory

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that excludes other writers from its first statement on."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Let go of the file."""
        while self._idle:
            self._idle.pop().close()
        self._shelf = None

    # --- bringing it up to date ---

    def shelf(self) -> Shelf:
        """The papers as catalog and store have them now. Makes the file again where it must."""
        with self._only:
            if self.path is not None and self._shelf is not None and not self.path.exists():
                self.forget()  # somebody deleted the file that is open here
            try:
                return self._fresh()
            except _DAMAGED as wrong:
                if isinstance(wrong, sqlite3.OperationalError) and "locked" in str(wrong):
                    raise
                self.forget()
                return self._fresh()

    def forget(self) -> None:
        """Delete the file; the next question makes it again."""
        self.close()
        self._memory = None
        if self.path is not None:
            for ending in ("", "-wal", "-shm"):
                self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def _fresh(self) -> Shelf:
        with self.reading() as connection:
            made = connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'told'").fetchone()
            known = _known(connection) if made else {}
        last = _last(self._store)
        if known.get("format") != FORMAT:
            if known:
                self.forget()
            self._make()
            return self._fresh()
        if known["catalog"] != _printed() or int(known["touched"]) != last:
            with self._writing() as connection:
                now = _known(connection)
                seen = int(now["touched"])
                same = now["catalog"] == _printed() and last >= seen
                with _uncollected():
                    _bring(connection, seen if same else None, self._store)
        with self.reading() as connection:
            self._shelf = _load(connection, self._shelf)
        crowded = len(self._shelf.slugs) - len(self._shelf.rows)
        if crowded > 1000 + len(self._shelf.rows):
            self.forget()
            return self._fresh()
        return self._shelf

    def _make(self) -> None:
        """Write the catalog into an empty file; what the store has comes after it."""
        with _MAKING:
            if not _MADE:  # once in a process: other folders get a copy
                made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                _begin(made)
                _write_catalog(made)
                _MADE.append(made)
            with self.reading() as connection:
                _MADE[0].backup(connection)

    def embed(
        self, seconds: float | None = None, progress: Callable[[int, int], None] | None = None
    ) -> int:
        """Compute vectors that are missing, for so many seconds; how many papers still lack some.

        Each few papers are one transaction: what is done is kept when the process ends.
        """
        self.shelf()
        with ThreadPoolExecutor(meaning.at_once()) as pool:
            return self._embed(pool, seconds, progress)

    def _embed(
        self,
        pool: ThreadPoolExecutor,
        seconds: float | None,
        progress: Callable[[int, int], None] | None,
    ) -> int:
        began, done = time.monotonic(), 0
        while True:
            with self.reading() as connection:
                left = connection.execute(
                    "SELECT count(*) FROM vectors WHERE NOT complete"
                ).fetchone()[0]
                rows = connection.execute(
                    "SELECT doc, slug, id, title, summary, claim, abstract, places, small, scales "
                    "FROM vectors JOIN docs USING (doc) WHERE NOT complete LIMIT 8"
                ).fetchall()
            if progress and done + left:
                progress(done, done + left)
            if not rows or (seconds is not None and time.monotonic() - began > seconds):
                return left
            computed = list(pool.map(lambda row: _completed(*row), rows))
            with self._writing() as connection:
                generation = _next(connection)
                for doc, *columns in computed:
                    connection.execute(
                        "UPDATE vectors SET complete = 1, whole = ?, places = ?, small = ?, "
                        "scales = ?, changed = ? WHERE doc = ?",
                        (*columns, generation, doc),
                    )
            done += len(rows)


_TOGETHER = Lock()
_MAKING = Lock()
_MADE: list[sqlite3.Connection] = []
_OPEN: dict[tuple[str, str], Book] = {}
_OPENING = Lock()


def opened() -> Book:
    """The index of the current data folder and store."""
    store = os.environ.get("PAPERWORKS_DATABASE_URL", "")
    name = f"search-{sha256(store.encode()).hexdigest()[:8]}.db" if store else "search.db"
    folder = home()
    with _OPENING:
        found = _OPEN.get((str(folder), store))
        if found is None:
            while len(_OPEN) >= 4:  # tests and notebooks change folders; servers do not
                _OPEN.pop(next(iter(_OPEN))).close()
            found = _OPEN[str(folder), store] = Book(_writable(folder, name))
        return found


def _writable(folder: Path, name: str) -> Path | None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return None
    return folder / name if os.access(folder, os.W_OK) else None


def _known(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT what, value FROM told").fetchall())


def _begin(connection: sqlite3.Connection) -> None:
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    told = {"format": FORMAT, "catalog": "", "touched": "0", "generation": "0"}
    connection.executemany("INSERT INTO told VALUES (?, ?)", told.items())


def _next(connection: sqlite3.Connection) -> int:
    """The number of the change that this transaction makes."""
    connection.execute("UPDATE told SET value = value + 1 WHERE what = 'generation'")
    return int(_known(connection)["generation"])


@cache
def _printed() -> str:
    """What distinguishes this catalog from others."""
    return sha256(repr(shipped()).encode()).hexdigest()


def _last(store: str | None) -> int:
    """The number of the newest change in the store."""
    rows = select("SELECT max(id) AS last FROM touched", store)
    return (rows[0]["last"] if rows else None) or 0


@contextmanager
def _uncollected() -> Iterator[None]:
    """Without the search for cycles of objects, which looks at all papers again and again."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


# --- what there is to be said ---


def _bring(connection: sqlite3.Connection, seen: int | None, store: str | None) -> None:
    """Write what changed in the store since `seen`; compare everything where that is None."""
    last = _last(store)
    if seen is None:
        told: dict[str, Told] = {paper.slug: Told(paper, "", "") for paper in shipped()}
        told |= {entry.paper.slug: entry for entry in _stored(store)}
        there = connection.execute("SELECT slug FROM docs WHERE NOT gone")
        slugs: Collection[str] = told.keys() | {slug for (slug,) in there}
    else:
        rows = select("SELECT slug FROM touched WHERE id > :seen", store, seen=seen)
        slugs = [row["slug"] for row in rows]
        own = {entry.paper.slug: entry for entry in _stored(store, seen)}
        catalog = _catalog()
        told = {slug: Told(catalog[slug], "", "") for slug in slugs if slug in catalog} | own
    generation = _next(connection)
    stamps = _stamps(connection, None if len(slugs) > _MANY else slugs)
    new = list[tuple[Told, bytes]]()
    gone = list[int]()
    for slug in slugs:
        entry = told.get(slug)
        stamp = _stamp(entry) if entry else b""
        doc, before = stamps.get(slug, (None, b""))
        if before == stamp:
            continue
        if doc is not None:
            gone.append(doc)
        if entry:
            new.append((entry, stamp))
    connection.executemany(
        "UPDATE docs SET gone = 1, changed = ? WHERE doc = ?", ((generation, doc) for doc in gone)
    )
    for table in ("names", "vectors"):
        connection.executemany(f"DELETE FROM {table} WHERE doc = ?", ((doc,) for doc in gone))
    new.sort(key=lambda pair: _order(pair[0].paper))
    large = len(new) > _MANY + len(stamps)
    if large:  # sorted at once, an index is made faster than name by name
        connection.execute("DROP INDEX IF EXISTS names_by_key")
    rest = iter(new)
    while batch := list(islice(rest, _LARGEST // 2)):
        _write(connection, batch, generation)
    if large:
        connection.execute("CREATE INDEX names_by_key ON names (key)")
    for what, value in (("catalog", _printed()), ("touched", str(last))):
        connection.execute("UPDATE told SET value = ? WHERE what = ?", (value, what))


def _write_catalog(connection: sqlite3.Connection) -> None:
    """All that is shipped, as one segment."""
    generation = _next(connection)
    told = [Told(paper, "", "") for paper in shipped()]
    _write(connection, [(entry, _stamp(entry)) for entry in told], generation)
    connection.execute("UPDATE told SET value = ? WHERE what = 'catalog'", (_printed(),))


def _order(paper: Paper) -> tuple[bool, int, str]:
    return paper.id.startswith("u"), len(paper.id), paper.id


@cache
def _catalog() -> dict[str, Paper]:
    return {paper.slug: paper for paper in shipped()}


def _stored(store: str | None, seen: int | None = None) -> Iterator[Told]:
    """Papers of which the store says something: what changed since `seen`, or all."""
    own = dict[str, Paper]()
    columns = "id, slug, title, year, arxiv, area, kind, summary, claim, cannot_run"
    condition, values = "", dict[str, int]()
    if seen is not None:
        condition = "WHERE slug IN (SELECT slug FROM touched WHERE id > :seen)"
        values["seen"] = seen
    for row in select(f"SELECT {columns} FROM papers {condition}", store, **values):
        own[row["slug"]] = Paper(**row)
    rows = select(f"SELECT slug, abstract FROM abstracts {condition}", store, **values)
    abstracts = {row["slug"]: row["abstract"] for row in rows}
    rows = select(f"SELECT slug, authors FROM details {condition}", store, **values)
    authors = {row["slug"]: " ".join(re.findall(r'"([^"]+)"', row["authors"])) for row in rows}
    catalog = _catalog()
    for slug in own.keys() | (abstracts.keys() | authors.keys()) & catalog.keys():
        paper = catalog.get(slug) or own[slug]
        yield Told(paper, abstracts.get(slug, ""), authors.get(slug, ""))


def _stamp(told: Told) -> bytes:
    return sha256(repr(told).encode()).digest()[:12]


def _stamps(
    connection: sqlite3.Connection, slugs: Iterable[str] | None
) -> dict[str, tuple[int, bytes]]:
    """The number and stamp of papers that are there."""
    query = "SELECT slug, doc, stamp FROM docs WHERE NOT gone"
    if slugs is None:
        rows = connection.execute(query).fetchall()
    else:
        asked = (connection.execute(f"{query} AND slug = ?", (slug,)) for slug in slugs)
        rows = [row for found in asked for row in found]
    return {slug: (doc, stamp) for slug, doc, stamp in rows}


# --- writing ---


def _write(
    connection: sqlite3.Connection, batch: list[tuple[Told, bytes]], generation: int
) -> None:
    """Add papers as one segment, into which the last ones go that are of its size."""
    joined, size = _joined(connection, len(batch))
    these = f"segment IN ({', '.join(map(str, joined)) or 'NULL'})"
    lists = defaultdict[str, list[bytes]](list)
    older = f"SELECT term, docs, weights FROM postings WHERE {these} ORDER BY segment"
    for term, *posting in connection.execute(older):
        lists[term] += posting
    for table in ("postings", "segments"):
        connection.execute(f"DELETE FROM {table} WHERE {these}")
    rest = iter(batch)
    while some := list(islice(rest, _AT_ONCE)):
        for term, *posting in _tell(connection, some, generation):
            lists[term] += posting
    last = connection.execute("SELECT coalesce(max(segment), 0) FROM segments").fetchone()[0]
    segment = min(joined, default=last + 1)  # a question under way looks there already
    connection.execute("INSERT INTO segments VALUES (?, ?)", (segment, size))
    connection.executemany(
        "INSERT INTO postings (segment, term, docs, weights) VALUES (?, ?, ?, ?)",
        (
            (segment, term, b"".join(found[::2]), b"".join(found[1::2]))
            for term, found in sorted(lists.items())
        ),
    )


def _joined(connection: sqlite3.Connection, size: int) -> tuple[list[int], int]:
    """The last segments that are of the size of what is added, and the size of all that."""
    joined = list[int]()
    rows = connection.execute("SELECT segment, docs FROM segments ORDER BY segment DESC")
    for segment, docs in rows.fetchall():
        if docs >= 2 * size or docs + size > _LARGEST:
            break
        joined.append(segment)
        size += docs
    return joined, size


def _tell(
    connection: sqlite3.Connection, some: list[tuple[Told, bytes]], generation: int
) -> Iterator[tuple[str, bytes, bytes]]:
    """Write all of some papers but their words; gives these as lists."""
    first = connection.execute("SELECT coalesce(max(doc), -1) + 1 FROM docs").fetchone()[0]
    docs, names = list[tuple[Any, ...]](), list[tuple[Any, ...]]()
    counted = _Counted(first)
    for doc, (told, stamp) in enumerate(some, first):
        paper, called = told.paper, list(spelled.names(told.paper))
        docs.append(
            (doc, paper.slug, paper.id, paper.title, paper.year, paper.area, paper.kind)
            + (paper.summary, paper.claim, told.authors, told.abstract, stamp, generation)
        )
        names += [(doc, *name) for name in called]
        counted.add(told, called)
    connection.executemany(
        "INSERT INTO docs (doc, slug, id, title, year, area, kind, summary, claim, authors, "
        f"abstract, stamp, changed) VALUES ({', '.join('?' * 13)})",
        docs,
    )
    connection.executemany("INSERT INTO names (doc, key, kind, name) VALUES (?, ?, ?, ?)", names)
    connection.executemany(
        f"INSERT INTO vectors VALUES ({', '.join('?' * 7)})",
        ((doc, *_vectors_at_hand(told), generation) for doc, (told, _) in enumerate(some, first)),
    )
    return counted.lists()


def fields(told: Told, called: Iterable[str] = ()) -> dict[str, str]:
    """What a paper says, by field."""
    paper = told.paper
    names = dict.fromkeys((paper.slug.replace("_", " "), *called))
    return {
        "name": " ".join(names),
        "title": paper.title,
        "summary": paper.summary,
        "claim": paper.claim,
        "area": f"{paper.area or ''} {paper.kind or ''}",
        "authors": told.authors,
        "abstract": told.abstract,
    }


class _Counted:
    """How much of what it can each word counts for each paper: BM25 over all fields together."""

    def __init__(self, first: int):
        self.first, self.papers = first, 0  # number of the first paper, and how many there are
        self.number = _Numbers()  # of each word, and of each three-letter run
        self.found = list[int]()  # numbers as they stand in the texts
        self.places = list[int]()  # of each text: _KINDS for each paper
        self.weights, self.lengths = list[float](), list[int]()

    def add(self, told: Told, called: list[tuple[str, str, str]]) -> None:
        """Take in what a paper says, and what it may be called with letters wrong."""
        short = [letters for letters, kind, _ in called if kind != "title" and len(letters) < 20]
        for kind, (name, text) in enumerate(fields(told, short).items()):
            words = split(text) if text else ()
            if words:
                weight, usual = FIELDS[name]
                self._take(kind, words, weight / (1 - _EVEN + _EVEN * len(words) / usual))
        misspelt = (k for k, kind, _ in called if spelled.may_be_misspelt(kind, k))
        runs = {"~" + run for letters in misspelt for run in spelled.runs(letters)}
        self._take(_KINDS - 1, runs, 1e9)
        self.papers += 1

    def _take(self, kind: int, words: Collection[str], weight: float) -> None:
        self.found.extend(map(self.number.__getitem__, words))
        self.places.append(_KINDS * self.papers + kind)
        self.weights.append(weight)
        self.lengths.append(len(words))

    def lists(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Each term with its papers and how much it counts for each, of 255; sorted by term."""
        import numpy as np

        led = [(word,) if word[0] == "~" else stems(word) for word in self.number]
        order = sorted(set(chain.from_iterable(led)))
        place = dict(zip(order, range(len(order)), strict=True))
        weight = np.zeros(_KINDS * self.papers)
        weight[self.places] = self.weights
        bits = len(weight).bit_length()
        places = np.array([place[name] for names in led for name in names], np.int64) << bits
        many = np.array([len(names) for names in led])
        first = np.cumsum(many) - many
        found, text = np.array(self.found, np.int32), np.repeat(self.places, self.lengths)
        both = list[np.ndarray]()  # a term's place, then a text's, in one number
        for nth in range(int(many.max())):  # most words lead to one term, some to a few
            if nth:
                more = (many > nth)[found]
                found, text = found[more], text[more]
                both.append(places[first[found] + nth] + text)
            else:
                both.append(places[first][found] + text)
        ordered = np.sort(np.concatenate(both))
        pairs = ordered // _KINDS  # of a term and a paper
        begins = np.flatnonzero(np.diff(pairs, prepend=-1))
        total = np.add.reduceat(weight[ordered & ((1 << bits) - 1)], begins)
        counts = np.maximum(1, np.round(255 * total / (total + _ENOUGH))).astype(np.uint8)
        term, paper = np.divmod(pairs[begins], (1 << bits) // _KINDS)
        numbers = (paper + self.first).astype("<i4")
        ends = np.searchsorted(term, np.arange(len(order)), side="right").tolist()
        start = 0
        for name, end in zip(order, ends, strict=True):
            yield name, numbers[start:end].tobytes(), counts[start:end].tobytes()
            start = end


class _Numbers(dict[str, int]):
    """Numbers what it is asked for, in the order in which it is."""

    def __missing__(self, key: str) -> int:
        number = self[key] = len(self)
        return number


# --- vectors ---


@cache
def at_hand() -> "tuple[dict[bytes, int], np.ndarray, np.ndarray]":
    """The shipped vectors: the row of each passage, the rows, and their scales."""
    import numpy as np

    kept = np.load(meaning.FOLDER / "catalog.npz")
    rows = {key.tobytes(): row for row, key in enumerate(kept["keys"])}
    return rows, kept["vectors"], kept["scales"]


def passage_key(text: str) -> bytes:
    """What the shipped vector of a passage is found by."""
    return sha256(text.encode()).digest()[:8]


def _vectors_at_hand(told: Told) -> tuple[Any, ...]:
    """A row of `vectors` with what is shipped; the rest is for `embed`."""
    if told.paper.slug not in _catalog():
        return False, b"", b"", b"", b""
    rows, small, scales = at_hand()
    texts = passages(told.paper, told.abstract)
    found = [(i, rows.get(passage_key(text))) for i, text in enumerate(texts)]
    have = [(i, row) for i, row in found if row is not None]
    places, chosen = [i for i, _ in have], [row for _, row in have]
    whole = _whole(told.paper, told.abstract, places, small[chosen], scales[chosen])
    packed = bytes(places), small[chosen].tobytes(), scales[chosen].tobytes()
    return len(have) == len(texts), whole, *packed


def _completed(
    doc: int,
    slug: str,
    number: str,
    title: str,
    summary: str,
    claim: str,
    abstract: str,
    places: bytes,
    small: bytes,
    scales: bytes,
) -> tuple[Any, ...]:
    """Vectors of all passages of a paper, of which some are there."""
    import numpy as np

    paper = Paper(id=number, slug=slug, title=title, summary=summary, claim=claim)
    texts = passages(paper, abstract)
    vectors = np.zeros((len(texts), meaning.WIDTH), np.float32)
    have = list(places)
    vectors[have] = restore(small, scales)
    missing = [i for i in range(len(texts)) if i not in set(have)]
    vectors[missing] = meaning.encode([texts[i] for i in missing])
    packed, by = squeeze(vectors)
    everywhere = list(range(len(texts)))
    whole = _whole(paper, abstract, everywhere, packed, by)
    return doc, whole, bytes(everywhere), packed.tobytes(), by.tobytes()


def restore(small: bytes, scales: bytes) -> "np.ndarray":
    """Vectors of passages, (passages, WIDTH), as they are kept."""
    import numpy as np

    rows = np.frombuffer(small, np.int8).reshape(-1, meaning.WIDTH)
    return rows * np.frombuffer(scales, np.float32)[:, None]


def mean(sizes: list[int], places: list[int], vectors: "np.ndarray") -> "np.ndarray":
    """One vector for a paper: title, summary, abstract count alike, the claim half as much.

    `sizes` is how many passages each of these groups has, `places` which ones have a vector.
    """
    import numpy as np

    total = np.zeros(meaning.WIDTH, np.float32)
    group = np.repeat(np.arange(len(sizes)), sizes)[places]
    for number, weight in enumerate((1.0, 1.0, 0.5, 1.0)):
        if (group == number).any():
            one = vectors[group == number].sum(0)
            total += weight * one / np.linalg.norm(one)
    return total / max(float(np.linalg.norm(total)), 1e-12)


def sizes(paper: Paper, abstract: str) -> list[int]:
    """How many passages title, summary, claim and abstract have."""
    return [len(group) for group in _groups(paper, abstract)]


def _whole(
    paper: Paper, abstract: str, places: list[int], small: "np.ndarray", scales: "np.ndarray"
) -> bytes:
    import numpy as np

    if not places:
        return b""
    one = mean(sizes(paper, abstract), places, small * scales[:, None])
    return one.astype(np.float16).tobytes()


# --- reading ---


def _load(connection: sqlite3.Connection, old: Shelf | None) -> Shelf:
    """What is in the file, given what was in memory before."""
    import numpy as np

    generation = int(_known(connection)["generation"])
    if old and old.generation == generation:
        return old
    since = old.generation if old else 0
    connection.execute("BEGIN")  # all that follows is of one moment
    try:
        generation = int(_known(connection)["generation"])
        docs = connection.execute(
            "SELECT doc, slug, year, area, kind, gone FROM docs WHERE changed > ? ORDER BY doc",
            (since,),
        ).fetchall()
        vectors = connection.execute(
            "SELECT doc, complete, whole FROM vectors WHERE changed > ?", (since,)
        ).fetchall()
    finally:
        connection.execute("COMMIT")
    before = len(old.slugs) if old else 0
    many = max(before, docs[-1][0] + 1 if docs else 0)

    def grown(kept: "np.ndarray | None", *shape: int, dtype: type) -> "np.ndarray":
        array = np.zeros((many, *shape), dtype)
        if kept is not None:
            array[:before] = kept
        return array

    slugs = list(old.slugs) if old else []
    labels = {label: i for i, label in enumerate(old.labels if old else (None,))}
    rows = dict(old.rows) if old else {}
    there = grown(old and old.there, dtype=bool)
    years = grown(old and old.years, dtype=np.int32)
    areas = grown(old and old.areas, dtype=np.int32)
    kinds = grown(old and old.kinds, dtype=np.int32)
    coarse = grown(old and old.coarse, COARSE, dtype=np.float32)
    meant = grown(old and old.meant, dtype=bool)
    complete = grown(old and old.complete, dtype=bool)
    slugs += [""] * (many - before)
    for doc, slug, year, area, kind, gone in docs:
        slugs[doc], there[doc], years[doc] = slug, not gone, year or 0
        areas[doc] = labels.setdefault(area, len(labels))
        kinds[doc] = labels.setdefault(kind, len(labels))
        if not gone:
            rows[slug] = doc
        elif rows.get(slug) == doc:
            del rows[slug]
    if vectors:
        numbers = np.array([row[0] for row in vectors])
        have = np.array([bool(row[2]) for row in vectors])
        complete[numbers] = [row[1] for row in vectors]
        meant[numbers] = have
        told = np.frombuffer(b"".join(row[2] for row in vectors), np.float16)
        coarse[numbers[have]] = told.reshape(-1, meaning.WIDTH)[:, :COARSE]
    return Shelf(
        generation=generation,
        slugs=tuple(slugs),
        there=there,
        years=years,
        areas=areas,
        kinds=kinds,
        coarse=coarse,
        meant=meant,
        complete=complete,
        labels=tuple(labels),
        rows=rows,
    )
