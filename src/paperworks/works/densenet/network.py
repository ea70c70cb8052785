"""Layers that read all layers before them, and the network of section 3. State keys are timm's."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from paperworks.blocks.classifier import Classifier, Images, Maps
from paperworks.blocks.features import FeatureInfo, FeatureMap


class DenseLayer(nn.Sequential):
    """Norm, ReLU, 3x3 convolution: `growth` new maps from all earlier ones, equation 2.

    A `bottleneck` comes first, a 1x1 convolution to `4 * growth` maps: the "B" of DenseNet-BC.
    """

    def __init__(self, channels: int, growth: int, *, bottleneck: bool = True) -> None:
        super().__init__()
        sizes = [channels, 4 * growth, growth] if bottleneck else [channels, growth]
        for i, (inner, out) in enumerate(zip(sizes, sizes[1:], strict=False), 1):
            kernel = 3 if out == growth else 1
            self.add_module(f"norm{i}", nn.BatchNorm2d(inner))
            self.add_module(f"relu{i}", nn.ReLU())
            conv = nn.Conv2d(inner, out, kernel, padding=kernel // 2, bias=False)
            self.add_module(f"conv{i}", conv)


class DenseBlock(nn.Module):
    """Layers of one size, each with an edge to all after it: n layers make n (n + 1) / 2 edges.

    Gives its input and the new maps of every layer.
    """

    def __init__(self, layers: int, channels: int, growth: int, *, bottleneck: bool = True) -> None:
        super().__init__()
        for i in range(layers):
            layer = DenseLayer(channels + i * growth, growth, bottleneck=bottleneck)
            self.add_module(f"denselayer{i + 1}", layer)

    def read(self, maps: list[Tensor]) -> Tensor:
        """What the next layer sees of all maps so far, the oldest first: all of them."""
        return torch.cat(maps, dim=1)

    def forward(self, x: Images) -> Maps:
        maps = [x]
        for layer in self.children():
            maps.append(layer(self.read(maps)))
        return torch.cat(maps, dim=1)


class Transition(nn.Sequential):
    """Norm, ReLU, 1x1 convolution and the mean of 2x2 pixels, between blocks."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU()
        self.conv = nn.Conv2d(channels, out, 1, bias=False)
        self.pool = nn.AvgPool2d(2)


class DenseNet(Classifier):
    """A stem, dense blocks of `layers[i]` layers with transitions between them, a linear head.

    `growth` is the paper's k. A transition leaves the share `compression` of the maps, the paper's
    theta; `bottleneck` is its B. `stem` is the width of the first convolution, twice the growth if
    it is None. `small_input` is the stem for images of about 32 pixels: a 3x3 convolution alone.
    `num_classes=0` leaves out the head; `features_only` returns the maps of stem and blocks.
    """

    def __init__(
        self,
        layers: Sequence[int],
        *,
        growth: int = 32,
        compression: float = 0.5,
        bottleneck: bool = True,
        stem: int | None = None,
        num_classes: int = 1000,
        in_chans: int = 3,
        small_input: bool = False,
        features_only: bool = False,
        block: type[DenseBlock] = DenseBlock,
    ) -> None:
        super().__init__()
        self.features_only, channels = features_only, stem or 2 * growth
        self.features = nn.Sequential()
        if small_input:
            self.features.conv0 = nn.Conv2d(in_chans, channels, 3, padding=1, bias=False)
            maps = [FeatureMap(channels, 1, "features.conv0")]
        else:
            self.features.conv0 = nn.Conv2d(in_chans, channels, 7, 2, padding=3, bias=False)
            self.features.norm0 = nn.BatchNorm2d(channels)
            self.features.relu0 = nn.ReLU()
            self.features.pool0 = nn.MaxPool2d(3, 2, padding=1)
            maps = [FeatureMap(channels, 2, "features.relu0")]
        stride = 1 if small_input else 4
        for i, depth in enumerate(layers, 1):
            made = block(depth, channels, growth, bottleneck=bottleneck)
            self.features.add_module(f"denseblock{i}", made)
            channels += depth * growth
            last = i == len(layers)
            maps.append(FeatureMap(channels, stride, f"features.denseblock{i}"))
            if not last:
                out = int(channels * compression)
                self.features.add_module(f"transition{i}", Transition(channels, out))
                channels, stride = out, 2 * stride
        self.features.norm5 = nn.BatchNorm2d(channels)
        maps[-1] = FeatureMap(channels, stride, "features.norm5")
        self.relu5 = nn.ReLU()
        self.feature_info = FeatureInfo(maps)
        self.end(channels, 0 if features_only else num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):  # section 4.2, after arXiv:1502.01852
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def feature_maps(self, x: Images) -> list[Tensor]:
        """The maps of stem and blocks, in order, the last one after its norm and ReLU."""
        wanted, maps = self.feature_info.module_name(), []
        for name, module in self.features.named_children():
            x = module(x)
            if f"features.{name}" in wanted:
                maps.append(x)
        return [*maps[:-1], self.relu5(x)]
