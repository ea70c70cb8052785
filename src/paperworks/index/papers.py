"""Which papers there are, and which one a name means."""

import difflib
import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import takewhile

from paperworks.paper import Paper, arxiv_id, same_title, shipped
from paperworks.store import select

_key = lru_cache(maxsize=10_000)(same_title)
_TOGETHER = 500  # values of one question; SQLite takes 999 at least
_OWN = """
    SELECT id, slug, title, year, arxiv, area, kind, summary, claim, cannot_run
    FROM papers ORDER BY length(id), id
"""


def papers() -> tuple[Paper, ...]:
    """The shipped catalog, then the user's own papers."""
    slugs = {paper.slug for paper in shipped()}
    own = (Paper(**row) for row in select(_OWN))
    return (*shipped(), *(paper for paper in own if paper.slug not in slugs))


def some(slugs: Iterable[str]) -> dict[str, Paper]:
    """The papers of these slugs, by slug; those that there are none of are left out."""
    wanted = dict.fromkeys(slugs)
    found = {slug: _shipped()[slug] for slug in wanted if slug in _shipped()}
    own = [slug for slug in wanted if slug not in found]
    for start in range(0, len(own), _TOGETHER):
        given = {f"s{i}": slug for i, slug in enumerate(own[start : start + _TOGETHER])}
        chosen = f"WHERE slug IN ({', '.join(f':{name}' for name in given)})"
        for row in select(_OWN.replace("ORDER BY", f"{chosen} ORDER BY"), **given):
            found[row["slug"]] = Paper(**row)
    return found


def place(paper: Paper) -> tuple[bool, int, str]:
    """What papers are sorted by, to stand as in `papers`: the catalog, then the user's own."""
    return paper.id.startswith("u"), len(paper.id), paper.id


@cache
def _shipped() -> dict[str, Paper]:
    return {paper.slug: paper for paper in shipped()}


def find(name: str) -> Paper:
    """The paper of that slug, id, arXiv id or address, or title.

    Raises LookupError naming the three nearest, or the papers that share the name.
    """
    everything = papers()
    named = [paper for _, paper in exactly(name, everything)]
    if len(named) == 1:
        return named[0]
    if named:
        slugs = ", ".join(paper.slug for paper in named)
        raise LookupError(f"{name!r} is the title of {len(named)} papers: {slugs}.")
    raise LookupError(f"No paper {name!r}; nearest: {', '.join(_nearest(name, everything))}.")


def exactly(name: str, among: tuple[Paper, ...]) -> list[tuple[str, Paper]]:
    """Papers of which `name` is the slug, else the id, arXiv id or title; and which it is."""
    slug = name.strip().casefold().replace("-", "_")
    asked = {
        "slug": lambda paper: paper.slug == slug,
        "id": lambda paper: paper.id == slug,
        "arXiv id": lambda paper: paper.arxiv and paper.arxiv == number,
        "title": lambda paper: title and _key(paper.title) == title,
    }
    number, title = arxiv_id(name.strip()), _key(name)
    for kind, matches in asked.items():
        if found := [(kind, paper) for paper in among if matches(paper)]:
            return found
    return []


def names(paper: Paper) -> Iterator[str]:
    """What people call it: what stands before the title's colon, capitals in it, its initials."""
    head, colon, _ = paper.title.partition(":")
    if colon:
        yield head
    yield from _WITH_CAPITALS.findall(paper.title)
    words = list(takewhile(lambda word: word.casefold() not in _LINKS, head.split()))
    if all(map(_BEGUN_LARGE.fullmatch, words)):
        initials = "".join(re.findall("[A-Z]", "".join(words)))
        yield from [initials] * (3 <= len(initials) <= 5)


_LINKS = {"for", "with", "from", "by", "via", "using"}
_WITH_CAPITALS = re.compile(r"\b\w*[A-Z]\w*[A-Z0-9]\w*\b")
_BEGUN_LARGE = re.compile(r"[A-Z][a-z]+(-[A-Z][a-z]+)*")


def _nearest(name: str, among: tuple[Paper, ...]) -> list[str]:
    """Slugs of the three papers whose slug or title is most like `name`."""
    wanted = name.strip().casefold()
    matcher = difflib.SequenceMatcher(b=wanted, autojunk=False)

    def likeness(paper: Paper) -> float:
        best = 0.0
        for text in (paper.slug, paper.title.casefold()[: 2 * len(wanted) + 9]):
            matcher.set_seq1(text)
            if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
                best = max(best, matcher.ratio())
        return best

    return [paper.slug for paper in sorted(among, key=likeness, reverse=True)[:3]]
