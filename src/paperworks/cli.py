"""The command line: a translation of words into calls, and of results into text.

Every command imports what it needs when it is called, so `--help` waits for nothing. With
`--json`, standard output is one JSON document; progress and messages go to standard error.
Exit status: 0; 1 when what was asked for failed; 2 for wrong usage or input.
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from functools import reduce
from operator import or_
from pathlib import Path
from shutil import get_terminal_size
from typing import Any

import click

as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


class _Commands(click.Group):
    """Answers a mistake with one sentence and status 2, never with a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (LookupError, ValueError, OSError, ModuleNotFoundError) as mistake:
            message = mistake.args[0] if isinstance(mistake, LookupError) else mistake
            raise click.UsageError(str(message)) from None


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="paperworks")
def main() -> None:
    """Papers that run: find a paper, read what it claims, and see whether that held."""


def show(answer: Any, as_json: bool, spell: Callable[[Any], Any]) -> None:
    """Print an answer: as JSON, or as `spell` writes it."""
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False, allow_nan=False))
    else:
        spell(answer)


# --- the index: import, list, show, search ---


@main.command("import")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@as_json
def import_files(paths: tuple[Path, ...], as_json: bool) -> None:
    """Import papers from listing pages, JSON Lines or BibTeX: all of the files, or none."""
    from paperworks.sources.importer import import_papers

    done = import_papers(paths)
    show(asdict(done), as_json, lambda _: _counted(done))


@main.command("list")
@click.option("--area", help="Papers of this area.")
@click.option("--kind", help="Papers of this kind.")
@click.option("--year", type=int, help="Papers of this year.")
@click.option("--works/--no-works", default=None, help="Papers with code, or without.")
@click.option("--runnable/--cannot-run", default=None, help="Whether a run could decide them.")
@click.option("--verdict", help="Papers with a claim that holds, does not hold, is inconclusive.")
@as_json
def list_papers(as_json: bool, **wanted: Any) -> None:
    """List the papers, with the verdicts on their claims."""
    from paperworks.index.listing import listing

    rows = listing(**wanted)
    show([asdict(row) for row in rows] if as_json else rows, as_json, _papers)


def _papers(rows: Any) -> None:
    """Columns cut to a terminal's width; whole fields, with tabs between them, elsewhere."""
    if not sys.stdout.isatty():
        for row in rows:
            counts = ", ".join(f"{n} {verdict}" for verdict, n in row.verdicts.items() if n)
            click.echo(f"{row.slug}\t{row.id}\t{row.year or ''}\t{counts}\t{row.title}")
        return
    from paperworks.views.catalog import listing

    click.echo(listing(rows, get_terminal_size().columns))


@main.command("show")
@click.argument("name")
@as_json
def show_paper(name: str, as_json: bool) -> None:
    """Show one paper, named by slug, id, arXiv id or title."""
    from paperworks.index.listing import paper
    from paperworks.views import catalog

    page = paper(name)
    answer = catalog.paper_data(page) if as_json else page
    show(answer, as_json, lambda page: _print(catalog.paper(page)))


class _Years(click.ParamType):
    """A year, or two with a hyphen between them; either may be left out: 2019, 2019-, -2019."""

    name = "YEARS"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        first, to, last = value.partition("-")
        if not (value.strip("-") and all(not year or year.isdecimal() for year in (first, last))):
            self.fail(f"{value!r} is no year such as 2019, and no years such as 2019-2023.")
        return (int(first) if first else None, int(last) if last else None) if to else int(first)


@main.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("-k", default=10, show_default=True, help="How many papers at most.")
@click.option("--area", help="Papers of this area.")
@click.option("--kind", help="Papers of this kind.")
@click.option("--year", type=_Years(), help="Papers of 2019, 2019-2023, 2019- or -2019.")
@click.option("--verdict", help="Papers with a claim that holds, does not hold, is inconclusive.")
@click.option("--works/--no-works", default=None, help="Papers with code, or without.")
@as_json
def search_papers(query: tuple[str, ...], k: int, as_json: bool, **filters: Any) -> None:
    """Search by name, by words and by meaning, in titles, summaries, claims and abstracts."""
    from paperworks.index.search import ask

    found = ask(" ".join(query), k, **filters)
    answer = {"results": [asdict(hit) for hit in found.hits], "status": asdict(found.status)}
    show(answer, as_json, lambda _: _found(found.hits))
    if found.status.note and not as_json:
        _note(found.status.note)


def _found(hits: Any) -> None:
    from paperworks.views.catalog import hits as table

    if hits:
        _print(table(hits))
    else:
        click.echo("Nothing found.", err=True)


