"""SegmentationHead sigma (paper, section 4.1): which cells show the object both pictures share.

Inspired, as the paper says, by the mask head of Mask R-CNN: convolutions, then one logit a cell. It works on the
concatenation of both feature maps, the head's own picture first.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class SegmentationHead(nn.Module):
    """[F_own, F_other] -> mask logits [B, 1, h, w]."""

    def __init__(self, d: int, *, width: int | None = None):
        super().__init__()
        width = width or d
        self.layers = nn.Sequential(
            nn.Conv2d(2 * d, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 1, 1),
        )

    def own_half(self, own: Tensor) -> Tensor:
        """The first convolution's share of the head's own picture, [B, d, h, w] -> [B, width, h, w]; with the bias."""
        first = self.layers[0]
        return F.conv2d(own, first.weight[:, : own.shape[1]], first.bias, padding=1)

    def other_half(self, other: Tensor) -> Tensor:
        """The same of the other picture: a convolution of [F_own, F_other] is the sum of both."""
        return F.conv2d(other, self.layers[0].weight[:, other.shape[1] :], padding=1)

    def forward(self, own_half: Tensor, other_half: Tensor) -> Tensor:
        """Both halves, of aligned pairs -> [B, 1, h, w] logits."""
        logits: Tensor = self.layers[1:](own_half + other_half)
        return logits
