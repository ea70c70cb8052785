"""Pages for people: the front page, searching, lists, a paper, and what explains them.

A page is a route of `router`, a line in `access.ACCESS`, and a template in views/web/templates:

    @router.get("/papers/{slug}")
    def paper(request: Request, slug: str, who: Anybody, engine: Store, now: Now) -> Response:
        return page(request, "paper.html.j2", paper=…)

`Me` is the person who calls (401 for nobody), `Anybody` the person or None, `Store` the engine,
`Now` the time. Errors: `raise HTTPException(404, "sentence")`; a LookupError becomes a 404, a
ValueError a 400. State changes on POST alone, and answers with `back(request, "/where")`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response

from paperworks.evidence import LOOKS
from paperworks.index.networks import of_paper
from paperworks.people import collections, opinions
from paperworks.server.html import back, page
from paperworks.server.sessions import Anybody, Me, Now, Store
from paperworks.server.stock import Item, Stock, leaf, stock
from paperworks.views import spell
from paperworks.views.web import words

router = APIRouter(include_in_schema=False)

EACH = 25  # papers on a page of a list
DEEP = 200  # results of a search that one can page through
EXAMPLES = (
    "deep networks without normalisation",
    "depth from a single photo",
    "ResNet",
    "learning without labels",
    "infinitely wide networks",
)
TABS = (
    ("/trending", "Trending"),
    ("/new", "New"),
    ("/verified", "Latest verdicts"),
    ("/for-you", "For you"),
)
Offset = Annotated[int, Query(ge=0, le=1_000_000)]
Short = Annotated[str, Query(max_length=80)]


# --- the front page ---


@router.get("/")
def home(request: Request, who: Anybody, engine: Store, now: Now) -> Response:
    """The front page: searching, what trends, what is new, what was found."""
    known = stock(engine)
    return page(
        request,
        "home.html.j2",
        total=len(known.rows),
        examples=EXAMPLES,
        tally=known.tally,
        fooled=_fooled(known),
        trending=_trends(known, engine, now)[:6],
        mine=_for_you(who, known, now, 6),
        verified=known.verified[:5],
        fresh=_fresh(known, now)[:5],
    )


def _fooled(known: Stock) -> str:
    """How often controls were fooled, in a sentence."""
    return spell.rate(*known.controls) if known.controls else "No controls have been run yet."


def _trends(known: Stock, engine: Any, now: Any) -> list[Item]:
    return known.items({found.slug: words.trend(found) for found in known.trends(engine, now)})


def _fresh(known: Stock, now: Any) -> list[Item]:
    """What came in of late; where nothing did, the youngest papers of the catalog."""
    from paperworks.index import feeds

    def made() -> feeds.Feed:
        what = ("added", "published", "listed")
        return feeds.feed(feeds.latest("month", now), now, what=what, k=feeds.MOST)

    found = known.at(now, "fresh", made)
    whys = {entry.slug: words.happened(entry.what, entry.day) for entry in found.entries}
    return known.items(whys) or known.newest


def _for_you(who: Any, known: Stock, now: Any, k: int = 4 * EACH) -> list[Item]:
    """What a person may like, by what they liked; nothing for those who said nothing."""
    if who is None:
        return []
    from paperworks.index.for_you import like, liked

    told = liked(who.id)
    name = f"{k} for {who.id} by {hash(tuple(told.items()))}"
    picks = known.at(now, name, lambda: like(told, k))
    return known.items({pick.slug: pick.why for pick in picks})


# --- searching and lists ---


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A search as its form has it."""

    q: str = ""
    area: str = ""
    kind: str = ""
    verdict: str = ""
    works: str = ""
    first: int | None = None
    last: int | None = None

    @property
    def fields(self) -> list[tuple[str, str]]:
        """What is set, by the names of the form's fields."""
        given = {
            "q": self.q,
            "area": self.area,
            "kind": self.kind,
            "verdict": self.verdict,
            "works": self.works,
            "from": self.first,
            "to": self.last,
        }
        return [(name, str(value)) for name, value in given.items() if value]

    @property
    def any(self) -> bool:
        """Whether anything is asked."""
        return bool(self.fields)

    @property
    def address(self) -> str:
        """Where it is answered."""
        return f"/search?{urlencode(self.fields)}" if self.fields else "/search"

    @property
    def name(self) -> str:
        """What one might call it."""
        rest = [str(value).replace("-", " ") for name, value in self.fields if name != "q"]
        return ", ".join(filter(None, [self.q, *rest]))[:80]

    def filters(self) -> dict[str, Any]:
        """What the index takes."""
        years = (self.first, self.last)
        given = {
            "area": self.area or None,
            "kind": self.kind or None,
            "verdict": self.verdict or None,
            "works": {"yes": True, "no": False}.get(self.works),
            "year": years if any(years) else None,
        }
        return {name: value for name, value in given.items() if value is not None}