@main.command("index")
@click.option("--rebuild", is_flag=True, help="Make it again from catalog and database.")
@as_json
def index_papers(rebuild: bool, as_json: bool) -> None:
    """Bring the search index up to date: words at once, then what the texts mean.

    Searching does the first by itself, and the second for a few new papers at a time.
    """
    from paperworks.index.book import opened
    from paperworks.index.search import status

    book = opened()
    if rebuild:
        book.forget()
    with _progress() as progress:
        book.embed(progress=lambda done, total: progress("vectors", done, total))
    told = status(book.shelf())
    show(asdict(told), as_json, lambda _: click.echo(f"{told.papers} papers are in the index."))


def _print(shown: Any) -> None:
    from rich.console import Console

    Console().print(shown)


# --- fetch: papers from arXiv, Hugging Face and doi.org ---

day = click.DateTime(["%Y-%m-%d"])


@main.group("fetch")
def fetch() -> None:
    """Fetch papers, abstracts and authors from arXiv, Hugging Face and doi.org.

    What is fetched is stored page by page: after Ctrl-C, the same command goes on from there.
    arXiv is asked once in three seconds, whatever else runs here.
    """


@fetch.command("arxiv")
@click.argument("categories", nargs=-1, required=True, metavar="CATEGORY...")
@click.option("--from", "since", type=day, metavar="DATE", help="First day, such as 2026-01-31.")
@click.option("--until", type=day, metavar="DATE", help="Last day; today where it is left out.")
@as_json
def fetch_arxiv(
    categories: tuple[str, ...], since: datetime | None, until: datetime | None, as_json: bool
) -> None:
    """Fetch what arXiv announced last in categories such as cs.LG, or changed in a span of days.

    A change to an old paper is stored where that paper is known here.
    """
    from paperworks.sources.fetch import changed_papers, new_papers

    if until and not since:
        raise click.UsageError("--until needs --from.")
    with _fetching(as_json) as (web, now, missing):
        if since is None:
            new_papers(web, categories, now)
            return
        for category in categories:
            changed_papers(web, category, since.date(), until and until.date(), now)


@fetch.command("search")
@click.argument("query", nargs=-1, required=True)
@click.option("--most", default=100, show_default=True, help="How many papers at most.")
@as_json
def fetch_search(query: tuple[str, ...], most: int, as_json: bool) -> None:
    """Fetch what arXiv finds, newest first: words, or arXiv's own 'ti:rezero AND cat:cs.LG'."""
    from paperworks.sources.fetch import search

    with _fetching(as_json) as (web, now, missing):
        search(web, " ".join(query), most, now)


@fetch.command("hf")
@click.option("--date", help="A day, such as 2026-01-31; today where nothing is given.")
@click.option("--week", help="A week, such as 2026-W05.")
@click.option("--month", help="A month, such as 2026-01.")
@as_json
def fetch_hf(as_json: bool, **spans: str | None) -> None:
    """Fetch what readers of Hugging Face put forward on a day, in a week or in a month."""
    from paperworks.sources.fetch import daily_papers, hf_today

    given = [(span, value) for span, value in spans.items() if value]
    if len(given) > 1:
        raise click.UsageError("Give one of --date, --week and --month.")
    with _fetching(as_json) as (web, now, missing):
        span, value = given[0] if given else ("date", hf_today(now))
        daily_papers(web, span, value, now)


@fetch.command("paper")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@as_json
def fetch_paper(names: tuple[str, ...], as_json: bool) -> None:
    """Fetch papers by arXiv id or address, or by DOI. Exit status 1 when one is not found."""
    from paperworks.sources.fetch import papers

    with _fetching(as_json) as (web, now, missing):
        missing += papers(web, names, now)[1]


@fetch.command("abstracts")
@as_json
def fetch_abstracts(as_json: bool) -> None:
    """Fetch abstract, authors and date of every known paper with an arXiv id that has none."""
    from paperworks.sources.fetch import abstracts

    with _fetching(as_json) as (web, now, missing):
        missing += abstracts(web, now)[1]


@fetch.command("daily")
@click.argument("categories", nargs=-1, metavar="[CATEGORY]...")
@click.option("--hf/--no-hf", "upvoted", default=None, help="Hugging Face's daily papers, too.")
@as_json
def fetch_daily(categories: tuple[str, ...], upvoted: bool | None, as_json: bool) -> None:
    """Fetch what is new since the last time; for cron. Exit status 1 when a source failed.

    Without categories it fetches what PAPERWORKS_FETCH lists, as the server does.
    """
    from paperworks.sources.fetch import daily, wanted

    told = wanted(os.environ.get("PAPERWORKS_FETCH") or "hf")
    chosen, hf = (categories, True) if categories else told
    with _fetching(as_json) as (web, now, missing):
        asked = hf if upvoted is None else upvoted
        missing += daily(web.engine, now, chosen, asked, web=web).troubles


