"""Blocks that learn from the output's error itself, through matrices that are drawn once."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Generator, Tensor, nn
from torch.autograd.function import once_differentiable

Scores = Float[Tensor, "*places outputs"]
Feedback = Float[Tensor, "outputs _"]  # _: the width of a block
Draw = Callable[[Sequence[Feedback], Generator], Sequence[Feedback] | None]


def fixed(drawn: Sequence[Feedback], draw: Generator) -> Sequence[Feedback]:
    """The matrices of the start, always: the paper."""
    return drawn


def redrawn(drawn: Sequence[Feedback], draw: Generator) -> Sequence[Feedback]:
    """Others in every step, to which no weight can align."""
    return [torch.randn(b.shape, generator=draw) * b.std() for b in drawn]


def none(drawn: Sequence[Feedback], draw: Generator) -> Sequence[Feedback]:
    """Zeros: all but the last block stay as they are."""
    return [torch.zeros_like(b) for b in drawn]


def backpropagation(drawn: Sequence[Feedback], draw: Generator) -> None:
    """No matrices: gradients go back block by block."""


class _Broadcast(torch.autograd.Function):
    """Scores as they are; their gradient e also goes to every state, as e B."""

    @staticmethod
    def forward(ctx: Any, feedback: Sequence[Feedback], scores: Scores, *_: Tensor) -> Scores:
        ctx.feedback = feedback
        return scores.view_as(scores)

    @staticmethod
    @once_differentiable  # which hides the arguments' names from type checks
    def backward(ctx: Any, error: Scores) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        return None, error, *(error @ b for b in ctx.feedback)


class DirectFeedback(nn.Module):
    """Blocks and a head; between them no gradient flows unless `feedback` gives no matrices.

    Block i maps to [*places, widths[i]], the head from there to scores [*places, outputs]. What a
    block has to learn is told by the gradient of the scores times its matrix: equation 2. Inside a
    block gradients are exact. Everything after the input is given to every block.
    """

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        widths: Sequence[int],
        head: nn.Module,
        outputs: int,
        feedback: Draw,
        draw: Generator,
    ) -> None:
        super().__init__()
        self.blocks, self.head = nn.ModuleList(blocks), head
        self.feedback, self.draw = feedback, draw
        scale = outputs**-0.5
        self.drawn = [scale * torch.randn(outputs, width, generator=draw) for width in widths]

    def forward(self, x: Tensor, *given: Tensor) -> Scores:
        feedback = self.feedback(self.drawn, self.draw)
        states = []
        for block in self.blocks:
            x = block(x, *given)
            states.append(x)
            x = x if feedback is None else x.detach()
        scores = self.head(x)
        return scores if feedback is None else _Broadcast.apply(feedback, scores, *states)


def angles(net: DirectFeedback, loss: Callable[[], Tensor]) -> list[float]:
    """Degrees between the gradient that each weight of the blocks gets, and its true one.

    `loss()` runs the network once. Biases and other vectors are left out, as are those that get
    no gradient.
    """
    weights = [p for p in net.blocks.parameters() if p.dim() > 1]
    found, used = [], net.feedback
    for way in (used, backpropagation):
        net.feedback = way
        found.append(torch.autograd.grad(loss(), weights))
    net.feedback = used
    pairs = [(one.flatten(), true.flatten()) for one, true in zip(*found, strict=True)]
    cosines = [torch.cosine_similarity(one, true, 0) for one, true in pairs if one.any()]
    return [cosine.clamp(-1, 1).acos().rad2deg().item() for cosine in cosines]
