"""Fetching from sites: page by page, each kept with the place of the next in one transaction.

So what was fetched before an interruption is stored, and the same question goes on from there.
Every function gives what was kept of all its pages; each may raise `NoAnswer`, `NotNow`
(both OSError) and ValueError for a question that cannot be asked.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from paperworks.paper import arxiv_id, shipped
from paperworks.sources import arxiv, doi, hf
from paperworks.sources.keep import ARXIV, DOI, HF, Kept, keep, withdraw
from paperworks.sources.page import Page
from paperworks.sources.web import Answer, NoAnswer, Web, get
from paperworks.store import writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

WINDOW = 3  # days that arXiv is asked for again, since a day's papers may be late
VOTING = 7  # days that Hugging Face is asked for again, since people go on voting
PATIENCE = 120.0  # seconds for a daily fetch to wait; the next one comes soon enough
FARTHEST = 60  # days that a daily fetch goes back at most, after a long pause
_IDS = 100  # papers asked for at once
_FRESH_STARTS = 3
_REMEMBERED = 90  # days that we know what was asked


def new_papers(web: Web, categories: Iterable[str], now: datetime) -> Kept:
    """What arXiv announced last in some categories: one question for all of them.

    A feed that is the same as last time is not sent again.
    """
    address = arxiv.feed_address(tuple(dict.fromkeys(categories)))
    state = _state(web, address)
    known = json.loads(state.validators or "{}") if state else {}
    page = get(web, address, "xml", _unless_same(arxiv.feed), known)
    if page is None:
        web.tell("arXiv: nothing announced since the last look")
        return Kept()
    kept = _store(web, ARXIV, page, now, address)
    web.tell(f"arXiv: {len(page.papers)} announced, {len(kept.new)} of them new here")
    return kept


def changed_papers(web: Web, category: str, since: date, until: date | None, now: datetime) -> Kept:
    """What arXiv added or changed in a category from a day to another, both included.

    Goes on where an interrupted one stopped, while the archive remembers the place.
    """
    if until and until < since:
        raise ValueError(f"A span of days ends after it begins; not {since} to {until}.")
    job = f"arXiv records {category} {since} {until or 'now'}"

    def page(token: str | None) -> Page:
        address = arxiv.records_address(category, since, until, token)
        return get(web, address, "xml", partial(arxiv.records, since=since))

    for _ in range(_FRESH_STARTS):
        try:
            return _harvest(web, ARXIV, job, page, now)
        except arxiv.Expired:
            web.tell(f"{job}: the archive forgot where this stopped; beginning again")
            _forget(web, job)
    raise NoAnswer(f"{job}: the archive forgets places before they can be used; try again later.")


def search(web: Web, query: str, most: int, now: datetime) -> Kept:
    """Papers that arXiv finds for a query such as `ti:rezero AND cat:cs.LG`, newest first.

    Words without a prefix are looked for everywhere. Results change once a day, so a question
    that was answered today is not asked again.
    """
    if not 1 <= most <= arxiv.MOST:
        raise ValueError(f"arXiv gives from 1 to {arxiv.MOST} results; not {most}.")
    asked = " ".join(query.split())
    if not asked:
        raise ValueError("A search needs a word.")
    if not any(mark in asked for mark in (":", '"', "(")):
        asked = " AND ".join(f"all:{word}" for word in asked.split())
    job, today = f"arXiv search {asked} {most}", now.date().isoformat()
    state = _state(web, job)
    if state and state.ended_at and state.ended_at[:10] == today:
        web.tell("arXiv: this was answered today, and results change once a day")
        return Kept()
    if state and state.seen_at[:10] != today:
        _forget(web, job)  # the results have moved since

    def page(cursor: str | None) -> Page:
        start = int(cursor or 0)
        size = min(arxiv.PAGE, most - start)
        got = get(web, arxiv.search_address(asked, start, size), "xml", arxiv.results)
        return replace(got, next=got.next if got.next and int(got.next) < most else None)

    return _harvest(web, ARXIV, job, page, now)


def papers(web: Web, names: Iterable[str], now: datetime) -> tuple[Kept, tuple[str, ...]]:
    """Papers by arXiv id or address, or by DOI; and what was not found."""
    asked = list(dict.fromkeys(name.strip() for name in names))
    ids = list(dict.fromkeys(filter(None, map(arxiv_id, asked))))
    dois = [name for name in asked if not arxiv_id(name)]
    addresses = [doi.address(name) for name in dois]  # before anything is asked
    kept, missing = Kept(), list[str]()
    for start in range(0, len(ids), _IDS):
        some = ids[start : start + _IDS]
        page = get(web, arxiv.ids_address(some), "xml", arxiv.results)
        found = {paper.arxiv for paper in page.papers}
        missing += [f"arXiv has no {number}." for number in some if number not in found]
        kept |= _store(web, ARXIV, page, now)
        web.tell(f"arXiv: {start + len(some)} of {len(ids)} papers asked for")
    for name, address in zip(dois, addresses, strict=True):
        read = partial(doi.registered, name=name)
        try:
            page = get(web, address, "json", read, {"Accept": doi.ACCEPT})
        except LookupError as wrong:
            missing.append(wrong.args[0])
        else:
            kept |= _store(web, DOI, page, now)
    return kept, tuple(missing)


def abstracts(web: Web, now: datetime) -> tuple[Kept, tuple[str, ...]]:
    """Abstracts, authors and dates of all papers with an arXiv id that lack an abstract."""
    from sqlalchemy import select

    from paperworks.store.tables import abstracts, papers as own

    with web.engine.connect() as connection:
        told = set(connection.scalars(select(abstracts.c.slug)))
        rows = connection.execute(select(own.c.slug, own.c.arxiv))
        known = [*((paper.slug, paper.arxiv) for paper in shipped()), *map(tuple, rows)]
    return papers(web, (number for slug, number in known if number and slug not in told), now)


def daily_papers(web: Web, span: str, value: str, now: datetime) -> Kept:
    """What readers of Hugging Face put forward in a span: a `date`, `week` or `month`."""
    day, seen = value if span == "date" else None, set[str]()

    def page(cursor: str | None) -> Page:
        address = hf.daily_address(span, value, cursor)
        got = get(web, address, "json", partial(hf.daily, date=day))
        ids = {paper.arxiv or paper.title for paper in got.papers}
        again = ids <= seen  # a mirror that knows no pages gives the first one for ever
        seen.update(ids)
        return replace(got, next=None) if again else got

    job = f"Hugging Face {span} {value}"
    _forget(web, job)  # the lists are short, and their votes change
    return _harvest(web, HF, job, page, now)


def hf_today(now: datetime) -> str:
    """The day that Hugging Face calls today, which begins on the east coast of America."""
    return (now - timedelta(hours=5)).date().isoformat()


def wanted(text: str) -> tuple[tuple[str, ...], bool]:
    """What PAPERWORKS_FETCH names: arXiv's categories, and whether `hf` is among them.

    Raises ValueError for a word that can be no category.
    """
    words = dict.fromkeys(filter(None, map(str.strip, text.split(","))))
    return tuple(arxiv.category(word) for word in words if word != "hf"), "hf" in words


@dataclass(frozen=True)
class Daily:
    """What a daily fetch brought, and which of its sources failed, in words."""

    kept: Kept
    troubles: tuple[str, ...]


def daily(
    engine: "Engine",
    now: datetime,
    categories: Iterable[str] = (),
    upvoted: bool = True,
    tell: Callable[[str], None] = lambda _: None,
    web: Web | None = None,
) -> Daily:
    """The job of every day, which may as well run every hour: nothing is fetched twice in vain.

    The arXiv feed of the categories; once a day what changed in them since a few days before
    the last time, so that days that were missed, or published by halves, are made good; and
    with `upvoted`, the last days of Hugging Face with their votes. A source that fails stops no
    other.
    """
    asked = web or Web(engine=engine, tell=tell, patience=PATIENCE)
    chosen = tuple(map(arxiv.category, categories))
    steps = [(ARXIV, partial(new_papers, asked, chosen, now))] if chosen else []
    steps += [(ARXIV, partial(_window, asked, category, now)) for category in chosen]
    today = date.fromisoformat(hf_today(now))
    for back in range(VOTING if upvoted else 0):
        day = (today - timedelta(days=back)).isoformat()
        steps.append((HF, partial(daily_papers, asked, "date", day, now)))
    kept, troubles = Kept(), dict[str, str]()
    for source, step in steps:
        if source in troubles:
            continue
        try:
            kept |= step()
        except (OSError, ValueError) as wrong:
            troubles[source] = f"{source}: {wrong}"
    return Daily(kept, tuple(troubles.values()))


def _window(web: Web, category: str, now: datetime) -> Kept:
    """What changed in a category since some days before the last time; once a day."""
    job = f"arXiv window {category}"
    state, today = _state(web, job), now.date()
    last = date.fromisoformat(state.ended_at[:10]) if state else today
    if state and last >= today:
        return Kept()
    since = max(last - timedelta(days=WINDOW), today - timedelta(days=FARTHEST))
    kept = changed_papers(web, category, since, None, now)
    with writing(web.engine) as connection:
        _note(connection, job, kept.listed, None, now)
    return kept


# --- one page, and page after page ---


def _harvest(
    web: Web, source: str, job: str, page: Callable[[str | None], Page], now: datetime
) -> Kept:
    """Ask for page after page, from where this job stopped if it did, and keep each."""
    state = _state(web, job)
    cursor = state.cursor if state else None
    if cursor:
        web.tell(f"{job}: going on after page {state.pages}")
    kept, number = Kept(), state.pages if state and cursor else 0
    while True:
        got = page(cursor)
        kept |= _store(web, source, got, now, job)
        number += 1
        web.tell(f"{job}: page {number}, {kept.listed} listed, {len(kept.new)} new")
        if got.next is None or got.next == cursor:
            return kept
        cursor = got.next


def _store(web: Web, source: str, page: Page, now: datetime, job: str | None = None) -> Kept:
    """Keep a page, and where its job goes on, in one transaction."""
    for why in page.refused[:3]:
        web.tell(f"left out: {why}")
    if len(page.refused) > 3:
        web.tell(f"left out: {len(page.refused) - 3} more")
    if len(page.refused) > 3 and not page.papers:
        raise NoAnswer(f"No record of a page can be read; the first: {page.refused[0]}")
    with writing(web.engine) as connection:
        kept = keep(connection, ((source, paper) for paper in page.papers), now)
        withdraw(connection, page.gone, now)
        if job:
            _note(connection, job, len(page.papers), page, now)
    web.kept(kept)
    return kept


def _unless_same(read: Callable[[Answer], Page]) -> Callable[[Answer], Page | None]:
    return lambda answer: None if answer.status == 304 else read(answer)


def _state(web: Web, job: str) -> Any:
    """The row of a job; None where there is none."""
    from sqlalchemy import select

    from paperworks.store.tables import harvests

    with web.engine.connect() as connection:
        return connection.execute(select(harvests).where(harvests.c.job == job)).one_or_none()


def _note(
    connection: "Connection", job: str, records: int, page: Page | None, now: datetime
) -> None:
    """Note that a page of a job is kept; old jobs that ended are forgotten."""
    from sqlalchemy import delete, insert, select, update

    from paperworks.store.tables import harvests

    when = now.isoformat(timespec="seconds")
    row = connection.execute(select(harvests).where(harvests.c.job == job)).one_or_none()
    before = row if row is not None and row.cursor is not None else None
    fields = {
        "cursor": page.next if page else None,
        "validators": json.dumps(page.validators) if page and page.validators else None,
        "pages": before.pages + 1 if before else 1,
        "records": before.records + records if before else records,
        "began_at": before.began_at if before else when,
        "seen_at": when,
        "ended_at": None if page and page.next else when,
    }
    if row is None:
        connection.execute(insert(harvests).values(job=job, **fields))
    else:
        connection.execute(update(harvests).where(harvests.c.job == job).values(fields))
    old = (now - timedelta(days=_REMEMBERED)).isoformat(timespec="seconds")
    connection.execute(delete(harvests).where(harvests.c.seen_at < old))


def _forget(web: Web, job: str) -> None:
    from sqlalchemy import delete

    from paperworks.store.tables import harvests

    with writing(web.engine) as connection:
        connection.execute(delete(harvests).where(harvests.c.job == job))
