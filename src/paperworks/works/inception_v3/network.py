"""The network of table 1 as published weights have it. State keys are timm's."""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from paperworks.blocks.classifier import Classifier
from paperworks.blocks.features import FeatureInfo, FeatureMap
from paperworks.model import model
from paperworks.works.inception_v3.mixed import BLOCKS, BasicConv2d, Images, Mixed


class AuxiliaryHead(nn.Module):
    """Scores from maps of 17 pixels, to be learned besides the others: section 4."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.pool = nn.AvgPool2d(5, 3)
        self.conv0 = BasicConv2d(channels, 128)
        self.conv1 = BasicConv2d(128, 768, 5)
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.fc = nn.Linear(768, num_classes)

    def forward(self, x: Images) -> Float[Tensor, "batch classes"]:
        return self.fc(self.global_pool(self.conv1(self.conv0(self.pool(x)))))


class InceptionV3(Classifier):
    """Six convolutions, eleven mixed blocks, mean pooling, a linear head.

    With `aux_logits` a training network returns the scores of both heads, the auxiliary one's last;
    it needs images of about 299 pixels. `small_input` keeps the size until the first reduction.
    `num_classes=0` leaves out the head; `features_only` returns the last maps of every stride.
    """

    head_name = "fc"

    def __init__(
        self,
        *,
        num_classes: int = 1000,
        in_chans: int = 3,
        small_input: bool = False,
        features_only: bool = False,
        aux_logits: bool = False,
    ) -> None:
        super().__init__()
        self.features_only = features_only
        step, around = (1, 1) if small_input else (2, 0)
        self.Conv2d_1a_3x3 = BasicConv2d(in_chans, 32, 3, step, around)
        self.Conv2d_2a_3x3 = BasicConv2d(32, 32, 3, padding=around)
        self.Conv2d_2b_3x3 = BasicConv2d(32, 64, 3, padding=1)
        self.Pool1 = nn.Identity() if small_input else nn.MaxPool2d(3, 2)
        self.Conv2d_3b_1x1 = BasicConv2d(64, 80)
        self.Conv2d_4a_3x3 = BasicConv2d(80, 192, 3, padding=around)
        self.Pool2 = nn.Identity() if small_input else nn.MaxPool2d(3, 2)
        channels, self.names = 192, [name for name, _ in self.named_children()]
        ends = {"Conv2d_2b_3x3": (64, step), "Conv2d_4a_3x3": (192, step**2)}
        for name, table in BLOCKS.items():
            made = Mixed(channels, table)
            self.add_module(name, made)
            channels = made.out
            self.names.append(name)
            stride = step**3 * 2 ** (int(name[6]) - 5)
            ends |= {name: (channels, stride)} if name[6:] in ("5d", "6e", "7c") else {}
        self.AuxLogits = AuxiliaryHead(768, num_classes) if aux_logits else None
        self.feature_info = FeatureInfo(FeatureMap(*end, name) for name, end in ends.items())
        self.end(channels, 0 if features_only else num_classes)

    def _maps(self, x: Images) -> dict[str, Tensor]:
        found: dict[str, Tensor] = {}
        for name in self.names:
            x = found[name] = self.get_submodule(name)(x)
        return found

    def feature_maps(self, x: Images) -> list[Tensor]:
        """The last maps of every stride, in order."""
        maps = self._maps(x)
        return [maps[name] for name in self.feature_info.module_name()]

    def forward(  # type: ignore[override]  # two scores where there are auxiliary ones
        self, x: Images
    ) -> Float[Tensor, "batch out"] | tuple[Tensor, Tensor] | list[Tensor]:
        maps = self._maps(x)
        if self.features_only:
            return [maps[name] for name in self.feature_info.module_name()]
        scores = self.forward_head(maps["Mixed_7c"])
        if self.AuxLogits is not None and self.training:
            return scores, self.AuxLogits(maps["Mixed_6e"])
        return scores


@model(
    parameters=None,
    macs=5e9,
    source="abstract; less than 25 million parameters",
    differs="5.71e9, as torchvision and timm have it, with 23.8 million parameters",
    example=lambda: torch.randn(1, 3, 299, 299),
    quick=lambda: torch.randn(2, 3, 171, 171),
    image=True,
)
def inception_v3(**options: Any) -> InceptionV3:
    """The published network; `aux_logits=True` adds the head that only training has."""
    return InceptionV3(**options)
