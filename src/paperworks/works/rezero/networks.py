"""The gate, the towers that it is compared in, and the Transformers of table 4."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from paperworks import model
from paperworks.works.resnet import Residual
from paperworks.works.transformer import EncoderLayer, causal, sinusoids

WIDTH, DEPTH = 32, 64
CHARACTERS = 205  # of enwiki8

Join = Callable[[nn.Module], nn.Module]
TextJoin = Callable[[nn.Module, int, float], nn.Module]  # (branch, width, dropout)


class ReZero(nn.Module):
    """`x + gate * branch(x)`, equation 1. The branch must return the shape it is given.

    `start` is the gate's first value: 0 is the paper; 1 is an ordinary residual branch with a
    gate that it has no use for. What follows x goes to the branch.
    """

    def __init__(self, branch: nn.Module, start: float = 0.0) -> None:
        super().__init__()
        self.branch = branch
        self.gate = nn.Parameter(torch.tensor(start))

    def forward(self, x: Float[Tensor, "*shape"], *more: Tensor | None) -> Float[Tensor, "*shape"]:
        return x + self.gate * self.branch(x, *more)


def relu_layer() -> nn.Sequential:
    """A linear map and a ReLU; the weights start so that depth keeps the signal's size."""
    linear = nn.Linear(WIDTH, WIDTH)
    nn.init.kaiming_normal_(linear.weight, nonlinearity="relu")
    return nn.Sequential(linear, nn.ReLU())


def vanilla(branch: nn.Module) -> nn.Module:
    """Nothing goes past the branch."""
    return branch


def gate_open(branch: nn.Module) -> ReZero:
    """All the machinery, without the zero."""
    return ReZero(branch, start=1.0)


def pre_norm(branch: nn.Module) -> Residual:
    """`x + branch(norm(x))`, with a LayerNorm."""
    return Residual(nn.Sequential(nn.LayerNorm(WIDTH), branch))


def tower(join: Join) -> nn.Sequential:
    """`DEPTH` ReLU layers, each connected by `join`. [*, WIDTH] -> [*, WIDTH]."""
    return nn.Sequential(*[join(relu_layer()) for _ in range(DEPTH)])


def gated(branch: nn.Module, width: int, dropout: float, start: float = 0.0) -> nn.Module:
    """How ReZero joins the branches of a Transformer: a gate, and no norm."""
    return ReZero(branch, start)


gated_open = partial(gated, start=1.0)


class CharacterTransformer(nn.Module):
    """Scores of the next character after every prefix of a text. Section 5.

    Dropout is that of the embedding; branches have what `join` gives them.
    """

    def __init__(
        self,
        vocabulary: int,
        width: int,
        heads: int,
        hidden: int,
        depth: int,
        dropout: float = 0.1,
        join: TextJoin = gated,
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.dropout = nn.Dropout(dropout)
        size = width, heads, hidden, dropout, join
        self.layers = nn.ModuleList(EncoderLayer(*size) for _ in range(depth))
        self.head = nn.Linear(width, vocabulary)

    def forward(self, text: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocabulary"]:
        x = self.embedding(text)
        x = self.dropout(x + sinusoids(x.shape[1], x.shape[2], x.device).to(x))
        past = causal(text.shape[1], text.device)
        for layer in self.layers:
            x = layer(x, past)
        return self.head(x)


def _enwiki8(batch: int, time: int) -> Tensor:
    return torch.randint(CHARACTERS, (batch, time))


_LONG, _SHORT = partial(_enwiki8, 1, 512), partial(_enwiki8, 2, 8)


@model(parameters=38e6, macs=None, source="table 4", example=_LONG, quick=_SHORT)
def rezero_transformer12(**options: Any) -> CharacterTransformer:
    """12 layers of width 512."""
    return CharacterTransformer(CHARACTERS, 512, 8, 2048, 12, **options)


@model(parameters=51e6, macs=None, source="table 4", example=_LONG, quick=_SHORT)
def rezero_transformer64(**options: Any) -> CharacterTransformer:
    """64 layers of width 256."""
    return CharacterTransformer(CHARACTERS, 256, 8, 1024, 64, **options)


@model(parameters=101e6, macs=None, source="table 4", example=_LONG, quick=_SHORT)
def rezero_transformer128(**options: Any) -> CharacterTransformer:
    """128 layers of width 256."""
    return CharacterTransformer(CHARACTERS, 256, 8, 1024, 128, **options)
