"""Residual vector quantization: every codebook is for what the ones before have left over."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

Frames = Float[Tensor, "batch frames width"]


class ResidualQuantizer(nn.Module):
    """Frames as numbers of codes in `books` codebooks, the first the coarsest. Section III-C.

    Codebooks follow the means of the frames that choose them; they begin as means of the first
    batch, and a code that hardly any frame chooses begins anew as one of the batch's. While
    training with `dropout`, every example is heard through its own number of books, also III-C.
    """

    codes: Tensor
    counts: Tensor
    begun: Tensor

    def __init__(
        self, width: int, books: int, size: int, dropout: bool = True, decay: float = 0.99
    ) -> None:
        super().__init__()
        self.books, self.dropout, self.decay = books, dropout, decay
        self.register_buffer("codes", torch.randn(books, size, width))
        self.register_buffer("counts", torch.ones(books, size))
        self.register_buffer("begun", torch.zeros((), dtype=torch.bool))

    def forward(self, x: Frames, books: int | None = None) -> tuple[Frames, Tensor]:
        """Quantized frames, and the mean square that is left of x: its commitment.

        Gradients pass as if nothing had happened.
        """
        used = torch.full((len(x),), books or self.books, device=x.device)
        if self.training and self.dropout and books is None:
            used = torch.randint(1, self.books + 1, (len(x),), device=x.device)
        whole = torch.zeros_like(x)
        for book in range(self.books):
            with torch.no_grad():
                left = x - whole
                if self.training:
                    self.follow(book, left[used > book].flatten(0, 1))
                chosen = self.codes[book][self.nearest(book, left)]
            whole = whole + torch.where((used > book)[:, None, None], chosen, 0)
        if self.training:
            self.begun.fill_(True)
        return x + (whole - x).detach(), (x - whole.detach()).square().mean()

    def nearest(self, book: int, x: Float[Tensor, "*frames width"]) -> Int[Tensor, "*frames"]:
        """The number of each frame's closest code."""
        codes = self.codes[book]
        return (codes.square().sum(-1) - 2 * x @ codes.T).argmin(-1)

    def encode(self, x: Frames, books: int | None = None) -> Int[Tensor, "batch frames books"]:
        """Numbers of codes, the coarsest first."""
        chosen, whole = list[Tensor](), torch.zeros_like(x)
        for book in range(books or self.books):
            chosen.append(self.nearest(book, x - whole))
            whole = whole + self.codes[book][chosen[-1]]
        return torch.stack(chosen, -1)

    def decode(self, numbers: Int[Tensor, "batch frames books"]) -> Frames:
        """The sum of the codes."""
        each = [self.codes[book][some] for book, some in enumerate(numbers.unbind(-1))]
        return torch.stack(each).sum(0)

    def follow(self, book: int, x: Float[Tensor, "frames width"]) -> None:
        """Move a codebook towards the means of the frames that choose its codes."""
        if not len(x):
            return
        if not self.begun:
            self.codes[book] = begin(x, self.codes.shape[1])
        chosen = torch.nn.functional.one_hot(self.nearest(book, x), self.codes.shape[1]).to(x)
        count = chosen.sum(0)
        mean = chosen.T @ x / count.clamp(min=1)[:, None]
        share = (1 - self.decay) * count / (self.decay * self.counts[book] + 1e-9)
        share = (share / (1 + share))[:, None]
        self.codes[book] += share * (mean - self.codes[book])
        self.counts[book] = self.decay * self.counts[book] + (1 - self.decay) * count
        idle = self.counts[book] < 0.02 * len(x) / len(count)
        self.codes[book][idle] = x[torch.randint(len(x), (int(idle.sum()),), device=x.device)]
        self.counts[book][idle] = len(x) / len(count)


def begin(
    x: Float[Tensor, "frames width"], size: int, rounds: int = 5
) -> Float[Tensor, "size width"]:
    """Means of groups of frames: some rounds of Lloyd's algorithm, from frames evenly apart."""
    codes = x[torch.linspace(0, len(x) - 1, size, device=x.device).long()].clone()
    for _ in range(rounds):
        near = (codes.square().sum(-1) - 2 * x @ codes.T).argmin(-1)
        chosen = torch.nn.functional.one_hot(near, size).to(x)
        count = chosen.sum(0)[:, None]
        codes = torch.where(count > 0, chosen.T @ x / count.clamp(min=1), codes)
    return codes
