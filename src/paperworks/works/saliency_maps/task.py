"""Discs, crosses and rings on texture, a network that names them, and who points at them."""

from collections.abc import Callable
from copy import copy
from functools import lru_cache, partial

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from paperworks.claim import Seed
from paperworks.lab.data.objects import CLASSES, scenes
from paperworks.lab.fit import adam, fit
from paperworks.lab.seeds import fresh, stream
from paperworks.lab.split import Examples, Split, split
from paperworks.works.saliency_maps.saliency import class_images, saliency
from paperworks.works.saliency_maps.segmentation import segmented

KINDS = "disc", "cross", "ring"
SIDE, PARTS, STEPS = 28, (1000, 60, 140), 200
TRIES = {1: 19, 2: 80}  # scenes drawn for ten that have the right objects

Hint = Callable[[Tensor, Tensor], Tensor]  # (images, classes) -> maps, high where the object is
Point = Callable[[Seed], Hint]
Masks = Bool[Tensor, "batch height width"]


def objects(seed: Seed, parts: tuple[int, int, int] = PARTS, most: int = 1) -> Split:
    """Images of `most` objects, all of other kinds, and every pixel's kind, 0 for none."""
    return copy(_drawn(int(seed), parts, most))  # whose test part is not yet opened


@lru_cache(4)
def _drawn(seed: int, parts: tuple[int, int, int], most: int) -> Split:
    """Drawn once for the network that learns from them and for what is asked of it."""
    draw, many = stream(seed, "data"), sum(parts)
    options = {"side": SIDE, "most": most, "sizes": (8.0, 12.0), "contrast": 1.0, "overlap": 0.0}
    made = scenes(TRIES[most] * many // 10, draw, classes=len(CLASSES), **options)
    kinds = torch.tensor([KINDS.index(name) + 1 if name in KINDS else 0 for name in CLASSES])
    kind = torch.where(made.labels >= 0, kinds[made.labels], 0)
    apart = (kind > 0).all(1) & (kind.sort(1).values.diff(dim=1) > 0).all(1)
    kept = apart.nonzero()[:many, 0]
    pixels = (made.masks[kept] * kind[kept, :, None, None]).sum(1)
    return split(Examples(made.images[kept], pixels), parts, draw)


def named(pixels: Int[Tensor, "batch height width"]) -> Int[Tensor, " batch"]:
    """The kind of an image's only object, from 0."""
    return pixels.flatten(1).amax(1) - 1


def network() -> nn.Sequential:
    """Four convolutions with norms, the mean over places and a linear map."""
    layers, chans = nn.Sequential(), 3
    for out, kernel, stride in ((16, 5, 2), (32, 3, 1), (32, 3, 2), (32, 3, 1)):
        layers.extend(
            [nn.Conv2d(chans, out, kernel, stride, padding=kernel // 2, bias=False)]
            + [nn.BatchNorm2d(out), nn.ReLU()]
        )
        chans = out
    return layers.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(chans, len(KINDS))])


@lru_cache(16)
def _trained(seed: int, draws: int) -> nn.Sequential:
    """One network for all claims of a seed: it is read, never changed."""
    given = Seed(seed, draws)
    net, data = fresh(network, given), objects(given)
    fit(
        net,
        Examples(data.train.x, named(data.train.y)),
        steps=STEPS,
        batch=32,
        seed=given,
        optimizer=partial(adam, lr=3e-3),
        schedule=lambda step: 1 - step / STEPS,
    )
    return net


def trained(seed: Seed) -> nn.Sequential:
    """The network, after it learned to name objects; it is never told where they are."""
    return _trained(int(seed), seed.draws)


def gradient(seed: Seed) -> Hint:
    """The paper: what the score of the class depends on."""
    return partial(saliency, trained(seed))


def untrained(seed: Seed) -> Hint:
    """The same of a network that has learned nothing."""
    return partial(saliency, fresh(network, seed).eval())


def middle(seed: Seed) -> Hint:
    """The middle of the image."""
    away = (torch.arange(SIDE) - SIDE // 2) ** 2
    return lambda images, _: -(away + away[:, None]).float().expand(len(images), -1, -1)


def contrast(seed: Seed) -> Hint:
    """How far a pixel's color is from the image's mean, the largest of its colors."""
    return lambda images, _: (images - images.mean((2, 3), keepdim=True)).abs().amax(1)


def pointed(maps: Float[Tensor, "batch height width"], masks: Masks) -> Bool[Tensor, " batch"]:
    """Whether the highest place of each map lies in the box around the mask."""
    rows, columns = masks.any(2), masks.any(1)
    best = maps.flatten(1).argmax(1)
    row, column = best // maps.shape[2], best % maps.shape[2]

    def between(place: Tensor, line: Tensor) -> Tensor:
        near, far = line.int().argmax(1), line.shape[1] - 1 - line.flip(1).int().argmax(1)
        return (near <= place) & (place <= far)

    return between(row, rows) & between(column, columns)


def overlap(found: Masks, masks: Masks) -> float:
    """Mean intersection over union."""
    both, either = ((f.flatten(1).sum(1)) for f in (found & masks, found | masks))
    return (both / either.clamp_min(1)).mean().item()


Masked = Callable[[Tensor, Tensor], Tensor]  # (images, classes) -> masks
Find = Callable[[Seed], Masked]


def cut_by(point: Point, seed: Seed) -> Masked:
    """The pixels that a graph cut finds from the seeds that `point` gives."""
    hint = point(seed)

    def find(images: Tensor, classes: Tensor) -> Tensor:
        maps = hint(images, classes)
        return torch.stack([segmented(*pair) for pair in zip(images, maps, strict=True)])

    return find


salient = partial(cut_by, gradient)
central = partial(cut_by, middle)
unlearned = partial(cut_by, untrained)

Make = Callable[[nn.Module, Seed], Tensor]  # -> an image of each kind, by the network's liking


def ascended(net: nn.Module, seed: Seed) -> Tensor:
    """The paper: images of the highest score less their norm."""
    return class_images(net, torch.arange(len(KINDS)), (3, SIDE, SIDE))


def averaged(net: nn.Module, seed: Seed) -> Tensor:
    """The mean of each kind's training images."""
    train = objects(seed).train
    return torch.stack([train.x[named(train.y) == k].mean(0) for k in range(len(KINDS))])


def noise(net: nn.Module, seed: Seed) -> Tensor:
    """Noise of the same norm as the paper's images."""
    away = ascended(net, seed) - 0.5
    drawn = torch.randn(away.shape, generator=stream(seed, "noise"))
    sizes = [x.flatten(1).norm(dim=1).view(-1, 1, 1, 1) for x in (away, drawn)]
    return 0.5 + drawn * sizes[0] / sizes[1]
