"""A classifier of images in the parts that users of timm know: features, pooling, a linear head."""

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

Images = Float[Tensor, "batch channels height width"]
Maps = Float[Tensor, "batch maps rows columns"]
Features = Float[Tensor, "batch features"]


class Classifier(nn.Module):
    """Scores of classes from the last of its maps, or all maps where it gives `features_only`.

    A network sets `features_only`, defines `feature_maps`, and calls `end` where its layers end.
    """

    head_name: ClassVar[str] = "classifier"  # of the head in state keys
    features_only: bool
    num_features: int

    def end(self, num_features: int, num_classes: int) -> None:
        """Pooling, and a head for that many features; no head for 0 classes."""
        self.num_features = num_features
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.reset_classifier(num_classes)

    def feature_maps(self, x: Images) -> list[Tensor]:
        """The maps that `feature_info` tells of, in its order."""
        raise NotImplementedError

    def forward_features(self, x: Images) -> Maps:
        """The last maps, before pooling."""
        return self.feature_maps(x)[-1]

    def pooled(self, x: Maps) -> Features:
        """What the head reads of the last maps: their means."""
        return self.global_pool(x)

    def forward_head(self, x: Maps, pre_logits: bool = False) -> Float[Tensor, "batch out"]:
        """Scores from the last maps, or with `pre_logits` what the head reads of them."""
        read = self.pooled(x)
        return read if pre_logits else self.get_classifier()(read)

    def forward(self, x: Images) -> Float[Tensor, "batch out"] | list[Tensor]:
        if self.features_only:
            return self.feature_maps(x)
        return self.forward_head(self.forward_features(x))

    def get_classifier(self) -> nn.Module:
        """The head."""
        return getattr(self, self.head_name)

    def reset_classifier(self, num_classes: int) -> None:
        """A new head for so many classes; none for 0."""
        made = nn.Linear(self.num_features, num_classes) if num_classes else nn.Identity()
        setattr(self, self.head_name, made)
