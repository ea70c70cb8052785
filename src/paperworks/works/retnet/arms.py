"""The arms of the claims: what remembers the past, and language models around it."""

from typing import Any

import torch
from torch import Tensor, nn

from paperworks.blocks.lm import CausalAttention, LanguageModel, Sequence, small_lm
from paperworks.lab.data.text import VOCABULARY
from paperworks.works.retnet.retention import Retention, retnet

WIDTH, HEADS, DEPTH = 64, 4, 2
KEPT = 16  # times whose keys and values are as many numbers as the memory of a `Retention`


def retentive() -> LanguageModel:
    """The paper."""
    return retnet(VOCABULARY, WIDTH, HEADS, DEPTH)


def attentive() -> LanguageModel:
    """A Transformer with as many weights: attention has half of retention's, so feeds twice."""
    return small_lm(VOCABULARY, WIDTH, HEADS, 4 * WIDTH, DEPTH)


def forgetful() -> LanguageModel:
    """All of retention's parts, but nothing is left of a memory at the next time."""
    return retnet(VOCABULARY, WIDTH, HEADS, DEPTH, decays=torch.zeros)


class Recurrent(nn.Module):
    """An LSTM, whose memory does not grow either, with as many weights as the others."""

    def __init__(self, width: int = 106) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, width)
        self.lstm = nn.LSTM(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCABULARY)

    def forward(self, text: Tensor) -> Tensor:
        return self.head(self.lstm(self.embedding(text))[0])


class Harmonic(Retention):
    """Fades as 1 / (1 + distance): what is left after two times is not one fading of another."""

    def fade(self, distance: Tensor) -> Tensor:
        time = distance.to(self.out.weight).clamp(min=0).expand(self.heads, *distance.shape)
        return torch.where(distance >= 0, 1 / (1 + time), 0)


class Windowed(CausalAttention):
    """Attention that keeps the keys and values of the last times only, to have a fixed memory."""

    def step(
        self, x: Sequence, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Sequence, tuple[Tensor, Tensor]]:
        out, (k, v) = super().step(x, past)
        return out, (k[..., -KEPT:, :], v[..., -KEPT:, :])


class Repeated(nn.Module):
    """Retention that carries no memory: it reads everything again for every new time."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.layer = Retention(width, heads)

    def forward(self, x: Sequence) -> Sequence:
        """All times at once."""
        return self.layer(x)

    def step(self, x: Sequence, past: Tensor | None = None) -> tuple[Sequence, Tensor]:
        state, out = None, x
        for part in (*(() if past is None else past.split(64, 1)), x):
            out, state = self.layer.step(part, state)
        return out, x if past is None else torch.cat([past, x], 1)


def read(layer: Any, x: Sequence, times: int) -> tuple[Sequence, Any]:
    """What the layer's `step` gives for x, so many times at once, and what it remembers then."""
    out, state = list[Tensor](), None
    for part in x.split(times, 1):
        one, state = layer.step(part, state)
        out.append(one)
    return torch.cat(out, 1), state


def numbers(state: Any) -> int:
    """How many numbers a memory holds."""
    parts = state if isinstance(state, tuple) else (state,)
    return sum(part.numel() for part in parts if isinstance(part, Tensor))
