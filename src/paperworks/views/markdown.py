"""A paper as markdown: for agents, for the Hub's clients, and for whoever likes plain text.

What comes from outside (titles, abstracts) stays text: it makes no link, no heading, no tag.
"""

import re

from paperworks.evidence import Trial, remark
from paperworks.index.answers import Page
from paperworks.views import bibtex, spell


def paper(page: Page, address: str = "") -> str:
    """Everything known of a paper: what it claims, whether that held, and how to cite it.

    `address`: of its page for people.
    """
    known = page.paper
    facts = [known.slug, known.id, known.year, known.area, known.kind]
    named = [plain(str(fact)) for fact in facts if fact]
    if known.arxiv:
        named.append(f"[arXiv:{plain(known.arxiv)}](https://arxiv.org/abs/{_path(known.arxiv)})")
    if address:
        named.append(f"[page](<{address}>)")
    parts = [f"# {plain(known.title)}", " · ".join(named)]
    told = {
        "Withdrawn": page.withdrawn_at
        and f"Its authors or arXiv took it back; seen on {page.withdrawn_at[:10]}.",
        "In short": known.summary,
        "It claims": known.claim,
        "Cannot run": known.cannot_run,
        "Abstract": page.abstract,
    }
    for name, text in told.items():
        if text:
            parts += [f"## {name}", _OPENS.sub(_coded, plain(text))]
    if page.newest:
        parts += ["## What was measured", f"Every verdict: {spell.SCOPE}."]
        parts += [_claim(each.trial, each.mine) for each in page.newest]
    elif page.work:
        parts += ["## What was measured", "Nothing yet; the work is there to be run."]
    if page.elsewhere:
        parts += ["## On other data", "Tried here on data of somebody's own; it decides nothing."]
        parts += [_claim(trial, True) for trial in page.elsewhere]
    for name, slugs in (("Builds upon", page.builds_upon), ("Built upon by", page.built_upon_by)):
        if slugs:
            parts += [f"## {name}", ", ".join(map(plain, slugs))]
    parts += ["## Cite", f"```bibtex\n{bibtex.entry(known)}\n```"]
    return "\n\n".join(parts) + "\n"


def plain(text: str) -> str:
    """A text on one line that markdown shows as it is."""
    line = " ".join(text.split())
    line = re.sub(r"&(?=#?\w+;)|<(?=[A-Za-z/!?])|`", _coded, line)
    line = re.sub(r"\](?=[(\[:])", "]&#8203;", line)
    return re.sub(r"(?i)\b(https?|ftp|mailto|www)(?=[:.])", r"\1&#8203;", line)


_OPENS = re.compile(r"^(?:[#>+*=~|_-]|\d+[.)])")  # what makes a block of a line


def _coded(sign: re.Match[str]) -> str:
    return f"&#{ord(sign[0][0])};{sign[0][1:]}"


def _claim(trial: Trial, mine: bool) -> str:
    found = trial.judge()
    kinds = [word for word, is_so in (("primary", trial.primary), ("rival", trial.rival)) if is_so]
    kind = f" ({', '.join(kinds)})" if kinds else ""
    rule, reason = trial.rule.replace("`", " "), plain(found.reason).capitalize()
    why = f" Why, as we see it: {plain(said)}" if (said := remark(trial)) else ""
    on = f"{plain(trial.on or 'an unknown day')}{' here' if mine else ''}"
    if trial.data:
        on += f" with {plain(trial.data['name'])} ({plain(trial.data['kind'])})"
    return (
        f"- **{found.verdict}**{kind}: {plain(trial.says)}\n"
        f"  Rule: `{rule}`. {reason}. {spell.wins(trial, found)}{why}\n"
        f"  Measured on {on}, {len(trial.seeds)} seeds; source: {plain(trial.source)}"
    )


def _path(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9./-]", "", text)
