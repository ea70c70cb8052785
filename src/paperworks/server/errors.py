"""What a request that fails is answered with: a sentence, as a page or as JSON; never a path."""

import logging
import re
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperworks.paper import Paper
from paperworks.server.html import page

log = logging.getLogger("paperworks.server")
NO_SUCH = "There is no such page here."
_NEAR = re.compile(r"There is no such paper; nearest: (.+)\.")
_NAMED = re.compile(r"^No (\w+) ('.*'|\".*\")(?=; |\.$)", re.DOTALL)
BROKEN = "Something broke here; it is in the server's log."


def answer(request: Request, status: int, why: str, headers: Any = None) -> Response:
    """A refusal or failure, in the form in which the caller reads."""
    if not _reads_pages(request):
        plain = why.encode("ascii", "replace").decode().replace("\n", " ")
        given = {**(headers or {}), "X-Error-Message": plain}
        if status == 401:
            given["WWW-Authenticate"] = "Bearer"
        return JSONResponse({"error": why}, status, headers=given)
    if status == 401 and request.method == "GET":
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?next={quote(asked, safe='')}", 303)
    phrase = HTTPStatus(status).phrase
    told: dict[str, Any] = {"code": status, "phrase": phrase, "why": why, "near": []}
    if status == 404:
        told["here"] = "/"  # its own address is not said back, not even in a link
        told["near"] = _near(why)
    return page(request, "error.html.j2", status=status, headers=headers, **told)


def _near(why: str) -> list[Paper]:
    """The papers that a refusal names as nearest to what was asked for."""
    from paperworks.index.papers import some

    said = _NEAR.fullmatch(why)
    return list(some(said[1].split(", ")).values()) if said else []


def http(request: Request, wrong: Exception) -> Response:
    """An HTTPException; a route that is not there does not learn its own name back."""
    assert isinstance(wrong, HTTPException)
    missing = wrong.status_code == 404 and wrong.detail == HTTPStatus(404).phrase
    why = NO_SUCH if missing else str(wrong.detail)
    return answer(request, wrong.status_code, why, wrong.headers)


def invalid(request: Request, wrong: Exception) -> Response:
    """Arguments that do not fit: which, and what was expected. Their values stay here."""
    assert isinstance(wrong, RequestValidationError)
    said = [
        f"{'.'.join(str(part) for part in each['loc'][1:]) or each['loc'][0]}: {each['msg']}"
        for each in wrong.errors()
    ]
    return answer(request, 422, "; ".join(said)[:500] + ".")


def unknown(request: Request, wrong: Exception) -> Response:
    """What was asked for is not there. Says what is, without repeating the question."""
    said = str(wrong.args[0]) if wrong.args else NO_SUCH
    return answer(request, 404, _NAMED.sub(r"There is no such \1", said))


def unfit(request: Request, wrong: Exception) -> Response:
    """What was asked for makes no sense."""
    return answer(request, 400, str(wrong))


def forbidden(request: Request, wrong: Exception) -> Response:
    """Somebody else's."""
    return answer(request, 403, str(wrong))


def broken(request: Request, wrong: Exception) -> Response:
    """A defect of ours: the log knows it, the caller only that it was."""
    route = getattr(request.scope.get("route"), "path", "no route")
    log.error("%s %s", request.method, route, exc_info=wrong)
    if not _reads_pages(request):
        return JSONResponse({"error": BROKEN}, 500, headers={"X-Error-Message": BROKEN})
    return PlainTextResponse(BROKEN, 500)  # the template may be what broke


class Rescue:
    """The innermost layer: a defect becomes an answer that every other layer still sees."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except ClientDisconnect:
            pass  # nobody is there to be answered
        except Exception as wrong:
            if begun or scope["type"] != "http":
                raise
            await broken(Request(scope), wrong)(scope, receive, send)


def _reads_pages(request: Request) -> bool:
    path = request.url.path
    return "text/html" in request.headers.get("accept", "") and not path.startswith("/api/")


HANDLERS: dict[Any, Any] = {
    HTTPException: http,
    RequestValidationError: invalid,
    LookupError: unknown,
    KeyError: broken,
    IndexError: broken,
    ValueError: unfit,
    PermissionError: forbidden,
}
