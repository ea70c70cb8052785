"""The blocks of figures 3 and 4, and the network of table 2. State keys are timm's."""

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from paperworks.blocks.classifier import Classifier, Images as Images, Maps
from paperworks.blocks.features import FeatureInfo, FeatureMap


class Stage(NamedTuple):
    """A row of table 2: `repeats` blocks of `channels` maps, the first with the stride."""

    expand: int
    channels: int
    repeats: int
    stride: int


TABLE_2 = (
    Stage(1, 16, 1, 1),
    Stage(6, 24, 2, 2),
    Stage(6, 32, 3, 2),
    Stage(6, 64, 4, 2),
    Stage(6, 96, 3, 1),
    Stage(6, 160, 3, 2),
    Stage(6, 320, 1, 1),
)


def eights(channels: float | int) -> int:
    """The next multiple of 8, and the one above it where that would lose more than a tenth."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near if near >= 0.9 * channels else near + 8


def depthwise(channels: int, stride: int, rate: int) -> nn.Conv2d:
    """A 3x3 convolution of every channel for itself."""
    return nn.Conv2d(
        channels, channels, 3, stride, rate, dilation=rate, groups=channels, bias=False
    )


class Thin(nn.Module):
    """A branch from few channels to few, added to its input where the shapes agree."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.skips = stride == 1 and channels == out

    def branch(self, x: Images) -> Maps:
        """What is added."""
        raise NotImplementedError

    def forward(self, x: Images) -> Maps:
        return x + self.branch(x) if self.skips else self.branch(x)


class DepthwiseSeparable(Thin):
    """The first block, which expands nothing: a depthwise convolution, a linear 1x1 one."""

    def __init__(self, channels: int, out: int, stride: int = 1, *, rate: int = 1) -> None:
        super().__init__(channels, out, stride)
        self.conv_dw = depthwise(channels, stride, rate)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU6()
        self.conv_pw = nn.Conv2d(channels, out, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(out)

    def branch(self, x: Images) -> Maps:
        return self.bn2(self.conv_pw(self.act1(self.bn1(self.conv_dw(x)))))


class InvertedResidual(Thin):
    """Table 1: 1x1 up to `expand` times the channels, 3x3 depthwise, 1x1 down, which is linear."""

    def __init__(
        self, channels: int, out: int, stride: int = 1, *, expand: int = 6, rate: int = 1
    ) -> None:
        super().__init__(channels, out, stride)
        wide = channels * expand
        self.conv_pw = nn.Conv2d(channels, wide, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(wide)
        self.act1 = nn.ReLU6()
        self.conv_dw = depthwise(wide, stride, rate)
        self.bn2 = nn.BatchNorm2d(wide)
        self.act2 = nn.ReLU6()
        self.conv_pwl = nn.Conv2d(wide, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)

    def branch(self, x: Images) -> Maps:
        x = self.act2(self.bn2(self.conv_dw(self.act1(self.bn1(self.conv_pw(x))))))
        return self.bn3(self.conv_pwl(x))


class MobileNetV2(Classifier):
    """A stem, stages of blocks, a 1x1 convolution to `head` maps, mean pooling, a linear head.

    `width` multiplies all channels, those of the head if it is above 1 only (section 4). From
    `output_stride` on, strides become distances within the depthwise convolutions. `small_input`
    leaves out the stem's stride. `num_classes=0` leaves out the classifier; `features_only` returns
    the last maps of every stride, and has no head.
    """

    def __init__(
        self,
        width: float | int = 1.0,
        *,
        num_classes: int = 1000,
        in_chans: int = 3,
        small_input: bool = False,
        features_only: bool = False,
        output_stride: int = 32,
        stages: Sequence[Stage] = TABLE_2,
        stem: int = 32,
        head: int = 1280,
        block: type[InvertedResidual] = InvertedResidual,
    ) -> None:
        super().__init__()
        self.features_only, channels = features_only, eights(stem * width)
        stride, rate = 1 if small_input else 2, 1
        self.conv_stem = nn.Conv2d(in_chans, channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU6()
        self.blocks, maps, whole = nn.Sequential(), dict[int, FeatureMap](), stride
        for i, (expand, out, repeats, step) in enumerate(stages):
            out, before, made = eights(out * width), rate, nn.Sequential()
            whole *= step
            if stride * step > output_stride:
                step, rate = 1, rate * step
            for j in range(repeats):
                kept, now = step if j == 0 else 1, before if j == 0 else rate
                wider = block(channels, out, kept, expand=expand, rate=now) if expand > 1 else None
                made.append(wider or DepthwiseSeparable(channels, out, kept, rate=now))
                channels = out
            stride *= step
            maps[whole] = FeatureMap(channels, stride, f"blocks.{i}")
            self.blocks.append(made)
        self.feature_info = FeatureInfo(maps.values())
        if not features_only:
            maps_of_head = max(head, eights(head * width))
            self.conv_head = nn.Conv2d(channels, maps_of_head, 1, bias=False)
            self.bn2 = nn.BatchNorm2d(maps_of_head)
            self.act2 = nn.ReLU6()
            self.end(maps_of_head, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def feature_maps(self, x: Images) -> list[Tensor]:
        """The last maps of every stride, in order."""
        wanted, maps = self.feature_info.module_name(), []
        x = self.act1(self.bn1(self.conv_stem(x)))
        for i, stage in enumerate(self.blocks):
            x = stage(x)
            if f"blocks.{i}" in wanted:
                maps.append(x)
        return maps

    def forward_features(self, x: Images) -> Maps:
        """The head's maps, before pooling."""
        return self.act2(self.bn2(self.conv_head(self.feature_maps(x)[-1])))
