"""Pages in a real browser, Debian's Chromium: the newcomer's way, with scripts and without, by
keyboard, in both looks and on a phone. What was seen is kept in out/screens."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import axe_playwright_python
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright
from sqlalchemy import Engine
from tests.server import called

from paperworks.evidence import Verdict, shipped
from paperworks.people import accounts, collections, opinions, searches
from paperworks.store import open_store
from paperworks.trial import queue

pytestmark = pytest.mark.timeout(240)
CHROMIUM = Path("/usr/bin/chromium")
CALM = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SCREENS = Path(__file__).parents[2] / "out" / "screens"
AXE = Path(axe_playwright_python.__file__).with_name("axe.min.js")
PATIENCE = 30_000  # milliseconds that anything may take on a slow machine
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 320, "height": 800}
PAGES = {
    "home": "/",
    "search": "/search?q=normalisation",
    "all": "/search",
    "like": "/like",
    "paper": "/papers/rezero",
    "paper without code": "/papers/background_prompting",
    "trending": "/trending",
    "formula": "/trending/formula",
    "new": "/new",
    "for you": "/for-you",
    "atlas": "/atlas?area=graph",
    "compare": "/compare",
    "lab": "/lab",
    "library": "/library",
    "digest": "/library/digest",
    "feeds": "/feeds",
    "account": "/account",
    "admin": "/admin",
    "verdicts": "/verdicts",
    "error rate": "/error-rate",
    "not there": "/papers/no_such_paper",
    "api": "/api/docs",
}


@dataclass
class Site:
    """A server, its store, and the browser that looks at it."""

    url: str
    engine: Engine
    browser: Browser
    wrong: list[str] = field(default_factory=list)  # what browsers complained about

    @contextmanager
    def page(self, scripts: bool = True, **more: object) -> Iterator[Page]:
        """A fresh visitor's page, whose complaints and requests elsewhere are kept."""
        options = {"viewport": WIDE, "java_script_enabled": scripts, **more}
        context = self.browser.new_context(base_url=self.url, **options)  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE)
        page = context.new_page()
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("request", lambda asked: self._ours(asked.url))
        try:
            yield page
        finally:
            context.close()

    def _hear(self, kind: str, text: str) -> None:
        if kind == "error" and "404 (Not Found)" not in text:
            self.wrong.append(text)

    def _ours(self, url: str) -> None:
        if not url.startswith((self.url, "data:", "blob:")):
            self.wrong.append(f"a request to {url}")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail("These tests look with Debian's Chromium: apt-get install chromium.")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(CHROMIUM), args=CALM)
        yield made
        made.close()


@pytest.fixture(scope="module")
def web(listening, browser) -> Iterator[Site]:
    engine = open_store(f"sqlite:///{listening.folder / 'paperworks.db'}")
    SCREENS.mkdir(parents=True, exist_ok=True)
    yield Site(listening.url, engine, browser)
    engine.dispose()


@pytest.fixture(scope="module")
def tab(web) -> Iterator[Page]:
    """One page for all that is only looked at: a new one for each takes as long as its tests."""
    with web.page() as page:
        yield page


@pytest.fixture(autouse=True)
def _no_complaints(web) -> Iterator[None]:
    """Nothing is blocked by the policy, fails in a script, or comes from elsewhere."""
    yield
    wrong, web.wrong = web.wrong, []
    assert wrong == []


def you(web: Site) -> accounts.Person:
    return accounts.local(web.engine, datetime.now(UTC))


