"""Training, as claims need it: short, and the same for every arm."""

import math
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from paperworks.lab.seeds import stream
from paperworks.lab.split import Examples, batches

Optimizer = Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]

adam = partial(torch.optim.Adam, lr=1e-3, fused=True)
_LAYOUTS = {4: torch.channels_last, 5: torch.channels_last_3d}  # by a weight's axes


def cosine(steps: int) -> Callable[[int], float]:
    """A schedule from 1 at the start to 0 after `steps` steps: half a wave (arXiv:1608.03983)."""
    return lambda step: (1 + math.cos(math.pi * step / steps)) / 2


def lay_out(net: nn.Module) -> None:
    """Keep the weights of convolutions, of images and of volumes, with their channels last.

    So they are a little faster on processors; no number changes but by rounding.
    """
    for weight in net.parameters():
        if layout := _LAYOUTS.get(weight.ndim):
            # `contiguous` would leave weights of one channel or place, which are in both orders
            weight.data = weight.data.to(weight.dtype, memory_format=layout)


def fit(
    net: nn.Module,
    examples: Examples,
    *,
    steps: int,
    seed: int,
    batch: int = 64,
    optimizer: Optimizer = adam,
    loss: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
    schedule: Callable[[int], float] | None = None,
    augment: Callable[[Tensor, Generator], Tensor] | None = None,
    after_step: Callable[[int], object] | None = None,
) -> list[float]:
    """Train `net` in place for `steps` mini-batches and return the loss of each.

    `schedule(step)` multiplies the optimizer's rate, `augment(x, generator)` makes the views,
    `after_step(step)` may look or prune, and stops the training by returning True. So does a
    loss that is not finite; it is the last in the list.
    """
    lay_out(net)
    adjust = optimizer(net.parameters())
    rate = torch.optim.lr_scheduler.LambdaLR(adjust, schedule or (lambda step: 1.0))
    views = stream(seed, "augment")
    losses: list[float] = []
    net.train()
    for step, index in enumerate(batches(len(examples), batch, steps, stream(seed, "order"))):
        x, y = examples.x[index], examples.y[index]
        adjust.zero_grad()
        cost = loss(net(augment(x, views) if augment else x), y)
        losses.append(cost.item())
        if not cost.isfinite():
            break
        cost.backward()
        adjust.step()
        rate.step()
        if after_step and after_step(step) is True:
            break
    net.eval()
    return losses
