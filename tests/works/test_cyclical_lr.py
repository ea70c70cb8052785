"""Schedules against torch's and by hand; the rule for the bounds on curves drawn by hand."""

from functools import partial

import pytest
import torch
from torch.optim.lr_scheduler import CyclicLR

from paperworks.works import cyclical_lr as work


def torchs(steps, mode, gamma=1.0):
    sgd = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.001)
    there = CyclicLR(
        sgd, 0.001, 0.006, step_size_up=7, mode=mode, gamma=gamma, cycle_momentum=False
    )
    for _ in range(steps):
        yield there.get_last_lr()[0]
        sgd.step()
        there.step()


@pytest.mark.parametrize(
    ("ours", "mode", "gamma"),
    [
        (work.triangular, "triangular", 1.0),
        (work.triangular2, "triangular2", 1.0),
        (partial(work.exp_range, gamma=0.97), "exp_range", 0.97),
    ],
)
def test_schedules_are_torchs(ours, mode, gamma):
    rates = [ours(step, low=0.001, high=0.006, half_cycle=7) for step in range(60)]
    assert rates == pytest.approx(list(torchs(60, mode, gamma)), rel=1e-9)


def test_two_cycles_by_hand():
    rates = [work.triangular2(step, 1.0, 9.0, 2) for step in range(9)]
    assert rates == [1, 5, 9, 5, 1, 3, 5, 3, 1]


def test_bounds_of_curves_drawn_by_hand():
    rates = [0.1 * step for step in range(1, 18)]
    slow = [0.0, 0.0, 0.3, 0.6] + [0.9] * 10 + [1.0] * 3
    assert work.bounds(rates, slow) == pytest.approx((0.3, 1.6))  # the middle of three neighbors
    peak = [0.0, 0.0, 0.0, 0.3, 0.6, 0.9, 0.9, 0.9, 0.3, 0.0]
    assert work.bounds(rates, peak) == pytest.approx((0.7 / 4, 0.7))  # it begins above a quarter


def test_decay_divides_by_ten_twice():
    rate, half = work.decayed(1000)[2], work.STEPS // 2
    assert [rate(0), rate(half - 1)] == [0.03, 0.03]
    assert [rate(half), rate(half * 3 // 2)] == pytest.approx([0.003, 0.0003])


def test_each_fixed_schedule_keeps_its_own_rate():
    assert [way(5) for way in work.fixed(1000)] == list(work.GRID)
