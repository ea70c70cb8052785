"""The shipped evidence: complete, current, and every verdict follows from its numbers."""

import json
from dataclasses import replace

import pytest

from paperworks.claim import ARMS
from paperworks.evidence import (
    CLAIM_SEEDS,
    CONTROL_SEEDS,
    LOOKS,
    Verdict,
    fingerprint,
    newest,
    remark,
    remarks,
    shipped,
)
from paperworks.paper import shipped_folder, works
from paperworks.trial.jobs import claims

WORKS = sorted(works())
LINES = [trial for work in WORKS for trial in shipped(work)]
every_work = pytest.mark.parametrize("work", WORKS)
every_line = pytest.mark.parametrize("trial", LINES, ids=lambda t: f"{t.paper}-{t.claim}")


@every_work
def test_every_claim_has_evidence_for_its_present_rule(work):
    latest = newest(work)
    for name, claim in claims(work).items():
        assert name in latest, f"{work}.{name} was never run"
        assert latest[name].rule == claim.holds_if
        assert latest[name].says == claim.says
        assert latest[name].amended == claim.amended


@every_work
def test_evidence_is_of_the_present_file(work):
    """A work whose own file changed is run again before it lands."""
    own = {name: print for name, print in fingerprint(work).items() if f"works/{work}" in name}
    assert own
    for trial in newest(work).values():
        assert own.items() <= trial.code.items(), f"paperworks run {work} again"


@every_line
def test_verdict_follows_from_the_numbers(trial):
    assert trial.judge().verdict == trial.verdict


@every_line
def test_seeds_are_the_declared_ones(trial):
    declared = CONTROL_SEEDS if trial.control else CLAIM_SEEDS
    looks = [tuple(declared[:seen]) for seen, _ in LOOKS]
    assert trial.seeds in looks
    assert all(len(getattr(trial, arm)) == len(trial.seeds) for arm in ARMS)


@every_line
def test_every_missing_number_is_explained(trial):
    for arm in ARMS:
        for seed, value in zip(trial.seeds, getattr(trial, arm), strict=True):
            assert (value is None) == (f"{arm}/{seed}" in trial.failures)


def test_one_primary_claim_a_work():
    for work in WORKS:
        assert sum(trial.primary for trial in newest(work).values()) == 1


@every_work
def test_what_does_not_hold_has_a_remark_about_that(work):
    latest = newest(work)
    for name, trial in latest.items():
        said = remark(trial)
        assert bool(said) == (trial.verdict != Verdict.HOLDS), name
        assert not said or (said[0].isupper() or said[0].isdigit()) and said.endswith(".")
    assert {claim for paper, claim, _ in remarks() if paper == work} <= latest.keys()


def test_a_remark_is_about_the_newest_shipped_trial():
    (paper, claim, _), *_ = remarks()
    last = newest(paper)[claim]
    assert remark(last)
    assert remark(replace(last, treatment=last.baseline)) is None


def test_no_line_without_a_work():
    assert {file.stem for file in shipped_folder("ledger").glob("*.jsonl")} <= set(WORKS)


def refuse(word):
    raise ValueError(f"JSON has no {word}")


def test_lines_are_plain_json():
    for file in shipped_folder("ledger").glob("*.jsonl"):
        for line in file.read_text(encoding="utf-8").splitlines():
            assert len(line) < 300_000
            json.loads(line, parse_constant=refuse)
