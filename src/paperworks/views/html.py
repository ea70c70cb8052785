"""Pages for people: one paper, or the whole catalog as a static site.

A page carries its style and figures and asks nobody else for anything. Whatever it shows is
handed in; nothing is looked up here.
"""

import html
import io
import json
import keyword
import shutil
import tempfile
import tokenize
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any, NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from paperworks.evidence import LOOKS, Judgement, Link, Trial, Verdict, remark
from paperworks.paper import Paper
from paperworks.views import bibtex, figure, spell
from paperworks.views.guides import Guide, body

PLACES = (
    ("list.html", "All papers"),
    ("verdicts.html", "Verdicts"),
    ("controls.html", "Error rate"),
)
GUIDES = ("guides.html", "Guides")
Places = tuple[tuple[str, str], ...]
MARKER = ".paperworks-site"  # the file by which a folder is known to be ours to replace


@dataclass(frozen=True, kw_only=True)
class Page:
    """Everything that the page of one paper shows."""

    paper: Paper
    trials: tuple[Trial, ...] = ()  # the newest of every claim
    elsewhere: tuple[Trial, ...] = ()  # on data of the user's own
    withdrawn_at: str | None = None
    mine: frozenset[str] = frozenset()  # claims of which the newest trial is the reader's own
    authors: str = ""
    texts: Mapping[str, str] = field(default_factory=dict)  # file -> source, the page first
    upon: tuple[Paper, ...] = ()  # works that its code imports
    by: tuple[Paper, ...] = ()  # works whose code imports it
    models: tuple[Mapping[str, Any], ...] = ()  # see paperworks.zoo.sizes
    stale: Mapping[str, str] = field(default_factory=dict)  # claim -> the file that changed


class Controls(NamedTuple):
    """How many controls were fooled, and the interval of that share."""

    held: int
    total: int
    low: float
    high: float

    @property
    def rate(self) -> float:
        """The share of controls that came out as holding."""
        return self.held / self.total


class Entry(NamedTuple):
    """One claim as its template needs it."""

    trial: Trial
    found: Judgement
    remark: str | None
    wins: str
    figure: Markup
    links: list[tuple[str, Link]]
    rows: list[tuple[str, str, tuple[float | None, ...], float | None]]
    stale: str | None
    mine: bool
    print: str


def work_page(page: Page, home: str | None = None, places: Places = PLACES) -> str:
    """The page of one paper. `home` is the way to the site's front page, where there is one.

    `places` are the site's other pages.
    """
    return _fill(
        "paper.html.j2",
        home=home,
        places=places,
        paper=page.paper,
        authors=page.authors,
        entries=[
            entry(
                trial,
                Markup(figure.svg([trial])),
                page.stale.get(trial.claim),
                trial.claim in page.mine,
            )
            for trial in page.trials
        ],
        elsewhere=[(trial, trial.judge()) for trial in page.elsewhere],
        withdrawn_at=page.withdrawn_at,
        models=page.models,
        upon=page.upon,
        by=page.by,
        texts=[(name, lines(text)) for name, text in page.texts.items()],
        bibtex=bibtex.entry(page.paper, page.authors),
    )


def notebook(title: str, trials: Sequence[Trial]) -> str:
    """What a notebook shows of a run: the figure, and its verdicts as text."""
    drawn = Markup(figure.svg(trials, title)) if trials else ""
    said = [(trial, trial.judge()) for trial in trials]
    return _fill("notebook.html.j2", title=title, figure=drawn, said=said)


def site(
    out: str | Path,
    pages: Iterable[Page],
    controls: Controls | None = None,
    guides: Sequence[Guide] = (),
) -> list[str]:
    """Write the whole site into the folder `out`, and give the names of its files.

    Pages and guides are listed in the order given. The folder appears complete or not at all; one
    that is there already is replaced if it is empty or a site of ours. Raises FileExistsError if
    not.
    """
    out = Path(out).absolute()
    if not replaceable(out):
        raise FileExistsError(f"{out} is no site of ours; give a new or an empty folder.")
    out.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        fresh.chmod(0o755)  # mkdtemp keeps others from reading
        names = _write(fresh, pages, controls, guides)
        _swap(fresh, out)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return names


def replaceable(out: Path) -> bool:
    """Whether a site may be written there: nothing is, or nothing but a site of ours."""
    if out.is_symlink() or not out.is_dir():
        return not (out.exists() or out.is_symlink())
    return (out / MARKER).is_file() or not any(out.iterdir())


def _swap(fresh: Path, out: Path) -> None:
    """Put `fresh` in the place of `out`; if that fails, `out` is as it was."""
    if not out.exists():
        fresh.rename(out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent)) / "old"
    out.rename(old)
    try:
        fresh.rename(out)
    except OSError:
        old.rename(out)
        raise
    finally:
        shutil.rmtree(old.parent, ignore_errors=True)


