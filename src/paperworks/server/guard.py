"""What stands before every route: it turns away what no reader of ours would send.

Host and Origin are checked for every address, whether a route is there or not; bodies,
addresses and the rate of searches and changes are limited; every answer carries the headers
that keep a page from being framed, sniffed, or made to run what a paper says.
"""

import base64
import hashlib
import ipaddress
import json
import re
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from paperworks.server.settings import Settings

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
METHODS = SAFE | {"POST", "PUT", "PATCH", "DELETE"}
ONE_CLICK = re.compile(r"/unsubscribe/[^/]+")  # RFC 8058: posted by a mail provider, not a page
COMPARES = re.compile(r"/like|/api/v1/(like-text|papers/[^/]+/similar)")  # as dear as searches
UPLOADS = re.compile(r"/library/import|/api/v1/me/import")
QUERY_NAMES = frozenset({"q", "query"})

POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'self'"],
    "style-src": ["'self'"],
    "img-src": ["'self'", "data:"],
    "font-src": ["'self'"],
    "connect-src": ["'self'"],
    "manifest-src": ["'self'"],
    "form-action": ["'self'"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), browsing-topics=()",
}


def policy(styles: Iterable[str] = ()) -> str:
    """The Content-Security-Policy. `styles`: texts of style elements that a page may carry."""
    hashes = [f"'sha256-{_sha256(style)}'" for style in styles]
    given = POLICY | {"style-src": POLICY["style-src"] + hashes}
    return "; ".join(f"{name} {' '.join(values)}" for name, values in given.items())


class Guard:
    """The outermost layer. What it refuses, it refuses in one sentence of JSON."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings
        limits = settings.limits
        self.search_rate = Rate(limits.search, 60.0)
        self.write_rate = Rate(limits.write, 60.0)
        self.headers = dict(HEADERS)
        if settings.secure:
            self.headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or refuse it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal:
            await self._refuse(scope, send, *refusal)
            return
        head = scope["method"] == "HEAD"
        if head:  # one that reads is a GET whose body stays here
            scope = {**scope, "method": "GET"}
        await self.app(
            scope,
            _Limited(receive, self._room(scope["path"])),
            _Sender(send, self.headers, head),
        )

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Why the request goes no further: a status and a sentence; None where it may."""
        limits, method, path = self.settings.limits, scope["method"], scope["path"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _name(hosts[0]) not in self.settings.names:
            return 421, "This server is not called that; PAPERWORKS_ALLOWED_HOSTS names it."
        if method not in METHODS:
            return 405, "There is no such method here."
        size = len(scope.get("raw_path") or path) + len(scope["query_string"])
        if size > limits.address:
            return 414, f"An address has at most {limits.address} bytes."
        if "\0" in path or any(ord(sign) < 32 for sign in path):
            return 400, "An address has no control characters."
        if not self._ours(headers, path, hosts[0], method in SAFE):
            return 403, "A page of another site asked for this; it was not done."
        told = headers.get("content-length", "0")
        if not told.isdecimal():
            return 400, "Content-Length is a whole number."
        if int(told) > self._room(path):
            return 413, f"A request has at most {self._room(path)} bytes."
        queries = [
            value
            for name, value in parse_qsl(scope["query_string"].decode("latin-1"))
            if name in QUERY_NAMES
        ]
        if any(len(query) > limits.query for query in queries):
            return 400, f"A query has at most {limits.query} characters; this one has more."
        who = network((scope.get("client") or ("",))[0])
        if (queries or COMPARES.fullmatch(path)) and (wait := self.search_rate.wait(who)):
            return 429, f"Too many searches; try again in {wait} seconds."
        if method not in SAFE and (wait := self.write_rate.wait(who)):
            return 429, f"Too many changes; try again in {wait} seconds."
        return None

    def _ours(self, headers: Headers, path: str, host: str, safe: bool) -> bool:
        """Whether a request comes from a page of ours, or from no page at all.

        Browsers say where a request comes from, and no page can make them lie; programs say
        nothing. Links from elsewhere may read. A token is added by no browser by itself.
        """
        origin = headers.get("origin")
        if ONE_CLICK.fullmatch(path) and origin is None:
            return True
        if origin not in (None, "null"):  # "null": a page that hides where it is
            return self._same(origin, host)
        if safe and origin is None:
            return True
        if headers.get("authorization", "").casefold().startswith("bearer ") and origin is None:
            return True
        said = headers.get("sec-fetch-site", "none" if origin is None else "hidden")
        return said in ("same-origin", "none")

    def _same(self, origin: str, host: str) -> bool:
        here = f"{'https' if self.settings.secure else 'http'}://{host}"
        return _place(origin) in {_place(here), _place(self.settings.public_url or here)}

    def _room(self, path: str) -> int:
        limits = self.settings.limits
        return limits.upload if UPLOADS.fullmatch(path) else limits.body

    async def _refuse(self, scope: Scope, send: Send, status: int, why: str) -> None:
        wait = re.search(r"in (\d+) seconds", why) if status == 429 else None
        await _send(_Sender(send, self.headers, scope["method"] == "HEAD"), status, why, wait)


async def _send(send: Send, status: int, why: str, wait: re.Match[str] | None) -> None:
    body = json.dumps({"error": why}).encode()
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-error-message", why.encode("ascii", "replace")),
        *([(b"retry-after", wait[1].encode())] if wait else []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def network(client: str) -> str:
    """Whom to count a request for: an address, or the network of one of version 6.

    A household has 2**64 of these.
    """
    try:
        found = ipaddress.ip_address(client)
    except ValueError:
        return client
    return client if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))


