"""Sites on this machine that answer as arXiv, Hugging Face and doi.org do, and misbehave on order.

The papers are invented. A `Site` serves all of it on one port; `faults` holds what is answered
to the next requests instead, `asked` what was asked and when.
"""

import json
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

ATOM = "application/atom+xml; charset=utf-8"
XML = "text/xml; charset=utf-8"


@dataclass(frozen=True)
class Known:
    """A paper that the sites know."""

    id: str
    title: str
    abstract: str = "We fold an umbrella $x < y$\n  and measure the rain."
    version: int = 1
    published: str = "2026-11-18T17:59:46Z"
    updated: str = ""
    authors: tuple[str, ...] = ("Ada Maria Lovelace", "Émilie du Châtelet")
    categories: tuple[str, ...] = ("cs.LG", "stat.ML")
    doi: str = ""
    announced: str = "new"
    deleted: bool = False
    comment: str = "8 pages"
    upvotes: int | None = 7

    @property
    def changed(self) -> str:
        return (self.updated or self.published)[:10]


PAPERS = (
    Known("2611.00001", "Folding & Unfolding of <Umbrella> Networks", doi="10.5555/Rain.1"),
    Known("2611.00002", "On the Sleep of Gradients", version=2, updated="2026-11-19T08:00:00Z"),
    Known("2611.00003", "A Third Study of Rain"),
    Known("2611.00004", "A Fourth Study of Rain", categories=("stat.ML",)),
    Known("2611.00005", "A Fifth Study of Rain", announced="cross"),
    Known("cs/9901002", "An Old Study of Rain", published="1999-01-05T10:00:00Z"),
    Known("2611.00007", "A Study Taken Back", deleted=True),
)


@dataclass(frozen=True)
class Reply:
    """One answer. `drip` sends a byte at a time, with so many seconds between; `cut` half."""

    body: bytes | str = b""
    type: str = XML
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    drip: float = 0.0
    cut: bool = False
    hang: float = 0.0


BUSY = Reply("Rate exceeded.", "text/plain", 429)
DOWN = Reply("Later.", "text/html", 503, {"Retry-After": "30"})


