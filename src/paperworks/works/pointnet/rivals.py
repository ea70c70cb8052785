"""What names solids otherwise. All take clouds [batch, points, 3] within the unit ball."""

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperworks.works.pointnet.network import Points, Shared

GRID = 16  # cells a side
BINS = 24


def occupied(clouds: Points, grid: int = GRID) -> Float[Tensor, "batch 1 grid grid grid"]:
    """1 in every cell of the cube around the unit ball that holds a point, else 0."""
    cell = ((clouds + 1) / 2 * grid).long().clamp(0, grid - 1)
    place = (cell * cell.new_tensor([grid**2, grid, 1])).sum(2)
    full = torch.zeros(len(clouds), grid**3).to(clouds).scatter(1, place, 1.0)
    return full.view(-1, 1, grid, grid, grid)


class Voxels(nn.Module):
    """A network of the kind of VoxNet: 5x5x5 and 3x3x3 convolutions, a maximum, a hidden layer."""

    def __init__(self, classes: int, width: int = 8) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv3d(1, width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm3d(width),
            nn.ReLU(),
            nn.Conv3d(width, 2 * width, 3, padding=1, bias=False),
            nn.BatchNorm3d(2 * width),
            nn.ReLU(),
            nn.MaxPool3d(2),
            nn.Flatten(),
            Shared(2 * width * (GRID // 4) ** 3, (64,)),
            nn.Linear(64, classes),
        )

    def forward(self, x: Points) -> Float[Tensor, "batch classes"]:
        return self.layers(occupied(x))


def measured(clouds: Points) -> Float[Tensor, "batch features"]:
    """Histograms of distances between points, of heights, and of distances from the axis.

    The first is Osada's D2; with the others it is what a person would look at in solids that
    stand upright and are turned. None depends on the turn, nor on the number of points.
    """
    far = torch.cdist(clouds[:, ::2], clouds[:, 1::2]).flatten(1) / 2  # pairs enough
    high = (clouds[..., 2] + 1) / 2
    wide = clouds[..., :2].norm(dim=2)
    return math.sqrt(BINS) * torch.cat([_shares(values) for values in (far, high, wide)], 1)


def _shares(values: Tensor) -> Tensor:
    """The share of each row's values from 0 to 1 in each of the bins."""
    bin = (values * BINS).long().clamp(0, BINS - 1)
    return (
        torch.zeros(len(values), BINS)
        .to(values)
        .scatter_add(1, bin, torch.full_like(values, 1 / values.shape[1]))
    )


class HandMade(nn.Module):
    """Two hidden layers on `measured`."""

    def __init__(self, classes: int, width: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(Shared(3 * BINS, (width, width)), nn.Linear(width, classes))

    def forward(self, x: Points) -> Float[Tensor, "batch classes"]:
        return self.layers(measured(x))


class InOrder(nn.Module):
    """The same layers for every point, whose features then stand side by side as they came."""

    def __init__(self, classes: int, points: int, width: int = 32) -> None:
        super().__init__()
        self.points = Shared(3, (width, width, 8))
        self.head = Shared(8 * points, (64,))
        self.out = nn.Linear(64, classes)

    def forward(self, x: Points) -> Float[Tensor, "batch classes"]:
        return self.out(self.head(self.points(x).flatten(1)))


class Numbered(nn.Module):
    """A PointNet whose points are moved by their number: a maximum, but not over a set."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Points) -> Float[Tensor, "batch classes"]:
        return self.net(x + torch.linspace(0, 1, x.shape[1]).to(x)[:, None])