def test_the_newcomers_way(web):
    """Find, read, run, watch, save, subscribe."""
    with web.page() as page:
        page.goto("/")
        page.get_by_role("searchbox", name="Search papers").fill("rezero")
        page.keyboard.press("Enter")
        found = page.locator("#found")
        expect(found.get_by_role("heading").first).to_contain_text("ReZero")
        expect(found.locator(".why").first).not_to_be_empty()
        found.get_by_role("link", name="ReZero is All You Need").click()
        expect(page).to_have_url(re.compile("/papers/rezero$"))
        expect(page.locator("#claims .verdict").first).to_be_visible()
        expect(page.locator("pre.source").first).to_contain_text("class")
        drawn = page.locator(".claim img.only-light").first
        drawn.scroll_into_view_if_needed()
        expect(drawn).to_have_js_property("complete", True)
        assert drawn.evaluate("image => image.naturalWidth") > 500

        page.get_by_role("button", name="Run", exact=True).click()
        running = page.locator("section.running")
        expect(running).to_contain_text("Waiting")
        now = datetime.now(UTC)
        asked = queue.claim_next(web.engine, queue.name_worker(), now)
        assert asked is not None
        assert asked.paper == "rezero"
        queue.report(web.engine, asked, 3, 12, 41.0, now)
        expect(running).to_contain_text("3 of 12 runs · about 41 seconds to go")
        expect(running.get_by_role("progressbar")).to_have_attribute("value", "3")
        page.screenshot(path=SCREENS / "running.png")
        before = next(trial for trial in shipped("rezero") if trial.claim == "learns_faster")
        later = replace(before, on="2099-01-01", says="What was measured just now.")
        queue.finish(web.engine, asked, [later], datetime.now(UTC))
        expect(page.locator("#claims")).to_contain_text("What was measured just now.")
        expect(running).to_have_count(0)
        expect(page.locator(f"#run-{asked.id}")).to_contain_text("done")

        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("button", name="Saved")).to_have_attribute("aria-pressed", "true")
        page.get_by_text("Add a note").click()
        page.get_by_label("Note").fill("For the reading group.")
        page.get_by_role("button", name="Keep the note").click()
        expect(page.locator("#note summary")).to_contain_text("Your note")
        page.get_by_role("button", name="Vote").click()
        expect(page.get_by_role("button", name="Voted")).to_be_visible()
        page.locator("#collect summary").click()
        page.get_by_label("A new collection").fill("Reading group")
        page.get_by_role("button", name="Make it, with this paper").click()
        expect(page.get_by_role("button", name="Reading group")).to_have_class(re.compile("on"))

        page.goto("/search")
        page.get_by_role("searchbox", name="Search papers").press_sequentially("graph conv")
        expect(page).to_have_url(re.compile(r"q=graph\+conv"))
        expect(page.locator("#found")).to_contain_text("Graph Convolutional")
        page.get_by_label("Verdict").select_option("holds")
        expect(page).to_have_url(re.compile("verdict=holds"))
        page.get_by_text("Save this search").click()
        page.get_by_label("Name").fill("Graphs that hold")
        page.get_by_role("button", name="Save, and get its feed").click()
        mine = page.locator("article.card", has_text="Graphs that hold")
        feed = mine.get_by_role("link", name="Atom feed").get_attribute("href")
        assert feed is not None
        assert "<feed" in page.request.get(feed).text()
        page.screenshot(path=SCREENS / "library.png", full_page=True)

        page.goto("/library/digest")
        page.get_by_label("How often").select_option("week")
        page.get_by_role("button", name="Save", exact=True).click()
        page.goto("/library/digest/preview")
        expect(page.locator("body")).to_contain_text("Graphs that hold")
    person = you(web)
    assert [mark.note for mark in opinions.saved(web.engine, person)] == ["For the reading group."]
    assert [mark.paper for mark in opinions.voted(web.engine, person)] == ["rezero"]
    assert [one.name for one in searches.saved(web.engine, person)] == ["Graphs that hold"]
    assert [one.title for one in collections.collections(web.engine, person)] == ["Reading group"]


def test_without_scripts_forms_do_the_same(web):
    with web.page(scripts=False) as page:
        page.goto("/")
        page.get_by_role("searchbox", name="Search papers").fill("simplifying graph")
        page.get_by_role("button", name="Search").click()
        page.get_by_label("Code").select_option("yes")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name="Simplifying Graph Convolutional Networks").first.click()
        expect(page.locator("#claims .verdict").first).to_be_visible()
        expect(page.locator("pre.source").first).to_contain_text("def ")
        page.get_by_role("button", name="Vote").click()
        expect(page.get_by_role("button", name="Voted")).to_be_visible()
        page.get_by_role("button", name="Voted").click()
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator("section.running")).to_contain_text("Waiting")
        assert 'http-equiv="refresh"' in page.content()
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator("section.running")).to_have_count(0)
        expect(page.locator("#history")).to_contain_text("cancelled")
        page.goto("/atlas?area=graph")
        expect(page.get_by_role("link", name="Simplifying Graph")).to_be_visible()
    assert [one.state for one in queue.history(web.engine, paper="sgc")] == ["cancelled"]


