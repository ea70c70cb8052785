"""Signing in and out, one's own account, and running the place: forms, and what they do.

Every change is a POST that answers with a page or leads to one. A secret (a new token, an
invitation's code) is shown once, on the page that answers, and is in no address.
"""

import platform
import re
import sys
from importlib.metadata import version
from threading import BoundedSemaphore
from typing import Annotated, Any

from fastapi import APIRouter, Form, HTTPException, Query, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Engine, func, select

from paperworks.people import accounts, invitations, keys, subscriptions
from paperworks.people.accounts import ROLES, Person
from paperworks.server import overview
from paperworks.server.guard import Rate, network
from paperworks.server.html import page
from paperworks.server.sessions import Anybody, Me, Now, Store
from paperworks.store import tables

router = APIRouter(include_in_schema=False)

QUARTER = 15 * 60.0  # seconds
Words = Annotated[str, Form(max_length=300)]
Secret = Annotated[str, Form(max_length=1024)]
Next = Annotated[str, Query(alias="next", max_length=2000)]
_PATH = re.compile(r"/(?![/\\])[!-\[\]-~]*")
_HASHING = BoundedSemaphore(2)  # each takes 64 MiB; more would wait for the processor anyway


def safe(following: str) -> str:
    """Where to go after signing in: a path of ours, or the front page."""
    return following if _PATH.fullmatch(following) else "/"


# --- in and out ---


@router.get("/login")
def signing_in(request: Request, who: Anybody, following: Next = "/") -> Response:
    """The form; whoever is signed in goes on at once."""
    if who:
        return RedirectResponse(safe(following), 303)
    return page(request, "login.html.j2", following=safe(following), name="")


