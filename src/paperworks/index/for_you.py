"""For you: papers like those that a person voted for or saved, each with the reason.

A ridge regression tells what a person liked from everything else, both sides weighing the same,
on the words of title, summary, claim and abstract and on the search's vectors of meaning;
nearness to the most similar liked papers is added. Every score is a sum over liked
papers and over words, and the largest of these are the reason. docs/decisions/for_you.md says
why it is this and no other.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from paperworks.index.book import Shelf, opened
from paperworks.index.papers import papers
from paperworks.index.search import current
from paperworks.index.wording import Rows, Wording
from paperworks.paper import Paper
from paperworks.store import select

MOST_LIKES = 300  # the newest ones
RIDGE = 0.01
NEARNESS = 0.5  # weight of nearness beside the regression, both in standard deviations
_SHARPNESS = 10.0  # of nearness: how much the most similar liked paper counts before the others
_OTHERS = 2000  # papers that stand for all those that were not liked
_LIKES = """
    SELECT paper, at, 'voted for' AS how FROM votes WHERE person = :person
    UNION ALL SELECT paper, at, 'saved' AS how FROM saves WHERE person = :person
    ORDER BY at DESC, paper
"""
_ABSTRACTS = "SELECT slug, abstract FROM abstracts"
_WORDING = Wording()
_LOCK = Lock()  # one vocabulary serves all threads
_KEPT: tuple[Shelf, tuple[Paper, ...], "Features"] | None = None


@dataclass(frozen=True, kw_only=True)
class Because:
    """A liked paper that speaks for another one, and its share among all that do."""

    slug: str
    title: str
    how: str  # voted for, saved
    share: float  # from 0 to 1


@dataclass(frozen=True, kw_only=True)
class Pick:
    """A paper for a person, and why."""

    slug: str
    id: str
    title: str
    year: int | None
    score: float  # comparable within one answer only
    why: str
    because: tuple[Because, ...]  # at most two
    words: tuple[str, ...]  # at most four that it shares with liked papers


@dataclass(frozen=True)
class Features:
    """n papers by their words and, unless that is None, by d numbers of meaning each."""

    words: Rows
    meaning: NDArray[np.floating] | None  # n by d, rows of length 1

    def times(self, words: NDArray[np.float64], meaning: NDArray[np.float64]) -> NDArray:
        """The n products with a weight a word and one a number of meaning."""
        told = self.words.times(words)
        return told if self.meaning is None else told + self.meaning @ meaning

    def transposed_times(self, of: NDArray[np.float64]) -> tuple[NDArray, NDArray]:
        """The weights that are the sum of all papers' features, each times its number in `of`."""
        meaning = np.zeros(0) if self.meaning is None else self.meaning.T @ of
        return self.words.transposed_times(of), meaning

    def take(self, which: NDArray[np.int64]) -> "Features":
        """These papers alone."""
        meaning = None if self.meaning is None else self.meaning[which]
        return Features(self.words.take(which), meaning)


def for_you(
    person: int, k: int = 20, *, offset: int = 0, among: Iterable[str] | None = None
) -> tuple[Pick, ...]:
    """The papers that a person (by number) is most likely to like, best first.

    Those that they voted for or saved are left out. Nothing where there are none of these yet.
    `among` asks of these papers only.
    """
    return like(liked(person), k, offset=offset, among=among)


def liked(person: int) -> dict[str, str]:
    """The papers that a person voted for or saved, newest first, and which of it they did."""
    how = dict[str, str]()
    for row in select(_LIKES, person=person):
        how.setdefault(row["paper"], row["how"])
    return how


def like(
    liked: dict[str, str], k: int = 20, *, offset: int = 0, among: Iterable[str] | None = None
) -> tuple[Pick, ...]:
    """As `for_you`, from slugs, newest first, and how each was liked. Unknown ones are left out."""
    everything, features = _everything()
    places = {paper.slug: place for place, paper in enumerate(everything)}
    likes = [places[slug] for slug in liked if slug in places][:MOST_LIKES]
    if not likes or k < 1:
        return ()
    score, speaks = scores(features, np.array(likes))
    wanted = places.keys() if among is None else set(among) & places.keys()
    left = [places[slug] for slug in wanted - liked.keys()]
    left.sort(key=lambda place: (-score[place], place))
    told = [(everything[place], liked[everything[place].slug]) for place in likes]
    chosen = left[max(offset, 0) :][:k]
    return tuple(_pick(everything[i], i, score[i], features, likes, speaks, told) for i in chosen)


