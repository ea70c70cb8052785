"""Search: papers that a query names, whose words it shares, or to which it is close in meaning.

Three numbers from 0 to 1 say how well a paper fits: the share of the query's words that it has,
rare words counting more (BM25 over weighted fields); how sure one of its names is called; and the
cosine between the query's vector and the paper's. Their weighted sum orders all papers that meet
the filters; the best few hundred are ordered again by all that each of them says. How the weights
were chosen is in docs/decisions/search.md.
"""

import sqlite3
from collections.abc import Iterable, KeysView
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from paperworks.index import meaning, spelled
from paperworks.index.answers import Answer, Hit, Status
from paperworks.index.book import (
    _DAMAGED,
    COARSE,
    FIELDS,
    Book,
    Shelf,
    Told,
    fields,
    opened,
    passages,
)
from paperworks.index.filters import mask
from paperworks.index.words import IDLE, key, parts, split, stems
from paperworks.paper import Paper, arxiv_id

if TYPE_CHECKING:
    import numpy as np

WORDS, MEANING, NAME = 0.35, 1.0, 0.7  # what words, meaning and names count
_FEW = 300  # papers ordered by all that they say
_MOST_WORDS = 64
_SURE = 100.0  # what being called by slug, id or title adds: more than all else
_FAR = 0.1  # cosine below which a paper is no answer for its meaning alone,
_NEAR = 0.3  # and above which its nearest sentence is a reason to name
_NAMED = 0.3  # how sure a name must be called to be a reason,
_ENOUGH = 0.6  # and to be the only one
_AT_ONCE = 4  # papers whose vectors a question computes before it is answered


@dataclass(frozen=True)
class Asked:
    """A question as it is looked up."""

    words: tuple[str, ...]  # as they are asked; idle ones left out
    names: str = ""  # where names are looked for
    vector: "np.ndarray | None" = None  # (WIDTH,)
    besides: int | None = None  # the number of a paper that is no answer


def search(query: str, k: int = 10, **filters: Any) -> tuple[Hit, ...]:
    """The k papers that fit best, best first, among those that meet the filters.

    Filters: `area`, `kind`, `verdict`, `works` (whether there is code), and `year`, a number or a
    pair (from, to) of which either may be None. Raises ValueError for a query without a word,
    LookupError for an area, kind or verdict that there is none of.
    """
    return ask(query, k, **filters).hits


