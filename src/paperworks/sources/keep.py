"""Keeping what sources list: in one transaction, so that keeping it again changes nothing.

Papers of the shipped catalog stay facts of the catalog; what a user's sources say is kept in
the user's own database only, abstracts included.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any

from paperworks.paper import Paper, same_title, shipped
from paperworks.sources.listed import Day, Listed
from paperworks.sources.shelf import Shelf

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

ARXIV, HF, DOI = "arXiv", "Hugging Face", "DOI"  # as `source` says them; a file says its name
_RANK = {ARXIV: 2, HF: 1, DOI: 1}  # who is believed about a paper; files are at 0
_LISTS = ("authors", "categories")
_PLAIN = ("published", "updated", "doi", "venue", "comment", "license", "code", "page")
_MANY = 500  # values in one question; SQLite takes 999 at least


@dataclass(frozen=True)
class Imported:
    """What one import did. `papers` are different ones; each is `new` or `matched` a known one.

    A change to a paper of old that nobody knows here is `listed` and no paper.
    """

    listed: int
    papers: int
    new: int
    matched: int


@dataclass(frozen=True)
class Kept:
    """What was kept, by slugs, so that several keepings can be counted as one."""

    listed: int = 0
    slugs: frozenset[str] = frozenset()
    new: frozenset[str] = frozenset()

    def __or__(self, other: "Kept") -> "Kept":
        return Kept(self.listed + other.listed, self.slugs | other.slugs, self.new | other.new)

    def counted(self) -> Imported:
        """The numbers of all of it."""
        new = len(self.new)
        return Imported(self.listed, len(self.slugs), new, len(self.slugs) - new)


def keep(connection: "Connection", entries: Iterable[tuple[str, Listed]], now: datetime) -> Kept:
    """Store what sources say of papers, inside the caller's transaction (`store.writing`).

    `entries` are pairs of a source and what it says. An empty field never erases one, nor does
    a source's older word its newer. The first abstract stays, unless the archive that gave it
    gives a newer one.
    """
    from sqlalchemy import insert, update

    from paperworks.store.tables import abstracts, details, listed, papers

    when, entries = now.isoformat(timespec="seconds"), list(entries)
    shelf, before = _shelf(connection, [entry for _, entry in entries])
    placed = [
        (source, entry, shelf.place(entry))
        for source, entry in entries
        if not entry.change or shelf.find(entry)
    ]
    seen = {slug for _, _, slug in placed}
    told = {row["slug"]: row for row in _rows(connection, abstracts, seen)}
    known = {row["slug"]: row for row in _rows(connection, details, seen)}
    days = {_day(row): row for row in _rows(connection, listed, seen)}
    texts, facts, shown = _Changes(told), _Changes(known), _Changes(days)
    for source, entry, slug in placed:
        row = facts.get(slug)
        wins = _wins(source, entry, row)
        text = texts.get(slug)
        standing = source == ARXIV and not entry.withdrawn  # what was taken back replaces nothing
        newer = wins and standing and text.get("source") == ARXIV
        if entry.abstract and (not text or newer) and entry.abstract != text.get("abstract"):
            texts.put(slug, {"abstract": entry.abstract, "source": source, "imported_at": when})
        if wins and standing and row.get("source") == ARXIV:
            shelf.rename(slug, entry.title)
        said = _said(entry, row, wins)
        if source == ARXIV:
            said |= _taken_back(entry, row, when)
        if said:
            blank = {} if row else {name: "[]" for name in _LISTS}
            stamp = {"source": source if wins or not row else row["source"], "fetched_at": when}
            facts.put(slug, blank | said | stamp)
        if entry.day:
            _shown(shown, slug, entry.day, when)
    own = shelf.own()
    new = [_row(own[slug]) | {"added_at": when} for slug in own if slug not in before]
    changed = [own[slug] for slug in own if slug in before and own[slug] != before[slug]]
    if new:
        connection.execute(insert(papers), new)
    for paper in changed:
        rule = update(papers).where(papers.c.slug == paper.slug)
        connection.execute(rule.values(_row(paper)))
    for table, changes in ((abstracts, texts), (details, facts), (listed, shown)):
        changes.write(connection, table)
    return Kept(len(entries), frozenset(seen), frozenset(row["slug"] for row in new))


def _shelf(connection: "Connection", entries: list[Listed]) -> tuple[Shelf, dict[str, Paper]]:
    """The shipped papers, with those of the user's own that the entries may mean; and these."""
    from sqlalchemy import func, select

    from paperworks.store.tables import details, papers

    columns = [papers.c[field.name] for field in fields(Paper)]
    shelf, own = Shelf.of_shipped(), dict[str, Paper]()
    for some in _portions(entry.doi for entry in entries if entry.doi):
        rule = select(details.c.doi, details.c.slug).where(details.c.doi.in_(some))
        shelf.dois |= {doi: slug for doi, slug in connection.execute(rule)}
    asked = [
        (papers.c.slug, set(shelf.dois.values())),
        (papers.c.arxiv, {entry.arxiv for entry in entries if entry.arxiv}),
        (papers.c.title_key, {same_title(entry.title) for entry in entries}),
    ]
    for column, values in asked:
        for some in _portions(values):
            for row in connection.execute(select(*columns).where(column.in_(some))):
                own[row.slug] = Paper(**row._mapping)
    for paper in sorted(own.values(), key=lambda paper: int(paper.id[1:])):
        shelf.put(paper)
    longest = select(func.max(func.length(papers.c.id))).scalar_subquery()
    last = select(func.max(papers.c.id)).where(func.length(papers.c.id) == longest)
    shelf.last = int((connection.scalar(last) or "u0")[1:])
    slug = select(papers.c.slug)
    shelf.taken = lambda name: connection.scalar(slug.where(papers.c.slug == name)) is not None
    return shelf, own


