"""What pages show of papers again and again, kept until something changes.

What the ledger and the catalog say is read once for each state of the store: a page of a busy
server asks for the mark of that state, which one short query answers, and finds the rest here.
"""

import os
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

from markupsafe import Markup
from sqlalchemy import Engine, text

import paperworks
from paperworks.evidence import Trial, Verdict
from paperworks.index import listing
from paperworks.index.answers import Hit, Page, Row
from paperworks.index.claims import claims
from paperworks.index.details import details
from paperworks.index.news import Found, verdicts
from paperworks.index.papers import papers
from paperworks.index.trending import Trend, trending
from paperworks.paper import Paper, shipped_folder
from paperworks.views import html
from paperworks.views.web import words

Mark = tuple[Any, ...]
_LEAVES = 128  # papers of which the page is kept
_MANY = 2000  # lists that one state of the store keeps
_SOURCE = Path(paperworks.__file__).parent
_STATE = text(
    "SELECT (SELECT count(*) FROM trials), (SELECT max(id) FROM trials),"
    " (SELECT max(id) FROM elsewhere), (SELECT max(id) FROM touched)"
)
_VOTES = text("SELECT count(*), max(at) FROM votes")


@dataclass(frozen=True, kw_only=True)
class Item:
    """One paper of a list, as pages show it."""

    row: Row
    summary: str = ""
    why: str = ""  # why it is on this list


class Tally(NamedTuple):
    """Primary claims by verdict."""

    counts: tuple[tuple[str, int], ...]
    total: int

    @property
    def bars(self) -> list[tuple[str, int, int]]:
        """Verdict, start and width of each part of a bar that is `total` wide."""
        starts = [sum(n for _, n in self.counts[:place]) for place in range(len(self.counts))]
        return [(verdict, at, n) for (verdict, n), at in zip(self.counts, starts, strict=True) if n]


