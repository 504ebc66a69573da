"""SegmentationHead sigma (paper, section 4.1): which cells show the object both pictures share.

Inspired, as the paper says, by the mask head of Mask R-CNN: convolutions, then one logit a cell. It works on the
concatenation of both feature maps, the head's own picture first.
"""

from __future__ import annotations

from torch import Tensor, nn

from scott_core.model.split_convolution import other_part, own_part


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

    def own_part(self, own: Tensor) -> Tensor:
        """The first convolution's share of the head's own picture, [B, d, h, w] -> [B, width, h, w]."""
        return own_part(self.layers[0], own)

    def other_part(self, other: Tensor) -> Tensor:
        """Its share of the other picture, the same shapes."""
        return other_part(self.layers[0], other)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Both shares, of aligned pairs -> [B, 1, h, w] logits."""
        logits: Tensor = self.layers[2:]((own + other).relu_())
        return logits
