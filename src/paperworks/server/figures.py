"""Figures of claims, drawn once and kept in the data folder: each costs a tenth of a second.

A drawing is kept under a name made of what it shows and of what draws it, so that none that is
found is out of date.
"""

import hashlib
import os
import tempfile
from collections import OrderedDict
from functools import cache
from pathlib import Path
from threading import Lock

from markupsafe import Markup

import paperworks
from paperworks.evidence import Trial
from paperworks.store import home

_KEPT = 400  # drawings in memory, about 40 kB each
_FILES = 4000  # drawings in the data folder; those made first are dropped
_SOURCE = Path(paperworks.__file__).parent
_drawn = OrderedDict[tuple[str, bool], str]()
_lock = Lock()  # the drawing library is not made for threads


def mark(trial: Trial) -> str:
    """What is another one when the drawing is."""
    return hashlib.blake2b(f"{_draws()} {trial!r}".encode(), digest_size=8).hexdigest()


@cache
def _draws() -> str:
    """What is another one when the same trial may be drawn otherwise: the text of what draws."""
    import matplotlib

    files = [*sorted((_SOURCE / "views").glob("*.py")), _SOURCE / "claim.py"]
    told = "".join(file.read_text(encoding="utf-8") for file in [*files, _SOURCE / "evidence.py"])
    return hashlib.blake2b(f"{matplotlib.__version__} {told}".encode()).hexdigest()


def drawn(trial: Trial, named: str, dark: bool) -> str:
    """The figure of a claim as SVG, light or dark; `named` is the mark of the trial."""
    with _lock:
        if (named, dark) not in _drawn:
            _drawn[named, dark] = _found(trial, named, dark)
            while len(_drawn) > _KEPT:
                _drawn.popitem(last=False)
        return _drawn[named, dark]


def _found(trial: Trial, named: str, dark: bool) -> str:
    """The drawing from its file, which is made where it is not there."""
    from paperworks.views import figure

    file = home() / "figures" / f"{named}-{'dark' if dark else 'light'}.svg"
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        made = figure.svg([trial], dark=dark)
        _keep(file, made)
        return made


def _keep(file: Path, drawing: str) -> None:
    """Write a drawing, whole or not at all. A folder that cannot be written is left alone."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        number, beside = tempfile.mkstemp(dir=file.parent, suffix=".part")
        with os.fdopen(number, "w", encoding="utf-8") as writing:
            writing.write(drawing)
        os.replace(beside, file)
        there = sorted(file.parent.iterdir(), key=lambda one: one.stat().st_mtime_ns)
        for old in there[: max(0, len(there) - _FILES)]:
            old.unlink(missing_ok=True)
    except OSError:
        return


def shown(slug: str, trial: Trial, named: str) -> Markup:
    """The figure in both looks as a page has it; a style sheet shows one of them."""
    from paperworks.views import figure

    width, height = figure.size([trial])
    drawn = Markup(
        '<img class="only-{look}" loading="lazy" width="{width}" height="{height}"'
        ' src="/papers/{slug}/figures/{claim}.svg?look={look}&amp;v={named}" alt="{alt}">'
    )
    given = {"width": width, "height": height, "slug": slug, "claim": trial.claim}
    given |= {"named": named, "alt": figure.alt([trial])}
    return Markup("").join(drawn.format(look=look, **given) for look in ("light", "dark"))