@router.get("/search")
def search(
    request: Request,
    engine: Store,
    q: Annotated[str, Query(max_length=250)] = "",
    area: Short = "",
    kind: Short = "",
    verdict: Short = "",
    works: Short = "",
    first: Annotated[str, Query(alias="from", max_length=4)] = "",
    last: Annotated[str, Query(alias="to", max_length=4)] = "",
    offset: Offset = 0,
) -> Response:
    """Papers that a search finds; all that fit the filters where it has no words."""
    asked = Asked(
        q=" ".join(q.split()),
        area=area,
        kind=kind,
        verdict=verdict,
        works=works,
        first=_year(first),
        last=_year(last),
    )
    known = stock(engine)
    shown, total, note = _found(known, asked, offset)
    return page(
        request,
        "search.html.j2",
        asked=asked,
        choices=known.choices,
        found=shown,
        note=note,
        summary=_summary(asked, total, len(known.rows)),
        pages=_turning(total, offset, asked.address),
    )


@router.get("/like")
def like(request: Request) -> Response:
    """Where a text is given, to find papers like it."""
    return page(request, "like.html.j2", text="", found=None)


@router.post("/like")
def like_text(
    request: Request, engine: Store, text: Annotated[str, Form(max_length=10_000)] = ""
) -> Response:
    """Papers like a text. Posted, since texts are longer than addresses; it changes nothing."""
    from paperworks.index.similar import like_text

    found = stock(engine).found(like_text(text, EACH))
    return page(request, "like.html.j2", text=text, found=found)


def _found(known: Stock, asked: Asked, offset: int) -> tuple[list[Item], int, str]:
    """What a page shows from `offset` on, how many there are in all, and what to say of it."""
    from paperworks.index.filters import admitted
    from paperworks.index.search import ask

    if any(sign.isalnum() for sign in asked.q):
        answer = ask(asked.q, EACH, skip=offset, deep=DEEP, **asked.filters())
        hits = answer.hits if offset < DEEP else ()
        return known.found(hits), min(answer.total, DEEP), answer.status.note
    if asked.q:
        return [], 0, "A search needs a letter or a digit."
    slugs = admitted(**asked.filters())
    rows = (item for item in known.newest if slugs is None or item.row.slug in slugs)
    every = sorted(rows, key=lambda item: not any(item.row.verdicts.values()))
    return every[offset : offset + EACH], len(every), ""


def _summary(asked: Asked, count: int, total: int) -> str:
    """How many there are, in words; a search that fills its depth says only what it shows."""
    if not asked.any:
        return f"{words.counted(total, 'paper')}, those with evidence first"
    if asked.q and count >= DEEP:
        return f"The best {count} for “{asked.q}”"
    return words.counted(count, "paper") + (f" for “{asked.q}”" if asked.q else "")


def _year(text: str) -> int | None:
    if not text.strip():
        return None
    if not (text.isascii() and text.isdecimal()):
        raise ValueError("A year has four digits.")
    return int(text)


@dataclass(frozen=True)
class Turning:
    """The links to the parts before and after one."""

    before: str | None
    after: str | None
    said: str


def _part(found: Sequence[Any], offset: int, at: str) -> tuple[list[Any], Turning]:
    """A page of a list that begins at `offset`."""
    return list(found[offset : offset + EACH]), _turning(len(found), offset, at)


def _turning(total: int, offset: int, at: str) -> Turning:
    sign = "&" if "?" in at else "?"
    before = f"{at}{sign}offset={max(0, offset - EACH)}" if offset else None
    after = f"{at}{sign}offset={offset + EACH}" if offset + EACH < total else None
    return Turning(before, after, f"{offset + 1} to {min(offset + EACH, total)} of {total}")


@router.get("/trending")
def trending(request: Request, engine: Store, now: Now, offset: Offset = 0) -> Response:
    """What people vote for and what was measured of late."""
    about = "By votes and by what was measured of late."
    more = ("/trending/formula", "The formula")
    given = {"about": about, "more": more, "feed": "/feeds/trending.atom"}
    return _list(request, "Trending", _trends(stock(engine), engine, now), offset, **given)