@contextmanager
def _fetching(as_json: bool) -> Iterator[Any]:
    """How to ask, the time, and a list for what was not found; then what was kept is printed.

    Whatever ends it, what was kept is stored and counted. Exit status 1 for an answer that did
    not come.
    """
    from paperworks.sources.keep import Kept
    from paperworks.sources.web import Web
    from paperworks.store import open_store

    kept, missing, status = [Kept()], list[str](), 0
    engine = open_store()
    try:
        yield Web(engine=engine, tell=_note, kept=kept.append), datetime.now(UTC), missing
    except KeyboardInterrupt:
        _note("Stopped. What was fetched is stored; the same command goes on from there.")
        status = 130
    except OSError as wrong:
        missing.append(str(wrong))
    finally:
        engine.dispose()
    for each in missing:
        _note(each)
    done = reduce(or_, kept).counted()
    show(asdict(done), as_json, lambda _: _counted(done))
    if missing or status:
        sys.exit(status or 1)


def _counted(done: Any) -> None:
    click.echo(
        f"{done.listed} listed, {done.papers} papers: "
        f"{done.matched} were known, {done.new} are new."
    )


# --- trials: run, verify, controls ---

papers = click.argument("names", nargs=-1, metavar="[NAME]...")
workers = click.option("--jobs", "workers", type=click.IntRange(1), help="Runs at a time.")
fresh = click.option("--fresh", is_flag=True, help="Measure again what is stored.")
to_ledger = click.option("--ledger", type=click.Path(path_type=Path), hidden=True)


@main.command()
@click.argument("name")
@click.option("--claim", "claims", multiple=True, help="This claim only; may be given again.")
@click.option("--seeds", type=click.IntRange(1), default=10, show_default=True, help="At most.")
@click.option("--first-seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--data", type=click.Path(), help="Run it on your data; see docs/data.md.")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="Where it runs.",
)
@click.option("--address", help="Of a Ray cluster, such as auto or ray-head:6379.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the figure and the page.")
@workers
@fresh
@to_ledger
@as_json
def run(name: str, out: Path | None, as_json: bool, **options: Any) -> None:
    """Run the claims of a paper, each on 5 seeds and, where that decides nothing, on 10.

    Exit status 1 when a claim named with --claim does not hold.
    """
    from paperworks.index.papers import find
    from paperworks.trial.result import document
    from paperworks.trial.run import run as run_paper, runnable

    paper = runnable(find(name))
    with _progress() as progress:
        result = run_paper(paper, progress=progress, **options)
    show(document(result) if as_json else result, as_json, click.echo)
    _note(f"{result.measured} runs measured, {result.reused} stored before.")
    for file in _pictured(result, out):
        _note(f"Written: {file}")
    if options["claims"] and any(trial.verdict != "holds" for trial in result.trials):
        sys.exit(1)


@main.command()
@papers
@click.option("--first-seed", type=click.IntRange(0), default=20, show_default=True)
@click.option("--sample", type=click.IntRange(1), help="So many papers, drawn by chance.")
@workers
@fresh
@as_json
def verify(names: tuple[str, ...], sample: int | None, as_json: bool, **options: Any) -> None:
    """Run measured claims again on fresh seeds, and say whether each verdict stands.

    Without names, every paper that has a verdict. Exit status 1 when one does not stand.
    """
    from paperworks.index.papers import find
    from paperworks.trial.verify import as_document, measured, verify

    chosen = [find(name).slug for name in names] or measured(sample)
    if not chosen:
        _note("No paper has a verdict to verify yet.")
    done = []
    with _progress() as progress:
        for paper in chosen:
            done.append(verify(paper, progress=progress, **options))
            if not as_json:
                click.echo(f"{done[-1]}\n")
    if as_json:
        answers = [as_document(verification) for verification in done]
        show(answers[0] if len(names) == 1 else {"papers": answers}, as_json, click.echo)
    if not all(verification.stands for verification in done):
        sys.exit(1)


@main.command()
@papers
@workers
@to_ledger
@as_json
def controls(names: tuple[str, ...], as_json: bool, **options: Any) -> None:
    """Run baselines against themselves: how often each claim's rule is fooled.

    Without names, every paper that has a work. A control that was run before is shown.
    """
    from paperworks.index.papers import find
    from paperworks.paper import works
    from paperworks.trial.controls import as_document, controls, kind, rate

    chosen = [find(name).slug for name in names] or sorted(works())
    with _progress() as progress:
        done = [controls(paper, progress=progress, **options) for paper in chosen]
    if as_json:
        show(as_document(done), as_json, click.echo)
        return
    for trial in (trial for result in done for trial in result.trials):
        click.echo(f"{kind(trial):14} {trial.paper}.{trial.claim}: {trial.rule}")
    click.echo(rate(trial for result in done for trial in result.trials))


