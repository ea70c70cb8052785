"""The arms of the claims: the Transformer, its recurrent rivals, and what the nulls take away."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

import paperworks.lab.data.dates as dates
from paperworks.lab.split import Examples
from paperworks.works.transformer.layers import EncoderLayer, MultiHeadAttention, attention
from paperworks.works.transformer.network import Transformer

WIDTH, HEADS, DEPTH, HIDDEN = 64, 8, 2, 128  # 173,120 parameters; the rival has 171,264


class AttentiveGRU(nn.Module):
    """A recurrent translator that has attention too, in its fastest form.

    `hidden` gated units read the source, half of them in each direction, and as many the target.
    Their state asks the source's states which of them matter, by a product, as in Luong, Pham and
    Manning (arXiv:1508.04025), and does not see what was found: one call reads the whole target.

    Source masks hide words from the attention only: both directions read all of the source.
    """

    def __init__(self, vocabulary: int, width: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(vocabulary, width)
        self.encoder = nn.GRU(width, hidden // 2, batch_first=True, bidirectional=True)
        self.start = nn.Linear(hidden // 2, hidden)
        self.decoder = nn.GRU(width, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden, bias=False)
        self.out = nn.Linear(2 * hidden, width)

    def encode(
        self,
        source: Int[Tensor, "batch source"],
        source_mask: Bool[Tensor, "batch source"] | None = None,
    ) -> Float[Tensor, "batch source hidden"]:
        """The states of both directions at every word."""
        return self.encoder(self.embedding(source))[0]

    def decode(
        self,
        target: Int[Tensor, "batch target"],
        memory: Float[Tensor, "batch source hidden"],
        source_mask: Bool[Tensor, "batch source"] | None = None,
    ) -> Float[Tensor, "batch target vocabulary"]:
        """Scores of the word that follows every prefix of the target."""
        read_backwards = memory[:, 0, self.start.in_features :]
        state, _ = self.decoder(self.embedding(target), self.start(read_backwards).tanh()[None])
        mask = None if source_mask is None else source_mask[:, None]
        found = attention(self.query(state), memory, memory, mask)
        return self.out(torch.cat([state, found], -1)).tanh() @ self.embedding.weight.T

    def forward(
        self,
        source: Int[Tensor, "batch source"],
        target: Int[Tensor, "batch target"],
        source_mask: Bool[Tensor, "batch source"] | None = None,
    ) -> Float[Tensor, "batch target vocabulary"]:
        return self.decode(target, self.encode(source, source_mask), source_mask)


def translator() -> Transformer:
    """The Transformer of the claims. Nothing is dropped: no example is seen twice."""
    return Transformer(dates.VOCABULARY, WIDTH, HEADS, DEPTH, HIDDEN, dropout=0.0)


def recurrent() -> AttentiveGRU:
    """The rival of the claims."""
    return AttentiveGRU(dates.VOCABULARY, WIDTH, 2 * WIDTH)


def inattentive() -> Transformer:
    """The same network, but its words may not ask: they weigh all others alike."""
    net = translator()
    for part in net.modules():
        if isinstance(part, MultiHeadAttention):
            for weight in part.query.requires_grad_(False).parameters():
                nn.init.zeros_(weight)
    return net


class Taught(nn.Module):
    """A translator that is told the right beginning of the target, behind the source."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, told: Tensor) -> Tensor:
        return self.net(told[:, : dates.SOURCE], told[:, dates.SOURCE :]).transpose(1, 2)


def lesson(pairs: Examples) -> Examples:
    """Sources and targets as `Taught` takes them: the target comes one word late."""
    late = pairs.y.roll(1, 1)
    late[:, 0] = dates.START
    return Examples(torch.cat([pairs.x, late], 1), pairs.y)


class OneByOne(Transformer):
    """Learns from a target as it would say it: one word after the other."""

    def decode(self, target: Tensor, memory: Tensor, source_mask: Tensor | None = None) -> Tensor:
        """Scores of the word that follows every prefix, the prefixes in turn."""
        whole, words = super().decode, range(1, target.shape[1] + 1)
        return torch.cat([whole(target[:, :n], memory, source_mask)[:, -1:] for n in words], 1)


def one_by_one() -> OneByOne:
    """`translator`, without learning from all words of a target at once."""
    return OneByOne(dates.VOCABULARY, WIDTH, HEADS, DEPTH, HIDDEN, dropout=0.0)


class Nearby(EncoderLayer):
    """An encoder layer whose words see no further than 4 words."""

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        place = torch.arange(x.shape[1])
        return super().forward(x, (place[:, None] - place).abs() <= 4)


class States(nn.Module):
    """Gated units that read in both directions, and give their states only."""

    def __init__(self) -> None:
        super().__init__()
        self.units = nn.GRU(WIDTH, WIDTH // 2, DEPTH, batch_first=True, bidirectional=True)

    def forward(self, x: Float[Tensor, "batch words width"]) -> Float[Tensor, "batch words width"]:
        return self.units(x)[0]


def attending(layer: type[EncoderLayer] = EncoderLayer) -> nn.Module:
    """The encoder of the claims."""
    return nn.Sequential(*[layer(WIDTH, HEADS, HIDDEN, 0.0) for _ in range(DEPTH)])


def reading() -> nn.Module:
    """As many layers and outputs, but recurrent."""
    return States()


def nearby() -> nn.Module:
    """`attending` with the machinery, but without the reach."""
    return attending(Nearby)
