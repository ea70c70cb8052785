"""Atrous pyramid pooling and the decoder of figure 2, on two backbones."""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperworks.blocks.decoder import ASPP, conv_norm_relu, resized
from paperworks.model import model
from paperworks.works.deeplabv3plus.backbone import Images, Xception65, atrous
from paperworks.works.resnet import resnet101

RATES = {16: (6, 12, 18), 8: (12, 24, 36)}  # by output stride


class DeepLabV3Plus(nn.Module):
    """A backbone that gives fine and coarse maps; pooling; a decoder; a score for every pixel.

    The coarse maps, pooled at `rates`, are enlarged to the fine ones, of which `low` channels are
    left by a 1x1 convolution; two 3x3 convolutions read both (section 3.1). Without the `decoder`
    it is DeepLabv3. `separable` convolutions in pooling and decoder are depthwise and pointwise.
    """

    def __init__(
        self,
        backbone: nn.Module,
        channels: Sequence[int],
        rates: Sequence[int],
        *,
        num_classes: int = 21,
        decoder: bool = True,
        separable: bool = True,
        width: int = 256,
        low: int = 48,
    ) -> None:
        super().__init__()
        self.backbone, self.decodes = backbone, decoder
        self.aspp = ASPP(channels[1], rates, width, separable=separable)
        if decoder:
            self.low = conv_norm_relu(channels[0], low)
            self.decoder = nn.Sequential(
                conv_norm_relu(width + low, width, 3, separable=separable),
                conv_norm_relu(width, width, 3, separable=separable),
            )
        self.score = nn.Conv2d(width, num_classes, 1)

    def read(self, maps: Tensor) -> Tensor:
        """What the decoder knows of fine maps."""
        return self.low(maps)

    def forward(self, x: Images) -> Float[Tensor, "batch classes height width"]:
        fine, coarse = self.backbone(x)
        y = self.aspp(coarse)
        if self.decodes:
            y = self.decoder(torch.cat([resized(y, fine), self.read(fine)], dim=1))
        return resized(self.score(y), x)


_SCENE: Any = {
    "parameters": None,
    "example": partial(torch.randn, 1, 3, 513, 513),
    "quick": partial(torch.randn, 2, 3, 65, 65),
}


@model(
    macs=101.28e9,
    source="table 3, output stride 16",
    differs="92.8e9; the authors' program has three 3x3 convolutions as the stem, most of the rest",
    **_SCENE,
)
def deeplabv3plus_resnet101(*, output_stride: int = 16, **options: Any) -> DeepLabV3Plus:
    """ResNet-101, convolutions that are not separable."""
    body = atrous(resnet101(features_only=True, out_indices=(1, 4)), output_stride)
    channels = body.feature_info.channels()
    options = {"separable": False} | options
    return DeepLabV3Plus(body, channels, RATES[output_stride], **options)


@model(
    macs=54.17e9,
    source="table 5, output stride 16",
    differs="54.04e9: products and convolutions alone",
    **_SCENE,
)
def deeplabv3plus_xception(*, output_stride: int = 16, **options: Any) -> DeepLabV3Plus:
    """The modified Xception, separable convolutions throughout."""
    body = Xception65(features_only=True, output_stride=output_stride)
    channels = body.feature_info.channels()
    return DeepLabV3Plus(body, channels, RATES[output_stride], **options)
