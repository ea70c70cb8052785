"""One paper as a source lists it, before anybody knows whether it is known."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from paperworks.paper import arxiv_id, same_title

LONGEST_TITLE = 400  # characters; the longest that we have seen has 176
MOST_AUTHORS = 10_000  # the longest list of authors in print has about 5,200
LONGEST_ADDRESS = 500  # characters
_WITHDRAWN = re.compile(  # where a sentence begins: "an earlier version was withdrawn" says less
    r"""(?:^|[.,;:!?([])\s*(?:
        (?:(?:this|the|our)\s+)?
        (?:paper|article|manuscript|preprint|submission|note|work)\s+
        (?:(?:has\s+been|is|was|is\s+being)\s+)?(?:temporarily\s+)?(?:withdrawn|retracted)\b
      | (?:the\s+)?authors?\s+(?:has|have)\s+(?:withdrawn|retracted)\s+(?:this|the)\b
      | (?:withdrawn|retracted)\b
        (?=\s*(?:$|[.,;:!?)\]]|(?:by|due|because|as|since|for|until|pending)\b))
    )(?!\s+from\s+(?!(?:the\s+)?arxiv))""",
    re.IGNORECASE | re.VERBOSE,
)
_DOI = re.compile(r"(?:^|doi\.org/|doi:\s*)(10\.\d{4,9}/\S+)$", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Day:
    """That a source put a paper before its readers on one day, its own."""

    source: str  # arxiv or hf
    date: str  # YYYY-MM-DD
    announced: str | None = None  # arxiv: new, cross, replace, replace-cross
    upvotes: int | None = None
    comments: int | None = None


@dataclass(frozen=True, kw_only=True)
class Listed:
    """What a source says about a paper. Only the title is always there."""

    title: str
    where: str  # file and line, or address and place
    abstract: str = ""
    year: int | None = None
    arxiv: str | None = None
    area: str | None = None
    kind: str | None = None
    summary: str = ""
    claim: str = ""
    authors: tuple[str, ...] = ()
    published: str | None = None  # ISO 8601 in UTC; midnight where only the day is known
    updated: str | None = None
    categories: tuple[str, ...] = ()  # the primary one first
    doi: str | None = None  # in lower case
    venue: str | None = None
    comment: str | None = None
    license: str | None = None
    code: str | None = None  # http or https
    page: str | None = None  # http or https
    day: Day | None = None
    change: bool = False  # to a paper of old: it does not bring one that nobody knows here

    @classmethod
    def of(cls, where: str, given: dict[str, Any], **known: Any) -> "Listed":
        """From a record's fields; those that say nothing to us are left out.

        `known` are fields of the answer that need no reading. Raises ValueError naming the
        place and the field that is not what it should be.
        """
        texts = ("title", "abstract", "summary", "claim")
        some = ("area", "kind", "venue", "comment", "license")
        said = {name: _text(where, name, given.get(name)) for name in (*texts, *some)}
        if not same_title(said["title"]):
            raise ValueError(f"{where}: a paper needs a title with a letter or a digit in it.")
        if len(said["title"]) > LONGEST_TITLE:
            raise ValueError(f"{where}: a title has at most {LONGEST_TITLE} characters.")
        ids = (given.get(name) for name in ("arxiv", "arxiv_id", "eprint", "doi", "url"))
        published = _moment(where, "published", given.get("published"))
        year = _year(where, given.get("year"))
        return cls(
            where=where,
            year=year or (int(published[:4]) if published else None),
            arxiv=next(filter(None, (arxiv_id(i) for i in ids if isinstance(i, str))), None),
            authors=_list(where, "authors", given.get("authors"))[:MOST_AUTHORS],
            published=published,
            updated=_moment(where, "updated", given.get("updated")),
            categories=_list(where, "categories", given.get("categories")),
            doi=doi(given.get("doi")),
            code=_address(given.get("code")),
            page=_address(given.get("page")),
            **{name: said[name] for name in texts},
            **{name: said[name] or None for name in some},
            **known,
        )

    @property
    def withdrawn(self) -> bool:
        """Whether the authors' words, or arXiv's in their place, say that it was taken back.

        Its record stays: the comment says why; of old ones the abstract does, in its first words.
        """
        return bool(_WITHDRAWN.match(self.abstract) or _WITHDRAWN.search(self.comment or ""))


def doi(text: Any) -> str | None:
    """The DOI in an id or address such as `https://doi.org/10.1000/xyz`, in lower case."""
    found = _DOI.search(text.strip()) if isinstance(text, str) else None
    return found[1].lower() if found else None


def _text(where: str, name: str, value: Any) -> str:
    """One line, whatever white space there was."""
    if not isinstance(value, str | None):
        raise ValueError(f"{where}: {name!r} is text; not {value!r:.40}.")
    line = " ".join((value or "").split())
    for letter in line:
        if unicodedata.category(letter) in ("Cc", "Cs"):  # no database or terminal takes these
            raise ValueError(f"{where}: {name!r} has the control character {letter!r}.")
    return line


def _list(where: str, name: str, value: Any) -> tuple[str, ...]:
    """A list of texts, or one text with commas, semicolons or `and` between them."""
    if isinstance(value, str):
        value = re.split(r"[,;]\s*(?:and\s+)?|\s+and\s+", value)
    if not isinstance(value, list | tuple | None):
        raise ValueError(f"{where}: {name!r} is a list of texts; not {value!r:.40}.")
    found = (_text(where, name, each) for each in value or ())
    return tuple(dict.fromkeys(filter(None, found)))


def _year(where: str, value: Any) -> int | None:
    if value in (None, ""):
        return None
    if isinstance(value, bool) or not str(value).strip().isdecimal() or len(str(value)) != 4:
        raise ValueError(f"{where}: a year has four digits; not {value!r:.40}.")
    return int(value)


def _moment(where: str, name: str, value: Any) -> str | None:
    """A day or a moment in UTC, to the second."""
    if value in (None, ""):
        return None
    try:
        moment = datetime.fromisoformat(value.strip())
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):
        example = date(2026, 1, 31).isoformat()
        raise ValueError(
            f"{where}: {name!r} is a day such as {example}; not {value!r:.40}."
        ) from None
    return moment.isoformat(timespec="seconds")


def _address(value: Any) -> str | None:
    """An address that may stand in a link; nothing for any other."""
    if not isinstance(value, str) or not value.isprintable() or len(value) > LONGEST_ADDRESS:
        return None
    try:
        parts = urlsplit(value.strip())
    except ValueError:
        return None
    fit = parts.scheme in ("http", "https") and parts.hostname and " " not in value.strip()
    return value.strip() if fit else None