@main.command()
@click.option("--once", is_flag=True, help="End when nothing waits any more.")
@click.option("--with-parent", is_flag=True, hidden=True)
@workers
@as_json
def worker(once: bool, with_parent: bool, workers: int | None, as_json: bool) -> None:
    """Run what was asked for in the browser or by programs, until told to end.

    `paperworks serve` starts one by itself. Several, on several machines, may share one
    PostgreSQL. Ctrl-C or SIGTERM puts the present request back for the next worker.
    """
    from paperworks.trial.service import told_to_end, work

    ending = told_to_end(with_parent=with_parent)
    done = work(workers=workers, once=once, note=_note, ending=ending)
    if not with_parent:
        show({"answered": done}, as_json, lambda _: _note(f"{done} requests answered."))


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A display of the runs done and the time to go, on standard error."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (*Progress.get_default_columns()[:2], MofNCompleteColumn(), TimeRemainingColumn())
    shown = Progress(*columns, console=Console(stderr=True), transient=True)
    tasks: dict[str, Any] = {}

    def progress(paper: str, done: int, total: int) -> None:
        if paper not in tasks:
            tasks[paper] = shown.add_task(paper, total=None)
        shown.update(tasks[paper], completed=done, total=total)

    try:
        with shown:
            yield progress
    except KeyboardInterrupt:
        _note("Stopped. Finished runs are stored; the same command goes on from there.")
        sys.exit(130)


def _pictured(result: Any, out: Path | None) -> list[Path]:
    """Write the figure and the page of a result, and give their paths."""
    from paperworks.report import Report
    from paperworks.store import home
    from paperworks.trial.run import catalog

    folder = out or home() / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    paper = next(paper for paper in catalog() if paper.slug == result.paper)
    other = re.sub(r"\W+", "-", result.data["name"]) if result.data else ""
    stem = folder / (f"{result.paper}-on-{other}" if other else result.paper)
    report = Report(paper, result.trials)
    return [*report.figure(stem), report.save(stem.with_suffix(".html"))]


def _note(message: str) -> None:
    """A message for the reader, apart from the answer."""
    click.echo(message, err=True)


# --- works and pages: models, new, report ---


