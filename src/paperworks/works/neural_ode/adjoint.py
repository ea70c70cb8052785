"""Gradients of a solution by a second differential equation, solved backward in time: section 2."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from paperworks.works.neural_ode.solvers import Solve, State, States, Times


def with_adjoint(
    f: nn.Module, start: State, times: Times, solve: Solve, back: Solve | None = None
) -> States:
    """What `solve` gives, with gradients for `start` and the parameters of f. Algorithm 1.

    Only the solution at `times` is kept for them, whatever the number of steps. `back`, or else
    `solve`, solves for the gradients. The times themselves get none.
    """
    weights = [p for p in f.parameters() if p.requires_grad]
    return _Adjoint.apply(f, times, solve, back or solve, start, *weights)


class _Adjoint(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, f: nn.Module, times: Times, solve: Solve, back: Solve, start: Tensor, *_: Tensor
    ) -> Tensor:
        states = solve(f, start, times)
        ctx.f, ctx.times, ctx.back = f, times, back
        ctx.save_for_backward(states)
        return states

    @staticmethod
    @once_differentiable  # which hides the arguments' names from type checks
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        (states,) = ctx.saved_tensors
        weights = [p for p in ctx.f.parameters() if p.requires_grad]
        like = [states[0], states[0], *weights]

        def rates(t: float, flat: Tensor) -> Tensor:
            """Of y, of a = dL/dy, and of the part of dL/dw that is gathered: equations 4 and 5."""
            y, a, *_ = _parts(flat, like)
            with torch.enable_grad():
                y = y.detach().requires_grad_()
                slope = ctx.f(t, y)
                asked = torch.autograd.grad(slope, (y, *weights), -a, materialize_grads=True)
            return _flat([slope.detach(), *asked])

        felt = [grad[-1], *map(torch.zeros_like, weights)]
        for i in range(len(states) - 1, 0, -1):
            end = _flat([states[i], *felt])
            _, *felt = _parts(ctx.back(rates, end, (ctx.times[i], ctx.times[i - 1]))[-1], like)
            felt[0] = felt[0] + grad[i - 1]
        return None, None, None, None, *felt


def _flat(parts: Sequence[Tensor]) -> Tensor:
    return torch.cat([part.flatten() for part in parts])


def _parts(flat: Tensor, like: Sequence[Tensor]) -> list[Tensor]:
    pieces = flat.split([part.numel() for part in like])
    return [piece.view_as(part) for piece, part in zip(pieces, like, strict=True)]
