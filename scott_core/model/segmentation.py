"""SegmentationHead sigma (paper, section 4.1): which cells show the object that both images share.

Its layers are, as in the mask head of Mask R-CNN that the paper names, convolutions and then one logit per cell. Its
input is the concatenation of both feature maps, the head's own image first.
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
        """The own part of the first convolution, with the bias, [B, d, h, w] -> [B, width, h, w]."""
        return own_part(self.layers[0], own)

    def other_part(self, other: Tensor) -> Tensor:
        """The other part of the first convolution, [B, d, h, w] -> [B, width, h, w]."""
        return other_part(self.layers[0], other)

    def forward(self, own: Tensor, other: Tensor) -> Tensor:
        """Both parts of aligned pairs -> logits [B, 1, h, w]."""
        logits: Tensor = self.layers[2:]((own + other).relu_())
        return logits