@main.command()
@click.argument("pattern", default="*")
@click.option("--catalog", type=click.Path(path_type=Path), hidden=True)  # networks.jsonl to write
@as_json
def models(pattern: str, catalog: Path | None, as_json: bool) -> None:
    """List networks by name, their sizes counted and as their papers print them.

    PATTERN is a shell pattern such as 'resnet*'. Counting loads torch.
    """
    from paperworks.zoo import list_models

    names = list_models(pattern)
    if not names:
        raise LookupError(f"No model matches {pattern!r}; `paperworks models` lists all.")
    rows = _sizes(names)
    if catalog:
        from paperworks.report import write

        write(catalog, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    show(rows, as_json, _models)


def _models(rows: Any) -> None:
    from paperworks.views.text import models as table

    _print(table(rows))


def _sizes(names: list[str]) -> list[dict[str, Any]]:
    """The sizes of networks, with a note on standard error while they are counted."""
    from paperworks.zoo import sizes

    rows = []
    for place, name in enumerate(names, 1):
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[Kcounting {place} of {len(names)}: {name}", nl=False, err=True)
        rows.append(sizes(name))
    if names:
        ended = "\r\x1b[K" if sys.stderr.isatty() else f"counted {len(names)} networks\n"
        click.echo(ended, nl=False, err=True)
    return rows


@main.command()
@click.argument("name")
@as_json
def new(name: str, as_json: bool) -> None:
    """Begin the work of a paper: its page and its test, for you to fill."""
    from paperworks.index.papers import find
    from paperworks.views.skeleton import begin

    files = [str(file) for file in begin(find(name))]
    show(files, as_json, lambda _: click.echo("\n".join(files)))
    click.echo(
        "Next: fill what stands in brackets (docs/add-a-paper.md), try it on seeds from 1000 up,\n"
        "add a claim with rival=True, then pytest tests/house and the test above.",
        err=True,
    )


@main.command("report")
@click.argument("name", required=False)
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder to write.")
@click.option("--models/--no-models", "counted", default=True, help="Count networks; loads torch.")
@as_json
def write_report(name: str | None, out: str, counted: bool, as_json: bool) -> None:
    """Write the page and the figure of one paper, or everything as a static site."""
    from importlib.util import find_spec

    from paperworks import report
    from paperworks.index.papers import find
    from paperworks.zoo import homes, list_models

    paper = find(name) if name else None
    wanted = [model for model in list_models() if not paper or homes()[model] == paper.slug]
    sizes = _sizes(wanted) if counted and find_spec("torch") else []
    files = report.single(paper, out, sizes) if paper else report.site(out, sizes)
    wrote = {"folder": out, "files": files}
    show(wrote, as_json, lambda _: click.echo(f"{len(files)} files in {out}"))


# --- digest: mail ---


@main.command("digest")
@click.option("--dry-run", is_flag=True, help="Say what would be sent, and send nothing.")
@click.option("--preview", is_flag=True, help="Show what --person would be sent now, due or not.")
@click.option("--returned", is_flag=True, help="Read a bounce or complaint on standard input.")
@click.option("--person", "name", help="This person only.")
@click.option("--now", "moment", help="As if it were this time: 2026-11-21T07:00+01:00.")
@as_json
def send_digests(
    dry_run: bool,
    preview: bool,
    returned: bool,
    name: str | None,
    moment: str | None,
    as_json: bool,
) -> None:
    """Send the digests that are due, each at most once. Run it every few minutes.

    Exit status 1 when one could not be sent. The relay is PAPERWORKS_SMTP_URL, the sender
    PAPERWORKS_MAIL_FROM, the address that messages lead back to PAPERWORKS_PUBLIC_URL.
    """
    from paperworks.mail import digest, settings as mail_settings
    from paperworks.mail.relay import Connection
    from paperworks.mail.returned import take_back
    from paperworks.people import accounts
    from paperworks.server.settings import from_environment
    from paperworks.store import open_store

    server = from_environment()
    settings = mail_settings.from_environment(server.url, server.secret)
    engine = open_store()
    try:
        now = datetime.fromisoformat(moment) if moment else datetime.now(UTC)
        if now.tzinfo is None:
            raise ValueError(
                f"--now needs a time zone, as in 2026-11-21T07:00+00:00; not {moment}."
            )
        if name is None and preview:
            raise ValueError("--preview needs --person: digests differ.")
        person = accounts.find(engine, name) if name and name != accounts.LOCAL else None
        if name == accounts.LOCAL:
            person = accounts.local(engine, now)
        if returned:
            said = take_back(engine, settings, sys.stdin.buffer.read(), now)
            show({"done": said}, as_json, lambda _: click.echo(said))
        elif preview and person:
            _previewed(digest.preview(engine, person, settings, now), as_json)
        elif dry_run:
            _digested(digest.dry_run(engine, now, settings, person), as_json)
        else:
            with Connection(settings.needed()) as relay:
                _digested(digest.run_digests(engine, now, relay.send, settings, person), as_json)
    finally:
        engine.dispose()


def _previewed(made: Any, as_json: bool) -> None:
    from paperworks.views import letter

    text, html = letter.text(made.letter), letter.html(made.letter)
    said = {"subject": made.letter.subject, "papers": made.slugs, "goes": made.goes}
    show(said | {"text": text, "html": html}, as_json, lambda _: click.echo(text, nl=False))
    if not made.goes:
        _note("Nothing is new, so this would not be sent.")


def _digested(outcomes: Any, as_json: bool) -> None:
    """One line a digest; exit status 1 where one could not be sent."""
    if as_json:
        show({"digests": [asdict(one) for one in outcomes]}, as_json, click.echo)
    for one in () if as_json else outcomes:
        why = f": {one.reason}" if one.reason else ""
        papers = f"{len(one.papers)} paper{'s' * (len(one.papers) != 1)}"
        click.echo(f"{one.state:8} {one.period:10} {one.address} {papers}{why}")
    if not outcomes:
        _note("No digest is due.")
    if any(one.state not in ("sent", "nothing", "due") for one in outcomes):
        sys.exit(1)


# --- speed: optimize, bench ---

weights = click.option("--weights", help="A .safetensors file, its folder, or hf-hub:owner/name.")
batches = click.option(
    "--batch", type=click.IntRange(1), default=1, show_default=True, help="Rows of a call."
)
tolerance = click.option("--tolerance", type=float, help="Largest error, over the answers' spread.")
precision = click.option(
    "--precision",
    type=click.Choice(["auto", "float32", "bfloat16"]),
    default="auto",
    show_default=True,
    help="auto: bfloat16 where the processor multiplies matrices of it.",
)
timed = click.option("--seconds", type=float, default=10.0, show_default=True, help="Of timing.")
again = click.option("--cache/--no-cache", default=True, help="Use what was built before.")


@main.command()
@click.argument("name")
@batches
@click.option(
    "--target",
    type=click.Choice(["latency", "throughput"]),
    default="latency",
    help="Seconds of one call, or rows a second.",
)
@tolerance
@precision
@weights
@timed
@again
@click.option("--out", type=click.Path(dir_okay=False), help="File to save it in.")
@as_json
def optimize(
    name: str, batch: int, weights: str | None, out: str | None, as_json: bool, **asked: Any
) -> None:
    """Make a network fast on this machine, and say what each step gained.

    NAME is one of `paperworks models`. Its answers are compared with the original's in float32.
    """
    from paperworks.speed.search import optimize as make_fast

    net, example = _network(name, weights, batch)
    fast = make_fast(net, example, **asked)
    if out:
        fast.save(out)
    show(fast.report.as_document() if as_json else fast.report, as_json, click.echo)
    if out:
        _note(f"Written: {out}")


@main.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--batch", "sizes", type=click.IntRange(1), multiple=True, help="May be given again; else 1."
)
@tolerance
@precision
@timed
@again
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="For the picture.")
@as_json
def bench(
    names: tuple[str, ...], sizes: tuple[int, ...], out: Path | None, as_json: bool, **asked: Any
) -> None:
    """Measure optimised networks: latency, throughput, share of the matrix peak, memory.

    The peak is this machine's own, measured in the same turns. Draws bench.png and bench.svg.
    """
    from paperworks.speed.measure import draw, measured, table
    from paperworks.store import home

    rows = []
    for name in names:
        for batch in sizes or (1,):
            _note(f"{name}, batch {batch} …")
            rows.append(measured(name, *_network(name, None, batch), **asked))
    show(rows, as_json, lambda rows: _print(table(rows)))
    for file in draw(rows, (out or home() / "figures") / "bench"):
        _note(f"Written: {file}")


