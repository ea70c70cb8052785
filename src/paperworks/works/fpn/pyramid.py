"""The pyramid of section 3, the heads that slide over it, and which level a region belongs to."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import interpolate

Map = Float[Tensor, "batch channels height width"]
Flow = Literal["down", "turned", "none"]


class FeaturePyramid(nn.Module):
    """1x1 laterals from every map, added from the top down, then a 3x3 convolution on each.

    Takes C2 to C5, finest first; gives as many maps of `width` channels, and one more, every
    second pixel of the last, with `extra`. Figure 3. State keys are torchvision's
    FeaturePyramidNetwork's. `flow="none"` leaves out the additions, table 1 (d); "turned" adds
    upside down.
    """

    def __init__(
        self,
        channels: Sequence[int],
        width: int = 256,
        *,
        extra: bool = False,
        flow: Flow = "down",
    ) -> None:
        super().__init__()
        self.inner_blocks = nn.ModuleList(nn.Sequential(nn.Conv2d(c, width, 1)) for c in channels)
        self.layer_blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, width, 3, padding=1)) for _ in channels
        )
        self.extra, self.flow = extra, flow
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.kaiming_uniform_(module.weight, a=1)
                nn.init.zeros_(module.bias)

    def forward(self, maps: Sequence[Tensor]) -> list[Tensor]:
        merged = [lateral(x) for lateral, x in zip(self.inner_blocks, maps, strict=True)]
        if self.flow != "none":
            for i in range(len(merged) - 2, -1, -1):
                above = interpolate(merged[i + 1], size=merged[i].shape[-2:], mode="nearest")
                merged[i] = merged[i] + (above.flip(2, 3) if self.flow == "turned" else above)
        out = [smooth(x) for smooth, x in zip(self.layer_blocks, merged, strict=True)]
        return [*out, out[-1][:, :, ::2, ::2]] if self.extra else out


class RegionHead(nn.Module):
    """The same 3x3 convolution and two 1x1 on every level: section 4.1.

    Gives each anchor's scores [batch, anchors, classes] and box [batch, anchors, 4], in the
    order of `paperworks.lab.detection.anchors`, levels one after another.
    """

    def __init__(self, width: int, anchors: int, classes: int = 1) -> None:
        super().__init__()
        self.conv = nn.Sequential(nn.Sequential(nn.Conv2d(width, width, 3, padding=1), nn.ReLU()))
        self.cls_logits = nn.Conv2d(width, anchors * classes, 1)
        self.bbox_pred = nn.Conv2d(width, anchors * 4, 1)
        self.classes = classes
        for module in self.modules():
            if isinstance(module, nn.Conv2d) and module.bias is not None:
                nn.init.normal_(module.weight, std=0.01)
                nn.init.zeros_(module.bias)

    def level(self, x: Map) -> tuple[Tensor, Tensor]:
        """Scores [batch, anchors * classes, height, width] and boxes of one map."""
        x = self.conv(x)
        return self.cls_logits(x), self.bbox_pred(x)

    def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        both = [self.level(x) for x in maps]
        scores, boxes = zip(*both, strict=True)
        return flat(scores, self.classes), flat(boxes, 4)


def flat(maps: Sequence[Tensor], numbers: int) -> Float[Tensor, "batch anchors numbers"]:
    """Maps [batch, anchors * numbers, height, width] as one list of anchors, row by row."""
    rows = [x.permute(0, 2, 3, 1).reshape(len(x), -1, numbers) for x in maps]
    return torch.cat(rows, dim=1)


def level_of(
    boxes: Float[Tensor, "*boxes 4"], levels: int, *, first: int = 2, whole: float = 224.0
) -> Int[Tensor, "*boxes"]:
    """Which of `levels` maps a region is pooled from, 0 for P2: equation 1.

    k = floor(4 + log2(sqrt(w h) / 224)), held between the first level and the last.
    """
    size = (boxes[..., 2:] - boxes[..., :2]).clamp_min(0).prod(-1).sqrt()
    k = torch.floor(4 + torch.log2(size / whole + 1e-8) + 1e-6)
    return k.clamp(first, first + levels - 1).long() - first


def pool_regions(
    maps: Sequence[Tensor],
    boxes: Float[Tensor, "batch regions 4"],
    strides: Sequence[int],
    *,
    size: int = 7,
    samples: int = 2,
) -> Float[Tensor, "batch regions channels size size"]:
    """Means of samples x samples bilinear samples in size x size bins of each region's own level.

    torchvision's MultiScaleRoIAlign(sampling_ratio=2); the paper pools maxima of whole cells.
    All levels lie in one buffer, so that regions of any mixture take one pass.
    """
    level = level_of(boxes, len(maps))
    heights, widths = ([x.shape[axis] for x in maps] for axis in (2, 3))
    starts = [0]
    for h, w in zip(heights, widths, strict=True):
        starts.append(starts[-1] + h * w)
    height, width, start = (boxes.new_tensor(v)[level] for v in (heights, widths, starts[:-1]))
    buffer = torch.cat([x.flatten(2) for x in maps], dim=2)  # [batch, channels, cells]
    scaled = boxes / boxes.new_tensor([float(s) for s in strides])[level][..., None]
    steps = (torch.arange(size * samples, device=boxes.device) + 0.5) / (size * samples)
    extent = (scaled[..., 2:] - scaled[..., :2]).clamp_min(1.0)
    x, y = (scaled[..., i, None] + extent[..., i, None] * steps for i in (0, 1))
    x0, x1, fx = _corners(x, width[..., None])
    y0, y1, fy = _corners(y, height[..., None])
    y0, y1 = (start[..., None] + y * width[..., None] for y in (y0, y1))  # rows of the buffer
    fx, fy = fx[:, None, :, None, :], fy[:, None, :, :, None]
    top = _read(buffer, y0, x0) * (1 - fx) + _read(buffer, y0, x1) * fx
    low = _read(buffer, y1, x0) * (1 - fx) + _read(buffer, y1, x1) * fx
    seen = (top * (1 - fy) + low * fy).unflatten(4, (size, samples)).unflatten(3, (size, samples))
    return seen.mean((4, 6)).transpose(1, 2)


def _read(buffer: Tensor, row: Tensor, column: Tensor) -> Tensor:
    """Cells [batch, channels, regions, rows, columns] of a buffer [batch, channels, cells]."""
    where = (row[..., :, None] + column[..., None, :]).long()
    picked = buffer.gather(2, where.flatten(1)[:, None].expand(-1, buffer.shape[1], -1))
    return picked.unflatten(2, where.shape[1:])


def _corners(at: Tensor, length: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The cells below and above, and the share of the upper. Outside by at most one: the edge."""
    at = at.clamp_min(0)
    low = torch.minimum(at.floor(), length - 1)
    high = torch.minimum(low + 1, length - 1)
    return low, high, torch.where(low >= length - 1, 0.0, at - low)
