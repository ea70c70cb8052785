"""The digest: who is due, which papers, and sending each period at most once.

`preview` gives exactly what `run_digests` would send at that time. `next_due` tells a scheduler
until when it may sleep; several may run at once, and any of them may be killed at any moment.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.message import EmailMessage
from functools import cached_property
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from paperworks.index.news import News, counts, news, told
from paperworks.index.papers import papers
from paperworks.index.standing import Fit, fitting
from paperworks.mail import deliveries, relay, schedule
from paperworks.mail.compose import compose, sender
from paperworks.mail.settings import Settings
from paperworks.paper import Paper
from paperworks.people import subscriptions, tokens
from paperworks.people.accounts import Person, by_id
from paperworks.people.searches import SavedSearch, saved
from paperworks.people.subscriptions import Subscription
from paperworks.people.times import stamp
from paperworks.views import digest as words
from paperworks.views.digest import Digest, Item, Reason, Searched
from paperworks.views.letter import Link

if TYPE_CHECKING:
    from sqlalchemy import Engine

MOST = 20  # papers of a digest; the rest is on the web
OVERLAP = timedelta(days=1)  # looked at again, for what was stored while the last one ran
LONGEST = timedelta(days=31)  # news older than this stay on the web, as after a pause
_GIVE_UP = 3  # messages in a row that the relay did not take

Send = Callable[[EmailMessage, str, str], None]


@dataclass(frozen=True)
class Due:
    """A subscription whose time has come."""

    subscription: Subscription
    slot: schedule.Slot


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A digest as it would go out."""

    message: EmailMessage
    letter: words.Letter
    digest: Digest
    slugs: tuple[str, ...]
    goes: bool  # whether it is sent: there are papers, or the person wants to hear of none


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of one digest."""

    person: int
    address: str
    period: str
    state: str  # as in `deliveries`; "due" of a dry run
    papers: tuple[str, ...] = ()
    reason: str = ""


def due(engine: "Engine", now: datetime) -> tuple[Due, ...]:
    """Who is to get a digest now: at or after their own hour, not yet served, not before once."""
    return tuple(one for one, free in _open(engine, now) if free <= now)


def next_due(engine: "Engine", now: datetime) -> datetime | None:
    """When somebody is due next: `now` where somebody is; None where nobody ever will be."""
    times = [max(now, free) for _, free in _open(engine, now)]
    times += [schedule.following(mine, now).at for mine in subscriptions.subscribed(engine)]
    return min(times, default=None)


def _open(engine: "Engine", now: datetime) -> list[tuple[Due, datetime]]:
    """Whose last time has come without being served, and from when they may be."""
    waiting = list[Due]()
    for mine in subscriptions.subscribed(engine):
        slot = schedule.latest(mine, now)
        if slot.at > datetime.fromisoformat(mine.starts_at):
            waiting.append(Due(mine, slot))
    free = deliveries.free_from(engine, {one.slot.period for one in waiting})
    told = [(one, free.get((one.subscription.id, one.slot.period), "")) for one in waiting]
    return [
        (one, datetime.fromisoformat(time) if time else one.slot.at)
        for one, time in told
        if time is not None
    ]


def preview(engine: "Engine", person: Person, settings: Settings, now: datetime) -> Prepared:
    """What a person would be sent now, whether or not it is their time. Changes nothing.

    A person without a subscription is shown a daily one. Show `letter.html(prepared.letter)` under
    a policy that allows inline style: `default-src 'none'; style-src 'unsafe-inline'`.
    """
    mine = subscriptions.subscription(engine, person) or Subscription(
        id=0,
        person=person.id,
        every="day",
        weekday=0,
        hour=7,
        timezone=person.timezone,
        tell_nothing=False,
        paused=False,
        starts_at=stamp(now),
        address=None,
        confirmed_at=None,
    )
    if mine.address is None:
        mine = replace(mine, address=person.email or "you@example.org")
    return _prepare(engine, mine, person, settings, _Index(), now)


def run_digests(
    engine: "Engine",
    now: datetime,
    send: Send,
    settings: Settings,
    person: Person | None = None,
) -> tuple[Outcome, ...]:
    """Send what is due, to everybody or to one person, and say what became of each.

    `send` is `relay.Connection(…).send`, or takes message, sender and recipient as it does. Raises
    `relay.Misset` where the relay takes nothing from us; those not served then stay due.
    """
    index, outcomes, late = _Index(), list[Outcome](), 0
    for one in due(engine, now):
        if person is None or one.subscription.person == person.id:
            outcomes += _serve(engine, one, send, settings, index, now)
            late = late + 1 if outcomes and outcomes[-1].state == "retry" else 0
        if late == _GIVE_UP:
            break
    return tuple(outcomes)


def dry_run(
    engine: "Engine", now: datetime, settings: Settings, person: Person | None = None
) -> tuple[Outcome, ...]:
    """What `run_digests` would do, without doing it."""
    index, outcomes = _Index(), list[Outcome]()
    for one in due(engine, now):
        mine, theirs = one.subscription, by_id(engine, one.subscription.person)
        if theirs and (person is None or theirs.id == person.id):
            made = _prepare(engine, mine, theirs, settings, index, now)
            state = "due" if made.goes else "nothing"
            outcomes.append(_outcome(one, state, made.slugs))
    return tuple(outcomes)


def _serve(
    engine: "Engine",
    one: Due,
    send: Send,
    settings: Settings,
    index: "_Index",
    now: datetime,
) -> list[Outcome]:
    """Send one digest; nothing where somebody else does."""
    person = by_id(engine, one.subscription.person)
    claim = deliveries.claim(engine, one.subscription, one.slot.period, now) if person else None
    if person is None or claim is None:
        return []
    try:
        made = _prepare(engine, one.subscription, person, settings, index, now)
        return [_hand_on(engine, one, claim, made, send, settings, now)]
    except deliveries.Superseded:
        return []  # the claim runs out, and whoever comes then looks again
    except relay.Misset:
        raise
    except Exception as wrong:  # one person's digest never stops those of the others
        return [_outcome(one, "broken", reason=f"{type(wrong).__name__}: {wrong}")]


def _hand_on(
    engine: "Engine",
    one: Due,
    claim: deliveries.Claim,
    made: Prepared,
    send: Send,
    settings: Settings,
    now: datetime,
) -> Outcome:
    """Send what was put together under a claim, and write down what became of it."""
    address = one.subscription.address or ""
    if not made.goes:
        deliveries.nothing(engine, claim, now)
        return _outcome(one, "nothing")
    deliveries.begin(engine, claim, address, made.slugs, now)
    try:
        send(made.message, sender(settings), address)
    except relay.Trouble as wrong:
        kinds = (relay.Unsure, "unsure"), (relay.Later, "retry"), (relay.Misset, "retry")
        state = next((state for kind, state in kinds if isinstance(wrong, kind)), "failed")
        state = deliveries.not_sent(engine, claim, state, str(wrong), now)
        if isinstance(wrong, relay.Bounced):
            subscriptions.suppress(engine, address, str(wrong), now)
        if isinstance(wrong, relay.Misset):
            raise
        return _outcome(one, state, made.slugs, str(wrong))
    deliveries.sent(engine, claim, now)
    return _outcome(one, "sent", made.slugs)


def _outcome(one: Due, state: str, slugs: tuple[str, ...] = (), reason: str = "") -> Outcome:
    mine = one.subscription
    return Outcome(
        person=mine.person,
        address=mine.address or "",
        period=one.slot.period,
        state=state,
        papers=slugs,
        reason=reason,
    )


# --- which papers ---


class _Index:
    """What the digests of one run look things up in, so that each is looked up once."""

    @cached_property
    def papers(self) -> dict[str, Paper]:
        return {paper.slug: paper for paper in papers()}

    @cached_property
    def counts(self) -> defaultdict[str, Counter[str]]:
        return counts()

    def __init__(self) -> None:
        self._news = dict[datetime, dict[str, News]]()

    def news(self, since: datetime, until: datetime) -> dict[str, News]:
        """As `index.news`; one run has one `until`."""
        if since not in self._news:
            self._news[since] = news(since, until)
        return self._news[since]


def _prepare(
    engine: "Engine",
    mine: Subscription,
    person: Person,
    settings: Settings,
    index: _Index,
    now: datetime,
) -> Prepared:
    """The digest of a subscription at a time. Changes nothing."""
    zone = ZoneInfo(mine.timezone)
    last = deliveries.since(engine, mine) or now - schedule.length(mine)
    since = max(last, now - LONGEST)
    with engine.connect() as connection:
        before = deliveries.before(connection, mine.person)
    fresh = {
        slug: one
        for slug, one in index.news(since - OVERLAP, now).items()
        if slug not in before and slug in index.papers
    }
    asked = [search for search in saved(engine, person) if not search.paused]
    found = list[Searched]()
    reasons, order = defaultdict[str, list[Reason]](list), defaultdict[str, float](float)
    for search in asked:
        fits, problem = _fitting(search, fresh)
        where = settings.at("search", id=search.id)
        found.append(Searched(name=search.name, url=where, found=len(fits), problem=problem))
        for fit in fits:
            reasons[fit.slug].append(Reason(search=search.name, why=fit.why))
            order[fit.slug] += 1 / (60 + fit.rank)  # reciprocal rank fusion
    ranked = sorted(order, key=lambda slug: (-order[slug], slug))
    slugs = tuple(ranked[:MOST])
    digest = Digest(
        every=mine.every,
        since=since.astimezone(zone),
        until=now.astimezone(zone),
        searches=tuple(found),
        scanned=len(fresh),
        items=_items(slugs, fresh, reasons, settings, index, zone),
        more=len(ranked) - len(slugs),
        site=settings.at("home"),
        all_papers=settings.at("new", since=since.date().isoformat()),
        unsubscribe=_leave(settings, mine),
        settings=settings.at("digest"),
        address=mine.address or "",
        operator=settings.operator,
    )
    letter = words.letter(digest)
    number = tokens.sign(settings.secret, "message", mine.id)
    message = compose(
        letter,
        settings,
        mine.address or "",
        now,
        name=f"{schedule.latest(mine, now).period}.{number}",
        unsubscribe=digest.unsubscribe,
    )
    goes = bool(slugs) or (mine.tell_nothing and bool(asked))
    return Prepared(message=message, letter=letter, digest=digest, slugs=slugs, goes=goes)


def _leave(settings: Settings, mine: Subscription) -> str:
    token = subscriptions.unsubscribe_token(settings.secret, mine)
    return settings.at("unsubscribe", token=token)


def _fitting(asked: SavedSearch, fresh: dict[str, News]) -> tuple[list[Fit], str]:
    """Fresh papers that fit a search; or none, and what was wrong with the search."""
    try:
        return [fit for fit in fitting(asked.query, asked.filters) if fit.slug in fresh], ""
    except (LookupError, ValueError) as wrong:
        said = str(wrong.args[0] if wrong.args else wrong).partition(";")[0].rstrip(".")
        return [], f"could not be asked: {said}"


def _items(
    slugs: Sequence[str],
    fresh: dict[str, News],
    reasons: dict[str, list[Reason]],
    settings: Settings,
    index: _Index,
    zone: ZoneInfo,
) -> tuple[Item, ...]:
    """What the digest says of each paper."""
    abstracts, authors = told("abstracts", "abstract", slugs), told("details", "authors", slugs)
    gone = told("details", "withdrawn_at", slugs)
    items = list[Item]()
    for slug in slugs:
        paper, one = index.papers[slug], fresh[slug]
        when = f"{' and '.join(map(_happened, one.what))} {words.day(one.at.astimezone(zone))}"
        here = settings.at("paper", slug=slug)
        links = [Link("arXiv", f"https://arxiv.org/abs/{paper.arxiv}")] if paper.arxiv else []
        item = Item(
            title=paper.title,
            authors=tuple(json.loads(authors.get(slug, "[]"))),
            year=paper.year,
            news=f"withdrawn · {when}" if gone.get(slug) else when,
            summary=paper.summary or abstracts.get(slug, ""),
            reasons=tuple(reasons[slug]),
            badge=words.badge(index.counts[slug]),
            page=here,
            links=(Link("Save", f"{here}#save"), *links),
        )
        items.append(item)
    return tuple(items)


def _happened(what: str) -> str:
    return "new verdict" if what == "verdict" else what
