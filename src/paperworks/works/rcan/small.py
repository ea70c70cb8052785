"""Small networks that double patches of photographs, and in what the claims' arms differ."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import l1_loss

from paperworks.claim import Seed
from paperworks.lab.data.photos import patches
from paperworks.lab.fit import adam, cosine, fit
from paperworks.lab.pictures import resized
from paperworks.lab.score import predict
from paperworks.lab.seeds import fresh
from paperworks.lab.split import Examples, Split
from paperworks.works.rcan.network import RCAN, ChannelAttention, Join, added

Enlarge = Callable[[Examples, Seed], Callable[[Tensor], Tensor]]  # learns from pairs of patches

STEPS, BATCH = 180, 8


def alone(x: Tensor, branch: Tensor) -> Tensor:
    """No skip."""
    return branch


def astray(x: Tensor, branch: Tensor) -> Tensor:
    """The skip of another picture of the batch."""
    return x.roll(1, 0) + branch


class AnyPicture(nn.Module):
    """Weights of the same kind and number that do not look at the picture: its means are ones."""

    def __init__(self, channels: int, reduction: int = 4) -> None:
        super().__init__()
        self.attention = ChannelAttention(channels, reduction).attention[1:]

    def forward(self, x: Tensor) -> Tensor:
        return x * self.attention(torch.ones_like(x[:1, :, :1, :1]))


def unweighted(channels: int) -> nn.Module:
    """No attention."""
    return nn.Identity()


def pairs(seed: int) -> Split:
    """Small patches [*, 3, 16, 16] and what they were, [*, 3, 32, 32], bicubic in between."""
    data = patches(seed, (300, 60, 120), size=32)

    def shrunk(part: Examples) -> Examples:
        return Examples(resized(part.x, 0.5).clamp(0, 1), part.x)

    return Split(shrunk(data.train), shrunk(data.validation), shrunk(data.open_test()))


def bicubic(train: Examples, seed: Seed) -> Callable[[Tensor], Tensor]:
    """Nothing learned."""
    return lambda small: resized(small, 2)


@dataclass(frozen=True)
class Arm:
    """What is built, and the rate tuned for it."""

    attention: Callable[[int], nn.Module] = partial(ChannelAttention, reduction=4)
    join: Join = added
    rate: float = 0.01

    def build(self) -> RCAN:
        """A fresh network of two groups of three blocks, 8 channels."""
        how: dict[str, Any] = {"channels": 8, "groups": 2, "blocks": 3, "span": 1.0}
        return RCAN(2, attention=self.attention, join=self.join, **how)

    def __call__(self, train: Examples, seed: Seed) -> Callable[[Tensor], Tensor]:
        """What makes pictures larger."""
        net = fresh(self.build, seed)
        fit(
            net,
            train,
            steps=STEPS,
            seed=seed,
            batch=BATCH,
            optimizer=partial(adam, lr=self.rate),
            loss=l1_loss,
            schedule=cosine(STEPS),
        )
        return lambda small: predict(net, small)
