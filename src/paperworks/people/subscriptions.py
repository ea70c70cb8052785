"""Digests by mail: when a person wants theirs, at which address, and how they get rid of it.

An address gets a digest only after somebody who reads its mail has said so (`ask`, then
`confirm`), and none after it said stop (`unsubscribe`), bounced or complained (`suppress`).
Asking gives the same answer, `ANSWER`, whatever we know of an address.
"""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import available_timezones

from paperworks.people import tokens
from paperworks.people.accounts import Person
from paperworks.people.times import stamp
from paperworks.store import writing

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

EVERY = ("day", "week")
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
ANSWER = "If mail can reach this address, a message with a link is on its way to it."
CONSENT = "Send me digests of papers that fit my saved searches, at {address}, until I say stop."
VALID = timedelta(hours=48)  # of a link that confirms
CAPS = (  # at most so many messages in this time to one address, from one network, for one person
    ("address", timedelta(hours=1), 1),
    ("address", timedelta(days=1), 3),
    ("network", timedelta(hours=1), 5),
    ("person", timedelta(days=1), 10),
)
_KEPT = timedelta(days=30)  # for how long we remember whom we asked
_UNSUBSCRIBE = "unsubscribe"
_ADDRESS = re.compile(
    r"(?=.{3,254}\Z)[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@"
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
)


@dataclass(frozen=True, kw_only=True)
class Subscription:
    """When a person wants a digest, and where to. Without an address none is sent."""

    id: int
    person: int
    every: str  # day or week
    weekday: int  # of a weekly one; 0 is Monday
    hour: int  # 0 to 23, in the time zone
    timezone: str
    tell_nothing: bool  # send a message also when nothing is new
    paused: bool
    starts_at: str  # times before this are not made up for
    address: str | None
    confirmed_at: str | None


