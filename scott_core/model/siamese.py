"""Siamese encoders: one backbone with the same weights for both roles (paper, table 2, "ResNet50").

A backbone that sees one image at a time is not co-dependent; with cross-attention over its feature maps, SiameseLite
is. Its weights start from ImageNet. The names `twin_lite0` and `exchange` in cards mean SiameseLite and its attention.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.model.colour import BINS, cell_colours
from scott_core.model.cross_attention import CrossAttention
from scott_core.model.efficientnet_lite import MEAN, STD, EfficientNetLite0
from scott_core.model.encoder import CachedFeatures, Encoder, Role


class SiameseLite(Encoder):
    """EfficientNet-Lite0, its maps fused at 1/16, and optionally cross-attention: [B, d, H/16, W/16].

    The backbone's maps at 1/16 and 1/32 are projected to d channels, added, and refined by two residual blocks. `fine`
    adds the map at 1/8, which holds texture and print, and `colour` the histograms of the cells' colours
    (`scott_core.model.colour`), each by weights that start at zero. The stride is half the paper's,
    because a small object in an image of 256 px is only a few cells at 1/32.
    """

    is_siamese = True

    def __init__(
        self,
        *,
        d: int = 128,
        fine: bool = False,
        colour: bool = False,
        cross_attention: CrossAttention | None = None,
    ):
        super().__init__(d=d, stride=16, mean=(MEAN,) * 3, std=(STD,) * 3)
        self.trunk = EfficientNetLite0()  # the backbone; the name in weights' files
        at_8, at_16, at_32 = self.trunk.channels
        self.from_8 = nn.Conv2d(at_8, d, 3, stride=2, padding=1) if fine else None
        self.from_colour = nn.Conv2d(BINS, d, 1, bias=False) if colour else None
        self.from_16 = nn.Conv2d(at_16, d, 1)
        self.from_32 = nn.Conv2d(at_32, d, 1)
        if self.from_8 is not None:
            nn.init.zeros_(self.from_8.weight)
            nn.init.zeros_(self.from_8.bias)  # type: ignore[arg-type]
        if self.from_colour is not None:
            nn.init.zeros_(self.from_colour.weight)
        self.refine = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(d, d, 3, padding=1), nn.ReLU(), nn.Conv2d(d, d, 3, padding=1))
            for _ in range(2)
        )
        self.exchanger = cross_attention  # also a name in weights' files
        self.co_dependent = cross_attention is not None

    def encode(self, images: Tensor, role: Role) -> CachedFeatures:
        at_8, at_16, at_32 = self.trunk(self.normalise(images))
        up = F.interpolate(self.from_32(at_32), size=at_16.shape[2:], mode="bilinear", align_corners=False)
        x: Tensor = self.from_16(at_16) + up
        if self.from_8 is not None:
            x = x + self.from_8(at_8)
        for block in self.refine:
            x = x + block(x)
        if self.from_colour is not None:
            x = x + self.from_colour(cell_colours(images, self.stride).to(x.dtype))
        return (x,) if self.exchanger is None else self.exchanger.prepare(x)

    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        if self.exchanger is None:
            return a[0], b[0]
        pair: tuple[Tensor, Tensor] = self.exchanger(a, b)
        return pair


class SiameseResNet50(Encoder):
    """The paper's other encoder (table 2): ResNet50, its last map projected to d channels, [B, d, H/32, W/32].

    We ship no weights of it.
    """

    is_siamese = True
    co_dependent = False

    def __init__(self, *, d: int = 512):
        super().__init__(d=d, stride=32, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
        from torchvision.models import resnet50  # an import of half a second that other encoders do not need

        self.trunk = nn.Sequential(*list(resnet50(weights=None).children())[:-2])  # without pooling and classifier
        self.project = nn.Conv2d(2048, d, 1)

    def encode(self, images: Tensor, role: Role) -> CachedFeatures:
        return (self.project(self.trunk(self.normalise(images))),)

    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        return a[0], b[0]
