"""Papers, searches, claims, models and what is new: everything that one may read."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

from fastapi import Path, Query, Request
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from paperworks.index import claims as stated, feeds
from paperworks.index.answers import Hit, Row
from paperworks.index.claims import Stated
from paperworks.index.feeds import Entry
from paperworks.index.for_you import Pick
from paperworks.index.trending import Trend
from paperworks.server.api import shape
from paperworks.server.api.shape import Answer, Limit, Listed, Offset
from paperworks.server.sessions import Me, Now, Store
from paperworks.server.stock import stock

router = shape.router()

Word = Annotated[str | None, Query(max_length=80)]
Verdict = Literal["holds", "does not hold", "inconclusive"]
Year = Annotated[int | None, Query(ge=1000, le=9999)]


class Filters(BaseModel):
    """Which papers are wanted."""

    area: Word = None
    kind: Word = None
    year: Year = None
    from_year: Year = None
    to_year: Year = None
    verdict: Annotated[Verdict | None, Query(description="With a claim of this verdict.")] = None
    works: Annotated[bool | None, Query(description="With code, or without.")] = None
    model_config = ConfigDict(extra="forbid")

    def wanted(self) -> dict[str, Any]:
        """The conditions as the index takes them. Raises ValueError for two ways to say a year."""
        given = self.model_dump(include={"area", "kind", "verdict", "works"}, exclude_none=True)
        if self.year is not None and (self.from_year is not None or self.to_year is not None):
            raise ValueError("Give year, or from_year and to_year; not both.")
        if self.year is not None:
            return given | {"year": self.year}
        if self.from_year is not None or self.to_year is not None:
            return given | {"year": (self.from_year, self.to_year)}
        return given

    def said(self) -> dict[str, Any]:
        """The conditions as the caller gave them."""
        names = tuple(Filters.model_fields)
        return self.model_dump(include=set(names), exclude_none=True)


class Listing(Filters):
    """What a list of papers takes."""

    runnable: Annotated[bool | None, Query(description="Could a run decide its claim?")] = None
    offset: Offset = 0
    limit: Limit = 50


class Searching(Filters):
    """What a search takes."""

    q: Annotated[str, Query(min_length=1, max_length=250)]
    k: Annotated[int, Query(ge=1, le=100, description="How many at most.")] = 10


class Text(BaseModel):
    """A text that papers shall be like."""

    text: Annotated[str, Field(min_length=1, max_length=10_000)]
    k: Annotated[int, Field(ge=1, le=100)] = 10
    model_config = ConfigDict(extra="forbid")


class Trial(BaseModel):
    """The newest trial of a claim: its rule and every number."""

    claim: str
    says: str
    source: str
    rule: str
    unit: str
    verdict: Verdict
    reason: str
    remark: str | None = Field(description="What we think is the reason; of shipped trials.")
    primary: bool
    rival: bool
    mine: bool = Field(description="Run here, not shipped.")
    amended: str | None
    seeds: list[int]
    treatment: list[float | None]
    baseline: list[float | None]
    null: list[float | None]
    failures: dict[str, str]
    seconds: float
    on: str


class Other(Trial):
    """A claim tried on data of somebody's own: no evidence about the paper."""

    data: dict[str, str] = Field(description="Its name, kind, fingerprint, and what was taken.")


class Paper(BaseModel):
    """Everything known of a paper."""

    id: str
    slug: str
    title: str
    year: int | None
    arxiv: str | None
    area: str | None
    kind: str | None
    summary: str
    claim: str
    cannot_run: str | None
    runnable: bool
    works: bool
    verdicts: dict[str, int]
    abstract: str | None
    authors: list[str] = Field(description="As far as a source was asked; so are the next ones.")
    published: str | None
    updated: str | None
    doi: str | None
    venue: str | None
    comment: str | None
    code: str | None = Field(description="Address of the authors' code.")
    page: str | None = Field(description="Address of the project's page.")
    withdrawn: bool
    withdrawn_at: str | None = Field(description="When it was seen to be withdrawn.")
    builds_upon: list[str]
    built_upon_by: list[str]
    trials: list[Trial]
    elsewhere: list[Other] = Field(description="On other data; no verdict counts these.")


class Model(BaseModel):
    """A network that can be created by name."""

    name: str
    paper: str


class Found(BaseModel):
    """What was found."""

    schema_: Literal["v1"] = Field("v1", alias="schema")
    data: list[Hit]
    filters: dict[str, Any]
    note: str = Field(description="What the search could not look at; empty where nothing.")
    model_config = ConfigDict(populate_by_name=True)


def _told(kind: str) -> dict[int | str, dict[str, Any]]:
    """The description of an answer that is no JSON."""
    return {200: {"content": {kind: {"schema": {"type": "string"}}}, "description": "The text."}}


@router.get("/papers", response_model=Listed[Row])
def list_papers(request: Request, engine: Store, asked: Annotated[Listing, Query()]) -> Any:
    """Papers that meet every condition, in the order of their ids."""
    from paperworks.index.filters import admitted

    slugs = admitted(**asked.wanted())
    found = [
        row
        for row in stock(engine).rows.values()
        if (slugs is None or row.slug in slugs) and asked.runnable in (None, row.runnable)
    ]
    said = asked.said() | {"runnable": asked.runnable}
    return shape.part(request, found, asked.offset, asked.limit, said)


