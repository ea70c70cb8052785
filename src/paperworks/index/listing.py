"""Answers to `list` and `show`: papers, and what was measured about them."""

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from typing import Any

from paperworks import evidence
from paperworks.evidence import Trial, Verdict
from paperworks.index.answers import Evidence, Page, Row
from paperworks.index.papers import find, papers
from paperworks.paper import Paper, shipped_folder, works
from paperworks.store import select

_WORKS = Path(__file__).parents[1] / "works"


def listing(
    *,
    area: str | None = None,
    kind: str | None = None,
    year: int | None = None,
    works: bool | None = None,
    runnable: bool | None = None,
    verdict: str | None = None,
) -> tuple[Row, ...]:
    """The papers that meet every condition given, in the order of their ids.

    `verdict` asks for papers with a claim of that verdict. Raises LookupError for an area, kind
    or verdict that there is none of, naming those that there are.
    """
    everything = papers()
    for name, value, known in (
        ("area", area, {paper.area for paper in everything}),
        ("kind", kind, {paper.kind for paper in everything}),
        ("verdict", verdict, set(Verdict)),
    ):
        if value is not None and value not in known:
            there = ", ".join(sorted(filter(None, known)))
            raise LookupError(f"No {name} {value!r}; there are: {there}.")
    wanted = {"area": area, "kind": kind, "year": year, "works": works, "runnable": runnable}
    given = {name: value for name, value in wanted.items() if value is not None}
    verdicts, gone = _verdicts(), _withdrawn()
    rows = (_row(paper, verdicts[paper.slug], paper.slug in gone) for paper in everything)
    return tuple(
        row
        for row in rows
        if all(getattr(row, name) == value for name, value in given.items())
        and (verdict is None or row.verdicts[verdict])
    )


def paper(name: str) -> Page:
    """Everything about one paper. Raises LookupError as `find` does."""
    paper = find(name)
    told = select("SELECT abstract FROM abstracts WHERE slug = :slug", slug=paper.slug)
    own = select("SELECT line FROM trials WHERE paper = :paper ORDER BY id", paper=paper.slug)
    newer = sorted(works()) if paper.slug in works() else ()
    by = (work for work in newer if paper.slug in _imported(work, paper.slug))
    other = select("SELECT line FROM elsewhere WHERE paper = :paper ORDER BY id", paper=paper.slug)
    lines, elsewhere = ([row["line"] for row in rows] for rows in (own, other))
    gone = select("SELECT withdrawn_at FROM details WHERE slug = :slug", slug=paper.slug)
    when = gone[0]["withdrawn_at"] if gone else None
    return _page(paper, told[0]["abstract"] if told else None, lines, by, elsewhere, when)


def everything() -> Iterator[Page]:
    """Every paper as `paper` gives it, for the price of four queries."""
    abstracts = {
        row["slug"]: row["abstract"] for row in select("SELECT slug, abstract FROM abstracts")
    }
    own, elsewhere = defaultdict[str, list[str]](list), defaultdict[str, list[str]](list)
    for row in select("SELECT paper, line FROM trials ORDER BY id"):
        own[row["paper"]].append(row["line"])
    for row in select("SELECT paper, line FROM elsewhere ORDER BY id"):
        elsewhere[row["paper"]].append(row["line"])
    upon, gone = {work: _imported(work) for work in sorted(works())}, _withdrawn()
    for paper in papers():
        slug = paper.slug
        by = (work for work, older in upon.items() if slug in older)
        yield _page(paper, abstracts.get(slug), own[slug], by, elsewhere[slug], gone.get(slug))


def _page(
    paper: Paper,
    abstract: str | None,
    own: Iterable[str],
    by: Iterable[str],
    elsewhere: Iterable[str],
    withdrawn_at: str | None,
) -> Page:
    """A paper's page, from the ledger lines of the user's own trials among others."""
    seen = [Evidence(trial=trial, mine=False) for trial in evidence.shipped(paper.slug)]
    seen += [Evidence(trial=Trial.parse(line), mine=True) for line in own]
    seen.sort(key=lambda each: each.trial.on)
    last = {each.trial.claim: each.trial.verdict for each in seen if not each.trial.control}
    other = {(one.claim, one.data.get("fingerprint")): one for one in map(Trial.parse, elsewhere)}
    pages = [_WORKS / f"{paper.slug}.py", _WORKS / paper.slug / "__init__.py"]
    return Page(
        paper=paper,
        row=_row(paper, last, bool(withdrawn_at)),
        abstract=abstract,
        work=next((page for page in pages if page.exists()), None),
        builds_upon=_imported(paper.slug),
        built_upon_by=tuple(by),
        evidence=tuple(seen),
        elsewhere=tuple(other.values()),
        withdrawn_at=withdrawn_at,
    )


