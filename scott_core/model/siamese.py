"""The encoders: two pictures in, two feature maps out (paper, section 4, figure 4).

Every encoder has the same two steps, and the boundary between them is where a cartesian product saves its work:

    encode(images, role)   one picture alone: N + M times for N x M pairs -> its CachedFeatures
    encode_pair(a, b)         the States of aligned pairs -> F_a, F_b [B, d, h, w]

`role` is "a" (catalogue) or "b" (document). `d` is the feature width and `stride` the pixels of a cell's side. All
that is linear in one picture is on the first side of the boundary, whatever the equation's order of writing.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.model.cross_attention import CrossAttention
from scott_core.model.efficientnet_lite import MEAN, STD, EfficientNetLite0
from scott_core.model.encoder import CachedFeatures, Encoder, Role


class SiameseLite(Encoder):
    """A twin encoder over a pretrained EfficientNet-Lite0: one picture at a time, the same weights for both roles.

    The trunk's maps at 1/16 and 1/32 (with `fine`, at 1/8 too: texture and print, starting from zero) are projected to
    d, added at 1/16 and refined by two residual convolutions: [B, d, H/16, W/16]. Half the paper's stride, because a
    small object in a 256 px picture is a few cells at 1/32.
    """

    is_siamese = True

    def __init__(self, *, d: int = 128, fine: bool = False, cross_attention: CrossAttention | None = None):
        super().__init__(d=d, stride=16, mean=(MEAN,) * 3, std=(STD,) * 3)
        self.trunk = EfficientNetLite0()
        at_8, at_16, at_32 = self.trunk.channels
        self.from_8 = nn.Conv2d(at_8, d, 3, stride=2, padding=1) if fine else None
        self.from_16 = nn.Conv2d(at_16, d, 1)
        self.from_32 = nn.Conv2d(at_32, d, 1)
        if self.from_8 is not None:
            nn.init.zeros_(self.from_8.weight)
            nn.init.zeros_(self.from_8.bias)  # type: ignore[arg-type]
        self.refine = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(d, d, 3, padding=1), nn.ReLU(), nn.Conv2d(d, d, 3, padding=1))
            for _ in range(2)
        )
        self.exchanger = cross_attention  # the name in weights' files
        self.co_dependent = cross_attention is not None

    def encode(self, images: Tensor, role: Role) -> CachedFeatures:
        at_8, at_16, at_32 = self.trunk(self.normalise(images))
        up = F.interpolate(self.from_32(at_32), size=at_16.shape[2:], mode="bilinear", align_corners=False)
        x: Tensor = self.from_16(at_16) + up
        if self.from_8 is not None:
            x = x + self.from_8(at_8)
        for block in self.refine:
            x = x + block(x)
        return (x,) if self.exchanger is None else self.exchanger.prepare(x)

    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        if self.exchanger is None:
            return a[0], b[0]
        pair: tuple[Tensor, Tensor] = self.exchanger(a, b)
        return pair


class SiameseResNet50(Encoder):
    """The paper's other backbone (table 2): a twin ResNet50, its last map projected to d. Weights are the user's."""

    is_siamese = True
    co_dependent = False

    def __init__(self, *, d: int = 512):
        super().__init__(d=d, stride=32, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
        from torchvision.models import resnet50  # half a second, which other encoders need not pay

        trunk = resnet50(weights=None)
        self.trunk = nn.Sequential(*list(trunk.children())[:-2])
        self.project = nn.Conv2d(2048, d, 1)

    def encode(self, images: Tensor, role: Role) -> CachedFeatures:
        return (self.project(self.trunk(self.normalise(images))),)

    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        return a[0], b[0]
