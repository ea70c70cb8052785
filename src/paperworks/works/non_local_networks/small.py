"""Small networks for clips, frame by frame, and what stands in them where the block would."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import mse_loss, one_hot

from paperworks.claim import Seed
from paperworks.lab.fit import adam, fit
from paperworks.lab.seeds import fresh
from paperworks.lab.split import Examples
from paperworks.works.non_local_networks.block import NonLocal

FRAMES, PLACES, WIDTH = 2, 7, 24
FIRST, STEPS, BATCH, KINDS = 150, 150, 16, 4


def evenly(x: Tensor, others: Tensor) -> Tensor:
    """Every position takes the mean of all."""
    return x.new_full((len(x), x.shape[1], others.shape[1]), 1 / others.shape[1])


def nearby(x: Tensor, others: Tensor) -> Tensor:
    """The softmax, of no positions but those at most one frame, row and column away."""
    line = torch.arange(FRAMES * PLACES**2)
    frame, row, column = line // PLACES**2, line // PLACES % PLACES, line % PLACES
    far = [(axis[:, None] - axis).abs() > 1 for axis in (frame, row, column)]
    return (x @ others.mT).masked_fill(far[0] | far[1] | far[2], -torch.inf).softmax(2)


class Flattened(nn.Module):
    """A block for clips between layers that see frames one by one. Keeps four axes."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Float[Tensor, "frames c h w"]) -> Float[Tensor, "frames c h w"]:
        """Frames of a clip follow one another."""
        rows = x.unflatten(0, (-1, FRAMES)).transpose(1, 2).flatten(2)  # [clips, c, positions]
        seen = self.block(rows).unflatten(2, (FRAMES, *x.shape[2:]))
        return seen.transpose(1, 2).flatten(0, 1)


def non_local(**options: Any) -> nn.Module:
    """The block, over all positions of all frames."""
    return Flattened(NonLocal(WIDTH, axes=1, **options))


def convolutions() -> nn.Module:
    """A residual block of 1x1, 3x3 and 1x1 convolutions with about as many parameters."""
    middle = WIDTH * 3 // 8
    return Bottleneck(
        nn.Conv2d(WIDTH, middle, 1),
        nn.ReLU(),
        nn.Conv2d(middle, middle, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(middle, WIDTH, 1),
        _quiet(nn.BatchNorm2d(WIDTH)),
    )


def _quiet(norm: nn.BatchNorm2d) -> nn.BatchNorm2d:
    nn.init.zeros_(norm.weight)
    return norm


class Bottleneck(nn.Sequential):
    """Layers, added to what they are given."""

    def forward(self, input: Tensor) -> Tensor:
        return input + super().forward(input)


class Frames(nn.Module):
    """C2D: two strided convolutions a frame, the block, one more convolution, the mean of all."""

    def __init__(self) -> None:
        super().__init__()
        self.before = nn.Sequential(*_layer(1, WIDTH // 2, 2), *_layer(WIDTH // 2, WIDTH, 2))
        self.block: nn.Module = nn.Identity()
        self.after = nn.Sequential(*_layer(WIDTH, WIDTH, 1))
        self.head = nn.Linear(WIDTH, KINDS)

    def forward(
        self, clips: Float[Tensor, "batch 1 frames height width"]
    ) -> Float[Tensor, "batch classes"]:
        x = self.after(self.block(self.before(clips.transpose(1, 2).flatten(0, 1))))
        return self.head(x.mean((2, 3)).unflatten(0, (-1, FRAMES)).mean(1))


def _layer(channels: int, out: int, stride: int) -> tuple[nn.Module, ...]:
    conv = nn.Conv2d(channels, out, 3, stride, padding=1, bias=False)
    return conv, nn.BatchNorm2d(out), nn.ReLU()


def how_many(kinds: Tensor) -> Tensor:
    """How many of both shapes are of each kind, [*, KINDS]. Needs no look at two places."""
    return one_hot(kinds, KINDS).sum(1).float()


def alike(kinds: Tensor) -> Tensor:
    """1 where both shapes are of one kind."""
    return (kinds[:, 0] == kinds[:, 1]).long()


@dataclass(frozen=True)
class Arm:
    """What is put between the second and the third layer, and the rate tuned for it."""

    block: Callable[[], nn.Module]
    rate: float = 0.01

    def learned(self, train: Examples, seed: Seed) -> Frames:
        """A network that learned to count first, then got the block, and learned to compare."""
        net = fresh(Frames, seed)
        how = {"seed": seed, "batch": BATCH}
        first = partial(adam, lr=0.01)
        fit(net, asked(train, how_many), steps=FIRST, optimizer=first, loss=mse_loss, **how)
        net.block = fresh(self.block, seed)
        net.head = fresh(lambda: nn.Linear(WIDTH, 2), seed)
        fit(
            net,
            asked(train, alike),
            steps=STEPS,
            optimizer=partial(adam, lr=self.rate),
            schedule=lambda step: 1 - step / STEPS,
            **how,
        )
        return net


def asked(clips: Examples, question: Callable[[Tensor], Tensor]) -> Examples:
    """The clips with the answers to a question about the kinds in them."""
    return Examples(clips.x, question(clips.y))
