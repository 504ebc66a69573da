"""The matching heads that compare pooled descriptors (paper, table 2), and the sum of several heads.

Every matching head takes F_a, F_b [B, d, h, w] and boolean regions [B, h, w], and returns match logits [B].
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.model.matcher import EMPTY_LOGIT


class _Embedding(nn.Module):
    """Two pooled descriptors -> one logit, the same in either order of the two."""

    def __init__(self, d: int, *, width: int = 256):
        super().__init__()
        self.project = nn.Linear(2 * d, width)
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(inplace=True), nn.Linear(width, 1))

    def compare(self, pooled_a: Tensor, pooled_b: Tensor) -> Tensor:
        """Descriptors [B, 2d] -> logits [B], of the product and the absolute difference of the projections."""
        a, b = (F.normalize(self.project(x), dim=1) * x.shape[1] ** 0.5 for x in (pooled_a, pooled_b))
        logits: Tensor = self.head(torch.cat([a * b, (a - b).abs()], 1))[:, 0]
        return logits


class ImageEmbedding(_Embedding):
    """Table 2, "image embd.": the whole of F_a and F_b, mean and maximum pooled."""

    def forward(self, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> Tensor:
        everything = torch.ones_like(region_a)
        return self.compare(_pool(f_a, everything), _pool(f_b, everything))


class RegionEmbedding(_Embedding):
    """Table 2, "co-salient reg. embd.": R_a and R_b, mean and maximum pooled; EMPTY_LOGIT where one is empty."""

    def forward(self, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> Tensor:
        logits = self.compare(_pool(f_a, region_a), _pool(f_b, region_b))
        both = region_a.flatten(1).any(1) & region_b.flatten(1).any(1)
        return torch.where(both, logits, EMPTY_LOGIT)


class HeadSum(nn.Module):
    """The sum of the logits of several matching heads, such as MATCHER's and RegionEmbedding's."""

    def __init__(self, heads: list[nn.Module]):
        super().__init__()
        self.merges = nn.ModuleList(heads)  # the name in weights' files

    def forward(self, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> Tensor:
        logits = torch.stack([head(f_a, region_a, f_b, region_b) for head in self.merges])
        return logits.sum(0)


def _pool(features: Tensor, region: Tensor) -> Tensor:
    """[B, d, h, w], bool [B, h, w] -> mean and maximum over the region, [B, 2d]; zeros where it is empty."""
    rows, inside = features.flatten(2).transpose(1, 2), region.flatten(1)
    mean = (inside[:, None].to(rows.dtype) @ rows)[:, 0] / inside.sum(1, keepdim=True).clamp(min=1)
    outside = torch.zeros_like(inside, dtype=rows.dtype).masked_fill(~inside, -torch.inf)
    peak = (rows + outside[..., None]).amax(1)  # `masked_fill` of the rows would take four times as long
    return torch.cat([mean, peak.masked_fill(~inside.any(1, keepdim=True), 0.0)], 1)
