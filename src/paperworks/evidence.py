"""Evidence: what was measured, and what it says about a claim. Standard library only.

The statistics are those of docs/decisions/verdicts.md: each comparison of the rule gives a
slack a seed; a one-sided t interval [low, high] of the mean slack decides, looked at after
5 seeds and, only if still undecided, after 10.
"""

import ast
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from paperworks.claim import ARMS, slacks, syntax
from paperworks.paper import shipped_folder

_BEYOND = "beyond the spread of the seeds"
Numbers = tuple[float | None, ...]
LOOKS = ((5, 0.005), (10, 0.0225))  # (seeds seen, one-sided alpha spent there)

CLAIM_SEEDS = range(10)  # a claim is decided on these,
FRESH_SEEDS = range(20, 30)  # verified on these,
CONTROL_SEEDS = range(100, 110)  # the harness controlled on these, and never on others;
EXPLORE_FROM = 1000  # whoever writes a work looks at these only


class Verdict(StrEnum):
    """What the numbers say about a claim, at this scale, on this task, with this budget."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does not hold"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True)
class Link:
    """One comparison of the rule over the seeds seen: the mean slack and its interval."""

    mean: float
    low: float
    high: float
    visible: float  # the mean slack that would have been seen in 4 of 5 repetitions


@dataclass(frozen=True)
class Judgement:
    """A verdict with everything that led to it."""

    verdict: Verdict
    reason: str
    seen: int  # seeds at the look that decided
    links: tuple[Link, ...]
    wins: int  # seeds, of all that ran, in which the treatment meets the rule
    null_wins: int  # and in which the null does


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One line of the ledger: every number of one claim, and where they came from."""

    paper: str
    claim: str
    says: str
    source: str
    rule: str
    seeds: tuple[int, ...]
    treatment: tuple[float | None, ...]  # None where the run gave no number
    baseline: tuple[float | None, ...]
    null: tuple[float | None, ...]
    verdict: Verdict
    unit: str = ""  # first line of the measurement's docstring
    resolution: float = 0.0
    primary: bool = False
    rival: bool = False
    amended: str | None = None
    control: bool = False  # baseline against baseline with another stream of draws
    failures: dict[str, str] = field(default_factory=dict)  # "arm/seed" -> what happened
    curves: dict[str, Any] = field(default_factory=dict)  # see paperworks.trial
    pictures: dict[str, str] = field(default_factory=dict)  # arm -> PNG in base64, first seed
    data: dict[str, str] = field(default_factory=dict)  # what stood in for the work's own data
    code: dict[str, str] = field(default_factory=dict)  # file -> fingerprint when it ran
    environment: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0  # processor seconds of all runs
    on: str = ""  # ISO date

    def judge(self) -> Judgement:
        """The verdict that follows from the numbers and the rule kept here."""
        return _judged(self.rule, self.treatment, self.baseline, self.null, self.resolution)

    def line(self) -> str:
        """The ledger line."""
        empty = ("", None, {}, ())
        kept = {key: value for key, value in asdict(self).items() if value not in empty}
        return json.dumps(kept, ensure_ascii=False, allow_nan=False)

    @classmethod
    def parse(cls, line: str) -> "Trial":
        """A trial from its line. Raises ValueError or TypeError on a line of another shape."""
        given = json.loads(line)
        for key in ("seeds", *ARMS):
            given[key] = tuple(given[key])
        return cls(**given | {"verdict": Verdict(given["verdict"])})


