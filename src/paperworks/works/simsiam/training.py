"""How the arms of the claims come by their features."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cosine_similarity

from paperworks.claim import Seed
from paperworks.lab.fit import fit
from paperworks.lab.seeds import fresh, stream
from paperworks.lab.split import Examples, Split
from paperworks.lab.views import moved, recolored
from paperworks.works.resnet import BasicBlock, ResNet
from paperworks.works.simsiam.network import SimSiam

STEPS, BATCH, WIDTH = 200, 32, 64


class Pair(nn.Module):
    """Views [batch, 2, 1, side, side] to what the loss takes, [4, batch, width]."""

    def __init__(self, net: SimSiam) -> None:
        super().__init__()
        self.net = net

    def forward(self, views: Tensor) -> Tensor:
        return torch.stack(self.net(views[:, 0], views[:, 1]))


def look(x: Tensor, draw: Generator) -> Tensor:
    """Another view of every image."""
    return recolored(moved(x, draw, shift=0.15, turn=90.0, zoom=0.25), draw)


def both(x: Tensor, draw: Generator) -> Tensor:
    """Two views of every image, side by side."""
    return torch.stack([look(x, draw), look(x, draw)], 1)


@dataclass(frozen=True)
class Siamese:
    """A way to train: whether a predictor guesses, and what lets no gradient through.

    `rate` is the first one of the cosine's decay: the best of 0.1, 0.2 and 0.4 for the nearest
    neighbour on validation parts of seeds 1000 and 1001.
    """

    rate: float = 0.4
    guess: bool = True
    stop: tuple[bool, bool] = (False, True)  # the predictions, the outputs to be predicted

    def build(self) -> SimSiam:
        """A network for the shapes."""
        options = {"num_classes": 0, "in_chans": 1, "small_input": True, "width": 8}
        encoder = ResNet(BasicBlock, (1, 1, 1), **options)
        net = SimSiam(encoder, encoder.num_features, WIDTH, WIDTH // 4)
        if not self.guess:
            net.predictor = nn.Identity()
        return net

    def loss(self, outputs: Tensor, _: Tensor) -> Tensor:
        """`siamese_loss`, with the gradient stopped where it is said."""
        p, z = outputs.split(2)
        p, z = (
            side.detach() if held else side for side, held in zip((p, z), self.stop, strict=True)
        )
        return -cosine_similarity(p, z.flip(0), dim=-1).mean()

    def train(
        self, data: Split, seed: Seed, steps: int, watch: Callable[[int, SimSiam], object]
    ) -> SimSiam:
        """A network after `steps` batches; `watch` looks at it after each."""
        net = fresh(self.build, seed)
        fit(
            Pair(net),
            data.train,
            steps=steps,
            batch=BATCH,
            seed=seed,
            optimizer=partial(torch.optim.SGD, lr=self.rate, momentum=0.9, weight_decay=5e-4),
            loss=self.loss,
            schedule=lambda step: 0.5 + 0.5 * math.cos(math.pi * step / steps),
            augment=both,
            after_step=lambda step: watch(step, net),
        )
        return net

    def __call__(self, data: Split, seed: Seed) -> tuple[Examples, nn.Module]:
        """Known examples, and the features in which to look for the nearest of them."""
        return data.train, self.train(data, seed, STEPS, lambda step, net: None).encoder


def pixels(data: Split, seed: Seed) -> tuple[Examples, nn.Module]:
    """The rival: nothing learned, 16 views of every known image, compared as they are."""
    draw, known = stream(seed, "augment"), data.train
    views = torch.cat([known.x, *[look(known.x, draw) for _ in range(16)]])
    return Examples(views, known.y.repeat(17)), nn.Flatten()