class Site:
    """The sites, on a port of this machine."""

    def __init__(self, papers: tuple[Known, ...] = PAPERS) -> None:
        self.papers, self.page = papers, 3
        self.faults = deque[Reply | Callable[[str], Reply]]()
        self.asked = list[tuple[str, dict[str, str], float]]()
        self.tag, self.server = '"one"', _Server(self)
        self.under_way = self.at_once = 0  # requests, now and at most
        self.lock, self.left = threading.Lock(), threading.Event()  # left: who was answered hung up

    @property
    def root(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    @property
    def paths(self) -> list[str]:
        return [unquote(path) for path, *_ in self.asked]

    def answer(self, path: str, headers: dict[str, str]) -> Reply:
        if self.faults:
            fault = self.faults.popleft()
            return fault if isinstance(fault, Reply) else fault(path)
        parts = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if parts.path.startswith("/rss/"):
            if headers.get("If-None-Match") == self.tag:
                return Reply(status=304)
            return Reply(rss(self.papers), "application/rss+xml", headers={"ETag": self.tag})
        if parts.path == "/api/query":
            return self._search(asked)
        if parts.path == "/oai":
            return Reply(self._records(asked))
        if parts.path == "/api/daily_papers":
            return self._daily(asked)
        if parts.path.startswith("/10."):
            return self._doi(unquote(parts.path[1:]), headers)
        return Reply("nothing here", "text/plain", 404)

    def _search(self, asked: dict[str, str]) -> Reply:
        start, most = int(asked["start"]), int(asked["max_results"])
        if ids := asked.get("id_list", ""):
            if "abc" in ids:
                return Reply(refusal("incorrect id format for abc"), ATOM, 400)
            found = [p for p in self.papers if p.id in ids.split(",") and not p.deleted]
        else:
            found = [p for p in self.papers if not p.deleted]
        return Reply(atom(found[start : start + most], start, len(found)), ATOM)

    def _records(self, asked: dict[str, str]) -> str:
        if token := asked.get("resumptionToken"):
            state = dict(pair.partition("=")[::2] for pair in unquote(token).split("&"))
            if "skip" not in state:
                return oai('<error code="badResumptionToken">no such token</error>')
        elif asked.get("metadataPrefix") != "arXiv":
            return oai('<error code="cannotDisseminateFormat"/>')
        else:
            state = {"from": asked["from"], "until": asked.get("until", "9999"), "skip": "0"}
        found = [p for p in self.papers if state["from"] <= p.changed <= state["until"]]
        skip = int(state["skip"])
        if not found:
            return oai('<error code="noRecordsMatch">nothing</error>')
        state["skip"] = str(skip + self.page)
        token = quote("&".join(f"{name}={value}" for name, value in state.items()))
        left = skip + self.page < len(found)
        body = "".join(map(record, found[skip : skip + self.page]))
        return oai(
            f"<ListRecords>{body}<resumptionToken>{token * left}</resumptionToken></ListRecords>"
        )

    def _daily(self, asked: dict[str, str]) -> Reply:
        page, most = int(asked["p"]), int(asked["limit"])
        found = [daily(p) for p in self.papers if "/" not in p.id and not p.deleted]
        size = min(most, self.page)
        headers = {}
        if (page + 1) * size < len(found):
            query = "&".join(f"{k}={v}" for k, v in (asked | {"p": str(page + 1)}).items())
            headers["Link"] = f'<https://huggingface.co/api/daily_papers?{query}>; rel="next"'
        body = json.dumps(found[page * size : (page + 1) * size])
        return Reply(body, "application/json; charset=utf-8", headers=headers)

    def _doi(self, number: str, headers: dict[str, str]) -> Reply:
        assert "csl+json" in headers["Accept"]
        found = [p for p in self.papers if p.doi.lower() == number]
        if not found:
            return Reply("<html>DOI Not Found</html>", "text/html", 404)
        body = json.dumps(csl(found[0]))
        return Reply(body, "application/vnd.citationstyles.csl+json")

    def mirrors(self, monkeypatch) -> None:
        """Have every source asked for here."""
        for name, value in self.settings().items():
            monkeypatch.setenv(name, value)

    def settings(self) -> dict[str, str]:
        """The settings that do that."""
        return {
            "PAPERWORKS_ARXIV_RSS": f"{self.root}/rss",
            "PAPERWORKS_ARXIV_OAI": f"{self.root}/oai",
            "PAPERWORKS_ARXIV_API": f"{self.root}/api/query",
            "PAPERWORKS_HF": self.root,
            "PAPERWORKS_DOI": self.root,
            "PAPERWORKS_MIRRORS": self.root.removeprefix("http://"),
        }


@contextmanager
def serving(papers: tuple[Known, ...] = PAPERS) -> Iterator[Site]:
    """A site for as long as it is needed."""
    site = Site(papers)
    thread = threading.Thread(target=site.server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield site
    finally:
        site.server.shutdown()
        thread.join()
        site.server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, site: Site) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.site = site

    def handle_error(self, request, client_address) -> None:
        pass  # the other end left, as some tests want


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_GET(self) -> None:
        began, site = time.monotonic(), self.server.site
        with site.lock:
            site.under_way += 1
            site.at_once = max(site.at_once, site.under_way)
        reply = site.answer(self.path, dict(self.headers))
        time.sleep(reply.hang)
        with site.lock:
            site.under_way -= 1
        site.asked.append((self.path, dict(self.headers), began))
        body = reply.body.encode() if isinstance(reply.body, str) else reply.body
        self._send(reply, body)

    def _send(self, reply: Reply, body: bytes) -> None:
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.type)
        if reply.status != 304:
            self.send_header("Content-Length", str(len(body)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if reply.cut:
            self.wfile.write(body[: len(body) // 2])
            self.close_connection = True
        elif reply.drip:
            self._drip(reply, body)
        else:
            self.wfile.write(body)

    def _drip(self, reply: Reply, body: bytes) -> None:
        try:
            for byte in body:
                self.wfile.write(bytes([byte]))
                time.sleep(reply.drip)
        except OSError:
            self.server.site.left.set()

    def log_message(self, format: str, *args: object) -> None:
        pass


# --- how each source writes a paper ---


def rss(papers: tuple[Known, ...], date: str = "Fri, 20 Nov 2026 00:00:00 -0500") -> str:
    items = "".join(
        f"<item><title>{escape(p.title)}</title><link>https://arxiv.org/abs/{p.id}</link>"
        f"<description>arXiv:{p.id}v{p.version} Announce Type: {p.announced} \n"
        f"Abstract: {escape(p.abstract)}</description>"
        f"<guid isPermaLink='false'>oai:arXiv.org:{p.id}v{p.version}</guid>"
        + "".join(f"<category>{c}</category>" for c in p.categories)
        + f"<pubDate>{date}</pubDate><arxiv:announce_type>{p.announced}</arxiv:announce_type>"
        f"<dc:creator>{escape(', '.join(p.authors))}</dc:creator></item>"
        for p in papers
        if not p.deleted and p.id != "cs/9901002"
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?><rss xmlns:arxiv="http://arxiv.org/schemas/atom" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/" version="2.0"><channel><title>cs.LG</title>'
        f"<pubDate>{date}</pubDate>{items}</channel></rss>"
    )


def atom(papers: list[Known], start: int, total: int) -> str:
    entries = "".join(
        f"<entry><id>http://arxiv.org/abs/{p.id}v{p.version}</id><title>{escape(p.title)}</title>"
        f"<updated>{p.updated or p.published}</updated><summary>  {escape(p.abstract)}</summary>"
        + "".join(f'<category term="{c}" scheme="s"/>' for c in (*p.categories[::-1], "68T05"))
        + f"<published>{p.published}</published><arxiv:comment>{escape(p.comment)}</arxiv:comment>"
        f'<arxiv:primary_category term="{p.categories[0]}"/>'
        + (f"<arxiv:doi>{p.doi}</arxiv:doi>" if p.doi else "")
        + "".join(f"<author><name>{a}</name></author>" for a in p.authors)
        + "</entry>"
        for p in papers
    )
    return _feed(start, total, entries)


def refusal(why: str) -> str:
    entry = f"<id>https://arxiv.org/api/errors#x</id><title>Error</title><summary>{why}</summary>"
    return _feed(0, 1, f"<entry>{entry}</entry>")


def _feed(start: int, total: int, entries: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom" '
        'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" '
        'xmlns:arxiv="http://arxiv.org/schemas/atom"><title>arXiv Query</title>'
        f"<opensearch:totalResults>{total}</opensearch:totalResults>"
        f"<opensearch:startIndex>{start}</opensearch:startIndex>{entries}</feed>"
    )


def oai(body: str) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<OAI-PMH xmlns="http://www.openarchives.org/OAI/2.0/">'
        f"<responseDate>2026-11-21T00:00:00Z</responseDate>{body}</OAI-PMH>"
    )


def record(p: Known) -> str:
    head = f"<identifier>oai:arXiv.org:{p.id}</identifier><datestamp>{p.changed}</datestamp>"
    if p.deleted:
        return f'<record><header status="deleted">{head}</header></record>'
    authors = "".join(
        f"<author><keyname>{name.split()[-1]}</keyname>"
        f"<forenames>{' '.join(name.split()[:-1])}</forenames></author>"
        for name in p.authors
    )
    updated = f"<updated>{p.updated[:10]}</updated>" if p.updated else ""
    return (
        f"<record><header>{head}</header><metadata><arXiv xmlns='http://arxiv.org/OAI/arXiv/'>"
        f"<id>{p.id}</id><created>{p.published[:10]}</created>{updated}"
        f"<authors>{authors}</authors><title>{escape(p.title)}</title>"
        f"<categories>{' '.join(p.categories)}</categories><comments>{escape(p.comment)}</comments>"
        f"<license>http://arxiv.org/licenses/nonexclusive-distrib/1.0/</license>"
        f"<abstract>  {escape(p.abstract)}\n</abstract></arXiv></metadata></record>"
    )


def daily(p: Known) -> dict[str, object]:
    inner = {
        "id": p.id,
        "title": p.title,
        "summary": p.abstract,
        "upvotes": p.upvotes,
        "publishedAt": p.published.replace("Z", ".000Z"),
        "submittedOnDailyAt": "2026-11-20T00:00:00.000Z",
        "authors": [{"_id": "x", "name": name, "hidden": False} for name in p.authors],
        "githubRepo": "https://github.com/rain/umbrella",
        "projectPage": "javascript:alert(1)",
    }
    return {
        "paper": inner,
        "title": p.title,
        "publishedAt": "2026-11-20T02:11:00.000Z",
        "numComments": 2,
    }


def csl(p: Known) -> dict[str, object]:
    people = [{"given": " ".join(a.split()[:-1]), "family": a.split()[-1]} for a in p.authors]
    return {
        "type": "article-journal",
        "DOI": p.doi,
        "title": p.title.replace("<Umbrella>", "<i>Umbrella</i>"),
        "author": people,
        "abstract": f"<jats:p>{escape(p.abstract)}</jats:p>",
        "issued": {"date-parts": [[2026, 11]]},
        "container-title": "Journal of Rain",
    }