@router.get("/search", response_model=Found)
def search(asked: Annotated[Searching, Query()]) -> Any:
    """Papers by meaning, words and name, best first; each says why it is there."""
    from paperworks.index.search import ask

    answer = ask(asked.q, asked.k, **asked.wanted())
    said = asked.said() | {"q": asked.q, "k": asked.k}
    return _found(answer.hits, said, answer.status.note)


@router.post("/like-text", response_model=Found)
def like_text(asked: Text) -> Any:
    """Papers nearest to a text: an abstract, a paragraph. Keeps nothing."""
    from paperworks.index.similar import like_text

    found = like_text(asked.text, asked.k)
    return _found(found, {"k": asked.k})


@router.get("/papers/{slug}/similar", response_model=Found)
def similar(slug: shape.Name, k: Annotated[int, Query(ge=1, le=50)] = 10) -> Any:
    """Papers nearest to one."""
    from paperworks.index.papers import find
    from paperworks.index.similar import similar

    found = similar(find(slug).slug, k)
    return _found(found, {"k": k})


@router.get("/papers/{slug}/markdown", responses=_told("text/markdown"), response_class=Response)
def markdown(request: Request, slug: shape.Name) -> Response:
    """A paper as markdown."""
    from paperworks.index.listing import paper
    from paperworks.views import markdown

    page = paper(slug)
    text = markdown.paper(page, f"{request.app.state.settings.url}/papers/{page.paper.slug}")
    return Response(text, media_type="text/markdown; charset=utf-8")


@router.get("/papers/{slug}/bibtex", responses=_told("text/plain"), response_class=Response)
def bibtex(slug: shape.Name) -> Response:
    """A paper as a BibTeX entry."""
    from paperworks.index.papers import find
    from paperworks.views import bibtex

    return PlainTextResponse(bibtex.entry(find(slug)) + "\n")


@router.get("/papers/{name:path}", response_model=Answer[Paper])
def paper(name: shape.Name) -> Any:
    """One paper, by slug, id, arXiv id or title."""
    from paperworks.index.details import details
    from paperworks.index.listing import paper
    from paperworks.views.catalog import paper_data

    found = paper(name)
    return shape.one(asdict(details(found.paper.slug)) | paper_data(found))


@router.get("/claims", response_model=Listed[Stated])
def claims(
    request: Request,
    paper: Annotated[str | None, Query(max_length=250)] = None,
    verdict: Verdict | None = None,
    primary: bool | None = None,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Any:
    """Claims, each with the verdict of its newest trial."""
    from paperworks.index.papers import find

    slug = find(paper).slug if paper else None
    found = stated.claims(paper=slug, verdict=verdict, primary=primary)
    said = {"paper": slug, "verdict": verdict, "primary": primary}
    return shape.part(request, found, offset, limit, said)


@router.get("/models", response_model=Listed[Model])
def models(
    request: Request,
    pattern: Annotated[str, Query(max_length=80, description="Such as resnet*.")] = "*",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Any:
    """Networks that `paperworks.create_model` builds, and the paper each is of."""
    from paperworks.zoo import homes, list_models

    found = [{"name": name, "paper": homes()[name]} for name in list_models(pattern)]
    return shape.part(request, found, offset, limit, {"pattern": pattern})


@router.get("/trending", response_model=Listed[Trend])
def trending(request: Request, now: Now, offset: Offset = 0, limit: Limit = 20) -> Any:
    """What trends, with what each score is made of. /trending/formula explains it."""
    from paperworks.index.trending import trending

    found = trending(now, limit + 1, offset=offset)
    return shape.cut(request, found[:limit], offset, limit, offset + len(found))


@router.get("/feeds/{label}", response_model=Listed[Entry])
def feed(
    request: Request,
    label: Annotated[str, Path(max_length=20, description="2026-11-21, 2026-W47, 2026-11.")],
    now: Now,
    sort: feeds.Sort = "new",
    offset: Offset = 0,
    limit: Limit = 50,
) -> Any:
    """What was new on a day, in an ISO week or in a month; `day`, `week`, `month`: the newest."""
    when = feeds.latest(label, now) if label in feeds.KINDS else feeds.period(label)
    found = feeds.feed(when, now, sort=sort, k=limit, offset=offset)
    said = {"period": when.label, "sort": sort}
    return shape.cut(request, found.entries, offset, limit, found.total, said, found.note)


@router.get("/for-you", response_model=Listed[Pick])
def for_you(request: Request, me: Me, limit: Limit = 20) -> Any:
    """Papers like those that the caller voted for or saved, each with the reason."""
    from paperworks.index.for_you import for_you

    found = for_you(me.id, limit)
    return shape.part(request, found, 0, limit)


def _found(hits: Sequence[Hit], filters: dict[str, Any], note: str = "") -> dict[str, Any]:
    return {"schema": "v1", "data": hits, "filters": filters, "note": note}
