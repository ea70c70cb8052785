"""Ten classes of holes that programs like this one had, and a test that would find each here.

1 path traversal, 2 Windows paths, 3 requests on somebody's behalf, 4 DNS rebinding, 5 CORS,
6 CSRF, 7 scripts in data, 8 open redirects and leaked tokens, 9 holes in access, 10 execution
and exhaustion. Sweeps go over every route there is, so that a new one is swept too.
"""

import ast
import gzip
import hmac
import os
import re
import socket
import sys
from html.parser import HTMLParser
from pathlib import Path
from subprocess import run
from xml.etree import ElementTree

import pytest
from tests.server import called
from tests.server.called import HOST, HOSTILE, SAME, SECRET, SECRETS, STREAMS, address, routes

import paperworks
from paperworks.people import searches, subscriptions
from paperworks.server import access
from paperworks.server.account import safe
from paperworks.server.app import create_app
from paperworks.server.files import Files
from paperworks.server.serve import ready
from paperworks.server.settings import from_environment

EVIL = "https://evil.example"
HTML = {"accept": "text/html"}
PARAMETER = re.compile(r"\{[^}]+\}")


def reads(app) -> list[str]:
    """Paths of everything that is read, but for streams."""
    return [path for method, path in routes(app) if method == "GET" and STREAMS not in path]


def changes(app) -> list[tuple[str, str]]:
    """Method and path of everything that is no reading."""
    return [(method, path) for method, path in routes(app) if method != "GET"]


# --- 1: path traversal ---

LEAVING = (
    *(
        "..",
        "../canary",
        "../../canary",
        "%2e%2e/canary",
        "%2e%2e%2fcanary",
        "%252e%252e%252fcanary",
    ),
    *("....//canary", "..;/canary", "/etc/passwd", "//etc/passwd", "canary%00.css", "./canary"),
)


def test_class_1_no_address_leads_out_of_its_folder(site, data_folder, monkeypatch):
    canary = "canary-that-no-answer-holds"
    for name in ("canary", "canary.css", "passwd"):
        (data_folder / name).write_text(canary)
    inside = data_folder / "inside"
    inside.mkdir()
    monkeypatch.chdir(inside)
    caller = site.caller("ada")
    everything = (*LEAVING, str(data_folder / "canary").lstrip("/"), str(data_folder))
    for place, path in enumerate(path for path in reads(site.app) if PARAMETER.search(path)):
        files = path in ("/static/{name:path}", "/papers/{name:path}.md")
        for leaving in everything if files else everything[place % 7 :: 7]:
            answer = caller.get(PARAMETER.sub(leaving, path))
            assert canary not in answer.text, (path, leaving)
            assert "root:" not in answer.text
            assert answer.status_code < 500, (path, leaving)


def test_class_1_files_are_those_of_the_folder(tmp_path):
    inside, sibling = tmp_path / "static", tmp_path / "static-secret"
    inside.mkdir()
    sibling.mkdir()
    (inside / "app.css").write_text("x")
    (sibling / "key").write_text("secret")
    (inside / "link.css").symlink_to(sibling / "key")
    (inside / "way").symlink_to(sibling)
    assert set(Files(inside).by_name) == {"app.css"}


# --- 2: Windows paths ---

WINDOWS = (
    r"\\host\share",
    r"..\..\canary",
    "C:x",
    "a:b",
    "CON",
    r"%5c%5chost%5cshare",
    "//host/share",
)


def test_class_2_windows_paths_are_refused_before_the_disk_is_asked(site, monkeypatch):
    caller = site.caller()
    for name in WINDOWS:  # whatever this imports is there afterwards
        caller.get(f"/static/{name}")

    def asked(*_: object, **__: object) -> None:
        raise AssertionError("a name of the caller's reached the disk")

    for owner, name in ((os.path, "realpath"), (os, "stat"), (os, "open"), (Path, "resolve")):
        monkeypatch.setattr(owner, name, asked)
    for name in WINDOWS:
        assert caller.get(f"/static/{name}").status_code == 404


