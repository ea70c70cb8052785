"""Cyclical Learning Rates for Training Neural Networks

Smith, 2015. arXiv:1506.01186

The learning rate goes up and down between two bounds, instead of only down:

    cycle = floor(1 + t / 2h)        x = |t / h - 2 cycle + 1|
    rate  = low + (high - low) max(0, 1 - x) * shrink

t is the step, h (their stepsize) the steps of half a cycle. `shrink` is 1 ("triangular"), halves
with every cycle ("triangular2") or is gamma^t ("exp_range"). High rates do harm for a while and
good in the end, the paper argues. The bounds come from one short run whose rate rises steadily:
from where the accuracy begins to grow to where it grows no more.

Here: 8x8 digits, a network of four convolutions with BatchNorm, four cycles of 1.5 epochs.
The paper: CIFAR-10 and CIFAR-100 in up to 70,000 steps, ImageNet in up to 460,000.

Differences: `bounds` is our rule for what the paper reads off a curve. Steps of the range test
and of the fixed rates' grid are not counted. `exp_range` shrinks the amplitude, as in torch; the
paper shrinks both bounds. Left out: ImageNet, adaptive methods (section 4.1.3), its networks.
"""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean

import torch
from torch import nn

from paperworks import Claim, Measured
from paperworks.blocks.convnet import small_convnet
from paperworks.lab.data.digits import digits
from paperworks.lab.fit import fit
from paperworks.lab.score import accuracy
from paperworks.lab.seeds import fresh
from paperworks.lab.split import Split

GRID = 0.003, 0.01, 0.03, 0.1, 0.3  # the fixed and the decayed rates
HALF_CYCLE, STEPS = 24, 192
SWEEP, TOP = 80, 1.0  # steps of the range test, and the rate at its end

Schedule = Callable[[int], float]  # step -> rate
Plan = Callable[[int], list[Schedule]]  # seed -> what to try
Look = Callable[[nn.Module, int], None] | None


def triangle(step: int, half_cycle: int) -> float:
    """From 0 up to 1 in `half_cycle` steps and down again, forever. Section 3.1."""
    cycle = step // (2 * half_cycle)
    return 1 - abs(step / half_cycle - 2 * cycle - 1)


def triangular(step: int, low: float, high: float, half_cycle: int) -> float:
    """The rate between two bounds that stay."""
    return low + (high - low) * triangle(step, half_cycle)


