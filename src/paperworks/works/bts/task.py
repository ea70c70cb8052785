"""Rooms to learn from and to be judged by, and what the arms of the claims differ in."""

from dataclasses import dataclass, replace
from functools import partial

from paperworks.claim import Seed
from paperworks.lab.data.scenes import ROOM, drawn, photographed
from paperworks.lab.fit import adam, cosine, fit
from paperworks.lab.seeds import fresh, stream
from paperworks.lab.split import Examples, Split
from paperworks.works.bts.network import BTS, silog
from paperworks.works.bts.planes import Guide, guided
from paperworks.works.resnet import BasicBlock, ResNet

BARE = replace(
    ROOM,
    eye=(1.5, 1.5),
    pitch=(5, 25),
    yaw=(-30, 30),
    roll=(-4, 4),
    view=(70, 70),
    grain=(0.3, 3.0),
)
SIZE, PARTS = (32, 32), (400, 80, 120)
STEPS, BATCH, FARTHEST = 80, 16, 12.0  # metres


def rooms(seed: int) -> Split:
    """Images [*, 3, 32, 32] from -1 to 1, and their depth [*, 32, 32] in metres."""
    views = photographed(*drawn(sum(PARTS), BARE, stream(seed, "data"), each=1), SIZE)
    whole = Examples(2 * views.image - 1, views.depth)
    first, second = PARTS[0], PARTS[0] + PARTS[1]
    return Split(whole[:first], whole[first:second], whole[second:])


@dataclass(frozen=True)
class Arm:
    """How a cell's plane becomes its pixels' depth, and the rate tuned for it."""

    guide: Guide = guided
    rate: float = 0.01

    def build(self) -> BTS:
        """A fresh network for rooms of 32 by 32 pixels."""
        encoder = ResNet(BasicBlock, (1, 1, 1, 1), width=8, features_only=True)
        return BTS(encoder, 32, farthest=FARTHEST, guide=self.guide, rates=(1, 2))

    def learned(self, train: Examples, seed: Seed) -> tuple[BTS, list[float]]:
        """A trained network, and the loss of every step."""
        net = fresh(self.build, seed)
        losses = fit(
            net,
            train,
            steps=STEPS,
            seed=seed,
            batch=BATCH,
            optimizer=partial(adam, lr=self.rate),
            loss=silog,
            schedule=cosine(STEPS),
        )
        return net, losses