# --- 3: requests on somebody's behalf ---

URLS = (
    *(
        "http://127.0.0.1:1/",
        "http://[::1]:1/",
        "http://169.254.169.254/latest",
        "http://2130706433/",
    ),
    *("file:///etc/passwd", "https://localtest.example/", "gopher://127.0.0.1/", "//127.0.0.1/"),
)


def test_class_3_no_route_asks_another_machine(site, monkeypatch):
    asked: list[object] = []
    monkeypatch.setattr(socket.socket, "connect", lambda _, to: asked.append(to))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *to, **_: asked.append(to))
    caller = site.caller("ada")
    paths = ("/search", "/api/v1/search", "/api/papers/search", "/")
    for place, url in enumerate(URLS):
        caller.get(paths[place % 4], params={"q": url, "url": url, "next": url})
        if place % 4 == 0:
            caller.post("/api/v1/like-text", json={"text": url})
        caller.post("/mcp", json=_tool("read", paper=url))
        caller.get(f"/api/papers/{url}")
    assert asked == []


# --- 4: DNS rebinding ---


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "papers.example.org.evil.example", ""]
)
def test_class_4_another_host_name_is_refused_everywhere(site, host):
    caller = site.caller("ada", host=host)
    before = called.contents(site.engine)
    for method, path in [*routes(site.app), ("GET", "/nothing"), ("OPTIONS", "/mcp")]:
        assert caller.request(method, address(path)).status_code == 421, (method, path)
    assert called.contents(site.engine) == before


def test_class_4_loopback_is_no_protection(site, monkeypatch):
    here = create_app(from_environment({}, secret=SECRET))
    base = "http://127.0.0.1:7474"
    assert called.client(here, base).get("/api/v1/me").json()["data"]["name"] == "you"
    for headers in ({"host": "evil.example"}, {"origin": EVIL}, {"origin": "http://localhost:1"}):
        assert called.client(here, base, **headers).get("/api/v1/me").status_code in (403, 421)
    # a proxy on this machine makes everybody look like its user
    through = called.client(here, base, **{"x-forwarded-for": "203.0.113.9"})
    assert through.get("/api/v1/me").status_code == 401
    far = called.client(here, base)
    far._transport.client = ("203.0.113.9", 5)  # type: ignore[attr-defined]
    assert far.get("/api/v1/me").status_code == 401
    here.state.engine.dispose()


# --- 5: CORS ---

ORIGINS = (
    "null",
    EVIL,
    f"https://{HOST}.evil.example",
    f"https://{HOST}:444",
    f"http://{HOST}",
    "http://localhost",
)


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("who", ["ada", None])
def test_class_5_no_other_origin_reads_or_changes(site, origin, who):
    browser = site.browser(who)
    browser.headers.update({"origin": origin, "sec-fetch-site": "cross-site"})
    before = called.contents(site.engine)
    for method, path in routes(site.app):
        answer = browser.request(method, address(path))
        assert answer.status_code == 403, (method, path)
        assert not [name for name in answer.headers if name.startswith("access-control")]
    asked = {"access-control-request-method": "POST"}
    assert browser.options("/api/v1/me", headers=asked).status_code == 403
    assert called.contents(site.engine) == before


# --- 6: CSRF ---


def test_class_6_reading_changes_nothing(site):
    browser, caller = site.browser("ada"), site.caller("ada")
    before = called.contents(site.engine)
    for path in reads(site.app):
        for method in ("GET", "HEAD"):
            for one in (browser, caller):
                answer = one.request(method, address(path))
                assert answer.status_code < 500, (method, path)
                assert method == "GET" or answer.content == b""
    assert called.contents(site.engine) == before


