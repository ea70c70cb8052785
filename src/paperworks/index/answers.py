"""What the index answers: plain data, ready for a page, a terminal or JSON."""

from dataclasses import dataclass
from pathlib import Path

from paperworks.evidence import Trial
from paperworks.paper import Paper


@dataclass(frozen=True, kw_only=True)
class Row:
    """One paper of a list."""

    slug: str
    id: str
    title: str
    year: int | None
    arxiv: str | None
    area: str | None
    kind: str | None
    runnable: bool  # whether an experiment could decide its claim
    works: bool  # whether there is code for it
    verdicts: dict[str, int]  # claims by verdict, each by its newest trial
    withdrawn: bool = False  # by its authors or the archive


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """One trial, and whether the user ran it."""

    trial: Trial
    mine: bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that is known of one paper."""

    paper: Paper
    row: Row
    abstract: str | None  # where one was imported
    work: Path | None  # its code
    builds_upon: tuple[str, ...]  # slugs of the works that its code imports
    built_upon_by: tuple[str, ...]
    evidence: tuple[Evidence, ...]  # oldest first, controls included
    elsewhere: tuple[Trial, ...] = ()  # the newest of each claim on data of one's own; no evidence
    withdrawn_at: str | None = None  # when we saw that its authors or the archive took it back

    @property
    def newest(self) -> tuple[Evidence, ...]:
        """The newest trial of each claim, in the order of the claims; no controls."""
        last = {seen.trial.claim: seen for seen in self.evidence if not seen.trial.control}
        return tuple(last.values())


@dataclass(frozen=True, kw_only=True)
class Hit:
    """One paper that a search found."""

    slug: str
    id: str
    title: str
    year: int | None
    score: float  # from 0 to 1; 1 where the query is one of the paper's names
    why: str
    by: str = "words"  # name, words, meaning, or "words and meaning"


@dataclass(frozen=True, kw_only=True)
class Status:
    """What a search could look at."""

    papers: int  # in the index
    embedded: int  # of these, found by meaning too
    note: str = ""  # a sentence for the reader where meaning is missing or partial


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What was found, and what could be looked at."""

    hits: tuple[Hit, ...]
    status: Status
    total: int  # papers in the order that `hits` is a part of


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a paper stands on the atlas: papers of like meaning are near each other."""

    slug: str
    x: float  # from 0 to 1
    y: float
