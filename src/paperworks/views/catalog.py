"""Papers on a terminal and as JSON: a list, a search's answer, everything about one."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from paperworks.evidence import Trial, Verdict, remark
from paperworks.index.answers import Hit, Page, Row
from paperworks.views.spell import SIGNS


def listing(rows: Sequence[Row], width: int) -> str:
    """One line a paper: slug, year, claims by verdict, title. By hand: rich is slow on hundreds."""
    slug = max((len(row.slug) for row in rows), default=0)
    told = max((len(counts(row)) for row in rows), default=0)
    lines = [
        f"{row.slug:{slug}}  {_year(row.year):4}  {counts(row):{told}}  {row.title}" for row in rows
    ]
    cut = (line if len(line) <= width else line[: width - 1] + "…" for line in lines)
    return "\n".join((*cut, f"{len(rows)} paper{'' if len(rows) == 1 else 's'}"))


def hits(found: Sequence[Hit]) -> Table:
    """One row a paper: its title, and why it is here."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("paper", no_wrap=True)
    table.add_column("year", no_wrap=True)
    table.add_column("title, and why it is here")
    for hit in found:
        why = Text(f"\n{hit.why}", style="dim")
        table.add_row(Text(hit.slug), _year(hit.year), Text.assemble(hit.title, why))
    return table


def counts(row: Row) -> str:
    """The claims of a paper by verdict: `✓2 ~1`; for one without any, why there is none."""
    told = [f"{SIGNS[verdict]}{row.verdicts[verdict]}" for verdict in Verdict]
    some = " ".join(said for said in told if not said.endswith("0") or len(said) > 2)
    none = "not run yet" if row.works else "no code yet" if row.runnable else "cannot run"
    return some or none


def paper(page: Page) -> RenderableType:
    """A paper's page: what it is, what it claims, and what was measured."""
    from paperworks.views.text import verdicts

    known = page.paper
    facts = (known.id, known.slug, known.year, known.area, known.kind)
    named = [str(fact) for fact in facts if fact] + [f"arXiv:{known.arxiv}"] * bool(known.arxiv)
    parts: list[RenderableType] = [Text(known.title, style="bold"), Text(" · ".join(named))]
    said = {
        "Withdrawn": page.withdrawn_at and f"seen on {page.withdrawn_at[:10]}",
        "In short": known.summary,
        "It claims": known.claim,
        "Cannot run": known.cannot_run,
        "Abstract": page.abstract,
        "Code": str(page.work) if page.work else None,
        "Builds upon": ", ".join(page.builds_upon),
        "Built upon by": ", ".join(page.built_upon_by),
    }
    for name, text in said.items():
        if text:
            parts.append(Text.assemble("\n", (f"{name}: ", "bold"), text))
    if page.newest:
        parts += ["", verdicts([each.trial for each in page.newest])]
        seen = ((each.trial.says, remark(each.trial)) for each in page.newest)
        why = ("Why, as we see it: ", "bold")
        parts += [Text.assemble(f"\n{says}\n", why, told) for says, told in seen if told]
    elif page.work:
        parts.append(f"\nNot run yet: paperworks run {known.slug}")
    if page.elsewhere:
        parts += ["\nOn other data, which decides nothing above:", *map(_other, page.elsewhere)]
    return Group(*parts)


def paper_data(page: Page) -> dict[str, Any]:
    """A paper's page as JSON shows it: the newest trial of each claim, without its curves."""
    return {
        **asdict(page.paper),
        **asdict(page.row),
        "abstract": page.abstract,
        "withdrawn_at": page.withdrawn_at,
        "work": str(page.work) if page.work else None,
        "builds_upon": page.builds_upon,
        "built_upon_by": page.built_upon_by,
        "trials": [_told(each.trial, mine=each.mine) for each in page.newest],
        "elsewhere": [_told(trial, mine=True, data=trial.data) for trial in page.elsewhere],
    }


def _told(trial: Trial, **more: Any) -> dict[str, Any]:
    said = {name: getattr(trial, name) for name in _TOLD}
    return said | {"reason": trial.judge().reason, "remark": remark(trial)} | more


def _other(trial: Trial) -> str:
    found, data = trial.judge(), trial.data
    return f"  {found.verdict} on {data['name']} ({data['fingerprint']}, {trial.on}): {trial.says}"


_TOLD = (
    *("claim", "says", "source", "rule", "unit", "verdict", "primary", "rival", "amended"),
    *("seeds", "treatment", "baseline", "null", "failures", "seconds", "on"),
)


def _year(year: int | None) -> str:
    return str(year or "")