@pytest.mark.parametrize(
    "said",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": EVIL},
        {"origin": "null"},
        {"origin": EVIL, "sec-fetch-site": "same-origin"},
    ],
)
def test_class_6_a_page_of_another_site_changes_nothing(site, said):
    browser = site.browser("ada")
    for name in SAME:
        del browser.headers[name]
    before = called.contents(site.engine)
    for method, path in changes(site.app):
        if "unsubscribe" in path and "origin" not in said:
            continue  # the one route that mail providers post to
        assert browser.request(method, address(path), headers=said).status_code == 403, path
    assert called.contents(site.engine) == before


def test_class_6_what_is_exempt_and_no_more(place):
    """Programs with a token; mail providers on the one-click route; a page that hides itself."""
    assert place.caller("anna").put("/api/v1/papers/rezero/vote").status_code == 200
    anna = place.people["anna"]
    mine = subscriptions.settle(place.engine, anna, called.NOW)
    token = subscriptions.unsubscribe_token(SECRET, mine)
    posted = place.caller().post(
        f"/unsubscribe/{token}",
        content="List-Unsubscribe=One-Click",
        headers={"content-type": "application/x-www-form-urlencoded"},
    )
    assert posted.status_code == 200
    hidden = {"origin": "null", "sec-fetch-site": "same-origin"}
    again = called.client(place.app, f"https://{HOST}", **hidden).post(f"/unsubscribe/{token}")
    assert again.status_code == 200  # as often as one likes


# --- 7: scripts in data ---