@router.get("/new")
def new(
    request: Request,
    engine: Store,
    now: Now,
    period: Short = "",
    since: Short = "",
    offset: Offset = 0,
) -> Response:
    """What came in on a day, in a week or in a month; or since a day, as digests ask."""
    from paperworks.index import feeds

    known = stock(engine)
    if since:
        return _since(request, known, feeds.period(since), now, offset)
    newest = known.at(now, "newest", lambda: [feeds.latest(kind, now) for kind in feeds.KINDS])
    when = feeds.period(period) if period else newest[-1]
    name = f"new in {when.label} from {offset}"
    found = known.at(now, name, lambda: feeds.feed(when, now, k=EACH, offset=offset))
    whys = {
        entry.slug: words.verdicts(entry.verdicts)
        if entry.verdicts
        else words.happened(entry.what, entry.day)
        for entry in found.entries
    }
    spans = [
        (f"/new?period={one.label}", one.kind.capitalize(), one.kind == when.kind) for one in newest
    ]
    spans.append((f"/new?period={when.previous.label}", f"← {when.previous.label}", False))
    if when.end <= now.date():
        spans.append((f"/new?period={when.next.label}", f"{when.next.label} →", False))
    heading = f"New {'on' if when.kind == 'day' else 'in'} {when.label}"
    return page(
        request,
        "list.html.j2",
        heading=heading,
        tabs=TABS,
        found=known.items(whys),
        pages=_turning(found.total, offset, f"/new?period={when.label}"),
        about=found.note,
        more=None,
        spans=spans,
        feed="/feeds/new.atom",
        empty="Nothing happened then.",
    )


def _since(request: Request, known: Stock, first: Any, now: Any, offset: int) -> Response:
    """Everything that has news since the beginning of a period, the newest first."""
    from paperworks.index.news import news

    start = datetime.combine(first.start, time(), UTC)
    told = sorted(news(start, now).values(), key=lambda one: (one.at, one.slug), reverse=True)
    found = {one.slug: f"{', '.join(one.what)} on {one.at.date()}" for one in told}
    at = f"/new?since={first.start}"
    return _list(request, f"New since {first.start}", known.items(found), offset, at=at)


@router.get("/verified")
def verified(request: Request, engine: Store, offset: Offset = 0) -> Response:
    """Papers by their newest verdicts."""
    about = f"What was measured, newest first, {spell.SCOPE}."
    more = ("/verdicts", "How to read a verdict")
    given = {"about": about, "more": more, "feed": "/feeds/verdicts.atom"}
    return _list(request, "Latest verdicts", stock(engine).verified, offset, **given)


@router.get("/for-you")
def for_you(
    request: Request, who: Anybody, engine: Store, now: Now, offset: Offset = 0
) -> Response:
    """What a person may like, and why."""
    found = _for_you(who, stock(engine), now)
    about = "By the papers that you voted for and saved. Each says why it is here."
    none = "Vote for a few papers, or save them: then others like them appear here."
    if who is None:
        about, none = "", "Sign in and vote for a few papers: then others like them appear here."
    return _list(request, "For you", found, offset, about=about, none=none)


def _list(
    request: Request,
    heading: str,
    found: Sequence[Item],
    offset: int,
    *,
    at: str = "",
    about: str = "",
    more: tuple[str, str] | None = None,
    spans: Sequence[tuple[str, str, bool]] = (),
    feed: str | None = None,
    none: str = "Nothing here yet.",
) -> Response:
    shown, turning = _part(found, offset, at or request.url.path)
    return page(
        request,
        "list.html.j2",
        heading=heading,
        tabs=TABS,
        found=shown,
        pages=turning,
        about=about,
        more=more,
        spans=spans,
        feed=feed,
        empty=none,
    )


# --- a paper ---


@router.get("/papers/{slug}")
def paper(request: Request, slug: str, who: Anybody, engine: Store, now: Now) -> Response:
    """Everything about one paper."""
    from paperworks.index.details import details
    from paperworks.index.papers import find
    from paperworks.index.similar import similar
    from paperworks.trial import queue

    known = stock(engine)
    if slug not in known.papers:
        return back(request, f"/papers/{find(slug).slug}", 307)
    held = leaf(known, slug)
    near = known.at(now, f"similar {slug}", lambda: similar(slug, 6))
    running = [asked for asked in queue.queued(engine) if asked.paper == slug]
    return page(
        request,
        "paper.html.j2",
        paper=held.known.paper,
        row=held.known.row,
        details=details(slug),
        authors=held.authors,
        abstract=held.known.abstract,
        entries=held.entries,
        others=held.others,
        texts=held.texts,
        bibtex=held.bibtex,
        models=of_paper(slug),
        upon=known.items(paper.slug for paper in held.shown.upon),
        by=known.items(paper.slug for paper in held.shown.by),
        similar=known.found(near),
        opinion=opinions.opinion(engine, slug, who),
        mine=_mine(engine, who, slug),
        expected=words.duration(queue.expected("run", slug)) if held.texts else "",
        running=[(asked, queue.ahead(engine, asked)) for asked in running],
        history=queue.history(engine, paper=slug, limit=10),
        may_run=bool(held.texts) and request.app.state.settings.allow_run,
    )