class TooLarge(HTTPException):
    """The body is longer than it may be, whatever its Content-Length said."""

    def __init__(self) -> None:
        super().__init__(413, "The body of this request is too long.")


class _Limited:
    """A `receive` that gives up when a body without Content-Length grows too long."""

    def __init__(self, receive: Receive, room: int) -> None:
        self.receive, self.room = receive, room

    async def __call__(self) -> Message:
        message = await self.receive()
        if message["type"] == "http.request":
            self.room -= len(message.get("body", b""))
            if self.room < 0:
                raise TooLarge
        return message


class _Sender:
    """A `send` that adds the headers of every answer, and drops the body of a HEAD."""

    def __init__(self, send: Send, headers: dict[str, str], head: bool) -> None:
        self.send, self.headers, self.head = send, headers, head
        self.ended = False

    async def __call__(self, message: Message) -> None:
        if self.ended:
            raise OSError("A HEAD has no body; its answer has ended.")
        if message["type"] == "http.response.start":
            headers = MutableHeaders(raw=list(message.get("headers", [])))
            for name, value in self.headers.items():
                headers.setdefault(name, value)
            headers.setdefault("Content-Security-Policy", policy())
            headers.setdefault("Cache-Control", "no-store")
            message = {**message, "headers": headers.raw}
        elif self.head and message["type"] == "http.response.body":
            message = {**message, "body": b"", "more_body": False}
            self.ended = True
        await self.send(message)


@dataclass
class Rate:
    """At most `most` calls in `seconds` for each caller: a bucket that refills steadily.

    Kept in this process: with several, each counts its own.
    """

    most: int
    seconds: float
    now: Callable[[], float] = time.monotonic
    _left: OrderedDict[Any, tuple[float, float]] = field(default_factory=OrderedDict)
    _lock: Lock = field(default_factory=Lock)

    def wait(self, who: Any) -> int:
        """Count a call. Seconds until it would be allowed; 0 if it is."""
        with self._lock:
            now = self.now()
            left, then = self._left.pop(who, (float(self.most), now))
            left = min(self.most, left + (now - then) * self.most / self.seconds)
            allowed = left >= 1
            self._left[who] = (left - allowed, now)
            while len(self._left) > 10_000:  # the one that has been silent longest
                self._left.popitem(last=False)
            return 0 if allowed else int((1 - left) * self.seconds / self.most) + 1

    def forget(self, who: Any) -> None:
        """Give a caller all its calls back."""
        with self._lock:
            self._left.pop(who, None)


class Conditional:
    """Gives every whole answer to a GET an ETag, and 304 to those who have it already."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["method"] != "GET":
            await self.app(scope, receive, send)
            return
        wanted = {
            tag.strip().removeprefix("W/")
            for tag in Headers(scope=scope).get("if-none-match", "").split(",")
        }
        start: Message | None = None

        async def answer(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                plain = message["status"] == 200 and not _streams(message)
                start = message if plain else None
                if plain:
                    return
            elif start is not None:
                first, start = start, None
                if not message.get("more_body"):
                    first, message = _tagged(first, message, wanted)
                await send(first)
            await send(message)

        await self.app(scope, receive, answer)


def _streams(message: Message) -> bool:
    headers = Headers(raw=message["headers"])
    return headers.get("content-type", "").startswith("text/event-stream")


def _tagged(first: Message, last: Message, wanted: set[str]) -> tuple[Message, Message]:
    headers = MutableHeaders(raw=list(first["headers"]))
    if headers.get("cache-control", "") == "no-store":
        return first, last
    if "etag" not in headers:
        mark = hashlib.blake2b(last.get("body", b""), digest_size=12)
        mark.update(headers.get("content-security-policy", "").encode())
        headers["ETag"] = f'W/"{mark.hexdigest()}"'
    headers.setdefault("Cache-Control", "private, no-cache")
    if headers["etag"].removeprefix("W/") not in wanted:
        return {**first, "headers": headers.raw}, last
    for name in ("content-length", "content-type"):
        if name in headers:
            del headers[name]
    return {**first, "status": 304, "headers": headers.raw}, {**last, "body": b""}


def _name(host: str) -> str:
    """The name in a Host header, without its port; nothing where it is none."""
    found = re.fullmatch(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+)(?::\d{1,5})?", host)
    return found[1].strip("[]").casefold() if found else ""


def _place(origin: str) -> tuple[str, str | None, int] | None:
    """Scheme, host and port of an origin; None where it is none."""
    try:
        said = urlsplit(origin)
        return said.scheme, said.hostname, said.port or (443 if said.scheme == "https" else 80)
    except ValueError:
        return None


def _sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