class _Seen(HTMLParser):
    """What of a page could run, or load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.wrong: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = {name: value or "" for name, value in attrs}
        source = told.get("src", "")
        if (
            tag == "script"
            and not source.startswith("/static/")
            and told.get("type") != "application/json"
        ):
            self.wrong.append(f"script {told}")
        again = told.get("http-equiv") == "refresh" and told.get("content", "").isdecimal()
        if (
            tag in ("iframe", "object", "embed", "base", "meta")
            and "http-equiv" in told
            and not again
        ):
            self.wrong.append(f"{tag} {told}")
        for name, value in told.items():
            plain = re.sub(r"[\0-\x20]", "", value).casefold()
            if name.startswith("on") or (name == "style" and "expression" in plain):
                self.wrong.append(f"{tag} {name}={value}")
            if name in ("href", "src", "action", "formaction", "xlink:href", "data"):
                if plain.startswith(("javascript:", "vbscript:", "data:text")):
                    self.wrong.append(f"{tag} {name}={value}")
                if name == "src" and plain.startswith(("http:", "https:", "//")):
                    self.wrong.append(f"{tag} {name}={value}")


def _harmless(text: str) -> list[str]:
    seen = _Seen()
    seen.feed(text)
    return seen.wrong


def test_class_7_a_hostile_paper_is_harmless_on_every_page(site):
    browser, seen = site.browser("ada"), 0
    at = {"slug": "hostile", "name": "hostile", "item": "hostile"}
    lists = [
        "/search?q=hostile",
        "/api/v1/search?q=hostile",
        f"/search?q={HOSTILE}",
        f"/search?area={HOSTILE}",
    ]
    for path in [*(address(path, **at) for path in reads(site.app)), *lists]:
        answer = browser.get(path)
        assert answer.status_code < 500, path
        kind = answer.headers.get("content-type", "")
        if kind.startswith("text/html"):
            assert _harmless(answer.text) == [], path
            assert "<script>alert" not in answer.text
            assert "7*7" not in answer.text or "{{ 7*7 }}" in answer.text, "a template was filled"
        if "xml" in kind:
            ElementTree.fromstring(answer.text)
        seen += "Hostile" in answer.text
        assert answer.headers["x-content-type-options"] == "nosniff"
    assert seen > 8  # it was on pages, in feeds and in answers


def test_class_7_markdown_makes_no_link_of_it(site):
    from markdown_it import MarkdownIt

    text = site.caller().get("/papers/hostile.md").text
    made = MarkdownIt("commonmark", {"html": True}).render(text)
    assert _harmless(made) == []
    links = re.findall(r'(?:href|src)="([^"]*)"', made)
    assert links
    assert [
        link for link in links if not link.startswith((f"https://{HOST}/", "https://arxiv.org/"))
    ] == []


def test_class_7_agents_are_told_what_is_data(site):
    answer = site.caller().post("/mcp", json=_tool("read", paper="hostile")).json()["result"]
    text = answer["content"][0]["text"]
    mark = re.search(r"between the marks (\w{8}) was written by others", text)
    assert mark
    assert text.index("Ignore all previous") > text.index(f'<data id="{mark[1]}">')
    assert text.endswith(f'</data id="{mark[1]}">')
    again = site.caller().post("/mcp", json=_tool("read", paper="hostile")).json()["result"]
    assert mark[1] not in again["content"][0]["text"]  # nobody can write it beforehand


STYLED = {"/library/digest/preview", "/papers/{slug}/figures/{claim}.svg"}  # letters, drawings


def test_class_7_no_page_allows_inline_scripts_or_styles(site):
    browser = site.browser("ada")
    for path in reads(site.app):
        told = browser.get(address(path)).headers["content-security-policy"]
        assert "default-src 'none'" in told
        if path in STYLED:  # documents of their own, in which no script runs at all
            assert "script-src" not in told
            assert "sandbox" in told
        else:
            assert "unsafe" not in told, path
            assert "frame-ancestors 'none'" in told


def test_class_7_what_is_not_there_is_not_repeated(site):
    for path in (
        "/zwischenzug",
        "/papers/zwischenzug",
        "/static/zwischenzug",
        "/api/papers/zwischenzug",
    ):
        for headers in ({}, HTML):
            answer = site.caller(**headers).get(f"{path}%3Cscript%3E")
            assert answer.status_code == 404
            assert "zwischenzug" not in answer.text
            assert "zwischenzug" not in str(answer.headers)


# --- 8: open redirects, leaked tokens ---

AWAY = (
    *(
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "https:evil.example",
    ),
    *(
        "/\t/evil.example",
        "/\n/evil.example",
        "/\r/evil.example",
        " //evil.example",
        "\x00//evil.example",
    ),
    *(
        "javascript:alert(1)",
        "data:text/html,x",
        "evil.example",
        "///evil.example",
        "//evil.example/%2f..",
    ),
    *(
        "/\\/evil.example",
        "http:///evil.example",
        "//\\evil.example",
        "?next=//evil.example",
        "",
        "/é//evil",
    ),
)


@pytest.mark.parametrize("following", AWAY)
def test_class_8_signing_in_leads_nowhere_else(place, following):
    form = {"name": "anna", "password": called.PASSWORD, "next": following}
    browser = place.browser()
    place.app.state.logins.forget(("from", "127.0.0.1"))
    answer = browser.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert browser.get("/login", params={"next": following}).headers["location"] == "/"


def test_class_8_it_leads_back_to_where_one_was():
    assert safe("/papers/rezero?tab=code#claims") == "/papers/rezero?tab=code#claims"


def test_class_8_tokens_are_in_no_address_but_those_of_letters_and_feeds(site):
    known = {path for _, path in routes(site.app) if "{token}" in path}
    assert known == {"/atom/search/{token}", "/confirm/{token}", "/unsubscribe/{token}"}
    for path in known:
        assert access.ACCESS[f"GET {path}"] == access.TOKEN
    ada = site.people["ada"]
    mine = subscriptions.subscription(site.engine, ada)
    token = subscriptions.unsubscribe_token(SECRET, mine)
    feed = searches.feed_token(SECRET, searches.saved(site.engine, ada)[0])
    for path in (f"/unsubscribe/{token}", f"/atom/search/{feed}"):
        answer = site.caller().get(path)
        assert answer.status_code == 200
        assert answer.headers["referrer-policy"] == "no-referrer"
    shown = site.caller("anna").get(f"/api/v1/me?token={site.tokens['ada']}")
    assert shown.json()["data"]["name"] == "anna"  # one in an address is no proof


# --- 9: holes in access ---


def test_class_9_every_route_declares_who_may_call_it(site):
    assert access.names(site.app.state.routes) == set(access.ACCESS)
    assert set(access.ACCESS.values()) <= {"open", "public", "token", "reader", "runner", "admin"}


def test_class_9_an_undeclared_route_does_not_start(site, monkeypatch):
    line = "GET /api/v1/me"
    monkeypatch.delitem(access.ACCESS, line)
    with pytest.raises(LookupError, match=line):
        create_app(called.hosted())


def test_class_9_each_level_keeps_out_those_below(site):
    order = [None, "anna", "rita", "ada"]
    needed = {access.READER: 1, access.RUNNER: 2, access.ADMIN: 3}
    before = called.contents(site.engine)
    for method, path in routes(site.app):
        level = needed.get(access.ACCESS[f"{method} {path}"], 0)
        for who in order[:level]:
            status = site.caller(who).request(method, address(path)).status_code
            assert status == (403 if who else 401), (method, path, who)
    assert called.contents(site.engine) == before


def test_class_9_nobody_reads_what_is_somebodys_own(site):
    """Neither in pages, feeds, counts, nor errors; and Ada, for comparison, does."""
    asked = [address(path) for path in reads(site.app)]
    asked += ["/api/collections?owner=ada", "/api/collections?item=papers/2011.10566"]
    asked += ["/api/v1/collections?owner=ada", f"/api/v1/collections/ada/x-{'0' * 24}"]
    strangers = (site.caller(), site.caller("anna"), site.browser(), site.browser("rita"))
    for caller in strangers:
        for path in asked:
            assert SECRETS not in caller.get(path).text.casefold(), path
        for path in ("/search?q=", "/api/v1/search?q=", "/api/papers/search?q="):
            mine, other = (caller.get(path + word).text.casefold() for word in (SECRETS, "quxquxx"))
            assert mine.replace(SECRETS, "_") == other.replace("quxquxx", "_"), path
    mine = "".join(site.caller("ada").get(path).text for path in asked)
    assert f"{SECRETS} list" in mine
    assert f"{SECRETS} search" in mine


def test_class_9_a_private_place_tells_strangers_nothing(site):
    app = create_app(called.hosted(anonymous=False))
    stranger = called.client(app, f"https://{HOST}")
    for method, path in routes(app):
        level = access.ACCESS[f"{method} {path}"]
        status = stranger.request(method, address(path)).status_code
        assert level in (access.OPEN, access.TOKEN) or status == 401, (method, path)
    reader = called.client(app, f"https://{HOST}", authorization=f"Bearer {site.tokens['anna']}")
    assert reader.get("/api/v1/papers").status_code == 200
    page = stranger.get("/papers/rezero?x=1", headers=HTML)
    assert page.headers["location"] == "/login?next=%2Fpapers%2Frezero%3Fx%3D1"
    app.state.engine.dispose()


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "papers.example.org"])
def test_class_9_others_reach_it_only_with_a_secret_and_an_administrator(store, host):
    with pytest.raises(ValueError, match="PAPERWORKS_SECRET with at least 32"):
        from_environment({}, host=host)
    with pytest.raises(ValueError, match="PAPERWORKS_SECRET with at least 32"):
        from_environment({}, host=host, secret="x" * 31)
    with pytest.raises(ValueError, match="needs accounts"):
        from_environment({}, host=host, secret=SECRET, accounts=False)
    with pytest.raises(ValueError, match="needs an administrator"):
        ready(from_environment({}, host=host, secret=SECRET))
    with pytest.raises(ValueError, match="needs an administrator"):
        create_app(from_environment({}, host=host, secret=SECRET))


def test_class_9_guessing_is_slow_and_says_nothing(place):
    logins = place.app.state.logins
    logins._left.clear()
    browser = place.browser()
    answers = [
        browser.post("/login", data={"name": name, "password": "wrong wrong"})
        for name in ("ada", "nobody-here")
    ]
    assert [answer.status_code for answer in answers] == [401, 401]
    plain = [answer.text.replace("ada", "x").replace("nobody-here", "x") for answer in answers]
    assert plain[0] == plain[1]
    tries = [browser.post("/login", data={"name": f"n{i}", "password": "w"}) for i in range(10)]
    assert {answer.status_code for answer in tries} == {401, 429}
    assert int(tries[-1].headers["retry-after"]) > 0
    late = browser.post("/login", data={"name": "ada", "password": called.PASSWORD})
    assert late.status_code == 429
    logins._left.clear()


def test_class_9_secrets_are_compared_in_constant_time(place, monkeypatch):
    compared = []
    real = hmac.compare_digest
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(1) or real(a, b))
    place.caller().get(f"/unsubscribe/{'A' * 32}")
    assert compared


def test_class_9_sessions_end(place):
    browser = place.browser("anna")
    assert browser.get("/account").status_code == 200
    forged = place.browser()
    cookie = place.app.state.sessions.cookie
    assert cookie == "__Host-paperworks"
    real = browser.cookies[cookie]
    for value in (real[:-2] + "xx", "", "1.2.3", f"{real}x", "WzEsMF0.aaaa.bbbb"):
        forged.cookies.set(cookie, value, domain=HOST, path="/")
        assert forged.get("/account").status_code == 303
    assert browser.post("/account/sign-out").status_code == 303
    stolen = place.browser()
    stolen.cookies.set(cookie, real, domain=HOST, path="/")
    assert stolen.get("/account").status_code == 303


def test_class_9_cookies_are_out_of_reach(place):
    place.app.state.logins._left.clear()
    form = {"name": "anna", "password": called.PASSWORD}
    told = place.browser().post("/login", data=form).headers["set-cookie"].casefold()
    for word in ("__host-paperworks=", "httponly", "samesite=lax", "secure", "path=/"):
        assert word in told
    assert "domain=" not in told


# --- 10: execution and exhaustion ---

WEB = ("server", "views", "index", "people", "mail", "store")


def test_class_10_the_web_process_runs_no_work(data_folder):
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "import paperworks.server.serve, paperworks.server.app\n"
        "paperworks.server.app.create_app()\n"
        "assert not [name for name in sys.modules if name.startswith('paperworks.works.')]"
    )
    run([sys.executable, "-W", "error", "-c", code], check=True)


def test_class_10_no_room_of_the_web_executes_data():
    wrong = []
    for room in WEB:
        for file in (Path(paperworks.__file__).parent / room).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                called_name = node.func if isinstance(node, ast.Call) else None
                if isinstance(called_name, ast.Name) and called_name.id in (
                    "eval",
                    "exec",
                    "compile",
                ):
                    wrong.append(f"{file.name}:{node.lineno}")
                if isinstance(node, ast.Import | ast.ImportFrom):
                    names = [alias.name for alias in node.names] + [
                        getattr(node, "module", None) or ""
                    ]
                    if {"pickle", "marshal", "shelve", "dill", "torch"} & {
                        name.split(".")[0] for name in names
                    }:
                        wrong.append(f"{file.name}:{node.lineno}")
    assert wrong == []


def test_class_10_long_questions_are_refused(site):
    caller, long = site.caller("ada"), "x" * 251
    for path in ("/search", "/api/v1/search", "/api/papers/search"):
        assert caller.get(path, params={"q": long}).status_code == 400
        assert caller.get(path, params={"q": "x " * 125}).status_code == 200
    assert caller.get(f"/api/v1/papers/{'x' * 5000}").status_code == 414
    assert caller.get("/api/v1/papers", params={"area": "x" * 5000}).status_code == 414
    answer = caller.post("/mcp", json=_tool("search", query=long)).json()
    assert "at most 250" in answer["result"]["content"][0]["text"]


@pytest.mark.parametrize(
    "path",
    [
        *("/api/v1/papers?limit=101", "/api/v1/papers?limit=0", "/api/v1/papers?offset=-1"),
        *("/api/v1/search?q=x&k=101", "/api/daily_papers?limit=101", "/api/papers?limit=101"),
        *("/api/papers/search?limit=121", "/api/collections?limit=101", "/api/v1/runs?limit=101"),
        *(
            "/api/v1/papers?offset=1e9",
            "/api/v1/papers?year=99999",
            "/api/v1/runs/99999999999999999999",
        ),
    ],
)
def test_class_10_no_answer_is_longer_than_it_may_be(site, path):
    assert site.caller().get(path).status_code == 422


def test_class_10_large_bodies_are_refused_whatever_they_say_of_themselves(site):
    caller, room = site.caller("ada"), 1 << 20
    for method, path in changes(site.app):
        told = {"content-length": str(100 * room)}
        assert caller.request(method, address(path), content=b"", headers=told).status_code == 413

    def endless():
        for _ in range(20):
            yield b" " * (1 << 16)

    for path in ("/mcp", "/api/v1/like-text", "/api/collections"):
        answer = caller.post(path, content=endless(), headers={"content-type": "application/json"})
        assert answer.status_code == 413, path
    bomb = gzip.compress(b" " * (50 * room))
    packed = {"content-type": "application/json", "content-encoding": "gzip"}
    assert caller.post("/api/v1/like-text", content=bomb, headers=packed).status_code in (400, 422)
    deep = "[" * 100_000
    assert caller.post("/mcp", content=deep).status_code == 400
    json = {"content-type": "application/json"}
    assert caller.post("/api/v1/like-text", content=deep, headers=json).status_code in (400, 422)


def test_class_10_searches_are_rationed(site):
    app = create_app(called.hosted())
    guard = app.build_middleware_stack().app
    while not hasattr(guard, "search_rate"):
        guard = guard.app
    guard.search_rate.most = 3
    app.middleware_stack = guard
    caller = called.client(app, f"https://{HOST}")
    statuses = [caller.get("/api/papers/search?q=x").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    late = caller.get("/search?q=x")
    assert int(late.headers["retry-after"]) >= 1
    assert caller.get("/api/v1/papers/rezero/similar").status_code == 429
    assert caller.post("/like", data={"text": "x"}, headers=called.SAME).status_code == 429
    assert caller.get("/api/v1/papers").status_code == 200
    app.state.engine.dispose()


def test_class_10_agents_read_unless_told_otherwise(site):
    listed = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}

    def tools(app, who):
        shown = {"authorization": f"Bearer {site.tokens[who]}"} if who else {}
        caller = called.client(app, f"https://{HOST}", **shown)
        names = [
            tool["name"] for tool in caller.post("/mcp", json=listed).json()["result"]["tools"]
        ]
        asked = caller.post("/mcp", json=_tool("run", paper="simsiam")).json()["result"]
        return names, asked["isError"]

    before = called.contents(site.engine)
    reading = (["search", "read", "list_claims"], True)
    plain = create_app(called.hosted(mcp_run=False))
    assert tools(plain, "ada") == reading
    plain.state.engine.dispose()
    assert tools(site.app, None) == reading
    assert tools(site.app, "anna") == reading
    assert called.contents(site.engine) == before
    assert tools(site.app, "rita") == (["search", "read", "list_claims", "run"], False)


def _tool(name: str, **arguments: object) -> dict[str, object]:
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
