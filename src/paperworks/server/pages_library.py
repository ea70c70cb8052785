"""Pages of a person's library: what they saved, their collections, searches, digests, and all of
it to take along or to bring in."""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Form, HTTPException, Request, Response, UploadFile
from fastapi.responses import HTMLResponse, PlainTextResponse
from sqlalchemy import Engine

from paperworks.people import bibliography, collections, library, opinions, searches, subscriptions
from paperworks.people.accounts import Person
from paperworks.people.searches import SavedSearch
from paperworks.server.html import back, page
from paperworks.server.pages import Asked, Short
from paperworks.server.sessions import Anybody, Me, Now, Store
from paperworks.server.stock import Item, Stock, stock
from paperworks.views.web import words

router = APIRouter(include_in_schema=False)
log = logging.getLogger("paperworks.server")

Text = Annotated[str, Form(max_length=4000)]
Word = Annotated[str, Form(max_length=300)]
LARGEST = 8 << 20  # bytes of a file that is imported
MAIL = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"


@dataclass(frozen=True)
class Kept:
    """A paper of one's list, with one's note."""

    item: Item
    note: str
    at: str
    id: str = ""


@dataclass(frozen=True)
class Following:
    """A saved search, in words, with its addresses."""

    search: SavedSearch
    says: str
    address: str
    feed: str


@router.get("/library")
def mine(request: Request, me: Me, engine: Store) -> Response:
    """What a person saved, voted for, collected and follows."""
    known = stock(engine)
    return page(
        request,
        "library.html.j2",
        saved=_kept(known, opinions.saved(engine, me)),
        voted=_kept(known, opinions.voted(engine, me)),
        collections=collections.collections(
            engine, me, owners=[me.name], sort="position", k=collections.MOST
        ),
        searches=_searches(request, engine, me),
        digest=subscriptions.subscription(engine, me),
        themes=collections.THEMES,
    )


def _kept(known: Stock, marks: Sequence[Any]) -> list[Kept]:
    """Papers of one's list that are known here, with what one wrote about them."""
    items = {item.row.slug: item for item in known.items(mark.paper for mark in marks)}
    return [
        Kept(items[mark.paper], mark.note, getattr(mark, "at", ""), getattr(mark, "id", ""))
        for mark in marks
        if mark.paper in items
    ]


def _searches(request: Request, engine: Engine, me: Person) -> list[Following]:
    settings = request.app.state.settings
    found = []
    for one in searches.saved(engine, me):
        asked = _asked(one)
        feed = f"{settings.url}/atom/search/{searches.feed_token(settings.secret, one)}"
        found.append(Following(one, asked.name, asked.address, feed))
    return found


def _asked(one: SavedSearch) -> Asked:
    """A saved search as the form of the search page has it."""
    told: dict[str, Any] = dict(one.filters)
    years = told.pop("year", None)
    first, last = years if isinstance(years, tuple) else (years, years)
    works = {True: "yes", False: "no"}.get(told.pop("works", None), "")
    return Asked(q=one.query, first=first, last=last, works=works, **told)


# --- searches ---


@router.post("/library/searches")
def save_search(
    request: Request,
    me: Me,
    engine: Store,
    now: Now,
    name: Word,
    q: Word = "",
    area: Word = "",
    kind: Word = "",
    verdict: Word = "",
    works: Word = "",
    first: Annotated[str, Form(alias="from", max_length=4)] = "",
    last: Annotated[str, Form(alias="to", max_length=4)] = "",
) -> Response:
    """Save a search: it gets a private feed, and goes into one's digests."""
    from paperworks.index.filters import admitted

    years = [int(year) if year.isdecimal() and year.isascii() else None for year in (first, last)]
    asked = Asked(
        q=q, area=area, kind=kind, verdict=verdict, works=works, first=years[0], last=years[1]
    )
    admitted(**asked.filters())  # one that can find nothing is told now
    made = searches.save(engine, me, name, asked.q, asked.filters(), now)
    return back(request, "/library", place=f"search-{made.id}")


@router.post("/library/searches/{number}")
def change_search(
    request: Request, number: int, me: Me, engine: Store, do: Word = "", name: Word = ""
) -> Response:
    """Rename a search, leave it out of digests or take it in, renew its feed, or forget it."""
    if do == "rename":
        searches.rename(engine, me, number, name)
    elif do in ("pause", "resume"):
        searches.pause(engine, me, number, do == "pause")
    elif do == "renew":
        searches.renew_feed(engine, me, number)
    elif do == "forget":
        searches.delete(engine, me, number)
    else:
        raise ValueError("A search is renamed, paused, resumed, renewed or forgotten.")
    return back(request, "/library", place="searches")