@dataclass(frozen=True, kw_only=True)
class Ended:
    """Why an address gets no digests any more."""

    address: str
    why: str
    at: str
    barred: bool  # it bounced or complained: asking it again is for administrators to allow


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The one message that asks an address whether it wants digests. The token is nowhere else."""

    address: str
    said: str  # what its reader agrees to
    token: str = field(repr=False)


# --- when ---


def subscription(engine: "Engine", person: Person) -> Subscription | None:
    """The subscription of a person; None where they have made no settings yet."""
    from paperworks.store.tables import subscriptions

    return next(iter(_where(engine, subscriptions.c.person == person.id)), None)


def settle(
    engine: "Engine",
    person: Person,
    now: datetime,
    *,
    every: str = "day",
    weekday: int = 0,
    hour: int = 7,
    timezone: str = "UTC",
    tell_nothing: bool = False,
) -> Subscription:
    """Set when a person gets digests. The next time after `now` is the first.

    Raises ValueError for a frequency, weekday, hour or time zone that there is none of.
    """
    wanted = {"every": every, "weekday": weekday, "hour": hour, "timezone": timezone}
    with writing(engine) as connection:
        return put(connection, person, now, wanted | {"tell_nothing": tell_nothing})


def put(
    connection: "Connection", person: Person, now: datetime, wanted: dict[str, Any]
) -> Subscription:
    """`settle` within a transaction; `wanted` are its keywords, all of them."""
    for name, allowed in (("every", EVERY), ("weekday", range(7)), ("hour", range(24))):
        if wanted[name] not in allowed or isinstance(wanted[name], bool):
            shown = " or ".join(EVERY) if name == "every" else f"0 to {allowed[-1]}"
            raise ValueError(f"A digest's {name} is {shown}; not {wanted[name]!r}.")
    if wanted["timezone"] not in _zones():
        raise ValueError(f"A time zone looks like Europe/Vienna; not {wanted['timezone']!r}.")
    return _keep(connection, person.id, wanted | {"starts_at": stamp(now)})


def pause(engine: "Engine", person: Person, paused: bool, now: datetime) -> Subscription:
    """Stop digests for a while, or go on. The address stays confirmed."""
    mine = subscription(engine, person) or settle(engine, person, now, timezone=_zone(person))
    wanted: dict[str, Any] = {"paused": paused}
    if mine.paused and not paused:
        wanted["starts_at"] = stamp(now)
    with writing(engine) as connection:
        return _keep(connection, person.id, wanted)


def subscribed(engine: "Engine") -> tuple[Subscription, ...]:
    """The subscriptions to be served: confirmed, not paused, the address not suppressed."""
    from sqlalchemy import func, select

    from paperworks.store.tables import subscriptions, suppressions

    rows = subscriptions.c
    barred = select(suppressions.c.address)
    return _where(
        engine,
        rows.address.is_not(None),
        rows.paused.is_(False),
        func.lower(rows.address).not_in(barred),
    )


# --- where to: double opt-in ---


def ask(
    engine: "Engine", person: Person, address: str, network: str, now: datetime
) -> Asked | None:
    """The message to send to an address that a person wants digests at; None where none may go.

    None may go to one that bounced or said never, nor more than `CAPS` allow. `network` is
    `tokens.network` of who asks. Show `ANSWER` in either case. Raises ValueError for what is no
    address.
    """
    from sqlalchemy import delete, insert, select

    from paperworks.store.tables import confirmations

    address = checked(address)
    token = secrets.token_urlsafe(24)
    with writing(engine) as connection:
        old = confirmations.c.asked_at < stamp(now - _KEPT)
        connection.execute(delete(confirmations).where(old))
        longest = max(time for _, time, _ in CAPS)
        recent = connection.execute(
            select(confirmations).where(confirmations.c.asked_at > stamp(now - longest))
        ).all()
        if _barred(connection, address) or _too_many(recent, person, address, network, now):
            return None
        row = {
            "person": person.id,
            "address": address,
            "network": network,
            "token": _hashed(token),
            "asked_at": stamp(now),
        }
        connection.execute(insert(confirmations), row)
    return Asked(address=address, said=CONSENT.format(address=address), token=token)


def unasked(engine: "Engine", asked: Asked) -> None:
    """Take an `ask` back: its message could not be sent, so it may be tried again at once."""
    from sqlalchemy import delete

    from paperworks.store.tables import confirmations

    with writing(engine) as connection:
        mine = confirmations.c.token == _hashed(asked.token)
        connection.execute(delete(confirmations).where(mine, confirmations.c.used_at.is_(None)))


def asked(engine: "Engine", token: str, now: datetime) -> str | None:
    """What one agrees to by confirming a token, for a page with a button; changes nothing.

    None for a token that is used, older than 48 hours or made up.
    """
    with engine.connect() as connection:
        found = _open(connection, token, now)
    return CONSENT.format(address=found.address) if found else None


def confirm(engine: "Engine", token: str, now: datetime) -> str | None:
    """Start digests at the address that a token was sent to, and give it. Call it on POST only.

    None as for `asked`, or where the address has come to be suppressed. A person who has set no
    times gets a daily digest at seven, in their own time zone.
    """
    from sqlalchemy import insert, select, update

    from paperworks.store.tables import confirmations, consents, people, subscriptions

    with writing(engine) as connection:
        found = _open(connection, token, now)
        if found is None or _barred(connection, found.address):
            return None
        zones = select(people.c.timezone).where(people.c.id == found.person)
        zone = connection.execute(zones).scalar_one_or_none()
        if zone is None:  # the person has left
            return None
        connection.execute(
            update(confirmations).where(confirmations.c.id == found.id).values(used_at=stamp(now))
        )
        wanted = {"address": found.address, "confirmed_at": stamp(now)}
        mine = subscriptions.c.person == found.person
        if connection.execute(select(subscriptions.c.address).where(mine)).scalar() is None:
            wanted["starts_at"] = stamp(now)
        _keep(connection, found.person, wanted, zone)
        said = {"what": "given", "said": CONSENT.format(address=found.address)}
        row = {"person": found.person, "address": found.address, "at": stamp(now)}
        connection.execute(insert(consents), row | said)
    return found.address


def refuse(engine: "Engine", token: str, now: datetime) -> bool:
    """Never write again to the address that a token was sent to. Call it on POST only.

    False as for `asked`: the token is used, too old or made up.
    """
    from sqlalchemy import update

    from paperworks.store.tables import confirmations

    with writing(engine) as connection:
        found = _open(connection, token, now)
        if found is None:
            return False
        mine = confirmations.c.id == found.id
        connection.execute(update(confirmations).where(mine).values(used_at=stamp(now)))
        _suppress(connection, found.address, "its reader asked for no more mail", now)
    return True


# --- and away from it ---


def unsubscribe_token(secret: str, mine: Subscription) -> str:
    """The token of the one-click link: names person and list, never expires; 32 characters."""
    return tokens.sign(secret, _UNSUBSCRIBE, mine.person, mine.id)


def unsubscribing(engine: "Engine", secret: str, token: str) -> Subscription | None:
    """Whose digests a one-click link ends, for a page with a button; changes nothing.

    None for a token that we did not make, or whose list is gone.
    """
    from paperworks.store.tables import subscriptions

    told = tokens.read(secret, _UNSUBSCRIBE, token)
    if told is None or len(told) != 2:
        return None
    rows = subscriptions.c
    return next(iter(_where(engine, rows.person == told[0], rows.id == told[1])), None)


def unsubscribe(engine: "Engine", secret: str, token: str, now: datetime) -> bool:
    """End the digests that a one-click link names, at once and as often as one likes.

    Call it on POST only, for mail programs too: RFC 8058 posts `List-Unsubscribe=One-Click`
    without cookie or login, and wants 200 without a redirect. False as `unsubscribing` is None.
    The address has to be confirmed anew before anything goes there again.
    """
    mine = unsubscribing(engine, secret, token)
    if mine is None:
        return False
    _end(engine, mine, "unsubscribed by the link in a message", now)
    return True


def stop(engine: "Engine", person: Person, now: datetime) -> None:
    """End a person's digests and forget their address, as they ask for it when signed in."""
    if mine := subscription(engine, person):
        _end(engine, mine, "ended in the settings", now)


