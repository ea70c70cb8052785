"""The networks of section 3: residual blocks, and one differential equation in their place."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperworks import model
from paperworks.works.neural_ode.adjoint import with_adjoint
from paperworks.works.neural_ode.solvers import Solve, dopri5, rk4

Maps = Float[Tensor, "batch channels height width"]
Smaller = Float[Tensor, "batch channels rows columns"]


def group_norm(width: int) -> nn.GroupNorm:
    """A norm of groups of two channels, as 32 groups of the paper's 64 are."""
    return nn.GroupNorm(width // 2, width)


class ResidualBlock(nn.Module):
    """`x + branch(x)`, norms and ReLU before the convolutions. `stride` makes the maps smaller."""

    def __init__(self, width: int, stride: int = 1) -> None:
        super().__init__()
        conv = partial(nn.Conv2d, width, width, bias=False)
        self.norm1, self.act1 = group_norm(width), nn.ReLU()
        self.conv1 = conv(3, stride=stride, padding=1)
        self.norm2, self.act2 = group_norm(width), nn.ReLU()
        self.conv2 = conv(3, padding=1)
        self.downsample = conv(1, stride=stride) if stride > 1 else None

    def forward(self, x: Maps) -> Smaller:
        seen = self.act1(self.norm1(x))
        past = x if self.downsample is None else self.downsample(seen)
        return past + self.conv2(self.act2(self.norm2(self.conv1(seen))))


class TimedConv(nn.Conv2d):
    """A 3x3 convolution that is told the time, as one more channel of its input."""

    def __init__(self, width: int) -> None:
        super().__init__(width + 1, width, 3, padding=1)

    def forward(self, t: float, x: Maps) -> Maps:  # type: ignore[override]  # dynamics take it first
        return super().forward(torch.cat([torch.full_like(x[:, :1], t), x], dim=1))


class BlockDynamics(nn.Module):
    """dx/dt = f(t, x), f the branch of a residual block with a norm at its end."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.act1, self.conv1 = group_norm(width), nn.ReLU(), TimedConv(width)
        self.norm2, self.act2, self.conv2 = group_norm(width), nn.ReLU(), TimedConv(width)
        self.norm3 = group_norm(width)

    def forward(self, t: float, x: Maps) -> Maps:
        x = self.conv1(t, self.act1(self.norm1(x)))
        return self.norm3(self.conv2(t, self.act2(self.norm2(x))))


class ODEBlock(nn.Module):
    """x at time 1, from x at time 0: a block whose depth is chosen by the solver.

    `adjoint` makes gradients by section 2; without it they go back through the solver's steps.
    """

    def __init__(self, f: nn.Module, solve: Solve, adjoint: bool = True, end: float = 1.0) -> None:
        super().__init__()
        self.f, self.solve, self.adjoint, self.end = f, solve, adjoint, end

    def forward(self, x: Float[Tensor, "*state"]) -> Float[Tensor, "*state"]:
        times = (0.0, self.end)
        if self.adjoint:
            return with_adjoint(self.f, x, times, self.solve)[-1]
        return self.solve(self.f, x, times)[-1]


def classifier(middle: nn.Module, width: int = 64, *, classes: int = 10) -> nn.Sequential:
    """Grey images of 28 pixels to scores: made smaller twice, `middle`, mean over places."""
    front = [nn.Conv2d(1, width, 3), ResidualBlock(width, 2), ResidualBlock(width, 2)]
    back = [group_norm(width), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*front, middle, *back, nn.Linear(width, classes))


_DIGITS: dict[str, Any] = {
    "macs": None,
    "source": "table 1",
    "example": lambda: torch.randn(1, 1, 28, 28),
    "quick": lambda: torch.randn(2, 1, 12, 12),
}
_ADAPTIVE, _SIX_STEPS = partial(dopri5, rtol=1e-3, atol=1e-3), partial(rk4, steps=6)
_OPEN = "what is printed leaves f open; with two convolutions that know the time it is 0.233e6"


@model(parameters=0.24e6, **_DIGITS | {"quick": None})
def neural_ode_mnist_perceptron() -> nn.Sequential:
    """The layer of 300 units of table 1, from LeCun et al. (1998)."""
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 10))


@model(parameters=0.60e6, **_DIGITS)
def neural_ode_mnist_resnet(width: int = 64, blocks: int = 6) -> nn.Sequential:
    """Six residual blocks."""
    return classifier(nn.Sequential(*[ResidualBlock(width) for _ in range(blocks)]), width)


@model(parameters=0.22e6, differs=_OPEN, compiles=False, exports=False, **_DIGITS)
def neural_ode_mnist(width: int = 64, solve: Solve = _ADAPTIVE) -> nn.Sequential:
    """One differential equation, with gradients by the adjoint."""
    return classifier(ODEBlock(BlockDynamics(width), solve), width)


@model(parameters=0.22e6, differs=_OPEN, **_DIGITS)
def neural_ode_mnist_rk(width: int = 64, solve: Solve = _SIX_STEPS) -> nn.Sequential:
    """The same with gradients through the steps of a Runge-Kutta method."""
    return classifier(ODEBlock(BlockDynamics(width), solve, adjoint=False), width)


def perceptron(width: int, hidden: int, act: Callable[[], nn.Module] = nn.Tanh) -> nn.Sequential:
    """`width` to `hidden` to `width` numbers."""
    return nn.Sequential(nn.Linear(width, hidden), act(), nn.Linear(hidden, width))


class Steady(nn.Module):
    """dx/dt = net(x), at all times the same."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, t: float, x: Float[Tensor, "*state"]) -> Float[Tensor, "*state"]:
        return self.net(x)