def _network(name: str, weights: str | None, batch: int) -> tuple[Any, Any]:
    """A network by name in evaluation mode, and an example of so many rows."""
    from paperworks.speed.measure import batch_of
    from paperworks.zoo import ready

    net, example = ready(name, weights)
    return net, batch_of(net, example, batch)


# --- the server: serve, mcp ---


@main.command()
@click.option("--host", help="Address to listen on; 127.0.0.1 unless told otherwise.")
@click.option("--port", type=click.IntRange(0, 65535), help="7474 unless told otherwise; 0: any.")
@click.option("--public-url", help="Where people reach it, if a proxy stands before it.")
@click.option("--workers", type=click.IntRange(1), help="Processes that answer.")
@click.option("--runners", type=click.IntRange(0), help="Runs at a time; 0 runs nothing here.")
@click.option("--accounts/--no-accounts", default=None, help="Whether people sign in.")
@click.option("--schedule/--no-schedule", default=None, help="Send digests, fetch papers.")
@click.option("--browser/--no-browser", default=False, help="Open the address in a browser.")
@as_json
def serve(as_json: bool, browser: bool, **told: Any) -> None:
    """Serve the index as web pages and APIs, with a worker that runs what people ask for.

    On this computer nobody needs to sign in. For others to reach it, it needs an administrator
    (paperworks people add NAME --role admin) and PAPERWORKS_SECRET; docs/hosting.md tells more.
    """
    from paperworks.server.serve import serve as run_server
    from paperworks.server.settings import from_environment

    def started(url: str) -> None:
        show({"url": url}, as_json, lambda _: click.echo(f"paperworks is at {url}"))
        _note("Ctrl-C ends it.")

    run_server(from_environment(**told), started, browser)


@main.command()
@click.option("--allow-run", is_flag=True, help="Let the agent ask for works to be run.")
def mcp(allow_run: bool) -> None:
    """Answer an agent through standard input and output: the Model Context Protocol.

    Over the network a server answers the same at /mcp.
    """
    from datetime import UTC, datetime

    from paperworks.people.accounts import local
    from paperworks.server.mcp import Caller, pipe
    from paperworks.server.settings import from_environment
    from paperworks.store import open_store

    engine = open_store()
    me, url = local(engine, datetime.now(UTC)), from_environment().url
    pipe(sys.stdin, sys.stdout, Caller(engine, url, me, allow_run))


# --- people: accounts, roles, tokens ---

role = click.option(
    "--role", default="reader", show_default=True, help="reader, runner or admin; each may more."
)
email = click.option("--email", help="Address for notices; an empty one removes it.")
timezone = click.option("--timezone", help="IANA name, such as Europe/Vienna.")
person_name = click.argument("name")


@main.group("people")
def people_group() -> None:
    """Add and remove people of a shared installation, their roles, passwords and API tokens.

    Passwords are asked for, or read from standard input; they never stand on a command line.
    """


@people_group.command("add")
@person_name
@role
@email
@timezone
@as_json
def add_person(name: str, as_json: bool, **said: Any) -> None:
    """Make an account. An administrator can then sign in and make others."""
    from paperworks.people import accounts

    accounts.check_name(name)  # before a password is asked for
    given = {key: value for key, value in said.items() if value}
    with _store() as (engine, now):
        person = accounts.create(engine, name, _password(), now, **given)
    show(asdict(person), as_json, lambda _: click.echo(f"{person.name} is here: {person.role}."))