def judge(
    rule: str, arms: Mapping[str, Sequence[float | None]], resolution: float = 0.0
) -> Judgement:
    """Decide a rule over seeds. `arms` gives the three arms' numbers, in the order of seeds."""
    n = len(arms["baseline"])
    wins, null_wins = (_wins(rule, arms[arm], arms["baseline"]) for arm in ("treatment", "null"))
    word, reason, seen, links = _decide(rule, arms["treatment"], arms["baseline"], resolution)
    failed = sum(value is None for arm in ARMS for value in arms[arm][: seen or n])
    if failed:
        plural = "s" if failed > 1 else ""
        word, reason = Verdict.INCONCLUSIVE, f"{failed} run{plural} gave no number"
    elif word is Verdict.HOLDS:
        shown = [arms[arm][:seen] for arm in ("null", "baseline")]
        if _decide(rule, shown[0], shown[1], resolution)[0] is Verdict.HOLDS:
            word, reason = Verdict.INCONCLUSIVE, "the effect is there without the idea"
    return Judgement(word, reason, seen or n, links, wins, null_wins)


@lru_cache(4096)
def _judged(
    rule: str, treatment: Numbers, baseline: Numbers, null: Numbers, of: float
) -> Judgement:
    """`judge`, remembered: pages ask for the same verdicts again and again."""
    return judge(rule, {"treatment": treatment, "baseline": baseline, "null": null}, of)


def _decide(
    rule: str,
    mine: Sequence[float | None],
    theirs: Sequence[float | None],
    resolution: float,
) -> tuple[Verdict, str, int, tuple[Link, ...]]:
    """Verdict, reason, seeds seen and links of one arm against the baseline."""
    n, links = 0, ()
    reason = f"{len(theirs)} seeds; the first look is at {LOOKS[0][0]}"
    for n, alpha in (look for look in LOOKS if look[0] <= len(theirs)):
        pairs = [(a, b) for a, b in zip(mine[:n], theirs, strict=False) if None not in (a, b)]
        if len(pairs) < n:
            return Verdict.INCONCLUSIVE, "a run gave no number", n, ()
        if all(a == b for a, b in pairs):
            reason = "saturated: every seed is a tie"
            continue
        slack = [slacks(rule, treatment=a, baseline=b) for a, b in pairs]  # type: ignore[arg-type]
        links = tuple(_link(link, alpha, resolution) for link in zip(*slack, strict=True))
        if all(link.low > 0 for link in links):
            return Verdict.HOLDS, f"the rule is met {_BEYOND}", n, links
        if any(link.high < 0 for link in links):
            return Verdict.DOES_NOT_HOLD, f"the rule is missed {_BEYOND}", n, links
        reason = "the spread of the seeds covers both meeting and missing the rule"
    return Verdict.INCONCLUSIVE, reason, n, links


def _link(slack: Sequence[float], alpha: float, resolution: float) -> Link:
    n, mean = len(slack), fmean(slack)
    # the difference of two values rounded to `resolution` spreads at least this much
    error = max(stdev(slack), resolution / math.sqrt(6)) / math.sqrt(n)
    reach = t_quantile(alpha, n - 1) * error
    return Link(mean, mean - reach, mean + reach, reach + t_quantile(0.2, n - 1) * error)


def _wins(rule: str, mine: Sequence[float | None], theirs: Sequence[float | None]) -> int:
    pairs = [(a, b) for a, b in zip(mine, theirs, strict=True) if a is not None and b is not None]
    return sum(min(slacks(rule, treatment=a, baseline=b)) > 0 for a, b in pairs)


@cache
def t_quantile(tail: float, freedom: int) -> float:
    """The t with a chance of `tail` to be exceeded, by bisection. `tail` is below one half."""
    low, high = 0.0, 1.0
    while _t_tail(high, freedom) > tail:
        low, high = high, 2 * high
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_tail(middle, freedom) > tail else (low, middle)
    return high


