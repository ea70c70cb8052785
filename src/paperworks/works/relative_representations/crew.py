"""Networks that are trained apart and then exchange their parts."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from paperworks.claim import Seed
from paperworks.lab.fit import adam, fit
from paperworks.lab.seeds import fresh, stream
from paperworks.lab.split import Examples, Split
from paperworks.works.relative_representations.codes import Code, absolute, relative, rotation

WIDTH, ANCHORS, STEPS, PIXELS, CLASSES = 32, 128, 200, 64, 10
rated = partial(adam, lr=3e-3)

Outputs = Float[Tensor, "batch out"]


def dense() -> nn.Sequential:
    """An encoder of two layers."""
    return nn.Sequential(nn.Flatten(), nn.Linear(PIXELS, 96), nn.ReLU(), nn.Linear(96, WIDTH))


def convolutional() -> nn.Sequential:
    """An encoder of two convolutions and a linear map."""
    first, second = nn.Conv2d(1, 8, 3, 2, padding=1), nn.Conv2d(8, 16, 3, 2, padding=1)
    return nn.Sequential(
        first, nn.ReLU(), second, nn.ReLU(), nn.Flatten(), nn.Linear(16 * 2 * 2, WIDTH)
    )


ENCODERS = convolutional, convolutional, dense


class Stitchable(nn.Module):
    """An encoder, a code relative to what it makes of the anchors, and a head that reads the code.

    The anchors are images; no gradient stops at them (section 3).
    """

    anchors: Tensor

    def __init__(self, encoder: nn.Module, anchors: Tensor, code: Code, out: int) -> None:
        super().__init__()
        self.encoder, self.code = encoder, code
        self.register_buffer("anchors", anchors)
        inputs = WIDTH if code is absolute else len(anchors)
        self.head = nn.Sequential(
            nn.LayerNorm(inputs), nn.Linear(inputs, 96), nn.ReLU(), nn.Linear(96, out)
        )

    def encode(self, x: Tensor) -> Tensor:
        """The codes of images."""
        return self.code(self.encoder(x), self.encoder(self.anchors))

    def forward(self, x: Tensor) -> Outputs:
        return self.head(self.encode(x))


class Crew(nn.Module):
    """Several networks side by side: outputs [batch, networks, out]. None sees another."""

    def __init__(self, networks: Sequence[Stitchable]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    @property
    def members(self) -> list[Stitchable]:
        """The networks, as what they are."""
        return [net for net in self.networks if isinstance(net, Stitchable)]

    def forward(self, x: Tensor) -> Float[Tensor, "batch networks out"]:
        return torch.stack([net(x) for net in self.networks], dim=1)


@dataclass(frozen=True)
class Way:
    """How networks are to understand one another."""

    code: Code = relative
    shared: bool = True  # whether all networks have the same anchors, in the same order
    rotated: bool = False  # whether codes are carried over by a rotation fitted on the anchors

    def crew(self, data: Split, seed: Seed, out: int) -> Crew:
        """Networks with weights of their own, not yet trained."""
        order = torch.randperm(len(data.train), generator=stream(seed, "noise"))
        chosen = [data.train.x[part] for part in order[: len(ENCODERS) * ANCHORS].split(ANCHORS)]
        if self.shared:
            chosen = chosen[:1] * len(ENCODERS)

        def build() -> Crew:
            pairs = zip(ENCODERS, chosen, strict=True)
            return Crew([Stitchable(make(), one, self.code, out) for make, one in pairs])

        return fresh(build, seed)

    @torch.no_grad()
    def stitched(self, crew: Crew, x: Tensor) -> Float[Tensor, "encoders heads batch out"]:
        """Every network's head on every network's codes."""
        rows = []
        for one in crew.members:
            codes, here = one.encode(x), one.encode(one.anchors)
            row = []
            for other in crew.members:
                there = other.encode(other.anchors)
                told = rotation(here, there)(codes) if self.rotated and one is not other else codes
                row.append(other.head(told))
            rows.append(torch.stack(row))
        return torch.stack(rows)


def naming(out: Float[Tensor, "batch networks classes"], y: Tensor) -> Float[Tensor, ""]:
    """Every network's cross-entropy in nats, added up: each learns as if it were alone."""
    every = y[:, None].expand(-1, out.shape[1])
    return cross_entropy(out.transpose(1, 2), every) * out.shape[1]


def redrawing(out: Float[Tensor, "batch networks pixels"], images: Tensor) -> Float[Tensor, ""]:
    """Every network's mean squared error of pixels, added up."""
    return (out - images.flatten(1)[:, None]).square().mean() * out.shape[1]


def classifiers(way: Way, data: Split, seed: Seed) -> Crew:
    """Networks trained to name digits."""
    crew = way.crew(data, seed, CLASSES)
    fit(crew, data.train, steps=STEPS, seed=seed, optimizer=rated, loss=naming)
    return crew


def autoencoders(way: Way, data: Split, seed: Seed) -> Crew:
    """Networks trained to draw digits again."""
    crew, x = way.crew(data, seed, PIXELS), data.train.x
    fit(crew, Examples(x, x), steps=STEPS, seed=seed, optimizer=rated, loss=redrawing)
    return crew