def _mine(engine: Any, who: Any, slug: str) -> list[tuple[Any, bool]]:
    """A person's collections, and whether the paper is in each."""
    if who is None:
        return []
    having = collections.holding(engine, who, slug)
    mine = collections.collections(engine, who, owners=[who.name], sort="position", k=200)
    return [(each, having.get(each.slug, False)) for each in mine]


@router.get("/papers/{slug}/figures/{claim}.svg")
def figure(engine: Store, slug: str, claim: str, look: Short = "light", v: Short = "") -> Response:
    """The figure of a paper's claim, as a drawing of its own that runs nothing."""
    from paperworks.server import figures

    held = leaf(stock(engine), slug)
    trials = {trial.claim: trial for trial in held.shown.trials}
    if claim not in trials:
        raise HTTPException(404, "There is no figure of that claim.")
    kept = v == held.marks[claim]
    return Response(
        figures.drawn(trials[claim], held.marks[claim], look == "dark"),
        media_type="image/svg+xml",
        headers={
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "Cache-Control": "private, max-age=604800, immutable" if kept else "private, no-cache",
        },
    )


@router.post("/papers/{slug}/vote")
def vote(
    request: Request,
    slug: str,
    me: Me,
    engine: Store,
    now: Now,
    on: Annotated[str, Form(max_length=3)] = "yes",
) -> Response:
    """Vote for a paper, or take the vote back."""
    if on == "yes":
        opinions.vote(engine, me, slug, now)
    else:
        opinions.unvote(engine, me, slug)
    return back(request, f"/papers/{slug}")


@router.post("/papers/{slug}/save")
def save(
    request: Request,
    slug: str,
    me: Me,
    engine: Store,
    now: Now,
    on: Annotated[str, Form(max_length=3)] = "yes",
    note: Annotated[str | None, Form(max_length=2000)] = None,
) -> Response:
    """Put a paper on one's list, with a note; or take it off."""
    if on == "yes":
        opinions.save(engine, me, slug, now, note)
    else:
        opinions.unsave(engine, me, slug)
    return back(request, f"/papers/{slug}")


@router.post("/papers/{slug}/view")
def view(slug: str, who: Anybody, engine: Store, now: Now) -> Response:
    """Count a view of somebody who is signed in: told by their browser, never by reading alone."""
    if who is not None and slug in stock(engine).papers:
        opinions.view(engine, who, slug, now)
    return Response(status_code=204)


@router.post("/papers/{slug}/collect")
def collect(
    request: Request,
    slug: str,
    me: Me,
    engine: Store,
    now: Now,
    collection: Annotated[str, Form(max_length=200)] = "",
    title: Annotated[str, Form(max_length=200)] = "",
) -> Response:
    """Put a paper into a collection, a new one where a title is given; or take it out."""
    if title.strip():
        collection = collections.create(engine, me, title, now).slug
    if collections.holding(engine, me, slug).get(collection):
        collections.discard(engine, me, collection, slug, now)
    else:
        collections.add(engine, me, collection, slug, now)
    return back(request, f"/papers/{slug}")


@router.post("/papers/{slug}/run")
def run(
    request: Request,
    slug: str,
    me: Me,
    engine: Store,
    now: Now,
    claim: Annotated[str, Form(max_length=80)] = "",
    kind: Annotated[str, Form(max_length=10)] = "run",
    fresh: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Ask for a paper's claims to be run."""
    from paperworks.server.api.runs import allow
    from paperworks.trial import queue

    allow(request)
    if kind not in ("run", "verify"):
        raise ValueError(f"A paper is run or verified; not {kind!r}.")
    again = fresh == "yes"
    try:
        queue.ask(engine, slug, claim or None, kind=kind, fresh=again, person=me, now=now)
    except queue.Full as full:
        raise HTTPException(429, str(full), {"Retry-After": "60"}) from None
    return back(request, f"/papers/{slug}", place="run")


# --- what explains the rest ---


@router.get("/verdicts")
def verdicts(request: Request) -> Response:
    """How to read a verdict."""
    return page(request, "verdicts.html.j2", looks=LOOKS, home="/")


@router.get("/error-rate")
def error_rate(request: Request, engine: Store) -> Response:
    """How often we are fooled."""
    allowed = sum(alpha for _, alpha in LOOKS)
    return page(request, "controls.html.j2", controls=stock(engine).controls, allowed=allowed)


@router.get("/trending/formula")
def formula(request: Request, engine: Store, now: Now) -> Response:
    """How trending works: its formula, its numbers, and what they give for a paper."""
    from paperworks.index.trending import document

    found = stock(engine).trends(engine, now)[:3]
    return page(request, "formula.html.j2", told=document(), found=found)
