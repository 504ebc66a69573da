"""The colours of an image's cells, which a backbone that learned kinds of things gives away.

A cell's histogram is over luma and two chroma axes, with bins that overlap: a value between two centres counts for both
in proportion (as in Swain and Ballard 1991, with soft bins). Chroma is companded, since most of it is near grey. The
square root makes the product of two histograms their Bhattacharyya coefficient.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LUMA_BINS = 5
CHROMA_BINS = 7  # of each axis; odd, so that grey has one of its own
BINS = LUMA_BINS * CHROMA_BINS**2
# Y, Cb and Cr of R, G, B in 0..1 (ITU-R BT.601); chroma is in -0.5..0.5
_YCBCR = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
_AVERAGED = 2  # px, side of the squares whose mean colour is counted


def cell_colours(images: Tensor, cell: int) -> Tensor:
    """Images [B, 3, H, W] in 0..255 -> square roots of the colour histograms of their cells, [B, BINS, H/c, W/c].

    `cell` (c) is a multiple of 2 px that divides both sides. A histogram's sum is 1. float32.
    """
    pixels = F.avg_pool2d(images.float(), _AVERAGED) * (1 / 255)
    b, _, h, w = pixels.shape
    side = cell // _AVERAGED
    matrix = torch.tensor(_YCBCR, device=images.device)
    rows = pixels.permute(0, 2, 3, 1) @ matrix.T  # [B, h, w, 3]
    cells = rows.view(b, h // side, side, w // side, side, 3).transpose(2, 3).reshape(-1, side * side, 3)
    luma = _soft_bins(cells[..., 0], 0.0, 1.0, LUMA_BINS)  # [cells, pixels, bins]
    chroma = cells[..., 1:].sign() * (2 * cells[..., 1:].abs()).sqrt()
    blue, red = (_soft_bins(chroma[..., i], -1.0, 1.0, CHROMA_BINS) for i in range(2))
    both = (blue[..., :, None] * red[..., None, :]).flatten(2)
    joint = luma.transpose(1, 2) @ both * (1 / side**2)  # [cells, luma bins, chroma bins]
    histogram = joint.view(b, h // side, w // side, BINS).permute(0, 3, 1, 2)
    return histogram.clamp(min=1e-8).sqrt()


def _soft_bins(values: Tensor, low: float, high: float, bins: int) -> Tensor:
    """Values [...] -> their shares [..., bins] of bins with centres from `low` to `high`; the shares' sum is 1."""
    centres = torch.linspace(low, high, bins, device=values.device)
    distance = (values.clamp(low, high)[..., None] - centres).abs() * ((bins - 1) / (high - low))
    return (1 - distance).clamp(min=0)