@people_group.command("invite")
@role
@click.option("--note", default="", help="Whom it is meant for.")
@click.option("--days", default=7, show_default=True, help="How long it is good for.")
@as_json
def invite_person(role: str, note: str, days: int, as_json: bool) -> None:
    """Make a code with which one person makes an account, with a password nobody else sees."""
    from paperworks.people import accounts
    from paperworks.people.invitations import invite

    with _store() as (engine, now):
        code, made = invite(engine, accounts.local(engine, now), role, note, now, days)
    show(asdict(made) | {"code": code}, as_json, lambda _: click.echo(code))
    _note(f"Shown once. Good for one account, until {made.expires_at}.")


@people_group.command("list")
@as_json
def list_everybody(as_json: bool) -> None:
    """List who has an account."""
    from paperworks.people import accounts

    with _store() as (engine, _):
        everybody = accounts.list_people(engine)
    show([asdict(person) for person in everybody], as_json, _people)


def _people(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        click.echo("\t".join((row["name"], row["role"], row["email"] or "", row["created_at"])))
    if not rows:
        _note("Nobody has an account yet: paperworks people add NAME --role admin.")


@people_group.command("edit")
@person_name
@click.option("--name", "new_name", help="Another name.")
@email
@timezone
@as_json
def edit_person(name: str, new_name: str | None, as_json: bool, **said: str | None) -> None:
    """Change a name, an address or a time zone."""
    from paperworks.people import accounts

    with _store() as (engine, _):
        person = accounts.edit(engine, accounts.find(engine, name), name=new_name, **said)
    show(asdict(person), as_json, lambda _: click.echo(f"{person.name} is changed."))


@people_group.command("role")
@person_name
@click.argument("role")
@as_json
def give_role(name: str, role: str, as_json: bool) -> None:
    """Make somebody a reader, a runner (who may start runs) or an admin."""
    from paperworks.people import accounts

    with _store() as (engine, _):
        person = accounts.set_role(engine, accounts.find(engine, name), role)
    show(asdict(person), as_json, lambda _: click.echo(f"{person.name} is {person.role} now."))


@people_group.command("password")
@person_name
@as_json
def give_password(name: str, as_json: bool) -> None:
    """Give somebody another password, and end their sessions."""
    from paperworks.people import accounts

    with _store() as (engine, _):
        person = accounts.find(engine, name)
        accounts.set_password(engine, person, _password())
    show(asdict(person), as_json, lambda _: click.echo(f"{person.name} has a new password."))


@people_group.command("remove")
@person_name
@click.option("--yes", is_flag=True, help="Do not ask.")
@as_json
def remove_person(name: str, yes: bool, as_json: bool) -> None:
    """Delete an account with everything of the person's. `library export` keeps a copy."""
    from paperworks.people import accounts

    with _store() as (engine, _):
        person = accounts.find(engine, name)
        if not yes:
            question = f"Delete {person.name} and all their votes, collections and searches?"
            click.confirm(question, abort=True, err=True)
        accounts.remove(engine, person)
    show(asdict(person), as_json, lambda _: click.echo(f"{person.name} is gone."))


@people_group.command("token")
@person_name
@click.argument("label")
@click.option("--days", type=int, help="How long it is good for; until revoked without this.")
@click.option("--revoke", is_flag=True, help="End the token of that label.")
@as_json
def give_token(name: str, label: str, days: int | None, revoke: bool, as_json: bool) -> None:
    """Issue an API token, which is shown once, or revoke one."""
    from paperworks.people import accounts, keys

    with _store() as (engine, now):
        person = accounts.find(engine, name)
        if revoke:
            keys.revoke(engine, person, label)
            told = {"revoked": label}
            show(told, as_json, lambda _: click.echo(f"The token {label!r} has ended."))
            return
        token, key = keys.issue(engine, person, label, now, days)
    show(asdict(key) | {"token": token}, as_json, lambda _: click.echo(token))
    _note("Shown once: send it as `Authorization: Bearer ...`.")


@people_group.command("tokens")
@person_name
@as_json
def list_tokens(name: str, as_json: bool) -> None:
    """List somebody's API tokens: their labels, first characters and last use."""
    from paperworks.people import accounts, keys

    with _store() as (engine, _):
        mine = keys.keys(engine, accounts.find(engine, name))
    show([asdict(key) for key in mine], as_json, _tokens)


def _tokens(rows: list[dict[str, Any]]) -> None:
    for row in rows:
        used, until = row["used_at"] or "never used", row["expires_at"] or "until revoked"
        click.echo(f"{row['name']}\t{row['begins']}…\t{used}\t{until}")


# --- library: what a person has, out and in ---

FORMATS = {".json": "json", ".bib": "bibtex", ".csv": "csv"}
person_option = click.option("--person", default="you", show_default=True, help="Whose.")
collection_option = click.option("--collection", help="One collection, by its title.")
format_option = click.option(
    "--format", "form", type=click.Choice(sorted(FORMATS.values())), help="As the file ends, else."
)


@main.group("library")
def library_group() -> None:
    """Take along what a person has: votes, saved papers, collections with notes, searches."""


@library_group.command("export")
@click.argument("person", default="you")
@collection_option
@format_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="File to write.")
@as_json
def export_library(
    person: str, collection: str | None, form: str | None, out: Path | None, as_json: bool
) -> None:
    """Write everything as JSON, or saved and collected papers as BibTeX or CSV."""
    from paperworks.people import bibliography, library

    form = form or FORMATS.get(out.suffix.lower() if out else "", "json")
    if collection and form == "json":
        raise click.UsageError("JSON has everything; --collection is for bibtex and csv.")
    with _store() as (engine, now):
        document = library.export(engine, _whose(engine, person, now), now)
    rows = library.references(document, collection)
    texts = {
        "json": lambda: json.dumps(document, ensure_ascii=False, indent=1) + "\n",
        "bibtex": lambda: bibliography.to_bibtex(rows),
        "csv": lambda: bibliography.to_csv(rows),
    }
    text = texts[form]()
    if out:
        _replace(out, text)
        told = {"file": str(out), "format": form, "papers": len(document["papers"])}
        show(told, as_json, lambda _: click.echo(f"{out} has {told['papers']} papers."))
    else:
        show(document if form == "json" else {"text": text}, as_json, lambda _: _write(text))


