"""What a paper is called, and which papers a query calls, however it spells them.

A name is compared by its letters and digits alone, so that `res net` is `ResNet`. A query is
read in windows of neighbouring words: `resnet 50 weights` holds `resnet`. Windows that no name
equals are compared with names that share most of their three-letter runs: `depth anyting`.
"""

import difflib
import math
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from paperworks.index.papers import names as called
from paperworks.index.words import IDLE, key, parts
from paperworks.paper import Paper

# how sure a name of that kind means the paper
SURE = {"slug": 1.0, "id": 1.0, "arXiv id": 1.0, "title": 1.0, "name": 0.9, "part": 0.6}
ALONE = 2.0  # how fast a name counts less as more of the query is beside it
_LONGEST = 24  # letters of a name that may be misspelt
_WITH_CAPITALS = re.compile(r"(?<![\w+-])[\w+-]*[A-Z][\w+-]*[A-Z0-9+][\w+-]*")
_LIKE = 0.75  # share of letters that a misspelt name has right


class Name(NamedTuple):
    """One name of one paper."""

    key: str
    doc: int
    kind: str
    name: str


def names(paper: Paper) -> Iterator[tuple[str, str, str]]:
    """The key, kind and spelling of each name of a paper; each key once, the surest first."""
    head, colon, _ = paper.title.partition(":")
    slug = paper.slug.split("_")
    told = [("slug", paper.slug), ("id", paper.id), ("arXiv id", paper.arxiv or "")]
    told.append(("title", paper.title))
    told += [("name", head)] * bool(colon and len(head.split()) <= 5)
    told += [("name", name) for name in called(paper)]
    told += [("name", name) for name in _WITH_CAPITALS.findall(head)]
    told += [("part", " ".join(slug[:many])) for many in range(1, len(slug))]
    seen = set[str]()
    for kind, name in told:
        letters = key(name)
        short = len(letters) < 2 or (kind == "part" and (len(letters) < 3 or letters in IDLE))
        if letters not in seen and not short and not (kind == "part" and letters.isdigit()):
            seen.add(letters)
            yield letters, kind, name


def runs(letters: str) -> set[str]:
    """The three-letter runs of a name, its ends marked."""
    ended = f"^{letters}$"
    return {ended[i : i + 3] for i in range(len(ended) - 2)}


def may_be_misspelt(kind: str, letters: str) -> bool:
    """Whether a name is found when some of its letters are wrong."""
    return kind not in ("id", "arXiv id") and 4 <= len(letters) <= _LONGEST


def windows(query: str) -> dict[str, float]:
    """Neighbouring words of a query, joined; and the share of the query's letters they are."""
    words = parts(query)[:24]
    whole = sum(len(word) for word in words if word not in IDLE) or 1
    found = dict[str, float]()
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + 12) + 1):
            if end - start > 1 or words[start] not in IDLE:
                joined = "".join(words[start:end])
                found.setdefault(joined, min(1.0, len(joined) / whole))
    return found


def doubtful(query: str, known: Callable[[str], bool]) -> list[str]:
    """Windows that may hold a misspelt name: those with an unknown word, and short queries."""
    words = parts(query)[:24]
    strange = [not word.isdigit() and not known(word) for word in words]
    found = list[str]()
    for start in range(len(words)):
        for end in range(start + 1, min(len(words), start + 5) + 1):
            joined = "".join(words[start:end])
            whole = end - start == len(words)
            if 4 <= len(joined) <= _LONGEST + 6 and (whole or any(strange[start:end])):
                found.append(joined)
    return list(dict.fromkeys(found))[:40]


def lengths(letters: str) -> tuple[int, int]:
    """How short and how long a name can be that these letters may mean."""
    ratio = 2 / _LIKE - 1  # of two lengths of which the shorter has _LIKE of their mean
    return math.floor(len(letters) / ratio), math.ceil(len(letters) * ratio)


def likeness(one: str, other: str) -> float:
    """From 0 to 1: how sure one spelling is meant by the other; 0 where they are too different."""
    least, most = lengths(one)
    if not least <= len(other) <= most:
        return 0.0  # told before anything is made ready
    matcher = difflib.SequenceMatcher(None, one, other, autojunk=False)
    if matcher.quick_ratio() < _LIKE:
        return 0.0
    same = matcher.ratio()
    return 0.0 if same < _LIKE else (same - 0.6) / 0.4


def strength(
    found: Iterable[tuple[Name, float, float]], common: Callable[[str, int], float]
) -> dict[int, tuple[float, Name, bool]]:
    """For each paper its best name: how sure it is meant, the name, and whether spelled so.

    Takes names with the share of the query they are and how like they are spelled. A name that
    many papers have, or that is a `common` word, says less.
    """
    given = list(found)
    shared = defaultdict[str, int](int)
    for letters in {(name.key, name.doc) for name, _, _ in given}:
        shared[letters[0]] += 1
    best = dict[int, tuple[float, Name, bool]]()
    for name, share, like in given:
        sure = SURE[name.kind] * share**ALONE * like / shared[name.key] ** 0.25
        sure *= common(name.key, shared[name.key]) ** (1 - share)  # alone, even a common word
        if sure > best.get(name.doc, (0.0,))[0]:
            best[name.doc] = sure, name, like == 1.0
    return best