def _t_tail(t: float, freedom: int) -> float:
    """Chance of exceeding t: finite sums, Abramowitz and Stegun 26.7.3 and 26.7.4."""
    angle = math.atan2(t, math.sqrt(freedom))
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = 0.0 if freedom == 1 else term
    for k in range(2 + odd, freedom - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    inside = 2 / math.pi * (angle + sine * total) if odd else sine * total
    return (1 - inside) / 2


def interval(values: Sequence[float], tail: float = 0.025) -> tuple[float, float]:
    """The two-sided t interval of a mean: 95 % unless told otherwise. Needs two values."""
    reach = t_quantile(tail, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return fmean(values) - reach, fmean(values) + reach


def shipped(paper: str) -> tuple[Trial, ...]:
    """The shipped ledger of one paper, oldest first; empty where nothing was measured."""
    file = shipped_folder("ledger") / f"{paper}.jsonl"
    try:
        seen = file.stat()
    except FileNotFoundError:
        return ()
    return _parsed(file, seen.st_mtime_ns, seen.st_size)


def newest(paper: str) -> dict[str, Trial]:
    """The latest shipped trial of every claim of a paper; controls are none."""
    return {trial.claim: trial for trial in shipped(paper) if not trial.control}


def remark(trial: Trial) -> str | None:
    """What we think is the reason why a shipped claim does not hold: no evidence, an opinion.

    It is about the newest shipped trial and its verdict; others have none.
    """
    last = newest(trial.paper).get(trial.claim)
    if not last or (last.on, last.treatment) != (trial.on, trial.treatment):
        return None
    return remarks().get((trial.paper, trial.claim, last.verdict))


@cache
def remarks() -> dict[tuple[str, str, str], str]:
    """All of them, by paper, claim and verdict."""
    text = (shipped_folder("catalog") / "remarks.jsonl").read_text(encoding="utf-8")
    told = map(json.loads, text.splitlines())
    return {(one["paper"], one["claim"], one["verdict"]): one["remark"] for one in told}


@lru_cache(1024)
def _parsed(file: Path, _changed: int, _size: int) -> tuple[Trial, ...]:
    """The lines of a ledger, parsed once for each state of the file."""
    return tuple(map(Trial.parse, file.read_text(encoding="utf-8").splitlines()))


def fingerprint(paper: str) -> dict[str, str]:
    """Every file of the house on which the work's numbers depend, with a hash of its text.

    The work's own file comes first.
    """
    return depended(f"paperworks.works.{paper}")


def depended(module: str) -> dict[str, str]:
    """A module's file and those of the house that it imports, with a hash of the text of each.

    Found by following import statements, nothing is run.
    """
    root = Path(__file__).parent
    waiting, prints = [_file(root, module)], dict[str, str]()
    while waiting:
        file = waiting.pop(0)
        name = file.relative_to(root).as_posix() if file else ""
        if not file or name in prints or "/" not in name:  # the nouns measure nothing
            continue
        prints[name], used = _known(file)
        waiting += [_file(root, module) for module in used]
    return prints


def modules(file: Path) -> tuple[str, ...]:
    """Modules of the house that a source file imports; parsed once for each state of the file."""
    return _known(file)[1]


def _known(file: Path) -> tuple[str, tuple[str, ...]]:
    seen = file.stat()
    return _read(file, seen.st_mtime_ns, seen.st_size)


@lru_cache(4096)
def _read(file: Path, _changed: int, _size: int) -> tuple[str, tuple[str, ...]]:
    """The fingerprint of a file and what it imports, read once for each state of the file."""
    text = file.read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()[:16], tuple(imports(text))


def imports(text: str) -> list[str]:
    """Modules of the house that a source text imports, anywhere in it."""
    nodes = list(ast.walk(syntax(text)))
    plain = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    for node in nodes:
        if isinstance(node, ast.ImportFrom) and node.module:
            plain += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return [name for name in dict.fromkeys(plain) if name.startswith("paperworks.")]


def _file(root: Path, module: str) -> Path | None:
    stem = root.joinpath(*module.split(".")[1:])
    found = (file for file in (stem.with_suffix(".py"), stem / "__init__.py") if file.exists())
    return next(found, None)


def stale(trial: Trial, now: Mapping[str, str] | None = None) -> str | None:
    """Which file changed since this trial ran: the work's own first; None if none did.

    `now` is the fingerprint of its paper, where that is known already.
    """
    now = fingerprint(trial.paper) if now is None else now
    names = (name for name in {**now, **trial.code} if now.get(name) != trial.code.get(name))
    return next(names, None)