def scores(
    features: Features, likes: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A score for each of n papers, and how much each of the likes speaks for its likes."""
    n = len(features.words.starts) - 1
    sample = np.setdiff1d(np.linspace(0, n - 1, min(n, _OTHERS), dtype=np.int64), likes)
    chosen = np.concatenate([likes, sample])
    target = np.where(np.arange(len(chosen)) < len(likes), 1.0, -1.0)
    share = np.where(target > 0, 0.5 / len(likes), 0.5 / max(len(sample), 1))
    pull = _ridge(features.take(chosen), target, share)
    weights = features.take(chosen).transposed_times(pull)
    score = _standard(features.times(*weights) + pull.sum())
    if features.meaning is not None:
        near = features.meaning @ features.meaning[likes].T
        score += NEARNESS * _standard(np.log(np.exp(_SHARPNESS * near).mean(axis=1)))
    return score, pull[: len(likes)]


def _ridge(features: Features, target: NDArray, share: NDArray) -> NDArray[np.float64]:
    """What each example pulls: weighted ridge regression in its dual form, by conjugate gradients.

    Minimizes sum(share * (score - target)**2) + RIDGE * |weights|**2; the score of a paper is the
    sum over examples of pull * (1 + its features . theirs).
    """
    root = np.sqrt(share)

    def system(of: NDArray) -> NDArray:
        scaled = root * of
        products = features.times(*features.transposed_times(scaled)) + scaled.sum()
        return root * products + RIDGE * of

    solved = np.zeros_like(target)
    rest = root * target
    ahead, left = rest.copy(), float(rest @ rest)
    enough = 1e-10 * left
    for _ in range(200):
        if left <= enough:
            break
        through = system(ahead)
        step = left / float(ahead @ through)
        solved += step * ahead
        rest -= step * through
        before, left = left, float(rest @ rest)
        ahead = rest + left / before * ahead
    return root * solved


def _standard(values: NDArray) -> NDArray:
    return (values - values.mean()) / max(float(values.std()), 1e-12)


def _pick(
    paper: Paper,
    place: int,
    score: float,
    features: Features,
    likes: Sequence[int],
    pull: NDArray[np.float64],
    told: Sequence[tuple[Paper, str]],
) -> Pick:
    """A paper with what speaks for it."""
    mine = features.words.row(place)
    spoken, shared = [], dict[int, float]()
    for like, strength in zip(likes, pull.tolist(), strict=True):
        theirs = features.words.row(like)
        common = {word: mine[word] * theirs[word] for word in mine.keys() & theirs.keys()}
        for word, product in common.items():
            shared[word] = shared.get(word, 0.0) + max(strength, 0.0) * product
        near = 0.0 if features.meaning is None else features.meaning[place] @ features.meaning[like]
        spoken.append(max(strength, 0.0) * max(sum(common.values()) + float(near), 0.0))
    total, spelled = sum(spoken) or 1.0, features.words.spelled
    order = sorted(range(len(likes)), key=lambda i: (-spoken[i], i))[:2]
    because = tuple(
        Because(slug=who.slug, title=who.title, how=how, share=round(spoken[i] / total, 3))
        for i in order
        for who, how in [told[i]]
        if spoken[i] > 0
    )
    words = tuple(spelled[word] for word in _telling(shared, spelled))
    return Pick(
        slug=paper.slug,
        id=paper.id,
        title=paper.title,
        year=paper.year,
        score=round(float(score), 4),
        why=_why(because, words),
        because=because,
        words=words,
    )


def _telling(shared: dict[int, float], spelled: Sequence[str]) -> list[int]:
    """The four words that count most; none that is part of another one of them."""
    chosen = list[int]()
    for word in sorted(shared, key=lambda word: (-shared[word], word)):
        parts = set(spelled[word].split())
        if all(not parts & set(spelled[other].split()) for other in chosen):
            chosen.append(word)
        if len(chosen) == 4:
            break
    return chosen


def _why(because: Sequence[Because], words: Sequence[str]) -> str:
    """The reason in a sentence."""
    liked = " and ".join(f"{each.title} ({each.how})" for each in because)
    said = f"Like {liked}" if liked else "The nearest to what you like"
    return f"{said}: {', '.join(words)}." if words else f"{said}."


def _everything() -> tuple[tuple[Paper, ...], Features]:
    """All papers, in the order of their ids, and their features; kept while they stay the same."""
    global _KEPT
    shelf = current(opened())
    with _LOCK:
        if _KEPT is None or _KEPT[0] is not shelf:
            everything = papers()
            told = {row["slug"]: row["abstract"] for row in select(_ABSTRACTS)}
            texts = {paper.slug: text(paper, told.get(paper.slug, "")) for paper in everything}
            _KEPT = shelf, everything, Features(_WORDING.rows(texts), _meaning(everything, shelf))
        return _KEPT[1:]


def _meaning(everything: Sequence[Paper], shelf: Shelf) -> NDArray[np.floating]:
    """The papers' vectors, of length 1; of length 0 where one is not computed yet."""
    vectors = np.zeros((len(everything), shelf.coarse.shape[1]), np.float32)
    known = [(i, shelf.rows[p.slug]) for i, p in enumerate(everything) if p.slug in shelf.rows]
    if known:
        places, docs = np.array(known).T
        vectors[places] = shelf.coarse[docs] * shelf.meant[docs, None]
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def text(paper: Paper, abstract: str = "") -> str:
    """What is read of a paper."""
    return " ".join(filter(None, (paper.title, paper.summary, paper.claim, abstract)))