# --- collections ---


@router.post("/library/collections")
def new_collection(
    request: Request, me: Me, engine: Store, now: Now, title: Word, description: Text = ""
) -> Response:
    """A new, empty collection, which others do not see until it is made public."""
    made = collections.create(engine, me, title, now, description=description, private=True)
    return back(request, f"/collections/{made.slug}")


@router.get("/collections/{owner}/{name}")
def collection(request: Request, owner: str, name: str, who: Anybody, engine: Store) -> Response:
    """One collection: its papers and what was written about them."""
    found = collections.get(engine, who, f"{owner}/{name}")
    return page(
        request,
        "collection.html.j2",
        collection=found,
        papers=_kept(stock(engine), found.items),
        own=who is not None and who.id == found.person,
    )


@router.post("/collections/{owner}/{name}")
def change_collection(
    request: Request,
    owner: str,
    name: str,
    me: Me,
    engine: Store,
    now: Now,
    title: Word = "",
    description: Text = "",
    private: Annotated[str, Form(max_length=3)] = "",
) -> Response:
    """Give a collection another title or description, or show or hide it."""
    made = collections.edit(
        engine,
        me,
        f"{owner}/{name}",
        now,
        title=title or None,
        description=description,
        private=private == "yes",
    )
    return back(request, f"/collections/{made.slug}")


@router.post("/collections/{owner}/{name}/remove")
def remove_collection(request: Request, owner: str, name: str, me: Me, engine: Store) -> Response:
    """Delete a collection; its papers stay where they are."""
    collections.remove(engine, me, f"{owner}/{name}")
    return back(request, "/library", place="collections")


@router.post("/collections/{owner}/{name}/items/{item}")
def change_item(
    request: Request,
    owner: str,
    name: str,
    item: str,
    me: Me,
    engine: Store,
    now: Now,
    do: Word = "",
    note: Text = "",
    position: Annotated[int, Form(ge=0, le=100_000)] = 0,
) -> Response:
    """Write about a paper of a collection, move it, or take it out."""
    slug = f"{owner}/{name}"
    if do == "note":
        collections.annotate(engine, me, slug, item, note, now)
    elif do == "move":
        collections.move(engine, me, slug, item, position, now)
    elif do == "discard":
        collections.discard(engine, me, slug, item, now)
    else:
        raise ValueError("A paper of a collection is written about, moved or taken out.")
    return back(request, f"/collections/{slug}", place="papers")


# --- digests ---


@router.get("/library/digest")
def digest(request: Request, me: Me, engine: Store, now: Now, asked: Short = "") -> Response:
    """When digests come and where to, and a preview of the next one."""
    return _digest(request, engine, me, now, subscriptions.ANSWER if asked else "")


def _digest(
    request: Request, engine: Engine, me: Person, now: Any, said: str, bad: bool = False
) -> Response:
    from paperworks.mail import schedule

    mine = subscriptions.subscription(engine, me)
    following = schedule.following(mine, now).at.isoformat() if mine and mine.address else None
    return page(
        request,
        "digest.html.j2",
        status=400 if bad else 200,
        said=said,
        bad=bad,
        mine=mine,
        ended=subscriptions.ended(engine, me),
        following=following,
        searches=searches.saved(engine, me),
        weekdays=subscriptions.WEEKDAYS,
        zone=mine.timezone if mine else me.timezone,
        email=me.email or "",
        posts=_posts(request),
    )


def _posts(request: Request) -> bool:
    """Whether mail leaves here. What is wrong with its settings, administrators read on theirs."""
    try:
        return _mail(request).relay is not None
    except ValueError:
        return False


def _mail(request: Request) -> Any:
    from paperworks.mail.settings import from_environment

    settings = request.app.state.settings
    return from_environment(settings.url, settings.secret)


@router.post("/library/digest")
def settle(
    request: Request,
    later: BackgroundTasks,
    me: Me,
    engine: Store,
    now: Now,
    every: Word = "day",
    weekday: Annotated[int, Form(ge=0, le=6)] = 0,
    hour: Annotated[int, Form(ge=0, le=23)] = 7,
    timezone: Word = "UTC",
    tell_nothing: Annotated[str, Form(max_length=3)] = "",
    address: Word = "",
) -> Response:
    """Set when digests come; a new address is asked first whether it wants them."""
    mine = subscriptions.subscription(engine, me)
    try:
        wanted = subscriptions.checked(address) if address.strip() else ""
        subscriptions.settle(
            engine,
            me,
            now,
            every=every,
            weekday=weekday,
            hour=hour,
            timezone=timezone,
            tell_nothing=tell_nothing == "yes",
        )
    except ValueError as wrong:
        return _digest(request, engine, me, now, str(wrong), bad=True)
    if not wanted or (mine and mine.address == wanted):
        return back(request, "/library/digest")
    who = request.client.host if request.client else ""
    later.add_task(_consent, engine, me, wanted, who, _mail(request), now)
    answer = back(request, "/library/digest", asked="yes")
    answer.background = later
    return answer


