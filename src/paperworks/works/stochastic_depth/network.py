"""Residual networks whose branches come and go: sections 3 and 4."""

from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperworks import model
from paperworks.works.resnet import BasicBlock, Images, Maps, ResNet, for_small_images

Rows = Float[Tensor, "batch *shape"]
Mode = Literal["row", "batch"]
Manner = Literal["skip", "rows", "restless"]


def linear_decay(blocks: int, last: float = 0.5) -> list[float]:
    """Chance of every block to be kept: equation 4."""
    return [1 - block / blocks * (1 - last) for block in range(1, blocks + 1)]


def drop_path(x: Rows, drop: float, mode: Mode = "row") -> Rows:
    """Zero with chance `drop`, else divided by 1 - drop: the input, on average.

    Draws for each image ("row") or once for all ("batch"), from torch's generator.
    """
    draws = len(x) if mode == "row" else 1
    kept = x.new_empty(draws, *[1] * (x.ndim - 1)).bernoulli_(1 - drop)
    return x * (kept / (1 - drop))


class DropPath(nn.Module):
    """`drop_path` in training, the input itself in evaluation. Raises ValueError from 1 up."""

    def __init__(self, drop: float, mode: Mode = "row") -> None:
        super().__init__()
        if not 0 <= drop < 1:
            raise ValueError(f"The chance to drop is from 0 to below 1; this one is {drop}.")
        self.drop = drop
        self.mode: Mode = mode

    def forward(self, x: Rows) -> Rows:
        return drop_path(x, self.drop, self.mode) if self.training else x


class StochasticBlock(BasicBlock):
    """A block whose branch is not even computed in the steps that skip it: equations 2 and 5.

    "rows" draws for each image and computes every branch, "restless" skips at test too.
    """

    survival = 1.0
    manner: Manner = "skip"

    def forward(self, x: Images) -> Maps:
        assert self.downsample is not None
        kept = self.downsample(x)
        if self.manner == "rows":
            branch = self.branch(x)
            path = drop_path(branch, 1 - self.survival) if self.training else branch
            return self.act(kept + path)
        if not self.training and self.manner == "skip":
            return self.act(kept + self.survival * self.branch(x))
        if torch.rand(()) < self.survival:
            kept = kept + self.branch(x)
        return self.act(kept)


def stochastic_resnet(
    depth: int = 110, *, last: float = 0.5, manner: Manner = "skip", **options: Any
) -> ResNet:
    """The 6n + 2 layers for small images, with linearly decaying survival: section 3."""
    net = for_small_images(depth, block=StochasticBlock, **options)
    for block, chance in zip(net.blocks(), linear_decay(len(net.blocks()), last), strict=True):
        assert isinstance(block, StochasticBlock)  # for the type checker
        block.survival, block.manner = chance, manner
    return net


def _photo(count: int = 1) -> Tensor:
    return torch.randn(count, 3, 32, 32)


@model(
    parameters=1.7e6,
    macs=None,
    source="the network of He et al., table 6",
    example=_photo,
    quick=lambda: _photo(2),
)
def stochastic_resnet110(**options: Any) -> ResNet:
    """54 blocks, of which about 40 are trained in a step: section 4, CIFAR and SVHN."""
    return stochastic_resnet(110, **options)


@model(
    parameters=19.4e6,
    macs=None,
    source="the network of He et al., table 6",
    example=_photo,
    quick=lambda: _photo(2),
)
def stochastic_resnet1202(**options: Any) -> ResNet:
    """600 blocks: section 4, CIFAR-10."""
    return stochastic_resnet(1202, **options)
