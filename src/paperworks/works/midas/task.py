"""What is learned from, and what is judged by: table tops and fields, and rooms."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor
from torch.nn.functional import interpolate

from paperworks.lab.data.scenes import FIELD, ROOM, TABLE, Style, Views, drawn, photographed
from paperworks.lab.fit import adam, cosine, fit
from paperworks.lab.seeds import fresh, stream
from paperworks.lab.split import Examples, Split
from paperworks.works.midas.loss import KEPT, Align, Maps, aligned_loss, robustly
from paperworks.works.midas.network import MidasNet, small

SIZE, IMAGES, TESTED = (24, 32), 300, 100
STEPS, BATCH = 100, 8
FILM = 1920  # pixels across

Annotate = Callable[[Views, Generator], Maps]


def metric(views: Views, draw: Generator) -> Maps:
    """Inverse depth, per metre."""
    return views.disparity


def film(views: Views, draw: Generator) -> Maps:
    """Pixels between the two images of a film 1920 wide: its baseline and zero plane are unknown.

    Baselines of 2 to 10 cm, zero planes at 5 to 50 m; noise of 5 % of an image's range, and a
    tenth of it wrong.
    """

    def even(*shape: int) -> Tensor:
        return torch.rand(len(views), *shape, generator=draw)

    shift = views.cameras.focal[:, None, None] * FILM * 0.02 * 5 ** even(1, 1)
    exact = shift * (views.disparity - 0.2 * 10 ** -even(1, 1))
    low, high = exact.amin((1, 2), keepdim=True), exact.amax((1, 2), keepdim=True)
    noisy = exact + 0.05 * (high - low) * torch.randn(exact.shape, generator=draw)
    wrong, guess = (interpolate(even(1, 6, 8), size=SIZE)[:, 0] for _ in range(2))
    return torch.where(wrong < 0.1, low + guess * (high - low), noisy)


@dataclass(frozen=True)
class Recipe:
    """What to learn from and by which loss. Sources share the images equally."""

    align: Align = robustly
    kept: float = KEPT
    sources: tuple[tuple[Style, Annotate], ...] = ((TABLE, metric), (FIELD, film))
    rate: float = 3e-3


def scenes(recipe: Recipe, seed: int) -> Split:
    """Images with annotations to learn from and to choose by, and rooms with their depth."""
    draw = stream(seed, "data")
    test = _rendered(ROOM, TESTED, draw)
    train, validation = [], []
    for style, annotate in recipe.sources:
        share = IMAGES // len(recipe.sources)
        views = _rendered(style, share + share // 5, draw)
        pairs = Examples(_input(views), annotate(views, draw))
        train.append(pairs[:share])
        validation.append(pairs[share:])
    return Split(_pooled(train), _pooled(validation), Examples(_input(test), test.depth))


def _rendered(style: Style, count: int, draw: Generator) -> Views:
    return photographed(*drawn(count, style, draw), SIZE)


def _input(views: Views) -> Tensor:
    return 2 * views.image - 1


def _pooled(parts: list[Examples]) -> Examples:
    return Examples(torch.cat([part.x for part in parts]), torch.cat([part.y for part in parts]))


def trained(recipe: Recipe, examples: Examples, seed: int) -> tuple[MidasNet, list[float]]:
    """A network after `STEPS` steps, and its losses."""
    net = fresh(small, seed)
    losses = fit(
        net,
        examples,
        steps=STEPS,
        seed=seed,
        batch=BATCH,
        optimizer=partial(adam, lr=recipe.rate),
        loss=partial(aligned_loss, align=recipe.align, kept=recipe.kept),
        schedule=cosine(STEPS),
    )
    return net, losses