def ask(query: str, k: int = 10, *, skip: int = 0, deep: int = 0, **filters: Any) -> Answer:
    """What `search` finds, and what it could look at.

    The k papers after the first `skip`, of so many as are in order: `deep`, if that is more. A
    reason takes longer to give than a place, and is given for those k only.
    """
    if k < 1:
        raise ValueError(f"A search gives at least one paper; k is {k}.")
    words = words_of(query)
    if not words:
        raise ValueError(f"A search needs a word; {query!r} has none.")
    sensible = any(meaning.knows(word) for word in words)
    vector = meaning.encode_query(query.strip()) if sensible else None
    return answer(Asked(words, names=query, vector=vector), k, skip, deep, **filters)


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text that say something; all of them where none does."""
    words = list(dict.fromkeys(split(text)))[:_MOST_WORDS]
    return tuple(word for word in words if word not in IDLE) or tuple(words)


def answer(asked: Asked, k: int, skip: int = 0, deep: int = 0, **filters: Any) -> Answer:
    """The k papers that fit best after the first `skip`, and why each is there."""
    part = slice(skip, skip + k), max(skip + k, deep)
    book = opened()
    try:
        return _answer(book, asked, *part, filters)
    except _DAMAGED as wrong:
        locked = isinstance(wrong, sqlite3.OperationalError) and "locked" in str(wrong)
        if locked or not isinstance(wrong, sqlite3.DatabaseError):
            raise
        book.forget()
        return _answer(book, asked, *part, filters)


def _answer(book: Book, asked: Asked, part: slice, deep: int, filters: dict[str, Any]) -> Answer:
    shelf = current(book)
    allowed = mask(shelf, **filters)
    with book.reading() as connection:
        looked = Looked(connection, shelf, asked)
        order, scores = looked.best(allowed, deep)
        shown = zip(order[part], scores[part], strict=True)
        hits = tuple(looked.hit(doc, score) for doc, score in shown)
    known = status(shelf, asked.vector is not None)
    return Answer(hits=hits, status=known, total=len(order))


def current(book: Book) -> Shelf:
    """The papers as they are now; the vectors of a few new ones are computed at once."""
    import numpy as np

    shelf = book.shelf()
    lacking = int(np.count_nonzero(shelf.there > shelf.complete))
    if 0 < lacking <= _AT_ONCE:
        book.embed()
        shelf = book.shelf()
    return shelf


def status(shelf: Shelf, by_meaning: bool = True) -> Status:
    """What a search can look at."""
    import numpy as np

    papers, whole = len(shelf.rows), int(np.count_nonzero(shelf.there & shelf.complete))
    note = ""
    if not by_meaning:
        note = "No word of this query is a known one: searched by words and names only."
    elif whole < papers:
        note = (
            f"{papers - whole} of {papers} papers are searched by their words alone, or by the "
            "meaning of only a part of their text; `paperworks index` computes the rest."
        )
    return Status(papers=papers, embedded=whole, note=note)


class Looked:
    """What one question finds in the index."""

    def __init__(self, connection: sqlite3.Connection, shelf: Shelf, asked: Asked):
        self.connection, self.shelf, self.asked = connection, shelf, asked
        self.called = dict[int, tuple[float, spelled.Name, bool]]()
        self.near = dict[int, tuple[bytes, "np.ndarray"]]()  # passages' numbers, and cosines
        self._runs = dict[str, "np.ndarray"]()
        self._wanted = dict.fromkeys(self._terms())
        self._asks = _Asks(self._wanted.keys())
        rows = connection.execute("SELECT segment FROM segments").fetchall()
        marks = ", ".join(str(segment) for (segment,) in rows) or "NULL"
        self._lists = f"SELECT docs, weights FROM postings WHERE segment IN ({marks}) AND term = ?"
        self._count = (
            f"SELECT coalesce(sum(length(weights)), 0) FROM postings "
            f"WHERE segment IN ({marks}) AND term = ?"
        )

    def best(self, allowed: "np.ndarray | None", k: int) -> tuple[list[int], list[float]]:
        """The numbers of the k papers that fit best, and how well each does."""
        import numpy as np

        shelf, vector = self.shelf, self.asked.vector
        shared = self.by_words()
        total, worth = WORDS * shared, shared > 0
        for doc, (sure, _, _) in self.called_papers().items():
            total[doc] += NAME * (sure + _SURE * self._is_called(doc))
            worth[doc] = True
        if vector is not None and shelf.meant.any():
            close = shelf.coarse @ vector[:COARSE]
            total += MEANING * close
            if not shelf.meant.all():
                known = close[shelf.meant]
                usual, most = float(known.mean()), float(known.max())
                guess = usual + shared * (most - usual)  # of a paper that has no vector yet
                total += MEANING * np.where(shelf.meant, 0, guess)
            worth |= close > _FAR
        worth &= shelf.there
        if self.asked.besides is not None:
            worth[self.asked.besides] = False
        if allowed is not None:
            worth &= allowed
        some = np.flatnonzero(worth)
        few = max(_FEW, k)
        if len(some) > few:
            some = some[np.argpartition(total[some], -few)[-few:]]
        if vector is not None:
            self._closer(some, total, vector)
        order = some[np.lexsort((some, -total[some]))][:k]
        most = WORDS + NAME + MEANING * (vector is not None)
        scores = np.clip(total[order] / max(most, 1e-9), 0, 0.98)
        named = total[order] >= _SURE / 2
        return order.tolist(), np.where(named, 1.0, scores).tolist()

    def by_words(self) -> "np.ndarray":
        """(docs,) the share of the query's words that each paper has, weighted by rarity."""
        import numpy as np

        many = len(self.shelf.slugs)
        total, whole = np.zeros(many, np.float32), 0.0
        for term in self._wanted:
            found = self.connection.execute(self._lists, (term,)).fetchall()
            if not found:
                continue
            docs = np.frombuffer(b"".join(row[0] for row in found), "<i4").astype(np.intp)
            weights = np.frombuffer(b"".join(row[1] for row in found), np.uint8)
            rare = float(np.log1p((many - len(docs) + 0.5) / (len(docs) + 0.5)))
            total[docs] += weights * np.float32(rare / 255)
            whole += rare
        return total / np.float32(whole) if whole else total

    def _terms(self) -> list[str]:
        words = self.asked.words
        joined = [one + other for one, other in zip(words, words[1:], strict=False)]
        return [term for word in (*words, *joined) for term in stems(word)]

    def _counted(self, term: str) -> int:
        return self.connection.execute(self._count, (term,)).fetchone()[0]

    def called_papers(self) -> dict[int, tuple[float, spelled.Name, bool]]:
        """Papers that the query calls by a name: how sure, the name, and whether spelled so."""
        query = self.asked.names
        if not query:
            return {}
        found = list[tuple[spelled.Name, float, float]]()
        shares = spelled.windows(query)
        shares |= {name: 1.0 for name in (key(query), key(arxiv_id(query.strip()) or "")) if name}
        for letters, share in shares.items():
            found += [(name, share, 1.0) for name in self._named("key = ?", letters)]
        exact = {name.key for name, _, _ in found}
        whole = sum(len(word) for word in parts(query) if word not in IDLE) or 1
        for letters in spelled.doubtful(query, lambda word: self._counted(stems(word)[0]) > 0):
            if letters not in exact:
                share = min(1.0, len(letters) / whole)
                found += [(name, share, like) for name, like in self._alike(letters)]
        unusual = 1 + 0.02 * len(self.shelf.rows)

        def common(letters: str, namesakes: int) -> float:
            uses = self._counted(stems(letters)[0]) if letters.isalpha() else 0
            return 1 / (1 + max(0, uses - namesakes) / unusual)

        self.called = spelled.strength(found, common)
        return self.called

    def _named(self, condition: str, *values: Any) -> list[spelled.Name]:
        rows = self.connection.execute(
            f"SELECT key, doc, kind, name FROM names WHERE {condition}", values
        )
        return [spelled.Name(*row) for row in rows if self.shelf.there[row[1]]]

    def _alike(self, letters: str) -> Iterable[tuple[spelled.Name, float]]:
        """Names spelled nearly so, among the papers that share most three-letter runs."""
        import numpy as np

        runs = spelled.runs(letters)
        lists = [self._having(run) for run in runs]
        docs, counts = np.unique(np.concatenate(lists), return_counts=True)
        enough = counts * 3 >= len(runs)
        docs, counts = docs[enough], counts[enough]
        most_first = np.argsort(-counts, kind="stable")
        marks = ", ".join(map(str, docs[most_first[:40]].tolist())) or "NULL"
        near = f"doc IN ({marks}) AND length(key) BETWEEN ? AND ?"
        for name in self._named(near, *spelled.lengths(letters)):
            like = spelled.likeness(letters, name.key)
            if like and spelled.may_be_misspelt(name.kind, name.key):
                yield name, 0.95 * like

    def _having(self, run: str) -> "np.ndarray":
        """(papers,) the papers with a name that has these three letters."""
        import numpy as np

        if run not in self._runs:
            found = self.connection.execute(self._lists, ("~" + run,)).fetchall()
            self._runs[run] = np.frombuffer(b"".join(row[0] for row in found), "<i4")
        return self._runs[run]

    def _closer(self, some: "np.ndarray", total: "np.ndarray", vector: "np.ndarray") -> None:
        """Order again by whole vectors: half the paper's, half its nearest passage's."""
        import numpy as np

        marks = ",".join(map(str, some.tolist())) or "NULL"
        rows = self.connection.execute(
            "SELECT doc, places, whole, small, scales FROM vectors "
            f"WHERE doc IN ({marks}) AND length(places) > 0"
        ).fetchall()
        if not rows:
            return
        docs = np.array([row[0] for row in rows])
        ends = np.cumsum([len(row[1]) for row in rows])
        small = np.frombuffer(b"".join(row[3] for row in rows), np.int8)
        cosines = small.reshape(-1, meaning.WIDTH).astype(np.float32) @ vector
        cosines *= np.frombuffer(b"".join(row[4] for row in rows), np.float32)
        best = np.maximum.reduceat(cosines, np.append(0, ends[:-1]))
        whole = np.frombuffer(b"".join(row[2] for row in rows), np.float16)
        close = whole.reshape(len(rows), -1).astype(np.float32) @ vector
        total[docs] += MEANING * ((close + best) / 2 - self.shelf.coarse[docs] @ vector[:COARSE])
        for (doc, places, *_), end in zip(rows, ends.tolist(), strict=True):
            self.near[doc] = places, cosines[end - len(places) : end]

    def _nearest(self, doc: int) -> tuple[float, int]:
        """Cosine and number of the passage of a paper that is nearest; 0 where none is known."""
        if doc not in self.near:
            return 0.0, 0
        places, cosines = self.near[doc]
        nearest = int(cosines.argmax())
        return float(cosines[nearest]), places[nearest]

    def _is_called(self, doc: int) -> bool:
        """Whether the whole query is this paper's slug, id, arXiv id or title."""
        if doc not in self.called:
            return False
        sure, name, exact = self.called[doc]
        whole = {key(self.asked.names), key(arxiv_id(self.asked.names.strip()) or "-")}
        return exact and name.kind in ("slug", "id", "arXiv id", "title") and name.key in whole

    def hit(self, doc: int, score: float) -> Hit:
        """A paper, and why it is there."""
        row = self.connection.execute(
            "SELECT slug, id, title, year, area, kind, summary, claim, authors, abstract "
            "FROM docs WHERE doc = ?",
            (doc,),
        ).fetchone()
        slug, number, title, year, area, kind, summary, claim, authors, abstract = row
        paper = Paper(
            id=number,
            slug=slug,
            title=title,
            area=area,
            kind=kind,
            summary=summary,
            claim=claim,
        )
        reasons, by = list[str](), list[str]()
        sure, named = self._why_named(doc)
        if named:
            by.append("name")
            reasons.append(named)
        if sure < _ENOUGH:
            if words := self._shared(Told(paper, abstract, authors)):
                by.append("words")
                reasons.append(words)
            cosine, place = self._nearest(doc)
            if cosine > _NEAR:
                by.append("meaning")
                reasons.append(f"close in meaning: {_cut(passages(paper, abstract)[place])}")
        return Hit(
            slug=slug,
            id=number,
            title=title,
            year=year,
            score=round(score, 4),
            why="; ".join(reasons) or "near the query in meaning",
            by=" and ".join(by) or "meaning",
        )

    def _why_named(self, doc: int) -> tuple[float, str]:
        """How sure a name of the paper is called, and which, where that is sure enough."""
        sure, name, exact = self.called.get(doc, (0.0, None, False))
        if name is None or sure < _NAMED:
            return 0.0, ""
        if self._is_called(doc):
            return 1.0, name.kind
        return (sure, f"name: {name.name}") if exact else (0.0, f"spelled like {name.name}")

    def _shared(self, told: Told) -> str:
        """The two weightiest fields that share words with the query, and which words."""
        said, texts = list[str](), fields(told)
        for name in sorted(texts, key=lambda name: -FIELDS[name][0]):
            shared = list(filter(self._asks.__getitem__, dict.fromkeys(split(texts[name]))))
            if shared:
                said.append(f"{name}: matched {', '.join(map(repr, shared[:4]))}")
            if len(said) == 2:
                break
        return "; ".join(said)


class _Asks(dict[str, bool]):
    """Whether a question has a word that a paper uses, looked at once for each word."""

    def __init__(self, terms: KeysView[str]):
        self.terms = terms

    def __missing__(self, word: str) -> bool:
        asks = self[word] = not self.terms.isdisjoint(stems(word))
        return asks


def _cut(text: str, most: int = 120) -> str:
    """A sentence in quotes, cut at a word."""
    if len(text) > most:
        text = text[:most].rsplit(" ", 1)[0] + " …"
    return f"“{text}”"