def suppress(engine: "Engine", address: str, reason: str, now: datetime) -> None:
    """Send nothing to an address any more: it does not exist, or its reader complained."""
    with writing(engine) as connection:
        _suppress(connection, address, reason, now)


def suppressed(engine: "Engine", address: str) -> str | None:
    """Why nothing is sent to an address; None where that is not so."""
    with engine.connect() as connection:
        return _barred(connection, address)


def suppressions(engine: "Engine", k: int = 200) -> tuple[Ended, ...]:
    """The addresses that bounced, complained or said never, the last ones first."""
    from sqlalchemy import select

    from paperworks.store.tables import suppressions

    asked = select(suppressions).order_by(suppressions.c.at.desc(), suppressions.c.address)
    with engine.connect() as connection:
        rows = connection.execute(asked.limit(k)).all()
    return tuple(Ended(address=r.address, why=r.reason, at=r.at, barred=True) for r in rows)


def ended(engine: "Engine", person: Person) -> Ended | None:
    """Why the address that a person confirmed last gets nothing; None where it is not so.

    Nothing is told of an address that never agreed: it may be somebody else's.
    """
    from sqlalchemy import select

    from paperworks.store.tables import consents, suppressions

    mine = select(consents).where(consents.c.person == person.id).order_by(consents.c.id.desc())
    with engine.connect() as connection:
        last = connection.execute(mine.limit(1)).one_or_none()
        if last is None:
            return None
        theirs = select(suppressions).where(suppressions.c.address == last.address.lower())
        barred = connection.execute(theirs).one_or_none()
    if barred:
        return Ended(address=last.address, why=barred.reason, at=barred.at, barred=True)
    if last.what == "withdrawn":
        return Ended(address=last.address, why=last.said, at=last.at, barred=False)
    return None


def relent(engine: "Engine", address: str) -> bool:
    """Let mail go to a suppressed address again; False where it was not. For administrators."""
    from sqlalchemy import delete

    from paperworks.store.tables import suppressions

    with writing(engine) as connection:
        rule = delete(suppressions).where(suppressions.c.address == address.strip().lower())
        return bool(connection.execute(rule).rowcount)


def consents(engine: "Engine", person: Person) -> tuple[dict[str, str], ...]:
    """What a person's addresses agreed to and took back: address, what, said, at; oldest first."""
    from sqlalchemy import select

    from paperworks.store.tables import consents

    rows = consents.c
    asked = select(rows.address, rows.what, rows.said, rows.at).where(rows.person == person.id)
    with engine.connect() as connection:
        return tuple(dict(row._mapping) for row in connection.execute(asked.order_by(rows.id)))