@dataclass(frozen=True)
class Stock:
    """Every paper, in one state of the store."""

    mark: Mark
    papers: Mapping[str, Paper]
    rows: Mapping[str, Row]
    _made: dict[str, Any] = field(default_factory=dict, repr=False)

    def items(self, whys: Mapping[str, str] | Iterable[str]) -> list[Item]:
        """Papers by their slugs, each with its reason where there are some."""
        given = whys if isinstance(whys, Mapping) else dict.fromkeys(whys, "")
        return [
            Item(row=self.rows[slug], summary=self.papers[slug].summary, why=why)
            for slug, why in given.items()
            if slug in self.rows
        ]

    def found(self, hits: Iterable[Hit]) -> list[Item]:
        """What a search found."""
        return self.items({hit.slug: hit.why for hit in hits})

    @cached_property
    def tally(self) -> Tally:
        """Primary claims by verdict."""
        primary = Counter(claim.verdict for claim in claims(primary=True))
        counts = tuple((str(verdict), primary[verdict]) for verdict in Verdict)
        return Tally(counts, sum(primary.values()))

    @cached_property
    def controls(self) -> html.Controls | None:
        """How often controls were fooled; None where none has been run."""
        from paperworks.report import controls

        return controls(_controls())

    @cached_property
    def choices(self) -> dict[str, Any]:
        """What filters of a search offer."""

        def named(values: Iterable[str | None]) -> list[tuple[str, str]]:
            counted = Counter(filter(None, values))
            return [
                (name, f"{name.replace('-', ' ')} ({n})") for name, n in sorted(counted.items())
            ]

        years = [row.year for row in self.rows.values() if row.year] or [0]
        return {
            "area": named(row.area for row in self.rows.values()),
            "kind": named(row.kind for row in self.rows.values()),
            "verdict": [(str(verdict), str(verdict)) for verdict in Verdict],
            "years": (min(years), max(years)),
        }

    @cached_property
    def verified(self) -> list[Item]:
        """Papers by their newest verdicts, with what was found last."""
        found = dict[str, list[Found]]()
        for each in verdicts():
            days = found.setdefault(each.paper, [])
            if not days or days[0].on == each.on:
                days.append(each)
        return self.items({slug: words.verdicts(told) for slug, told in found.items()})

    @cached_property
    def newest(self) -> list[Item]:
        """Papers, the youngest first, as far as their arXiv ids and years tell."""
        return self.items(sorted(self.rows, key=self._age, reverse=True))

    def _age(self, slug: str) -> tuple[int, str]:
        row = self.rows[slug]
        arxiv = row.arxiv if row.arxiv and row.arxiv[:4].isdecimal() else ""
        return row.year or 0, arxiv

    def trends(self, engine: Engine, now: datetime) -> tuple[Trend, ...]:
        """Everything that trends, as of this minute: the order changes when something happens."""
        with engine.connect() as connection:
            votes = tuple(connection.execute(_VOTES).one())
        return self.at(now, f"trends by {votes}", lambda: trending(now, len(self.papers)))

    def kept(self, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once in this state of the store."""
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]

    def at(self, now: datetime, name: str, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once a minute in this state of the store."""
        if len(self._made) > _MANY:
            self._made.clear()
        minute, made = self._made.get(name, (None, None))
        if minute != now.replace(second=0, microsecond=0):
            made = make()
            self._made[name] = now.replace(second=0, microsecond=0), made
        return made


def stock(engine: Engine) -> Stock:
    """Every paper, in the present state of the store."""
    return _stock(mark(engine))


def mark(engine: Engine) -> Mark:
    """What is another one when papers, what is said of them, or trials are."""
    with engine.connect() as connection:
        state = tuple(connection.execute(_STATE).one())
    with os.scandir(shipped_folder("ledger")) as there:
        ledger = sum(file.stat().st_mtime_ns for file in there if file.name.endswith(".jsonl"))
    return (str(engine.url), *state, ledger)


@lru_cache(maxsize=2)
def _stock(mark: Mark) -> Stock:
    rows = {row.slug: row for row in listing.listing()}
    return Stock(mark, {paper.slug: paper for paper in papers()}, rows)


def _controls() -> Iterable[Trial]:
    """Controls alone: the other lines of a ledger are longer."""
    for file in sorted(shipped_folder("ledger").glob("*.jsonl")):
        for line in file.read_text(encoding="utf-8").splitlines():
            if '"control": true' in line:
                yield Trial.parse(line)
    for row in listing.select("SELECT line FROM trials WHERE control"):
        yield Trial.parse(row["line"])


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """What the page of one paper shows to everybody."""

    known: Page
    shown: html.Page
    entries: tuple[html.Entry, ...]  # its claims
    others: tuple[html.Entry, ...]  # these on other data, without figures
    marks: Mapping[str, str]  # of their figures
    texts: tuple[tuple[str, int, Markup], ...]  # file, how many lines, the lines
    bibtex: str
    authors: str
    files: tuple[str, ...]  # of the work, and those that its trials used


_leaves = OrderedDict[str, tuple[Mark, tuple[int, ...], Leaf]]()
_lock = Lock()


def leaf(known: Stock, slug: str) -> Leaf:
    """The page of a paper. Raises LookupError for a slug that there is none of."""
    with _lock:
        kept = _leaves.get(slug)
        if kept:
            _leaves.move_to_end(slug)
    if kept and kept[:2] == (known.mark, _stamps(kept[2])):
        return kept[2]
    made = _leaf(slug)
    with _lock:
        _leaves[slug] = (known.mark, _stamps(made), made)
        while len(_leaves) > _LEAVES:
            _leaves.popitem(last=False)
    return made


def _leaf(slug: str) -> Leaf:
    from paperworks import report
    from paperworks.server import figures
    from paperworks.views import bibtex

    known = listing.paper(slug)
    shown = report.page(known)
    told = details(slug)
    authors = ", ".join(told.authors) or shown.authors
    marks = {trial.claim: figures.mark(trial) for trial in shown.trials}
    entries = (
        html.entry(
            trial,
            figures.shown(slug, trial, marks[trial.claim]),
            shown.stale.get(trial.claim),
            trial.claim in shown.mine,
        )
        for trial in shown.trials
    )
    texts = ((name, html.lines(text)) for name, text in shown.texts.items())
    used = {name for trial in shown.trials for name in trial.code}
    used |= {f"works/{name}" for name in shown.texts}
    return Leaf(
        known=known,
        shown=shown,
        entries=tuple(entries),
        others=tuple(html.entry(trial, Markup("")) for trial in shown.elsewhere),
        marks=marks,
        texts=tuple((name, len(ls), _numbered(n, ls)) for n, (name, ls) in enumerate(texts, 1)),
        bibtex=bibtex.entry(known.paper, authors),
        authors=authors,
        files=tuple(str(_SOURCE / name) for name in sorted(used)),
    )


def _numbered(file: int, lines: Sequence[Markup]) -> Markup:
    """The lines of a source, each with an id. They are marked up already: only joined here."""
    told = (f'<code id="f{file}L{n}">{text}</code>' for n, text in enumerate(lines, 1))
    return Markup("".join(told))


def _stamps(leaf: Leaf) -> tuple[int, ...]:
    """When the files behind a page were changed last; 0 for one that is gone."""
    return tuple(map(_changed, leaf.files))


def _changed(file: str) -> int:
    try:
        return os.stat(file).st_mtime_ns
    except FileNotFoundError:
        return 0
