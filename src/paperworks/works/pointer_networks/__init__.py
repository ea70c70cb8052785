"""Pointer Networks

Vinyals, Fortunato and Jaitly, 2015. arXiv:1506.03134

A network that writes words from a list cannot answer with a part of its input: the list would
have to grow with it. But attention already says how well each place of the input fits. A pointer
network takes that for its answer:

    chance of place j = softmax over j of v' tanh(W1 e_j + W2 d)

e_j is the encoder's state at place j, d the writer's state, v and the two matrices are learned.

Here: convex hulls of 5 to 8 points, networks of 64 units and 160 batches of 64. The paper: hulls,
Delaunay triangulations and tours of 5 to 500 points, 256 or 512 units, a million examples.

Differences: points come from left to right, without which so short a training finds one hull in a
hundred; the paper's are in any order. Adam instead of plain steps, and the usual first weights. A
hull counts as found when its corners are said in the order of the data, and no corner may be said
twice, in any arm. Left out: triangulations, tours and the search with several beams.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch

from paperworks.claim import Claim, Measured, Seed
from paperworks.lab.fit import adam, fit
from paperworks.lab.seeds import fresh, stream
from paperworks.works.pointer_networks.arms import MOST, indexed, placed, pointing, tagging
from paperworks.works.pointer_networks.hulls import (
    area as area,
    hull as hull,
    hulls as hulls,
    scattered,
)
from paperworks.works.pointer_networks.networks import (
    PointerNetwork as PointerNetwork,
    draw as draw,
    pointer_network as pointer_network,
)

STEPS, BATCH, EXAMPLES = 160, 64, 12_000

# Adam's rates, of 3e-3, 1e-2, 3e-2 and 1e-1 those of least loss on the validation part of seed 1000
RATE: dict[Any, float] = {pointing: 3e-2, indexed: 1e-1, placed: 3e-2, tagging: 1e-1}

Build = Callable[[], Any]


def taught(build: Build, seed: Seed) -> tuple[Any, Any, list[float]]:
    """A network that has seen hulls of 5 to 8 points, the data, and its losses."""
    data, net = hulls(seed, (EXAMPLES, 500, 1000), 5, 8), fresh(build, seed)
    losses = fit(
        net,
        data.train,
        steps=STEPS,
        seed=seed,
        batch=BATCH,
        optimizer=partial(adam, lr=RATE[build]),
        schedule=lambda step: min(1, (step + 1) / 20) * (1 - step / STEPS),
        loss=net.loss,
    )
    return net, data, losses


def exact_match(build: Build, seed: Seed) -> Measured:
    """Share of 1,000 unseen lists of 5 to 8 points whose hull is right in every corner."""
    net, data, losses = taught(build, seed)
    test = data.open_test()
    right = (net.draw(test.x[:, :8]) == test.y).all(1).double().mean().item()
    return Measured(right, (range(1, len(losses) + 1), losses), ("step", "training loss"))


def covered(build: Build, seed: Seed) -> float:
    """Mean share of the hull's area that is drawn, for 500 lists of 12 points, more than taught."""
    net, _, _ = taught(build, seed)
    points = scattered(torch.full((500,), MOST), MOST, stream(seed, "evaluate"))
    return (area(points, net.draw(points)) / area(points, hull(points))).mean().item()


TUNED = (
    "Rates were tried up to 3e-2, which was every arm's; with 1e-1 tried too, the fixed list "
    "and the sort have that. Before, on seeds 0 to 4 and on average, 0.386 of the hulls were "
    "found against 0.041 and 0.192 (both held), and 0.850 of the area covered against 0.121 "
    "(did not hold). Rules are the same."
)

finds_more_hulls = Claim(
    says="It finds more hulls than the same attention does with numbers from a fixed list.",
    source="abstract: 'Ptr-Nets not only improve over sequence-to-sequence with input attention'",
    measure=exact_match,
    treatment=pointing,
    baseline=indexed,
    null=placed,
    holds_if="treatment > baseline + 0.02",
    resolution=1 / 1000,
    amended=TUNED,
)

finds_more_hulls_than_a_sort = Claim(
    says="It finds more hulls than a network that calls points corners, and sorts them.",
    source="section 4.2, table 1: hulls are learned from examples alone",
    measure=exact_match,
    treatment=pointing,
    baseline=tagging,
    null=placed,
    holds_if="treatment > baseline + 0.02",
    resolution=1 / 1000,
    rival=True,
    amended=TUNED,
)

covers_larger_hulls = Claim(
    says="It covers 95 % of the hulls of 12 points after 5 to 8, which a fixed list does not.",
    source="abstract: 'the learnt models generalize beyond the maximum lengths'; table 1",
    measure=covered,
    treatment=pointing,
    baseline=indexed,
    null=placed,
    holds_if="baseline + 0.02 < treatment > 0.95",
    resolution=1 / 1000,
    amended=TUNED,
)