def _consent(engine: Engine, me: Person, address: str, ip: str, settings: Any, now: Any) -> None:
    """Ask an address, after the page has been sent: how long it takes tells nothing then."""
    from paperworks.mail import consent, relay

    try:
        with relay.Connection(settings.needed()) as connection:
            consent.ask(engine, me, address, ip, connection.send, settings, now)
    except (OSError, ValueError) as wrong:  # relay.Trouble is an OSError
        log.warning("An address could not be asked for consent: %s", wrong)


@router.post("/library/digest/pause")
def pause(request: Request, me: Me, engine: Store, now: Now, do: Word = "pause") -> Response:
    """Stop digests for a while, go on with them, or end them and forget the address."""
    if do == "stop":
        subscriptions.stop(engine, me, now)
    else:
        subscriptions.pause(engine, me, do == "pause", now)
    return back(request, "/library/digest")


@router.get("/library/digest/preview")
def preview(request: Request, me: Me, engine: Store, now: Now) -> Response:
    """The digest as it would be sent now; a document of its own."""
    from paperworks.mail.digest import preview
    from paperworks.views import letter

    made = preview(engine, me, _mail(request), now)
    headers = {"Content-Security-Policy": MAIL, "Cache-Control": "no-store"}
    return HTMLResponse(letter.html(made.letter), headers=headers)


# --- to take along, and to bring in ---

_FORMS = {
    "json": ("application/json", "library.json"),
    "bib": ("application/x-bibtex", "library.bib"),
    "csv": ("text/csv", "library.csv"),
}


@router.get("/library/export.{form}")
def export(form: str, me: Me, engine: Store, now: Now, collection: str | None = None) -> Response:
    """Everything one has as JSON; lists of papers as BibTeX or CSV."""
    if form not in _FORMS:
        raise HTTPException(404, f"A library is exported as {', '.join(_FORMS)}.")
    document = library.export(engine, me, now)
    if form == "json":
        text = json.dumps(document, ensure_ascii=False, indent=1)
    else:
        listed = library.references(document, collection)
        write = {"bib": bibliography.to_bibtex, "csv": bibliography.to_csv}[form]
        text = write(listed)
    kind, name = _FORMS[form]
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return PlainTextResponse(text, media_type=f"{kind}; charset=utf-8", headers=headers)


@router.post("/library/import")
async def bring(
    request: Request,
    me: Me,
    engine: Store,
    now: Now,
    file: UploadFile,
    collection: Word = "",
) -> Response:
    """Add a file to what one has: whole or not at all, and a second time it changes nothing."""
    from starlette.concurrency import run_in_threadpool

    content = await file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise HTTPException(413, f"A file has at most {LARGEST >> 20} MB.")
    name = (file.filename or "").casefold()
    done = await run_in_threadpool(_bring, engine, me, content, name, collection.strip(), now)
    told = [words.counted(n, what.rstrip("s")) for what, n in vars(done).items() if n]
    said = f"Added: {', '.join(told)}." if told else "All of it was here already."
    return page(request, "imported.html.j2", said=said)


def _bring(
    engine: Engine, me: Person, content: bytes, name: str, collection: str, now: Any
) -> library.Restored:
    from paperworks.sources.importer import take_in

    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError("The file is not text in UTF-8.") from None
    if name.endswith((".bib", ".csv")):
        read = bibliography.from_bibtex if name.endswith(".bib") else bibliography.from_csv
        document = library.listed(list(read(text)), now, collection or None)
    else:
        document = library.parse(text)
    keep = partial(take_in, now=now, source="library")
    return library.restore(engine, me, document, now, keep)


@router.get("/feeds")
def feeds(request: Request, who: Anybody, engine: Store) -> Response:
    """Where the feeds are: those for everybody, and one's own."""
    from paperworks.server.mails import OPEN_FEEDS

    return page(
        request,
        "feeds.html.j2",
        feeds=OPEN_FEEDS,
        searches=_searches(request, engine, who) if who else [],
    )
