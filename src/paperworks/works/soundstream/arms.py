"""Codecs for the claims: each learns from sounds, and is then heard through some codebooks."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from paperworks.blocks.sound import CausalConv1d, log_mel, mel_spectrogram
from paperworks.lab.data.audio import RATE
from paperworks.lab.fit import adam, fit
from paperworks.lab.seeds import fresh
from paperworks.lab.split import Examples, Split
from paperworks.works.soundstream.network import SoundStream
from paperworks.works.soundstream.quantizer import begin

STEPS, BATCH = 60, 8
BOOKS, SIZE = 8, 32
STRIDES = 2, 4  # 1000 frames a second, 5000 bits for each codebook
PULL = 100.0  # towards the wave itself, in place of the discriminators' features
LEARNING = 1e-2  # Adam's rate in all arms; the best of 3e-3, 1e-2 and 3e-2 for `truncated`

Hear = Callable[[Tensor, int], Tensor]  # (waves, codebooks) -> waves, both [*, 1, time]
Codec = Callable[[Split, int], Hear]


def small(books: int = BOOKS, dropout: bool = True) -> SoundStream:
    """A codec of 8 channels."""
    return SoundStream(8, STRIDES, 16, books, SIZE, dilations=(1,), dropout=dropout, decay=0.9)


def spectral_loss(told: tuple[Tensor, Tensor], x: Tensor) -> Tensor:
    """Distance of spectra in mel bands and of their logarithms at two windows, and commitment.

    The reconstruction loss of section III-E, and a pull. Waves are [batch, 1, time].
    """
    heard, loss = told
    loss = loss + PULL * (heard - x).square().mean()
    for window, bands in ((64, 8), (256, 32)):
        mels = [
            mel_spectrogram(wave[:, 0], bands=bands, window=window, rate=RATE)
            for wave in (heard, x)
        ]
        logs = [mel.clamp(min=1e-2).log() for mel in mels]
        loss = loss + (mels[0] - mels[1]).abs().mean() + (logs[0] - logs[1]).square().mean().sqrt()
    return loss


def taught(split: Split, seed: int, books: int = BOOKS, dropout: bool = True) -> SoundStream:
    """A codec after 60 batches of 8 sounds."""
    net = fresh(partial(small, books, dropout), seed)
    fit(
        net,
        Examples(split.train.x, split.train.x),
        steps=STEPS,
        seed=seed,
        batch=BATCH,
        optimizer=partial(adam, lr=LEARNING),
        schedule=lambda step: min(1, (step + 1) / 10) * (1 - step / STEPS),
        loss=spectral_loss,  # type: ignore[arg-type]  # the network gives a pair
    )
    return net


def scalable(split: Split, seed: int, dropout: bool = True) -> Hear:
    """The paper: one codec, taught to be heard through any number of codebooks."""
    net = taught(split, seed, dropout=dropout)
    return lambda x, books: net(x, books)[0]


truncated = partial(scalable, dropout=False)  # always taught with all, and then cut short


def fixed(split: Split, seed: int) -> Hear:
    """A codec for each number of codebooks."""
    nets = {books: taught(split, seed, books, dropout=False) for books in (2, 4, 8)}
    return lambda x, books: nets[books](x, books)[0]


def framed(split: Split, seed: int) -> Hear:
    """No network: the same codebooks for frames of the wave itself, by Lloyd's algorithm."""
    length = STRIDES[0] * STRIDES[1]
    left = split.train.x.flatten().view(-1, length)
    codebooks = list[Tensor]()
    for _ in range(BOOKS):
        codebooks.append(begin(left, SIZE, rounds=20))
        left = left - _closest(left, codebooks[-1])

    def hear(x: Tensor, books: int) -> Tensor:
        frames = x.reshape(-1, length)
        whole = torch.zeros_like(frames)
        for codes in codebooks[:books]:
            whole = whole + _closest(frames - whole, codes)
        return whole.view_as(x)

    return hear


def _closest(x: Tensor, codes: Tensor) -> Tensor:
    return codes[(codes.square().sum(-1) - 2 * x @ codes.T).argmin(-1)]


def log_mel_distance(heard: Tensor, x: Tensor) -> float:
    """Mean distance of log-mel spectra, in nats."""
    return (log_mel(heard[:, 0]) - log_mel(x[:, 0])).abs().mean().item()


Listen = Callable[[SoundStream, Tensor], Tensor]


def all_books(net: SoundStream, x: Tensor) -> Tensor:
    """Through all eight codebooks."""
    return net(x)[0]


def two_books(net: SoundStream, x: Tensor) -> Tensor:
    """Through the first two."""
    return net(x, 2)[0]


def six_of_another(net: SoundStream, x: Tensor) -> Tensor:
    """Through all eight, but the last six have the codes of another sound."""
    numbers = net.quantizer.encode(net.encoder(x).transpose(1, 2))
    numbers[..., 2:] = numbers[..., 2:].roll(1, 0)
    return net.decoder(net.quantizer.decode(numbers).transpose(1, 2))


class Centered(CausalConv1d):
    """Hears as much of the future as of the past, where it is there."""

    def forward(self, input: Tensor) -> Tensor:
        before = self.reach // 2
        return nn.Conv1d.forward(self, pad(input, (before, self.reach - before)))


def centered() -> SoundStream:
    """A codec whose convolutions look ahead, as they do where nothing is streamed."""
    net = small()
    for part in net.modules():
        if isinstance(part, CausalConv1d):
            part.__class__ = Centered
    return net


class Forgetful(SoundStream):
    """Hears every chunk as if it were the first."""

    def step(
        self, x: Tensor, past: tuple[Any, Any] = (None, None), books: int | None = None
    ) -> tuple[Tensor, tuple[Any, Any]]:
        return super().step(x, (None, None), books)


def forgetful() -> Forgetful:
    """The codec without the past of a stream."""
    return Forgetful(8, STRIDES, 16, BOOKS, SIZE, dilations=(1,))