@library_group.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@person_option
@click.option("--collection", help="Put the papers of a BibTeX or CSV file on this collection.")
@format_option
@as_json
def import_library(
    file: Path, person: str, collection: str | None, form: str | None, as_json: bool
) -> None:
    """Add a file from `export`, or any BibTeX or CSV list: all of it, or nothing.

    Papers that nobody knew here are imported too. What is there already stays as it is.
    """
    from functools import partial

    from paperworks.people import bibliography, library
    from paperworks.sources.importer import take_in

    form = form or FORMATS.get(file.suffix.lower())
    if form is None:
        raise click.UsageError(f"{file}: say what it is with --format json, bibtex or csv.")
    text = _text(file)
    with _store() as (engine, now):
        readers = {"bibtex": bibliography.from_bibtex, "csv": bibliography.from_csv}
        try:
            if form == "json":
                document = library.parse(text)
            else:
                document = library.listed(list(readers[form](text)), now, collection)
            keep = partial(take_in, now=now, source=file.name)
            done = library.restore(engine, _whose(engine, person, now), document, now, keep)
        except ValueError as wrong:
            raise ValueError(f"{file}: {wrong}") from None
    added = {what: count for what, count in asdict(done).items() if count}
    said = ", ".join(f"{what} {count}" for what, count in added.items()) or "nothing new"
    show(asdict(done), as_json, lambda _: click.echo(f"Added: {said}."))


@contextmanager
def _store() -> Iterator[tuple[Any, datetime]]:
    """The open store, and the time."""
    from paperworks.store import open_store

    engine = open_store()
    try:
        yield engine, datetime.now(UTC)
    finally:
        engine.dispose()


def _whose(engine: Any, name: str, now: datetime) -> Any:
    """The person of a name; `you` is there without an account."""
    from paperworks.people import accounts

    return accounts.local(engine, now) if name == accounts.LOCAL else accounts.find(engine, name)


def _password() -> str:
    """A password: asked for twice at a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise ValueError("A password is read from standard input; there was none.")
    return given


def _replace(file: Path, text: str) -> None:
    """Write a file whole, or leave the one that is there."""
    partial_file = file.with_name(f".{file.name}.part")
    try:
        partial_file.write_text(text, encoding="utf-8", newline="")
        partial_file.replace(file)
    finally:
        partial_file.unlink(missing_ok=True)


def _text(file: Path) -> str:
    """A file of UTF-8. Raises OSError or ValueError naming it where it is none."""
    try:
        raw = file.read_bytes()
    except OSError as wrong:
        raise OSError(f"{file} cannot be read: {wrong.strerror or wrong}.") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as wrong:
        place = wrong.start + 1
        raise ValueError(
            f"{file}: text is UTF-8; byte {place} is 0x{raw[wrong.start]:02x}."
        ) from None


def _write(text: str) -> None:
    click.echo(text, nl=False)


if __name__ == "__main__":
    sys.exit(main())
