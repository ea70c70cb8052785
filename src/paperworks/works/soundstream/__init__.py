"""SoundStream: An End-to-End Neural Audio Codec

Zeghidour, Luebs, Omran, Skoglund and Tagliasacchi, 2021. arXiv:2107.03312

A convolutional network turns sound into frames, another turns frames into sound, and between them
every frame is told as a few numbers. The first is the nearest of 1024 codes, the second the code
nearest to what is left over, and so on:

    left = frame;  for each codebook:  code = nearest(left), left = left - code

Taught with a random number of codebooks, one network serves every bit rate: leave out the last
numbers. No convolution looks ahead, so that sound can be sent while it is made.

Here: notes and vowels of an eighth of a second at 8 kHz, made from a seed, frames of 8 samples,
eight codebooks of 32 codes, five kilobits a second each, and 60 batches. The paper: speech and
music at 24 kHz, frames of 320 samples, 3 to 18 kilobits a second, judged by listeners.

Differences: in place of the discriminators and their features, which are left out, a loss pulls
towards the wave itself: 60 batches do not teach phases otherwise. Codebooks follow their frames
ten times as fast. Distances are those of log-mel spectra. Left out too: the removal of noise.
"""

import math
from collections.abc import Callable
from typing import Any

import torch

from paperworks.claim import Claim, Seed
from paperworks.lab.data.audio import sounds
from paperworks.lab.seeds import fresh
from paperworks.works.soundstream.arms import (
    Codec,
    Listen,
    all_books,
    centered,
    fixed,
    forgetful,
    framed,
    log_mel_distance,
    scalable,
    six_of_another,
    small,
    taught,
    truncated,
    two_books,
)
from paperworks.works.soundstream.network import (
    SoundStream as SoundStream,
    decoder as decoder,
    encoder as encoder,
    soundstream as soundstream,
)
from paperworks.works.soundstream.quantizer import ResidualQuantizer as ResidualQuantizer


@torch.no_grad()
def distance_over_rates(codec: Codec, seed: Seed) -> float:
    """Distance of log-mel spectra from 64 unseen sounds, in nats: mean of 2, 4 and 8 codebooks."""
    split = sounds(seed)
    with torch.enable_grad():
        hear = codec(split, seed)
    x = split.open_test().x
    return sum(log_mel_distance(hear(x, books), x) for books in (2, 4, 8)) / 3


@torch.no_grad()
def distance(listen: Listen, seed: Seed) -> float:
    """Distance of log-mel spectra from 64 unseen sounds, in nats."""
    split = sounds(seed)
    with torch.enable_grad():
        net = taught(split, seed)
    x = split.open_test().x
    return log_mel_distance(listen(net, x), x)


@torch.no_grad()
def chunks_differ(build: Callable[[], Any], seed: Seed) -> float:
    """Log10 of the largest distance between samples heard in chunks of 15 frames and at once.

    In float64, of a random network: one voice or note, and one as loud that is only its first half.
    """
    net = fresh(build, seed).double().eval()
    x = sounds(seed, (2, 1, 1)).train.x.double()
    x[1, :, x.shape[-1] // 2 :] = 0
    past, out = (None, None), list[torch.Tensor]()
    for part in x.split(120, -1):
        heard, past = net.step(part, past)
        out.append(heard)
    gap = (torch.cat(out, -1) - net(x)[0]).abs().max().item()
    return math.log10(max(gap, 1e-16))


serves_every_rate = Claim(
    says="Over 10, 20 and 40 kilobits a second one codec is within 10 % of a codec for each.",
    source="section V-C and figure 7 (c); abstract: 'with a negligible quality loss'",
    measure=distance_over_rates,
    treatment=scalable,
    baseline=fixed,
    null=truncated,
    holds_if="treatment < 1.1 * baseline",
)

beats_codebooks_alone = Claim(
    says="It is nearer by a tenth than the same codebooks for pieces of the wave itself.",
    source="abstract: better than codecs of several times its rate",
    measure=distance_over_rates,
    treatment=scalable,
    baseline=framed,
    null=truncated,
    holds_if="treatment < 0.9 * baseline",
    rival=True,
)

more_bits_are_nearer = Claim(
    says="Heard through eight codebooks it is nearer by a tenth than through two.",
    source="section V-B, figure 7 (a): quality grows with the rate",
    measure=distance,
    treatment=all_books,
    baseline=two_books,
    null=six_of_another,
    holds_if="treatment < 0.9 * baseline",
)

streams = Claim(
    says="Fed in chunks it gives what it gives at once, within 1e-5.",
    source="section III-A: all convolutions are causal, so that inference can be streamed",
    measure=chunks_differ,
    treatment=small,
    baseline=centered,
    null=forgetful,
    holds_if="treatment < -5 < baseline",
)