def triangular2(step: int, low: float, high: float, half_cycle: int) -> float:
    """The rate between bounds whose distance halves after every cycle."""
    return low + (high - low) * triangle(step, half_cycle) / 2 ** (step // (2 * half_cycle))


def exp_range(step: int, low: float, high: float, half_cycle: int, gamma: float) -> float:
    """The rate between bounds whose distance is multiplied by `gamma` at every step."""
    return low + (high - low) * triangle(step, half_cycle) * gamma**step


def train(split: Split, rate: Schedule, seed: int, steps: int, look: Look = None) -> nn.Module:
    """The network of all arms, trained with momentum 0.9 and batches of 32."""
    net = fresh(partial(small_convnet, 8, norm=True), seed)
    sgd, eye = partial(torch.optim.SGD, lr=1.0, momentum=0.9), look and partial(look, net)
    how = {"steps": steps, "seed": seed, "optimizer": sgd, "schedule": rate, "after_step": eye}
    fit(net, split.train, batch=32, **how)
    return net


def range_test(seed: int, every: int = 4) -> tuple[list[float], list[float]]:
    """Rates, rising evenly to `TOP`, and the validation accuracy at each. Section 3.3."""
    split, rates, accuracies = digits(seed), [], []

    def rising(step: int) -> float:
        return TOP * (step + 1) / SWEEP

    def look(net: nn.Module, step: int) -> None:
        if step % every == every - 1:
            rates.append(rising(step))
            accuracies.append(accuracy(net, split.validation))

    train(split, rising, seed, SWEEP, look)
    return rates, accuracies


def bounds(rates: Sequence[float], accuracies: Sequence[float]) -> tuple[float, float]:
    """The low rate, where the accuracy begins to grow, and the high one, where it grows no more.

    Read off the mean of three neighbors: a tenth of the rise is done; the top is reached. The low
    rate is at most a quarter of the high one, the paper's rule of thumb (section 3.3).
    """
    smooth = torch.tensor(accuracies).unfold(0, 3, 1).mean(1)
    top = int(smooth.argmax())
    begun = int((smooth >= smooth[0] + (smooth[top] - smooth[0]) / 10).nonzero()[0])
    return min(rates[begun + 1], rates[top + 1] / 4), rates[top + 1]


def cycles(seed: int) -> list[Schedule]:
    """One schedule, the paper's: triangular2 between the bounds."""
    low, high = bounds(*range_test(seed))
    return [partial(triangular2, low=low, high=high, half_cycle=HALF_CYCLE)]


def no_cycles(seed: int) -> list[Schedule]:
    """The range test without the cycles: the middle between the bounds, held."""
    low, high = bounds(*range_test(seed))
    return [lambda step: (low + high) / 2]


def scrambled(seed: int) -> list[Schedule]:
    """The rates of the first half of the steps of `cycles`, in an order without cycles."""
    (way,) = cycles(seed)
    return [lambda step: way(77 * step % (STEPS // 2))]


def fixed(seed: int) -> list[Schedule]:
    """Every rate of the grid, held."""
    return [lambda step, rate=rate: rate for rate in GRID]


def decayed(seed: int) -> list[Schedule]:
    """Every rate of the grid, divided by ten after half of the steps and after three quarters."""
    half, last = STEPS // 2, 3 * STEPS // 4
    return [lambda t, rate=rate: rate * 0.1 ** ((t >= half) + (t >= last)) for rate in GRID]


def average_at_half(plan: Plan, seed: int) -> float:
    """Test accuracy, 0 to 1, after half of the steps: the mean over the schedules of the plan."""
    split = digits(seed)
    nets = [train(split, way, seed, STEPS // 2) for way in plan(seed)]
    test = split.open_test()
    return fmean(accuracy(net, test) for net in nets)


def best_at_full(plan: Plan, seed: int) -> Measured:
    """Test accuracy, 0 to 1, after all steps, of the schedule that is best in validation."""
    split, ways = digits(seed), plan(seed)
    nets = [train(split, way, seed, STEPS) for way in ways]
    best = max(range(len(nets)), key=lambda i: accuracy(nets[i], split.validation))
    rates = range(STEPS), [ways[best](step) for step in range(STEPS)]
    return Measured(accuracy(nets[best], split.open_test()), rates, ("step", "learning rate"))


SHORTER = "Later 192 steps, not 320, so that twelve works end in ten minutes; before that it "

beats_the_average_rate = Claim(
    says="After half of the steps, cycling is a point ahead of what fixed rates reach on average.",
    source="section 1: cyclical rates remove the search for the best rate; figure 1",
    measure=average_at_half,
    treatment=cycles,
    baseline=fixed,
    null=no_cycles,
    holds_if="treatment > baseline + 0.01",
    resolution=1 / 500,
    amended=SHORTER + "held over five seeds: 0.960 against 0.743.",
)

cycling_matters = Claim(
    says="After half of the steps, cycling is a point ahead of holding the middle of its bounds.",
    source="section 3: the rate's rise and fall, not its mean, is what helps",
    measure=average_at_half,
    treatment=cycles,
    baseline=no_cycles,
    null=scrambled,
    holds_if="treatment > baseline + 0.01",
    resolution=1 / 500,
    amended=SHORTER + "was inconclusive over ten seeds: 0.956 against 0.897.",
)

matches_the_best_rate = Claim(
    says="After all steps, cycling is less than a point behind the best of five fixed rates.",
    source="table 3: triangular2 reaches 81.4 % on CIFAR-10, as the fixed rate does",
    measure=best_at_full,
    treatment=cycles,
    baseline=fixed,
    null=no_cycles,
    holds_if="treatment > baseline - 0.01",
    resolution=1 / 500,
    amended=SHORTER + "held over ten seeds: 0.976 against 0.967.",
)

matches_step_decay = Claim(
    says="After all steps, cycling is less than a point behind the best of five decayed rates.",
    source="section 4.1: as good as, or better than, decaying rates",
    measure=best_at_full,
    treatment=cycles,
    baseline=decayed,
    null=no_cycles,
    holds_if="treatment > baseline - 0.01",
    resolution=1 / 500,
    rival=True,
    amended=SHORTER + "held over five seeds: 0.979 against 0.978.",
)
