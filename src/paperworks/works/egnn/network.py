"""The equivariant layer, the network for particles, and the networks it is compared with.

Particles come as [systems, particles, 2 space + 1]: place, velocity and charge.
"""

from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperworks.blocks.message import copies, everyone, gather
from paperworks.model import model

Systems = Float[Tensor, "systems particles numbers"]
Places = Float[Tensor, "systems particles space"]
Features = Float[Tensor, "nodes width"]


def two_layers(into: int, width: int, out: int, last: bool = False) -> nn.Sequential:
    """A layer with SiLU and one without, or with it where it is `last` too."""
    layers = [nn.Linear(into, width), nn.SiLU(), nn.Linear(width, out)]
    return nn.Sequential(*layers, *([nn.SiLU()] if last else []))


def small(width: int) -> nn.Sequential:
    """A number for every message, that starts close to zero."""
    first, last = nn.Linear(width, width), nn.Linear(width, 1)
    nn.init.xavier_uniform_(last.weight, gain=0.001)
    nn.init.zeros_(last.bias)
    return nn.Sequential(first, nn.SiLU(), last)


class EquivariantLayer(nn.Module):
    """Equations 3 to 7: messages from squared distances, moves along differences.

    `raw` lets messages see the differences themselves, in that many dimensions. The `final`
    layer has no use for new features, and makes none.
    """

    def __init__(self, width: int, edge: int, final: bool = False, raw: int = 0) -> None:
        super().__init__()
        self.message = two_layers(2 * width + (raw or 1) + edge, width, width, last=True)
        self.move, self.keep = small(width), two_layers(width, width, 1)
        self.feature = None if final else two_layers(2 * width, width, width)
        self.raw = raw > 0

    def forward(
        self,
        h: Features,
        x: Float[Tensor, "nodes space"],
        v: Float[Tensor, "nodes space"],
        edges: Tensor,
        attributes: Float[Tensor, "edges attributes"],
    ) -> tuple[Features, Tensor, Tensor]:
        source, target = edges
        apart = x[target] - x[source]
        seen = apart if self.raw else apart.square().sum(1, keepdim=True)
        m = self.message(torch.cat([h[target], h[source], seen, attributes], 1))
        v = self.keep(h) * v + gather(apart * self.move(m), target, len(x), mean=True)
        if self.feature is not None:
            h = h + self.feature(torch.cat([h, gather(m, target, len(x))], 1))
        return h, x + v, v


def unpacked(systems: Systems) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Places and velocities of all particles, all edges, and the edges' products of charges."""
    count, particles, numbers = systems.shape
    space = (numbers - 1) // 2
    x, v, charge = systems.flatten(0, 1).split([space, space, 1], 1)
    edges = copies(everyone(particles).to(x.device), particles, count)
    return x, v, edges, charge[edges[0]] * charge[edges[1]]


class EGNN(nn.Module):
    """Where particles will be: [systems, particles, space]. Section 5.1; features are speeds."""

    def __init__(self, width: int = 64, depth: int = 4, raw: int = 0) -> None:
        super().__init__()
        self.embed = nn.Linear(1, width)
        self.layers = nn.ModuleList(
            EquivariantLayer(width, 1, final=i == depth - 1, raw=raw) for i in range(depth)
        )

    def forward(self, systems: Systems) -> Places:
        x, v, edges, product = unpacked(systems)
        h = self.embed(v.square().sum(1, keepdim=True).add(1e-12).sqrt())
        for layer in self.layers:
            h, x, v = layer(h, x, v, edges, product)
        return x.unflatten(0, systems.shape[:2])


class GNN(nn.Module):
    """Plain message passing on places and velocities as they are written down."""

    def __init__(self, width: int = 64, depth: int = 4, space: int = 3) -> None:
        super().__init__()
        self.embed = nn.Linear(2 * space, width)
        self.messages = nn.ModuleList(
            two_layers(2 * width + 1, width, width, last=True) for _ in range(depth)
        )
        self.features = nn.ModuleList(two_layers(2 * width, width, width) for _ in range(depth))
        self.decode = two_layers(width, width, space)

    def forward(self, systems: Systems) -> Places:
        x, v, (source, target), product = unpacked(systems)
        h = self.embed(torch.cat([x, v], 1))
        for message, feature in zip(self.messages, self.features, strict=True):
            m = message(torch.cat([h[target], h[source], product], 1))
            h = h + feature(torch.cat([h, gather(m, target, len(h))], 1))
        return (x + self.decode(h)).unflatten(0, systems.shape[:2])


class RadialField(nn.Module):
    """Moves along differences by their length and the charges, without features (Köhler, 2019)."""

    def __init__(self, width: int = 64, depth: int = 4) -> None:
        super().__init__()
        self.moves = nn.ModuleList(two_layers(2, width, 1) for _ in range(depth))
        self.keeps = nn.ModuleList(two_layers(1, width, 1) for _ in range(depth))

    def forward(self, systems: Systems) -> Places:
        x, v, (source, target), product = unpacked(systems)
        speed = v.square().sum(1, keepdim=True).add(1e-12).sqrt()
        for move, keep in zip(self.moves, self.keeps, strict=True):
            apart = x[target] - x[source]
            length = apart.square().sum(1, keepdim=True).add(1e-12).sqrt()
            push = (apart / (1 + length)) * move(torch.cat([length, product], 1)).tanh()
            x = x + keep(speed) * v + gather(push, target, len(x), mean=True)
        return x.unflatten(0, systems.shape[:2])


def _particles(systems: int) -> Tensor:
    return torch.randn(systems, 5, 7)


@model(
    parameters=None,
    macs=None,
    source="section 5.1 and appendix C.2: four layers of width 64",
    example=partial(_particles, 1),
    quick=partial(_particles, 3),
)
def egnn_nbody(**options: Any) -> EGNN:
    """The network for five charged particles."""
    return EGNN(**options)
