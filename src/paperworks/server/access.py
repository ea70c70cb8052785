"""Who may call which route: one table, asked before every route.

A route that is not in the table does not start: `create_app` raises. Levels, from open to closed:

`open`    anybody, always: what a person needs to sign in, and what letters link to without secrets
`public`  anybody, unless the operator lets only people with an account read
`token`   whoever has the link: the proof is in the address, and the route checks it
`reader`  people with an account; `runner` those who may run works; `admin` those who run the place
"""

from collections.abc import Iterable

from fastapi import FastAPI, HTTPException, Request
from starlette.routing import BaseRoute

OPEN, PUBLIC, TOKEN = "open", "public", "token"
READER, RUNNER, ADMIN = "reader", "runner", "admin"

ACCESS = {
    # pages
    "GET /": PUBLIC,
    "GET /search": PUBLIC,
    "GET /like": PUBLIC,
    "POST /like": PUBLIC,
    "GET /trending": PUBLIC,
    "GET /trending/formula": PUBLIC,
    "GET /new": PUBLIC,
    "GET /verified": PUBLIC,
    "GET /for-you": PUBLIC,
    "GET /papers/{slug}": PUBLIC,
    "GET /papers/{slug}/figures/{claim}.svg": PUBLIC,
    "POST /papers/{slug}/vote": READER,
    "POST /papers/{slug}/save": READER,
    "POST /papers/{slug}/view": PUBLIC,
    "POST /papers/{slug}/collect": READER,
    "POST /papers/{slug}/run": RUNNER,
    "GET /verdicts": PUBLIC,
    "GET /error-rate": PUBLIC,
    "GET /lab": PUBLIC,
    "POST /lab/runs/{number}/cancel": RUNNER,
    "GET /compare": PUBLIC,
    "POST /compare/measure": RUNNER,
    "GET /atlas": PUBLIC,
    "GET /atlas/points.json": PUBLIC,
    "GET /library": READER,
    "POST /library/searches": READER,
    "POST /library/searches/{number}": READER,
    "POST /library/collections": READER,
    "GET /collections/{owner}/{name}": PUBLIC,
    "POST /collections/{owner}/{name}": READER,
    "POST /collections/{owner}/{name}/remove": READER,
    "POST /collections/{owner}/{name}/items/{item}": READER,
    "GET /library/digest": READER,
    "POST /library/digest": READER,
    "POST /library/digest/pause": READER,
    "GET /library/digest/preview": READER,
    "GET /library/export.{form}": READER,
    "POST /library/import": READER,
    "GET /feeds": PUBLIC,
    # signing in, one's account, running the place
    "GET /login": OPEN,
    "POST /login": OPEN,
    "POST /logout": OPEN,
    "GET /join": OPEN,
    "POST /join": OPEN,
    "GET /account": READER,
    "POST /account": READER,
    "POST /account/password": READER,
    "POST /account/sign-out": READER,
    "POST /account/tokens": READER,
    "POST /account/tokens/{number}/revoke": READER,
    "POST /account/delete": READER,
    "GET /admin": ADMIN,
    "POST /admin/people/{number}/role": ADMIN,
    "POST /admin/people/{number}/sign-out": ADMIN,
    "POST /admin/people/{number}/remove": ADMIN,
    "POST /admin/invitations": ADMIN,
    "POST /admin/invitations/{number}/withdraw": ADMIN,
    "POST /admin/suppressions/lift": ADMIN,
    # feeds, and what letters link to
    "GET /feeds/{name}.atom": PUBLIC,
    "GET /atom/search/{token}": TOKEN,
    "GET /confirm/{token}": TOKEN,
    "POST /confirm/{token}": TOKEN,
    "GET /unsubscribe/{token}": TOKEN,
    "POST /unsubscribe/{token}": TOKEN,
    # files
    "GET /static/{name:path}": OPEN,
    "GET /robots.txt": OPEN,
    "GET /health": OPEN,
    # the JSON API
    "GET /api/v1/openapi.json": PUBLIC,
    "GET /api/docs": PUBLIC,
    "GET /api/v1/papers": PUBLIC,
    "GET /api/v1/papers/{name:path}": PUBLIC,
    "GET /api/v1/papers/{slug}/similar": PUBLIC,
    "GET /api/v1/papers/{slug}/markdown": PUBLIC,
    "GET /api/v1/papers/{slug}/bibtex": PUBLIC,
    "GET /api/v1/search": PUBLIC,
    "POST /api/v1/like-text": PUBLIC,
    "GET /api/v1/claims": PUBLIC,
    "GET /api/v1/models": PUBLIC,
    "GET /api/v1/runs": PUBLIC,
    "POST /api/v1/runs": RUNNER,
    "GET /api/v1/runs/{number}": PUBLIC,
    "DELETE /api/v1/runs/{number}": RUNNER,
    "GET /api/v1/runs/{number}/events": PUBLIC,
    "GET /api/v1/trending": PUBLIC,
    "GET /api/v1/feeds/{label}": PUBLIC,
    "GET /api/v1/for-you": READER,
    "GET /api/v1/papers/{slug}/opinion": PUBLIC,
    "PUT /api/v1/papers/{slug}/vote": READER,
    "DELETE /api/v1/papers/{slug}/vote": READER,
    "PUT /api/v1/papers/{slug}/save": READER,
    "DELETE /api/v1/papers/{slug}/save": READER,
    "GET /api/v1/collections": PUBLIC,
    "POST /api/v1/collections": READER,
    "GET /api/v1/collections/{owner}/{slug}": PUBLIC,
    "PATCH /api/v1/collections/{owner}/{slug}": READER,
    "DELETE /api/v1/collections/{owner}/{slug}": READER,
    "POST /api/v1/collections/{owner}/{slug}/items": READER,
    "PATCH /api/v1/collections/{owner}/{slug}/items/{item}": READER,
    "DELETE /api/v1/collections/{owner}/{slug}/items/{item}": READER,
    "PUT /api/v1/collections/{owner}/{slug}/vote": READER,
    "DELETE /api/v1/collections/{owner}/{slug}/vote": READER,
    "GET /api/v1/me": READER,
    "PATCH /api/v1/me": READER,
    "GET /api/v1/me/export": READER,
    "POST /api/v1/me/import": READER,
    "GET /api/v1/me/votes": READER,
    "GET /api/v1/me/saves": READER,
    "GET /api/v1/me/searches": READER,
    "POST /api/v1/me/searches": READER,
    "DELETE /api/v1/me/searches/{number}": READER,
    "GET /api/v1/me/tokens": READER,
    "POST /api/v1/me/tokens": READER,
    "DELETE /api/v1/me/tokens/{number}": READER,
    "GET /api/v1/people": ADMIN,
    "PUT /api/v1/people/{name}/role": ADMIN,
    "GET /api/v1/status": ADMIN,
    # as the Hugging Face Hub has it
    "GET /api/papers/search": PUBLIC,
    "GET /api/daily_papers": PUBLIC,
    "GET /api/papers": PUBLIC,
    "GET /api/papers/{name:path}": PUBLIC,
    "GET /api/arxiv/{name:path}/repos": PUBLIC,
    "GET /api/agent-harnesses": OPEN,
    "GET /papers/{name:path}.md": PUBLIC,
    "GET /api/whoami-v2": READER,
    "GET /api/collections": PUBLIC,
    "POST /api/collections": READER,
    "GET /api/collections/{owner}/{slug}": PUBLIC,
    "PATCH /api/collections/{owner}/{slug}": READER,
    "DELETE /api/collections/{owner}/{slug}": READER,
    "POST /api/collections/{owner}/{slug}/items": READER,
    "PATCH /api/collections/{owner}/{slug}/items/{item}": READER,
    "DELETE /api/collections/{owner}/{slug}/items/{item}": READER,
    # agents
    "POST /mcp": PUBLIC,
}


def admit(request: Request) -> None:
    """Let a request reach its route, or raise: 401 to those who may sign in, 403 to the others."""
    level = ACCESS[_name(request.method, request.scope["route"].path)]
    state = request.app.state
    if level in (OPEN, TOKEN):
        return
    person = state.sessions.person(request)
    if level == PUBLIC and (person or state.settings.anonymous):
        return
    if person is None:
        raise HTTPException(401, "Sign in first, or send an API token.")
    if level != PUBLIC and not person.may(level):
        raise HTTPException(403, f"This needs the role {level}; yours is {person.role}.")


def names(routes: Iterable[BaseRoute]) -> set[str]:
    """Every method and path that routes answer."""
    return {
        _name(method, getattr(route, "path", "?"))
        for route in routes
        for method in getattr(route, "methods", None) or {"?"}
    }


def check(app: FastAPI) -> None:
    """Raises LookupError for a route that the table does not know."""
    if missing := sorted(names(app.state.routes) - ACCESS.keys()):
        raise LookupError(f"server/access.py declares no access to {', '.join(missing)}.")


def _name(method: str, path: str) -> str:
    return f"{method} {path}"