FAULTS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations
    .filter(fault => ['serious', 'critical'].includes(fault.impact))
    .map(fault => `${fault.id}: ${fault.nodes.slice(0, 3).map(node => node.html).join(' | ')}`)"""


@pytest.mark.parametrize("name", PAGES)
def test_no_page_has_a_serious_fault(tab, name):
    """By axe: on a wide screen in the light look, on the narrowest phone in the dark one."""
    tab.set_viewport_size(WIDE)
    tab.goto(PAGES[name])
    if name == "atlas":
        tab.wait_for_selector("canvas[data-ready]")
    tab.evaluate(AXE.read_text(encoding="utf-8"))
    for shape, look in ((WIDE, "light"), (PHONE, "dark")):
        tab.set_viewport_size(shape)
        tab.emulate_media(color_scheme=look)
        screen = "wide" if shape is WIDE else "phone"
        tab.screenshot(path=SCREENS / f"{name.replace(' ', '-')}-{screen}-{look}.png")
        assert tab.evaluate(FAULTS) == [], f"{name}, {screen}, {look}"
        across = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert tab.evaluate(across) <= 0, f"{name} is wider than {screen}"


@pytest.mark.parametrize("path", ["/login", "/join"])
def test_signing_in_has_no_serious_fault(web, path, tmp_path, monkeypatch):
    """The forms of a server with accounts, shown by the one that is here."""
    address = f"sqlite:///{tmp_path / 'store.db'}"
    monkeypatch.setenv("PAPERWORKS_DATABASE_URL", address)
    engine = open_store(address)
    told = called.opened(address, engine, tmp_path).browser().get(path).text
    engine.dispose()
    with web.page(color_scheme="dark") as page:
        page.route(f"**{path}", lambda route: route.fulfill(body=told, content_type="text/html"))
        page.goto(path)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        page.screenshot(path=SCREENS / f"{path.strip('/')}.png")
        assert page.evaluate(FAULTS) == []


def test_the_first_page_is_light(web):
    with web.page() as page:
        sizes = dict[str, int]()
        page.on("response", lambda got: sizes.update({got.url: len(got.body())}))
        page.goto("/", wait_until="networkidle")
    assert len(sizes) >= 5
    assert sum(sizes.values()) < 100_000, sizes


def test_the_look_can_be_chosen_and_is_kept(web):
    with web.page(color_scheme="light") as page:
        page.goto("/papers/rezero")
        paper = "getComputedStyle(document.documentElement).backgroundColor"
        assert page.evaluate(paper) == "rgb(255, 255, 255)"
        page.get_by_role("button", name="Look: as the system").click()
        page.get_by_role("button", name="Look: light").click()
        assert page.evaluate(paper) == "rgb(20, 23, 27)"
        expect(page.locator(".claim img.only-dark").first).to_be_visible()
        expect(page.locator(".claim img.only-light").first).to_be_hidden()
        page.goto("/lab")
        assert page.evaluate(paper) == "rgb(20, 23, 27)"


def test_the_keyboard_reaches_everything(web):
    with web.page() as page:
        page.goto("/papers/rezero")
        page.keyboard.press("Tab")
        skip = page.get_by_role("link", name="Skip to content")
        expect(skip).to_be_focused()
        expect(skip).to_be_in_viewport()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
        page.keyboard.press("/")
        expect(page.get_by_role("searchbox")).to_be_focused()
        page.goto("/papers/resnet")
        vote = page.get_by_role("button", name="Vote", exact=True)
        vote.focus()
        assert vote.evaluate("button => getComputedStyle(button).outlineStyle") == "solid"
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Voted")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.get_by_role("button", name="Vote", exact=True)).to_be_focused()
        expect(page.locator("main")).to_have_count(1)


def test_the_atlas_by_mouse_and_keys(web):
    with web.page() as page:
        page.goto("/atlas?paper=rezero")
        canvas = page.locator("canvas")
        expect(canvas).to_have_attribute("data-ready", re.compile(r"\d+"))
        expect(page.locator(".tip")).to_contain_text("ReZero")
        page.screenshot(path=SCREENS / "atlas-paper.png")
        canvas.focus()
        page.keyboard.press("ArrowRight")
        expect(page.locator("#at")).not_to_contain_text("ReZero")
        box = canvas.bounding_box()
        assert box is not None
        page.mouse.move(box["x"] + 200, box["y"] + 200)
        page.mouse.wheel(0, -400)
        page.get_by_label("Highlight papers on the map").fill("resnet")
        expect(page.locator("#at")).to_contain_text("papers highlighted")
        page.get_by_role("button", name="Show all").click()
        canvas.focus()
        page.keyboard.press("Escape")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile("/papers/"))


def test_what_is_measured_here_is_compared(web):
    with web.page() as page:
        page.goto("/compare?model=resnet18&model=resnet50")
        expect(page.get_by_role("img", name=re.compile("Parameters over"))).to_be_visible()
        page.get_by_role("button", name="Measure latency here").click()
        expect(page.locator("section.running")).to_have_count(2)
        for time in (9.5, 21.0):
            now = datetime.now(UTC)
            asked = queue.claim_next(web.engine, queue.name_worker(), now)
            assert asked is not None
            assert asked.kind == "latency"
            told = {"batch": 1, "threads": 1, "milliseconds": time, "low": time - 1}
            told |= {"high": time + 1, "passes": 20, "machine": "a machine of the tests"}
            queue.finish_latency(web.engine, asked, [told], now)
        expect(page.locator("section.running")).to_have_count(0)
        expect(page.get_by_role("row", name=re.compile("resnet50"))).to_contain_text("21 ms")
        expect(page.get_by_role("img", name=re.compile("Latency over"))).to_be_visible()
        page.screenshot(path=SCREENS / "compared.png", full_page=True)


def test_verdicts_are_words_everywhere(web):
    """Colour never says alone what came out."""
    with web.page() as page:
        page.goto("/papers/rezero")
        said = {word.strip("✓✕~ \n") for word in page.locator(".verdict").all_inner_texts()}
    assert said <= set(Verdict)
    assert said
