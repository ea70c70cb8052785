"""Detectors of rendered shapes in scenes of 48 pixels, and in what the claims' arms differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from torch import Tensor, nn

from paperworks.claim import Seed
from paperworks.lab.data.objects import boxes
from paperworks.lab.detection import Found
from paperworks.lab.fit import adam, fit
from paperworks.lab.seeds import fresh
from paperworks.lab.split import Examples, Split
from paperworks.works.ssd.boxes import default_boxes, multibox_loss
from paperworks.works.ssd.network import SSD, of_paper

SIDE, CLASSES, STEPS, BATCH = 48, 3, 220, 16
SIZES = (8.0, 16.0, 32.0, 48.0)  # pixels; each map has the boxes of one and the step to the next
Maps = Literal["each", "turned", "one"]


class Stages(nn.Module):
    """3x3 convolutions with BatchNorm to strides 4, 8 and 16, and the map of each.

    With `one`, the last stage keeps its places and reaches twice as far, as fc7 does in the
    paper's network, and its map of stride 8 is all that is given.
    """

    def __init__(self, one: bool, widths: Sequence[int] = (16, 24, 32, 48)) -> None:
        super().__init__()
        self.one = one
        first, fine, middle, coarse = widths
        stride, reach = (1, 2) if one else (2, 1)
        self.stem = nn.Sequential(_layer(3, first, 2), _layer(first, fine, 2))
        self.fine = _layer(fine, fine)
        self.middle = nn.Sequential(_layer(fine, middle, 2), _layer(middle, middle))
        self.coarse = nn.Sequential(
            _layer(middle, coarse, stride, reach), _layer(coarse, coarse, 1, reach)
        )
        self.channels = [coarse] if one else [fine, middle, coarse]

    def forward(self, x: Tensor) -> list[Tensor]:
        fine = self.fine(self.stem(x))
        middle = self.middle(fine)
        coarse = self.coarse(middle)
        return [coarse] if self.one else [fine, middle, coarse]


def _layer(channels: int, out: int, stride: int = 1, reach: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(channels, out, 3, stride, padding=reach, dilation=reach, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU())


@dataclass(frozen=True)
class Arm:
    """Which maps look for which sizes, and the rate tuned for it."""

    maps: Maps = "each"
    rate: float = 0.01

    def build(self) -> SSD:
        """A fresh detector: two default boxes of every size, all square."""
        body = Stages(self.maps == "one")
        pairs = list(zip(SIZES, SIZES[1:], strict=False))
        if self.maps == "turned":
            pairs = pairs[::-1]
        cells = (6, 6, 6) if self.maps == "one" else (12, 6, 3)
        made = [
            default_boxes(SIDE, [n], [low / SIDE, high / SIDE], [()]).view(n * n, 2, 4)
            for n, (low, high) in zip(cells, pairs, strict=True)
        ]
        if self.maps == "one":
            made = [torch.cat(made, 1)]
        each = [part.shape[1] for part in made]
        rows = torch.cat([part.flatten(0, 1) for part in made])
        return SSD(body, body.channels, each, rows, CLASSES + 1)

    def learned(self, train: Examples, seed: Seed, steps: int = STEPS) -> tuple[SSD, list[float]]:
        """A trained detector, and the loss of every step."""
        net = fresh(self.build, seed)
        losses = fit(
            net,
            train,
            steps=steps,
            seed=seed,
            batch=BATCH,
            optimizer=partial(adam, lr=self.rate),
            loss=lambda out, objects: multibox_loss(out[0], out[1], net.defaults, objects),
            schedule=lambda step: min(1, (step + 1) / 20) * (1 - step / steps),
        )
        return net, losses


def scenes(seed: int, parts: tuple[int, int, int] = (500, 100, 150)) -> Split:
    """Scenes of up to three objects of 6 to 48 pixels, of three classes."""
    options = {"side": SIDE, "most": 3, "sizes": (6.0, 48.0), "classes": CLASSES}
    return boxes(seed, parts, contrast=0.8, **options)


def there(objects: Tensor) -> list[Found]:
    """Objects [images, most, 5] as what is there."""
    real = [one[one[:, 0] >= 0] for one in objects]
    return [Found(one[:, 1:], one[:, 0].long(), torch.ones(len(one))) for one in real]


def shapes() -> Tensor:
    """The default boxes of SSD300: squares, and boxes twice and thrice as wide or high."""
    return default_boxes(*of_paper(300))


def slivers() -> Tensor:
    """As many boxes, but 8 and 12 times as wide or high."""
    layout = of_paper(300)
    return default_boxes(*layout._replace(ratios=[[4 * a for a in some] for some in layout.ratios]))


def squares() -> Tensor:
    """As many boxes in the same places, all square: of more sizes instead of shapes."""
    side, maps, scales, ratios, steps = of_paper(300)
    made = []
    for n, low, high, some, step in zip(maps, scales[:-1], scales[1:], ratios, steps, strict=True):
        pieces = 1 + len(some)
        sizes = [low * (high / low) ** (i / pieces) for i in range(pieces + 1)]
        for pair in zip(sizes[:-1], sizes[1:], strict=True):
            made.append(default_boxes(side, [n], pair, [()], [step]))
    return torch.cat(made)
