"""The networks of figure 2: per-point layers, two learned alignments, one maximum."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperworks.model import model

Points = Float[Tensor, "batch points channels"]
Seen = Float[Tensor, "batch points seen"]
Pool = Callable[[Tensor], Tensor]  # [batch, points, channels] -> [batch, channels]


def largest(x: Points) -> Float[Tensor, "batch channels"]:
    """The largest value of every channel over the points."""
    return x.amax(1)


class Shared(nn.Sequential):
    """Linear maps with BatchNorm and ReLU, the same for every point: mlp(…) in the figure."""

    def __init__(self, channels: int, widths: Sequence[int]) -> None:
        layers = list[nn.Module]()
        for width in widths:
            layers += [nn.Linear(channels, width), nn.BatchNorm1d(width), nn.ReLU()]
            channels = width
        super().__init__(*layers)

    def forward(self, input: Float[Tensor, "*many channels"]) -> Float[Tensor, "*many out"]:
        return super().forward(input.flatten(0, -2)).unflatten(0, input.shape[:-1])


class TNet(nn.Module):
    """A matrix for every cloud, from the cloud: appendix C. It starts as the identity."""

    def __init__(
        self, channels: int, wide: Sequence[int], head: Sequence[int], pool: Pool = largest
    ) -> None:
        super().__init__()
        self.points, self.pool = Shared(channels, wide), pool
        self.whole = Shared(wide[-1], head)
        self.out = nn.Linear(head[-1], channels**2)
        nn.init.zeros_(self.out.weight)
        with torch.no_grad():
            self.out.bias.copy_(torch.eye(channels).flatten())

    def forward(self, x: Points) -> Float[Tensor, "batch channels channels"]:
        matrix = self.out(self.whole(self.pool(self.points(x))))
        return matrix.unflatten(1, (x.shape[2], x.shape[2]))


class Turns(NamedTuple):
    """What a cloud's points and their features are multiplied by; None: left as they are."""

    points: Float[Tensor, "batch 3 3"] | None
    features: Float[Tensor, "batch channels channels"] | None


def _of(net: TNet | None, x: Tensor) -> Tensor | None:
    return None if net is None else net(x)


class PointNet(nn.Module):
    """Scores of a cloud's classes; they do not depend on the order of its points. Figure 2.

    `local` are the widths up to the second alignment, `wide` those up to the maximum, `head`
    those after it. The alignments have the widths of `wide` and `head`; `align=False` leaves
    them out. `pool` is the paper's maximum, or a rival of it.
    """

    def __init__(
        self,
        classes: int = 40,
        *,
        local: Sequence[int] = (64, 64),
        wide: Sequence[int] = (64, 128, 1024),
        head: Sequence[int] = (512, 256),
        align: bool = True,
        dropout: float = 0.3,
        pool: Pool = largest,
    ) -> None:
        super().__init__()
        self.turn = TNet(3, wide, head, pool) if align else None
        self.local = Shared(3, local)
        self.turn_features = TNet(local[-1], wide, head, pool) if align else None
        self.wide, self.pool = Shared(local[-1], wide), pool
        self.head = Shared(wide[-1], head)
        self.out = nn.Sequential(nn.Dropout(dropout), nn.Linear(head[-1], classes))

    def seen(self, x: Points, turns: Turns | None = None) -> tuple[Seen, Turns]:
        """Aligned features of every point, and the alignments: `turns`, if they are given.

        With the alignments of the whole cloud, a part of it has the features it has there.
        """
        first = turns.points if turns is not None else _of(self.turn, x)
        x = self.local(x if first is None else x @ first)
        second = turns.features if turns is not None else _of(self.turn_features, x)
        return x if second is None else x @ second, Turns(first, second)

    def whole(self, x: Points, turns: Turns | None = None) -> Float[Tensor, "batch wide"]:
        """The global feature."""
        return self.pool(self.wide(self.seen(x, turns)[0]))

    def forward(self, x: Points) -> Float[Tensor, "batch classes"]:
        return self.out(self.head(self.whole(x)))


class PointNetSegmentation(nn.Module):
    """Scores of every point's classes, from its own features and those of the cloud. Figure 2."""

    def __init__(self, classes: int = 50, widths: Sequence[int] = (512, 256, 128, 128)) -> None:
        super().__init__()
        self.cloud = PointNet()
        self.cloud.head, self.cloud.out = Shared(1024, ()), nn.Sequential()  # not asked
        self.points = Shared(64 + 1024, widths)
        self.out = nn.Linear(widths[-1], classes)

    def forward(self, x: Points) -> Float[Tensor, "batch points classes"]:
        local, _ = self.cloud.seen(x)
        whole = self.cloud.pool(self.cloud.wide(local))
        both = torch.cat([local, whole[:, None].expand(-1, x.shape[1], -1)], 2)
        return self.out(self.points(both))


def unorthogonality(matrix: Float[Tensor, "batch n n"]) -> Float[Tensor, ""]:
    """`||I - A A^T||^2`, equation 2, averaged over the batch; the paper adds 0.001 of it."""
    product = matrix @ matrix.mT
    return (torch.eye(matrix.shape[-1]).to(matrix) - product).square().sum((1, 2)).mean()


def critical_points(net: PointNet, cloud: Float[Tensor, "points 3"]) -> Tensor:
    """Numbers of the points that alone decide the global feature, ascending: theorem 2.

    They are at most as many as the feature has channels.
    """
    return net.wide(net.seen(cloud[None])[0])[0].argmax(0).unique()


_CLOUD: Any = {
    "example": partial(torch.randn, 1, 1000, 3),
    "quick": partial(torch.randn, 3, 40, 3),
}


@model(parameters=3.5e6, macs=440e6, source="table 6, 1000 points", **_CLOUD)
def pointnet(classes: int = 40, **options: Any) -> PointNet:
    """Classification of ModelNet40's shapes, with both alignments."""
    return PointNet(classes, **options)


@model(parameters=0.8e6, macs=148e6, source="table 6, 1000 points", **_CLOUD)
def pointnet_vanilla(classes: int = 40, **options: Any) -> PointNet:
    """Classification without alignments."""
    return PointNet(classes, align=False, **options)


@model(parameters=None, macs=None, source="figure 2; ShapeNet's 50 parts", **_CLOUD)
def pointnet_segmentation(classes: int = 50, **options: Any) -> PointNetSegmentation:
    """A class for every point."""
    return PointNetSegmentation(classes, **options)