def _write(
    folder: Path, pages: Iterable[Page], controls: Controls | None, guides: Sequence[Guide]
) -> list[str]:
    rows, names = list[dict[str, Any]](), list[str]()
    places = (*PLACES, GUIDES) if guides else PLACES

    def put(name: str, text: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        names.append(name)

    for page in pages:
        put(f"papers/{page.paper.slug}.html", work_page(page, "../", places))
        rows.append(row(page.paper, page.trials))
    primary = Counter(row["primary"] for row in rows if row["primary"])
    fooled = spell.rate(*controls) if controls else "No controls have been run yet."
    shared: dict[str, Any] = {"home": "", "allowed": sum(alpha for _, alpha in LOOKS)}
    shared["places"] = places
    about = {
        "total": len(rows),
        "works": sum(primary.values()),
        "counts": [(str(verdict), primary[verdict]) for verdict in Verdict],
        "controls": fooled,
        "areas": list(dict.fromkeys(row["area"] for row in rows if row["area"])),
    }
    put("index.html", _fill("index.html.j2", here="index.html", **shared, **about))
    put("list.html", _fill("list.html.j2", here="list.html", rows=rows, **shared))
    put("verdicts.html", _fill("verdicts.html.j2", here="verdicts.html", looks=LOOKS, **shared))
    put(
        "controls.html",
        _fill("controls.html.j2", here="controls.html", controls=controls, **shared),
    )
    if guides:
        put("guides.html", _fill("guides.html.j2", here="guides.html", guides=guides, **shared))
    known = {guide.name for guide in guides}
    for guide in guides:
        home = "../" * (guide.name.count("/") + 1)
        told = {"title": guide.title, "body": body(guide, known), "places": places}
        put(f"guides/{guide.name}.html", _fill("guide.html.j2", home=home, **told))
    table = json.dumps(rows, ensure_ascii=False, separators=(",", ":"))
    put("papers.json", table)
    put("papers.js", f"const papers = {table};\n")
    put("find.js", (_TEMPLATES / "find.js").read_text(encoding="utf-8"))
    put(MARKER, "Written by paperworks, which may replace this folder.\n")
    return names


def row(paper: Paper, trials: Sequence[Trial]) -> dict[str, Any]:
    """What the list of papers knows about one of them."""
    found = [(trial.primary, str(trial.judge().verdict)) for trial in trials]
    return {
        "slug": paper.slug,
        "title": paper.title,
        "year": paper.year,
        "arxiv": paper.arxiv,
        "area": paper.area,
        "summary": paper.summary,
        "verdicts": [verdict for _, verdict in found],
        "primary": next((verdict for primary, verdict in found if primary), None),
        "status": "" if found else "cannot run" if paper.cannot_run else "not measured",
    }


def entry(trial: Trial, drawn: Markup, stale: str | None = None, mine: bool = False) -> Entry:
    """A claim as `claim.html.j2` shows it. `drawn` is its figure, `stale` the file that changed."""
    found = trial.judge()
    rows = []
    for arm, words in spell.about_arms(trial).items():
        values: tuple[float | None, ...] = getattr(trial, arm)
        known = [value for value in values if value is not None]
        rows.append((arm, words, values, fmean(known) if known else None))
    return Entry(
        trial=trial,
        found=found,
        remark=remark(trial),
        wins=spell.wins(trial, found),
        figure=drawn,
        links=list(zip(spell.links(trial.rule), found.links, strict=False)),
        rows=rows,
        stale=stale,
        mine=mine,
        print=next(iter(trial.code.values()), ""),
    )


def lines(text: str) -> list[Markup]:
    """The lines of a Python source with keywords, strings and comments marked."""
    plain = text.removesuffix("\n").split("\n")
    marked: list[list[str]] = [[] for _ in plain]
    done = [0] * len(plain)
    for (first, start), (last, end), kind in _marks(text):
        for row in range(first - 1, last):
            left, right = start if row == first - 1 else 0, end if row == last - 1 else None
            between, inside = plain[row][done[row] : left], plain[row][left:right]
            marked[row] += [html.escape(between), f'<span class="{kind}">', html.escape(inside)]
            marked[row].append("</span>")
            done[row] = len(plain[row]) if right is None else right
    rest = (html.escape(line[end:]) for line, end in zip(plain, done, strict=True))
    return [Markup("".join(parts) + end) for parts, end in zip(marked, rest, strict=True)]


def _marks(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int], str]]:
    """Start and end (line, column) of what is marked. A text that is no Python has none."""
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start, token.end, "c"
            elif tokenize.tok_name[token.type] in ("STRING", "FSTRING_START", "FSTRING_MIDDLE"):
                yield token.start, token.end, "s"
            elif token.type == tokenize.NAME and keyword.iskeyword(token.string):
                yield token.start, token.end, "k"
    except (tokenize.TokenError, SyntaxError):
        return


_TEMPLATES = Path(__file__).parent / "templates"
_pages = Environment(
    loader=FileSystemLoader([_TEMPLATES, _TEMPLATES.parent / "web" / "static"]),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)
_pages.filters |= {"number": spell.number, "size": spell.size, "agreement": spell.agreement}
_pages.globals |= {"scope": spell.SCOPE, "signs": spell.SIGNS, "places": PLACES, "here": ""}
_pages.globals["pages"] = {"controls": "controls.html"}


def _fill(template: str, **values: Any) -> str:
    return _pages.get_template(template).render(**values)
