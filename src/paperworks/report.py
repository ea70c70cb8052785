"""What a run gives back, and the pages of what the catalog, the works and the ledger hold."""

import ast
import os
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paperworks import evidence
from paperworks.claim import syntax
from paperworks.evidence import Judgement, Trial
from paperworks.index import answers, listing
from paperworks.index.papers import find
from paperworks.paper import Paper, shipped, shipped_folder
from paperworks.views import html, text
from paperworks.views.guides import Guide

Model = Mapping[str, Any]  # a network's sizes, as `paperworks.zoo.sizes` gives them


@dataclass(frozen=True)
class Report:
    """The trials of one paper. It prints as a table, and as a figure in a notebook."""

    paper: Paper
    trials: tuple[Trial, ...]

    @property
    def title(self) -> str:
        """The paper's, and the name of the data where they are not the work's own."""
        data = self.trials[0].data if self.trials else {}
        return f"{self.paper.title} (on {data['name']})" if data else self.paper.title

    @property
    def judgements(self) -> tuple[Judgement, ...]:
        """The verdict of every claim with what led to it."""
        return tuple(trial.judge() for trial in self.trials)

    @property
    def verdicts(self) -> dict[str, str]:
        """The word of every claim, by the claim's name."""
        return {trial.claim: str(trial.judge().verdict) for trial in self.trials}

    def figure(self, path: str | Path) -> list[Path]:
        """Draw the figure as PNG and as SVG; a suffix of `path` is replaced."""
        from paperworks.views.figure import draw

        return draw(self.title, self.trials, re.sub(r"\.(png|svg)$", "", str(path)))

    def save(self, path: str | Path) -> Path:
        """Write the paper's page, complete in one HTML file."""
        return write(Path(path), html.work_page(page(listing.paper(self.paper.slug), self.trials)))

    def __str__(self) -> str:
        return f"{self.title}\n{text.plain(text.verdicts(self.trials))}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html.notebook(self.title, self.trials)


def run(name: str, **options: Any) -> Report:
    """Measure every claim of a paper, and report. Takes what `paperworks.trial.run.run` takes."""
    from paperworks.trial import run as trial

    found = trial.run(name, **options)
    return Report(find(found.paper), found.trials)


def page(
    known: answers.Page, trials: Sequence[Trial] | None = None, models: Iterable[Model] = ()
) -> html.Page:
    """Everything that a paper's page shows: the newest evidence, or the trials given."""
    newest = known.newest if trials is None else ()
    shown = tuple(each.trial for each in newest) if trials is None else tuple(trials)
    texts = sources(known.work) if known.work else {}
    works = {paper.slug: paper for paper in shipped() if paper.has_work}
    now = evidence.fingerprint(known.paper.slug) if texts and shown else {}
    changed = {trial.claim: evidence.stale(trial, now) for trial in shown} if texts else {}
    return html.Page(
        paper=known.paper,
        trials=shown,
        elsewhere=known.elsewhere if trials is None else (),
        withdrawn_at=known.withdrawn_at,
        mine=frozenset(each.trial.claim for each in newest if each.mine),
        authors=authors(next(iter(texts.values()), "")),
        texts=texts,
        upon=tuple(works[slug] for slug in known.builds_upon if slug in works),
        by=tuple(works[slug] for slug in known.built_upon_by if slug in works),
        models=tuple(row for row in models if row["paper"] == known.paper.slug),
        stale={claim: file for claim, file in changed.items() if file},
    )


def site(out: str | Path, models: Sequence[Model] = ()) -> list[str]:
    """Write everything that is known as a static site; the names of its files.

    Papers with evidence come first, then those with code, younger ones before older ones.
    """
    everything = list(listing.everything())
    pages = [page(known, models=models) for known in everything]
    pages.sort(key=lambda page: (not page.trials, not page.texts, -(page.paper.year or 0)))
    trials = (each.trial for known in everything for each in known.evidence)
    return html.site(out, pages, controls(trials), guides(shipped_folder("docs")))


def guides(folder: Path) -> list[Guide]:
    """What is written in a folder of markdown, its pictures with it; decisions come last."""
    found = []
    for file in sorted(folder.rglob("*.md"), key=lambda file: (len(file.parts), file)):
        text = file.read_text(encoding="utf-8")
        named = re.findall(r"!\[[^\]]*\]\(([^)]+\.png)\)", text)
        pictures = {name: (file.parent / name).read_bytes() for name in named}
        name = file.relative_to(folder).with_suffix("").as_posix()
        found.append(Guide(name, text, pictures))
    return found


def single(paper: Paper, out: str | Path, models: Sequence[Model] = ()) -> list[str]:
    """Write one paper's page and, where there is evidence, its figure; the names of the files."""
    shown = page(listing.paper(paper.slug), models=models)
    file = write(Path(out) / f"{paper.slug}.html", html.work_page(shown))
    drawn = Report(paper, shown.trials).figure(Path(out) / paper.slug) if shown.trials else []
    return [each.name for each in (file, *drawn)]


def controls(trials: Iterable[Trial]) -> html.Controls | None:
    """How often the controls among the trials were fooled; None where there are none."""
    from paperworks.trial.controls import rate

    found = rate(trial for trial in trials if trial.control)
    return html.Controls(found.passed, found.of, found.low, found.high) if found.of else None


def sources(work: Path) -> dict[str, str]:
    """The text of every file of a work, its page first."""
    nested = sorted(work.parent.rglob("*.py")) if work.name == "__init__.py" else []
    root = work.parents[1] if nested else work.parent
    files = dict.fromkeys([work, *nested])
    return {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}


def authors(source: str) -> str:
    """The names that a work's docstring gives below its title."""
    said = (ast.get_docstring(syntax(source)) or "").split("\n\n")
    found = re.match(r"(.+?),?\s+(?:19|20)\d\d\b", " ".join(said[1].split())) if said[1:] else None
    return found[1] if found else ""


def write(file: Path, content: str) -> Path:
    """Write a file all at once: whoever looks finds the old one or the new one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as draft:
            draft.write(content)
        os.chmod(name, 0o644)  # mkstemp keeps others from reading
        os.replace(name, file)
    except BaseException:
        os.unlink(name)
        raise
    return file