def _withdrawn() -> dict[str, str]:
    """When papers were seen to be withdrawn, by slug."""
    asked = "SELECT slug, withdrawn_at FROM details WHERE withdrawn_at IS NOT NULL"
    return {row["slug"]: row["withdrawn_at"] for row in select(asked)}


def _row(paper: Paper, verdicts: dict[str, Verdict], withdrawn: bool) -> Row:
    counted = Counter(verdicts.values())
    return Row(
        slug=paper.slug,
        id=paper.id,
        title=paper.title,
        year=paper.year,
        arxiv=paper.arxiv,
        area=paper.area,
        kind=paper.kind,
        runnable=paper.runnable,
        works=paper.has_work,
        verdicts={str(verdict): counted[verdict] for verdict in Verdict},
        withdrawn=withdrawn,
    )


def briefs() -> Iterator[dict[str, Any]]:
    """Every trial of a claim, the shipped ones first, as its ledger line says it.

    Without curves and pictures, and without controls.
    """
    own = (_brief(row["line"]) for row in select("SELECT line FROM trials ORDER BY id"))
    for trial in chain(_shipped(), own):
        if not trial.get("control"):
            yield trial


def with_verdict(verdict: str) -> frozenset[str]:
    """Slugs of the papers with a claim of that verdict."""
    return frozenset(slug for slug, claims in _verdicts().items() if verdict in claims.values())


def _verdicts() -> defaultdict[str, dict[str, Verdict]]:
    """The verdict of the newest trial of every claim, by paper and claim."""
    newest = defaultdict[str, dict[str, Verdict]](dict)
    dates = dict[tuple[str, str], str]()
    for trial in briefs():
        name = trial["paper"], trial["claim"]
        if trial.get("on", "") >= dates.get(name, ""):
            dates[name] = trial.get("on", "")
            newest[trial["paper"]][trial["claim"]] = Verdict(trial["verdict"])
    return newest


def _brief(line: str) -> dict[str, Any]:
    """A ledger line without its curves and pictures: they are nearly all of it.

    Strings of JSON have no bare quotes, so these keys cannot be part of one.
    """
    head, bulky, rest = line.partition(', "curves": {')
    end = rest.rfind(', "code": {')
    return json.loads(head + rest[end:] if bulky and end >= 0 else line)


def _shipped() -> Iterator[dict[str, Any]]:
    """The trials of the shipped ledger, read again only from files that changed."""
    for file in sorted(shipped_folder("ledger").glob("*.jsonl")):
        seen = file.stat()
        yield from _read(file, seen.st_mtime_ns, seen.st_size)


@lru_cache(maxsize=2000)
def _read(file: Path, _changed: int, _size: int) -> tuple[dict[str, Any], ...]:
    return tuple(map(_brief, file.read_text(encoding="utf-8").splitlines()))


@lru_cache(maxsize=4000)
def _text(file: Path, _changed: int) -> str:
    return file.read_text(encoding="utf-8")


def _imported(slug: str, mentioned: str = "") -> tuple[str, ...]:
    """The works that a work imports, in their order. Nothing where no file has a word."""
    files = _files(_WORKS, slug)
    stamps = tuple(os.stat(file).st_mtime_ns for file in files)
    if not any(mentioned in _text(*seen) for seen in zip(files, stamps, strict=True)):
        return ()
    return tuple(name for name in _imports(files, stamps) if name in works() and name != slug)


@cache
def _files(folder: Path, slug: str) -> tuple[Path, ...]:
    """The files of a work, as they are called while this process runs."""
    alone = folder / f"{slug}.py"
    return (*([alone] if alone.exists() else []), *sorted((folder / slug).rglob("*.py")))


@lru_cache(maxsize=2000)
def _imports(files: tuple[Path, ...], _changed: tuple[int, ...]) -> tuple[str, ...]:
    """The works that files import, read once for each state of the files."""
    modules = (name.split(".") for file in files for name in evidence.modules(file))
    found = dict.fromkeys(part[2] for part in modules if part[1] == "works" and len(part) > 2)
    return tuple(found)