def masked(address: str) -> str:
    """An address as whoever holds a link may see it: `ada@example.org` is `a…@example.org`."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}…@{domain}"


def checked(address: str) -> str:
    """An address as we write it. Raises ValueError for what is none, or is not plain ASCII."""
    plain = address.strip()
    name, _, domain = plain.rpartition("@")
    dots = name.startswith(".") or name.endswith(".") or ".." in name
    if dots or not _ADDRESS.fullmatch(plain):
        raise ValueError(f"A mail address looks like ada@example.org; not {address[:80]!r}.")
    return f"{name}@{domain.lower()}"


def _where(engine: "Engine", *conditions: Any) -> tuple[Subscription, ...]:
    from sqlalchemy import select

    from paperworks.store.tables import subscriptions

    asked = select(subscriptions).where(*conditions).order_by(subscriptions.c.id)
    with engine.connect() as connection:
        return tuple(Subscription(**row._mapping) for row in connection.execute(asked))


def _keep(
    connection: "Connection", person: int, wanted: dict[str, Any], zone: str = "UTC"
) -> Subscription:
    """Change a person's subscription, or make it."""
    from sqlalchemy import insert, update

    from paperworks.store.tables import subscriptions

    rule = update(subscriptions).where(subscriptions.c.person == person).values(wanted)
    found = connection.execute(rule.returning(subscriptions)).one_or_none()
    if found is None:
        usual = {"every": "day", "weekday": 0, "hour": 7, "timezone": zone}
        plain = {"person": person, "tell_nothing": False, "paused": False}
        made = insert(subscriptions).values(usual | plain | wanted).returning(subscriptions)
        found = connection.execute(made).one()
    return Subscription(**found._mapping)


def _too_many(
    recent: Sequence[Any], person: Person, address: str, network: str, now: datetime
) -> bool:
    """Whether one more message would be more than one of the caps allows."""
    mine = {"address": _mailbox(address), "network": network, "person": person.id}
    for what, time, most in CAPS:
        since = stamp(now - time)
        theirs = [
            {"address": _mailbox(row.address), "network": row.network, "person": row.person}[what]
            for row in recent
            if row.asked_at > since
        ]
        if theirs.count(mine[what]) >= most:
            return True
    return False


def _mailbox(address: str) -> str:
    """The mailbox behind an address: what follows a plus in its name is often ignored."""
    name, _, domain = address.lower().rpartition("@")
    return f"{name.partition('+')[0]}@{domain}"


def _open(connection: "Connection", token: str, now: datetime) -> Any:
    """The row of a token that may still be used."""
    from sqlalchemy import select

    from paperworks.store.tables import confirmations

    rows = confirmations.c
    return connection.execute(
        select(confirmations).where(
            rows.token == _hashed(token),
            rows.used_at.is_(None),
            rows.asked_at > stamp(now - VALID),
        )
    ).one_or_none()


def _end(engine: "Engine", mine: Subscription, said: str, now: datetime) -> None:
    from sqlalchemy import insert, update

    from paperworks.store.tables import consents, subscriptions

    with writing(engine) as connection:
        rows = subscriptions.c
        rule = update(subscriptions).where(rows.id == mine.id, rows.address.is_not(None))
        ended = connection.execute(rule.values(address=None, confirmed_at=None)).rowcount
        if ended:
            row = {"person": mine.person, "address": mine.address, "at": stamp(now)}
            connection.execute(insert(consents), row | {"what": "withdrawn", "said": said})


def _suppress(connection: "Connection", address: str, reason: str, now: datetime) -> None:
    from sqlalchemy import insert, select

    from paperworks.store.tables import suppressions

    key = address.strip().lower()
    mine = suppressions.c.address == key
    if connection.execute(select(suppressions.c.address).where(mine)).first() is None:
        row = {"address": key, "reason": " ".join(reason.split())[:200], "at": stamp(now)}
        connection.execute(insert(suppressions), row)


def _barred(connection: "Connection", address: str) -> str | None:
    from sqlalchemy import select

    from paperworks.store.tables import suppressions

    mine = suppressions.c.address == address.strip().lower()
    return connection.execute(select(suppressions.c.reason).where(mine)).scalar_one_or_none()


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _zone(person: Person) -> str:
    return person.timezone if person.timezone in _zones() else "UTC"


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
