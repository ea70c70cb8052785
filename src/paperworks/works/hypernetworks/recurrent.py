"""The HyperLSTM of appendix A.2.2, and the layer-normed LSTM that it changes."""

from functools import partial
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import layer_norm, one_hot

from paperworks.model import model

GATES = 4  # in, candidate, forget, out
Eyes = Literal["open", "shut", "elsewhere"]


class NormLSTM(nn.Module):
    """An LSTM whose gates, and whose cell on its way out, are normalized.

    [batch, time, inputs] to [batch, time, width]. Without `norm` it is an LSTM.
    """

    def __init__(self, inputs: int, width: int, norm: bool = True) -> None:
        super().__init__()
        self.width, self.norm = width, norm
        self.from_input = nn.Linear(inputs, GATES * width, bias=False)
        self.from_state = nn.Linear(width, GATES * width, bias=False)
        for gate in self.from_state.weight.data.split(width):
            nn.init.orthogonal_(gate)
        self.bias = nn.Parameter(torch.zeros(GATES, width))
        if norm:
            self.scale = nn.Parameter(torch.ones(GATES, width))
            self.cell_norm = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "batch time inputs"]) -> Float[Tensor, "batch time width"]:
        told = self.from_input(x).unflatten(-1, (GATES, -1))
        h = c = x.new_zeros(len(x), self.width)
        out = list[Tensor]()
        for now in told.unbind(1):
            asked = self.from_state(h).unflatten(-1, (GATES, -1))
            h, c = self.advance(asked + now, self.bias, c)
            out.append(h)
        return torch.stack(out, 1)

    def advance(self, gates: Tensor, bias: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """State and cell, from gates [batch, 4, width] before norm, bias and sigmoid."""
        if self.norm:
            gates = layer_norm(gates, (self.width,)) * self.scale
        i, g, f, o = (gates + bias).unbind(1)
        c = (f + 1).sigmoid() * c + i.sigmoid() * g.tanh()
        seen = self.cell_norm(c) if self.norm else c
        return o.sigmoid() * seen.tanh(), c


class HyperLSTM(NormLSTM):
    """The same, but a small LSTM, which sees the input and the state, scales every row of the
    weights anew at every time, and adds to the biases. Equations 11 and 12.

    It tells each gate what to do in `told` numbers for the state's weights, for the input's and
    for the bias. With its eyes "shut" it says the same at every time; with its eyes "elsewhere" it
    says what would be right for the next text of the batch.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        small: int,
        told: int = 4,
        norm: bool = True,
        eyes: Eyes = "open",
    ) -> None:
        super().__init__(inputs, width, norm)
        self.small, self.eyes = small, eyes
        self.small_from_input = nn.Linear(inputs, GATES * small)
        self.small_from_states = nn.Linear(width + small, GATES * small, bias=False)
        self.tell_weights = nn.Linear(small, 2 * GATES * told)
        self.tell_bias = nn.Linear(small, GATES * told, bias=False)
        nn.init.zeros_(self.tell_weights.weight)
        nn.init.ones_(self.tell_weights.bias)
        nn.init.normal_(self.tell_bias.weight, std=0.01)
        # so that every row begins with a tenth of its weights, and the bias as it is
        self.to_rows = nn.Parameter(torch.full((2, GATES, width, told), 0.1 / told))
        self.to_bias = nn.Parameter(torch.zeros(GATES, width, told))

    def forward(self, x: Float[Tensor, "batch time inputs"]) -> Float[Tensor, "batch time width"]:
        told = self.from_input(x).unflatten(-1, (GATES, -1))
        small_told = self.small_from_input(x)
        h, c = (x.new_zeros(len(x), self.width) for _ in range(2))
        small, small_c = (x.new_zeros(len(x), self.small) for _ in range(2))
        said = self.said(small)  # with shut eyes it stays
        out = list[Tensor]()
        for now, small_now in zip(told.unbind(1), small_told.unbind(1), strict=True):
            if self.eyes != "shut":
                gates = small_now + self.small_from_states(torch.cat([h, small], 1))
                i, g, f, o = gates.chunk(GATES, 1)
                small_c = (f + 1).sigmoid() * small_c + i.sigmoid() * g.tanh()
                small = o.sigmoid() * small_c.tanh()
                said = self.said(small.roll(1, 0) if self.eyes == "elsewhere" else small)
            of_state, of_input, bias = said
            asked = self.from_state(h).unflatten(-1, (GATES, -1))
            h, c = self.advance(of_state * asked + of_input * now, bias, c)
            out.append(h)
        return torch.stack(out, 1)

    def said(self, small: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """What scales the rows for the state and for the input, and the bias, for each gate."""
        more = self.tell_bias(small).unflatten(-1, (GATES, -1))
        bias = self.bias + torch.einsum("bgk,gwk->bgw", more, self.to_bias)
        return *self.rows(small), bias

    def rows(self, small: Tensor) -> tuple[Tensor, Tensor]:
        """What the rows of the state's and of the input's weights are scaled by, for each gate."""
        z = self.tell_weights(small).unflatten(-1, (2, GATES, -1))
        of_state, of_input = torch.einsum("bsgk,sgwk->sbgw", z, self.to_rows)
        return of_state, of_input


class CharacterModel(nn.Module):
    """Scores of the next character after every prefix of a text, by a recurrent layer."""

    def __init__(self, vocabulary: int, layer: NormLSTM) -> None:
        super().__init__()
        self.vocabulary, self.layer = vocabulary, layer
        self.head = nn.Linear(layer.width, vocabulary)

    def forward(self, text: Int[Tensor, "batch time"]) -> Float[Tensor, "batch time vocabulary"]:
        x = one_hot(text, self.vocabulary).to(self.head.weight)
        return self.head(self.layer(x))


CHARACTERS = 50  # of Penn Treebank


def _text(batch: int, time: int) -> Tensor:
    return torch.randint(CHARACTERS, (batch, time))


_TREEBANK: dict[str, Any] = {
    "macs": None,
    "source": "table 3",
    "example": partial(_text, 1, 100),
    "quick": partial(_text, 2, 4),
}


@model(parameters=4.91e6, **_TREEBANK)
def hyper_lstm_treebank() -> CharacterModel:
    """1000 units and a small network of 128."""
    return CharacterModel(CHARACTERS, HyperLSTM(CHARACTERS, 1000, 128, norm=False))


@model(parameters=4.92e6, **_TREEBANK)
def norm_hyper_lstm_treebank() -> CharacterModel:
    """The same with its gates normalized."""
    return CharacterModel(CHARACTERS, HyperLSTM(CHARACTERS, 1000, 128))