@router.post("/login")
def sign_in(
    request: Request,
    engine: Store,
    name: Words = "",
    password: Secret = "",
    following: Annotated[str, Form(alias="next", max_length=2000)] = "/",
) -> Response:
    """Begin a session. Says the same whether the name or the password is wrong."""
    rate, who = request.app.state.logins, _who(request)
    spent = [rate.wait(("from", who)), rate.wait(("to", who, name.casefold()))]
    again: dict[str, Any] = {"following": safe(following), "name": name}
    if wait := max(spent):
        minutes = -(-wait // 60)
        told = f"Too many tries; wait {minutes} minute{'s' if minutes > 1 else ''}."
        late = {"Retry-After": str(wait)}
        return page(
            request, "login.html.j2", status=429, headers=late, said=told, bad=True, **again
        )
    with _HASHING:
        person = accounts.authenticate(engine, name, password)
    if person is None:
        wrong = "Name and password do not belong together."
        return page(request, "login.html.j2", status=401, said=wrong, bad=True, **again)
    rate.forget(("to", who, name.casefold()))
    answer = RedirectResponse(safe(following), 303)
    request.app.state.sessions.begin(answer, person)
    return answer


@router.post("/logout")
def sign_out(request: Request) -> Response:
    """End this session."""
    answer = RedirectResponse("/", 303)
    request.app.state.sessions.end(answer)
    return answer


@router.get("/join")
def joining(request: Request) -> Response:
    """The form for whoever was invited."""
    return page(request, "join.html.j2", name="")


@router.post("/join")
def join(
    request: Request,
    engine: Store,
    now: Now,
    code: Secret = "",
    name: Words = "",
    password: Secret = "",
) -> Response:
    """Make the account that an invitation is good for, and sign in."""
    who = _who(request)
    if wait := request.app.state.logins.wait(("from", who)):
        raise HTTPException(
            429, f"Too many tries; wait {wait} seconds.", {"Retry-After": str(wait)}
        )
    try:
        with _HASHING:
            person = invitations.accept(engine, code.strip(), name, password, now)
    except (LookupError, ValueError) as wrong:
        told = str(wrong.args[0])
        return page(request, "join.html.j2", status=400, said=told, bad=True, name=name)
    answer = RedirectResponse("/account", 303)
    request.app.state.sessions.begin(answer, person)
    return answer


# --- one's own account ---


@router.get("/account")
def account(request: Request, me: Me, engine: Store) -> Response:
    """Who one is here, and the tokens one has."""
    return _account(request, engine, me)


@router.post("/account")
def edit(
    request: Request, me: Me, engine: Store, email: Words = "", timezone: Words = "UTC"
) -> Response:
    """Change one's address and time zone."""
    return _tried(request, engine, me, lambda: _edit(engine, me, email, timezone), "Saved.")


@router.post("/account/password")
def new_password(
    request: Request, me: Me, engine: Store, old: Secret = "", new: Secret = ""
) -> Response:
    """Take another password. Other sessions end; this one goes on."""
    rate = request.app.state.logins
    if wait := rate.wait(("password", me.id)):
        raise HTTPException(
            429, f"Too many tries; wait {wait} seconds.", {"Retry-After": str(wait)}
        )

    def change() -> None:
        with _HASHING:
            accounts.change_password(engine, me, old, new)
        rate.forget(("password", me.id))

    answer = _tried(request, engine, me, change, "Your password is changed; other sessions ended.")
    if answer.status_code == 200:
        request.app.state.sessions.begin(answer, me)
    return answer


@router.post("/account/sign-out")
def sign_out_everywhere(request: Request, me: Me, engine: Store) -> Response:
    """End every session, this one too."""
    accounts.sign_out(engine, me)
    return sign_out(request)


@router.post("/account/tokens")
def new_token(
    request: Request,
    me: Me,
    engine: Store,
    now: Now,
    name: Words = "",
    days: Annotated[int, Form(ge=0, le=3650)] = 0,
) -> Response:
    """A new API token, shown on the page that answers and never again. No days: until revoked."""
    try:
        token, _ = keys.issue(engine, me, name, now, days or None)
    except ValueError as wrong:
        return _account(request, engine, me, said=str(wrong), bad=True, status=400)
    return _account(request, engine, me, token=token)


@router.post("/account/tokens/{number}/revoke")
def revoke_token(request: Request, number: int, me: Me, engine: Store) -> Response:
    """End a token."""
    keys.revoke(engine, me, number)
    return RedirectResponse("/account", 303)


@router.post("/account/delete")
def leave(request: Request, me: Me, engine: Store, password: Secret = "") -> Response:
    """Delete one's account and everything in it."""
    with _HASHING:
        sure = accounts.authenticate(engine, me.name, password)
    if sure is None or sure.id != me.id:
        told = "This is not your password; nothing was deleted."
        return _account(request, engine, me, said=told, bad=True, status=400)
    try:
        accounts.remove(engine, me)
    except ValueError as wrong:
        return _account(request, engine, me, said=str(wrong), bad=True, status=400)
    return sign_out(request)


# --- running the place ---


@router.get("/admin")
def admin(request: Request, me: Me, engine: Store, now: Now) -> Response:
    """Who is here, who is invited, and how the server is."""
    return _admin(request, engine, me, now)


@router.post("/admin/people/{number}/role")
def give_role(
    request: Request, number: int, me: Me, engine: Store, now: Now, role: Words = ""
) -> Response:
    """Give somebody another role."""
    person = _somebody(engine, number)
    try:
        accounts.set_role(engine, person, role)
    except ValueError as wrong:
        return _admin(request, engine, me, now, said=str(wrong), bad=True, status=400)
    return RedirectResponse("/admin", 303)


@router.post("/admin/people/{number}/sign-out")
def end_sessions(number: int, me: Me, engine: Store) -> Response:
    """End every session of somebody's."""
    accounts.sign_out(engine, _somebody(engine, number))
    return RedirectResponse("/admin", 303)


@router.post("/admin/people/{number}/remove")
def remove(request: Request, number: int, me: Me, engine: Store, now: Now) -> Response:
    """Delete somebody's account."""
    try:
        accounts.remove(engine, _somebody(engine, number))
    except ValueError as wrong:
        return _admin(request, engine, me, now, said=str(wrong), bad=True, status=400)
    return RedirectResponse("/admin", 303)


@router.post("/admin/invitations")
def invite(
    request: Request, me: Me, engine: Store, now: Now, role: Words = "reader", note: Words = ""
) -> Response:
    """Invite somebody: a code, shown on the page that answers and never again."""
    try:
        code, invitation = invitations.invite(engine, me, role, note, now)
    except ValueError as wrong:
        return _admin(request, engine, me, now, said=str(wrong), bad=True, status=400)
    return _admin(request, engine, me, now, code=code, invited=invitation)


@router.post("/admin/invitations/{number}/withdraw")
def withdraw(number: int, me: Me, engine: Store) -> Response:
    """Take an invitation back."""
    invitations.withdraw(engine, me, number)
    return RedirectResponse("/admin", 303)


@router.post("/admin/suppressions/lift")
def lift(request: Request, me: Me, engine: Store, now: Now, address: Words = "") -> Response:
    """Let mail go again to an address that bounced or complained."""
    if not subscriptions.relent(engine, address):
        told = "No such address is kept from mail."
        return _admin(request, engine, me, now, said=told, bad=True, status=404)
    return RedirectResponse("/admin", 303)


def status(request: Request, engine: Engine) -> dict[str, Any]:
    """How the server is: for administrators, on the page and in the API."""
    from paperworks.index.papers import papers
    from paperworks.trial import queue

    settings = request.app.state.settings
    counted = {}
    with engine.connect() as connection:
        for name in ("people", "votes", "collections", "saved_searches", "subscriptions"):
            table = tables.metadata.tables[name]
            counted[name] = connection.execute(select(func.count()).select_from(table)).scalar_one()
    open_runs = queue.queued(engine)
    return {
        "version": version("paperworks"),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "database": engine.url.render_as_string(hide_password=True)
        if engine.dialect.name != "sqlite"
        else "SQLite",
        "address": settings.url,
        "papers": len(papers()),
        "waiting": sum(run.state == "waiting" for run in open_runs),
        "running": sum(run.state == "running" for run in open_runs),
        "anonymous": settings.anonymous,
        "allow_run": settings.allow_run,
        "mcp_run": settings.mcp_run,
        "schedule": settings.schedule,
        "torch": "torch" in sys.modules,
        **counted,
    }


def _who(request: Request) -> str:
    return network(request.client.host if request.client else "")


def _somebody(engine: Engine, number: int) -> Person:
    found = accounts.by_id(engine, number) if number < 2**31 else None
    if found is None:
        raise HTTPException(404, "There is no such person.")
    return found


def _edit(engine: Engine, me: Person, email: str, timezone: str) -> None:
    accounts.edit(engine, me, email=email, timezone=timezone)


def _tried(request: Request, engine: Engine, me: Person, change: Any, done: str) -> Response:
    """The account page after a change, or saying why there was none."""
    try:
        change()
    except ValueError as wrong:
        return _account(request, engine, me, said=str(wrong), bad=True, status=400)
    return _account(request, engine, me, said=done)


def _account(request: Request, engine: Engine, me: Person, **more: Any) -> Response:
    me = accounts.by_id(engine, me.id) or me
    answers: dict[str, Any] = {"me": me, "keys": keys.keys(engine, me), "token": None} | more
    return page(request, "account.html.j2", headers={"Cache-Control": "no-store"}, **answers)


def _admin(request: Request, engine: Engine, me: Person, now: Any, **more: Any) -> Response:
    answers: dict[str, Any] = {
        "me": me,
        "people": accounts.list_people(engine),
        "invitations": invitations.invitations(engine, me, now),
        "suppressions": subscriptions.suppressions(engine),
        "server": status(request, engine),
        "roles": ROLES,
        "code": None,
        "invited": None,
        **overview.shown(engine, request.app.state.settings),
    } | more
    return page(request, "admin.html.j2", headers={"Cache-Control": "no-store"}, **answers)


def rate(tries: int) -> Rate:
    """How often somebody may try to sign in."""
    return Rate(tries, QUARTER)
