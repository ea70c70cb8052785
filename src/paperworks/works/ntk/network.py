"""A ReLU network in the paper's scaling, its own tangent kernel, and gradient descent.

A weight joins one of the numbers that come into its layer with one that leaves it, so an output's
derivative by it is a product of two: what comes in, and the derivative by what leaves. Kernel and
descent need no other, and never hold a gradient that is as large as the weights.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

Points = Float[Tensor, "points inputs"]
Others = Float[Tensor, "others inputs"]
Kernel = Float[Tensor, "points others"]
HIDDEN, WEIGHT, BIAS = 2, 2**0.5, 0.1  # hidden layers, scales of weights and biases


class ScaledLinear(nn.Module):
    """`weight_std / sqrt(inputs) W x + bias_std b`; W and b are standard normal. Section 2."""

    def __init__(self, inputs: int, out: int, weight_std: float, bias_std: float) -> None:
        super().__init__()
        self.weight, self.bias = (
            nn.Parameter(torch.randn(out, inputs)),
            nn.Parameter(torch.randn(out)),
        )
        self.scale, self.bias_std = weight_std / inputs**0.5, bias_std

    def forward(self, x: Points) -> Float[Tensor, "points out"]:
        return self.scale * x @ self.weight.T + self.bias_std * self.bias


def network(
    inputs: int,
    width: int,
    *,
    hidden: int = HIDDEN,
    weight_std: float = WEIGHT,
    bias_std: float = BIAS,
    shrink: float = 1.0,
) -> nn.Sequential:
    """ReLU layers, then one output, divided by `shrink`. [points, inputs] -> [points, 1]."""
    layers = nn.Sequential()
    for _ in range(hidden):
        layers.extend([ScaledLinear(inputs, width, weight_std, bias_std), nn.ReLU()])
        inputs = width
    return layers.append(ScaledLinear(width, 1, weight_std / shrink, bias_std / shrink))


class Passage(NamedTuple):
    """A layer, what comes into it, and the network's output by what leaves it."""

    layer: ScaledLinear
    came: Float[Tensor, "points inputs"]
    back: Float[Tensor, "points out"]


@torch.enable_grad()
def passages(net: nn.Module, x: Points) -> tuple[Float[Tensor, " points"], list[Passage]]:
    """The outputs of a `network`, and how they came about in its layers, first to last."""
    layers, came, left = list[ScaledLinear](), list[Tensor](), list[Tensor]()
    for module in net.children():
        if isinstance(module, ScaledLinear):
            layers.append(module)
            came.append(x.detach())
        x = module(x)
        if isinstance(module, ScaledLinear):
            left.append(x)
    back = torch.autograd.grad(x.sum(), left)
    return x.detach()[:, 0], [Passage(*one) for one in zip(layers, came, back, strict=True)]


def empirical(net: nn.Module, x: Points, y: Others) -> Kernel:
    """The tangent kernel of one network of one output, weights as they are."""
    mine = passages(net, x)[1]
    others = mine if y is x else passages(net, y)[1]
    kernel = x.new_zeros(len(x), len(y))
    for (layer, a, back), (_, b, forth) in zip(mine, others, strict=True):
        by_weights, by_biases = layer.scale**2 * (a @ b.T), layer.bias_std**2
        kernel += (by_weights + by_biases) * (back @ forth.T)
    return kernel


def last_layer(net: nn.Sequential, x: Points, y: Others) -> Kernel:
    """The kernel of the last hidden layer's features: only the readout learns."""
    return net[:-1](x) @ net[:-1](y).T


@torch.no_grad()
def descend(net: nn.Module, x: Points, y: Tensor, rate: float, steps: int) -> Tensor:
    """Full-batch gradient descent on half the mean square error; a step lasts `rate` of time.

    Gives the outputs before every step, [steps, points].
    """
    outputs = x.new_empty(steps, len(x))
    for step in range(steps):
        outputs[step], parts = passages(net, x)
        push = (y - outputs[step])[:, None] * rate / len(x)
        for layer, came, back in parts:
            layer.weight.addmm_((push * back).T, came, alpha=layer.scale)
            layer.bias.add_((push * back).sum(0), alpha=layer.bias_std)
    return outputs