def _row(paper: Paper) -> dict[str, Any]:
    return asdict(paper) | {"title_key": same_title(paper.title)}


def withdraw(connection: "Connection", arxiv: Iterable[str], now: datetime) -> int:
    """Note that the archive no longer has these papers. What was stored of them stays.

    Says how many of them were known.
    """
    from sqlalchemy import select

    from paperworks.store.tables import details, papers

    gone, when = set(arxiv), now.isoformat(timespec="seconds")
    slugs = {paper.slug for paper in shipped() if paper.arxiv in gone}
    for some in _portions(gone):
        slugs |= set(connection.scalars(select(papers.c.slug).where(papers.c.arxiv.in_(some))))
    changes = _Changes({row["slug"]: row for row in _rows(connection, details, slugs)})
    blank = {"authors": "[]", "categories": "[]", "source": ARXIV}
    for slug in slugs:
        row = changes.get(slug) or blank
        if not row.get("withdrawn_at"):
            changes.put(slug, row | {"withdrawn_at": when, "fetched_at": when})
    changes.write(connection, details)
    return len(slugs)


class _Changes:
    """Rows of one table as they were and as they shall be."""

    def __init__(self, rows: dict[Any, dict[str, Any]]) -> None:
        self.before, self.after = rows, dict[Any, dict[str, Any]]()

    def get(self, key: Any) -> dict[str, Any]:
        """The row as it shall be; empty where there is none."""
        return self.after.get(key, self.before.get(key, {}))

    def put(self, key: Any, fields: dict[str, Any]) -> None:
        """Change fields of a row, or begin it."""
        self.after[key] = self.get(key) | fields

    def write(self, connection: "Connection", table: "Table") -> None:
        """Insert the rows that are new, update those that changed."""
        from sqlalchemy import insert, update

        names = [column.name for column in table.primary_key]
        blank = dict.fromkeys(column.name for column in table.c)
        new = [
            blank | dict(zip(names, key if isinstance(key, tuple) else (key,), strict=True)) | row
            for key, row in self.after.items()
            if key not in self.before
        ]
        if new:
            connection.execute(insert(table), new)
        for key, row in self.after.items():
            if key in self.before and row != self.before[key]:
                where = (table.c[name] == row[name] for name in names)
                connection.execute(update(table).where(*where).values(row))


def _day(row: dict[str, Any]) -> tuple[str, str, str]:
    return row["slug"], row["source"], row["date"]


def _rows(
    connection: "Connection", table: "Table", slugs: Iterable[str]
) -> Iterator[dict[str, Any]]:
    """The rows of some papers."""
    from sqlalchemy import select

    for some in _portions(slugs):
        for row in connection.execute(select(table).where(table.c.slug.in_(some))):
            yield dict(row._mapping)


def _portions(values: Iterable[str]) -> Iterator[list[str]]:
    left = iter(sorted(values))
    while some := list(islice(left, _MANY)):
        yield some


def _wins(source: str, entry: Listed, row: dict[str, Any]) -> bool:
    """Whether the source is believed rather than what is stored.

    A source of a higher rank is, and the same source where its word is not older.
    """
    if not row or _RANK.get(source, 0) != _RANK.get(row["source"], 0):
        return not row or _RANK.get(source, 0) > _RANK.get(row["source"], 0)
    stored = (row["updated"] or row["published"] or "")[:10]
    return source == row["source"] and (entry.updated or entry.published or "")[:10] >= stored


def _said(entry: Listed, row: dict[str, Any], wins: bool) -> dict[str, Any]:
    """The fields of `details` that the entry changes."""
    said: dict[str, Any] = {name: getattr(entry, name) for name in _PLAIN}
    for name in _LISTS:
        value = getattr(entry, name)
        said[name] = json.dumps(value, ensure_ascii=False) if value else None
    if row.get("published") and said["published"]:  # a moment says more than its day
        midnight = said["published"].endswith("T00:00:00+00:00")
        if midnight and row["published"][:10] == said["published"][:10]:
            said["published"] = None
    if not any(said.values()):
        return {}
    if not row:
        return said | {name: said[name] or "[]" for name in _LISTS}
    empty = {None, "", "[]"}
    said = {name: v for name, v in said.items() if v and (wins or row[name] in empty)}
    return {name: value for name, value in said.items() if value != row[name]}


def _taken_back(entry: Listed, row: dict[str, Any], when: str) -> dict[str, Any]:
    """When the paper was taken back, where what arXiv says now changes that.

    A day's feed leaves out comments and dates; so only a word with a date takes the mark away.
    """
    if entry.withdrawn:
        return {} if row.get("withdrawn_at") else {"withdrawn_at": when}
    return {"withdrawn_at": None} if row.get("withdrawn_at") and entry.published else {}


def _shown(shown: _Changes, slug: str, day: Day, when: str) -> None:
    """Note that a source listed the paper on a day. A number that is missing erases none."""
    key = (slug, day.source, day.date)
    row = shown.get(key)
    given = {name: getattr(day, name) for name in ("announced", "upvotes", "comments")}
    fields = {name: value for name, value in given.items() if value is not None}
    if not row:
        shown.put(key, given | {"first_seen_at": when, "seen_at": when})
    elif any(row[name] != value for name, value in fields.items()):
        shown.put(key, fields | {"seen_at": when})
