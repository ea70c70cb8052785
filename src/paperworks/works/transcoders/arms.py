"""What stands in for a feed-forward layer, and ways to say what a feature is made of.

Stand-ins are made from the layer, and from what goes in and comes out.
"""

from collections.abc import Callable
from copy import deepcopy
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from paperworks.blocks.lm import LanguageModel, small_lm
from paperworks.lab.data.text import VOCABULARY
from paperworks.lab.fit import adam, fit
from paperworks.lab.seeds import fresh, stream
from paperworks.lab.split import Examples
from paperworks.works.transcoders.circuits import attributions, linearized
from paperworks.works.transcoders.network import Transcoder

FEATURES, KEEP, STEPS = 256, 8, 200

# Adam's rates, the best of 3e-3, 1e-2, 3e-2 and 1e-1 on the validation part of seed 1000; the
# mistaught transcoder has that of the other
RATE = {"transcoder": 3e-2, "autoencoder": 3e-2}

StandIn = Callable[[nn.Sequential, Tensor, Tensor, int], nn.Module]


def taught(x: Tensor, y: Tensor, rate: float, seed: int) -> Transcoder:
    """A sparse layer that makes y of x, both [*, width]."""
    net = fresh(lambda: Transcoder(x.shape[1], FEATURES, KEEP), seed)
    fit(
        net,
        Examples(x, y),
        steps=STEPS,
        seed=seed,
        batch=512,
        optimizer=partial(adam, lr=rate),
        schedule=lambda step: 1 - step / STEPS,
        loss=mse_loss,
    )
    return net


def transcoder(layer: nn.Sequential, x: Tensor, y: Tensor, seed: int) -> nn.Module:
    """The paper: sparse features of what goes in make what comes out."""
    return taught(x, y, RATE["transcoder"], seed)


def autoencoder(layer: nn.Sequential, x: Tensor, y: Tensor, seed: int) -> nn.Module:
    """The layer stays, and sparse features of what comes out make it again."""
    return nn.Sequential(layer, taught(y, y, RATE["autoencoder"], seed))


def mistaught(layer: nn.Sequential, x: Tensor, y: Tensor, seed: int) -> nn.Module:
    """A transcoder that was shown what comes out for other inputs."""
    mixed = torch.randperm(len(y), generator=stream(seed, "noise"))
    return taught(x, y[mixed], RATE["transcoder"], seed)


class Strongest(nn.Module):
    """The layer with its own units as features: those stay that add most to its mean output."""

    def __init__(self, layer: nn.Sequential, x: Tensor) -> None:
        super().__init__()
        self.units: Any = layer[:-1]
        self.out: Any = layer[-1]
        self.mean = self.units(x).mean(0)

    def forward(self, x: Tensor) -> Tensor:
        more = self.units(x) - self.mean
        strength = more.abs() * self.out.weight.norm(dim=0)
        kept = torch.zeros_like(more).scatter(-1, strength.topk(KEEP, -1).indices, 1.0)
        return self.out(self.mean + kept * more)


def strongest(layer: nn.Sequential, x: Tensor, y: Tensor, seed: int) -> nn.Module:
    """As many of the layer's own units, chosen anew for every input; nothing is taught."""
    return Strongest(layer, x)


# (network, text, feature, time) -> what the feature's parts sum to, and what it is
Explain = Callable[[LanguageModel, Tensor, int, int], tuple[Tensor, Tensor]]


def coded(seed: int) -> LanguageModel:
    """A random language model in float64; a random transcoder is its second feed-forward layer."""
    net = fresh(lambda: small_lm(VOCABULARY, 32, 2, 64), seed).double()
    net.blocks[1].feed = fresh(lambda: Transcoder(32, FEATURES, KEEP), seed).double()
    draw = stream(seed, "weights")
    with torch.no_grad():
        for p in net.parameters():  # fresh norms and biases are ones and zeros
            p += 0.1 * torch.randn(p.shape, generator=draw, dtype=p.dtype)
    return net.requires_grad_(False)


def _spliced(net: LanguageModel) -> LanguageModel:
    """The same, with the second's transcoder, features in another order, in the first block too."""
    other = deepcopy(net)
    code: Any = deepcopy(net.blocks[1].feed)
    for p in code.parameters():
        p.copy_(p.flip(0))
    other.blocks[0].feed = code
    return other


def _feature(net: LanguageModel, text: Tensor, feature: int, now: int) -> Tensor:
    block: Any = net.blocks[1]
    asked = block.asked(block.mixed(net.states(text[None])[1]))
    return block.feed.encoder(asked)[0, now, feature]


def through_features(
    net: LanguageModel, text: Tensor, feature: int, now: int
) -> tuple[Tensor, Tensor]:
    """The paper: parts through a transcoder's features."""
    net = _spliced(net)
    parts = torch.cat([part.flatten() for part in attributions(net, text, feature, now).values()])
    return parts.sum(), _feature(net, text, feature, now)


def through_slopes(
    net: LanguageModel, text: Tensor, feature: int, now: int
) -> tuple[Tensor, Tensor]:
    """Parts through the layer itself: its slopes times what it is given."""
    return linearized(net, text, feature, now), _feature(net, text, feature, now)


def of_another_text(
    net: LanguageModel, text: Tensor, feature: int, now: int
) -> tuple[Tensor, Tensor]:
    """Parts with the strengths, patterns and scales of a text of other characters."""
    parts, _ = through_features(net, (text + 1) % VOCABULARY, feature, now)
    return parts, _feature(_spliced(net), text, feature, now)
