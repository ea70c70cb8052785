"""The network that the paper looks into."""

from typing import Any

import torch
from torch import Tensor, nn

from paperworks.blocks.classifier import Classifier, Features, Images, Maps
from paperworks.blocks.features import FeatureInfo, FeatureMap
from paperworks.model import model


class ConvNet(Classifier):
    """Convolutions of 64, 256, 256, 256 and 256 filters, and three linear maps.

    The paper prints widths only; kernels, strides and pooling are AlexNet's (Krizhevsky et al.,
    2012), padded so that every stage halves. `small_input` is a stem for images of about 32
    pixels: a 3x3 convolution at stride 1. `num_classes=0` leaves out the last map.
    """

    head_name = "fc"

    def __init__(
        self,
        *,
        num_classes: int = 1000,
        in_chans: int = 3,
        small_input: bool = False,
        features_only: bool = False,
        width: int = 64,
        hidden: int = 4096,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features_only = features_only
        kernel, stride = (3, 1) if small_input else (11, 4)
        wide = 4 * width
        self.stage1 = nn.Sequential(
            nn.Conv2d(in_chans, width, kernel, stride, padding=2 if stride == 4 else 1), nn.ReLU()
        )
        self.stage2 = nn.Sequential(_halved(), nn.Conv2d(width, wide, 5, padding=2), nn.ReLU())
        self.stage3 = nn.Sequential(_halved())
        for _ in range(3):
            self.stage3.extend([nn.Conv2d(wide, wide, 3, padding=1), nn.ReLU()])
        maps = [(width, stride), (wide, 2 * stride), (wide, 4 * stride)]
        self.feature_info = FeatureInfo(
            FeatureMap(channels, step, f"stage{i + 1}") for i, (channels, step) in enumerate(maps)
        )
        self.num_features = hidden
        if features_only:
            return
        self.pool = nn.Sequential(_halved(), nn.AdaptiveAvgPool2d(6), nn.Flatten())
        self.hidden = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(wide * 6 * 6, hidden),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.ReLU(),
        )
        self.reset_classifier(num_classes)

    def feature_maps(self, x: Images) -> list[Tensor]:
        """What the three stages give, in order."""
        one = self.stage1(x)
        two = self.stage2(one)
        return [one, two, self.stage3(two)]

    def pooled(self, x: Maps) -> Features:
        """What the last linear map reads: hidden features."""
        return self.hidden(self.pool(x))


def _halved() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, padding=1)


@model(
    parameters=None,
    macs=None,
    source="section 1: conv64 to full1000",
    example=lambda: torch.randn(1, 3, 224, 224),
    quick=lambda: torch.randn(2, 3, 128, 128),
    image=True,
)
def saliency_convnet(**options: Any) -> ConvNet:
    """The network of all of the paper's pictures, trained on ILSVRC-2013."""
    return ConvNet(**options)
