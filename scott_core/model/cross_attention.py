"""Cross-attention, which makes a siamese encoder co-dependent.

It is not in the paper. CODER mixes both images' features in every block, so a pretrained backbone that sees one image
at a time cannot be a CODER; cross-attention over the final feature maps lets the cells of each image see the other's.
All that depends on one image alone is in `prepare`, which runs N + M times for N x M pairs.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.model.encoder import CachedFeatures

# Bytes of cosines, [B, heads, hw, hw], that are in memory at once: on a CPU what its caches hold (measured by
# `scott bench`), on a GPU a guess at what fills it.
COSINE_BYTES = {"cpu": 4 << 20, "cuda": 1 << 30}


class CrossAttention(nn.Module):
    """Scaled dot-product attention (Vaswani et al. 2017) of each image's cells to the other's; starts as the identity.

    F_a + W softmax(q(F_a) k(F_b)^T / sqrt(d)) v(F_b), and the same for b with the same weights; W = 0 at the start.
    """

    def __init__(self, d: int):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.query = nn.Linear(d, d, bias=False)
        self.key = nn.Linear(d, d, bias=False)
        self.value = nn.Linear(d, d, bias=False)
        self.out = nn.Linear(d, d)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def prepare(self, features: Tensor) -> CachedFeatures:
        """F [B, d, h, w] -> F, and the queries, keys and values of its cells, each [B, hw, d].

        Attention is linear in the values and its weights add up to one, so W is applied to the values here, and
        1 / sqrt(d) to the queries.
        """
        rows = self.norm(features.flatten(2).transpose(1, 2))
        queries = self.query(rows) * rows.shape[2] ** -0.5
        return features, queries, self.key(rows), self.out(self.value(rows))

    def forward(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        """Prepared a and b -> F_a, F_b, each [B, d, h, w]."""
        return _as_map(self._attend(a, b), a[0]), _as_map(self._attend(b, a), b[0])

    @staticmethod
    def _attend(own: CachedFeatures, other: CachedFeatures) -> Tensor:
        """F + softmax(q k^T) v, with q of the own image and k and v of the other, [B, hw, d]."""
        features, query, _, _, *_ = own
        _, _, key, value, *_ = other
        rows = features.flatten(2).transpose(1, 2)
        if query.device.type == "cpu" and query.dtype == torch.bfloat16:
            # torch's fused form takes twice as long there (docs/speed.md)
            return torch.baddbmm(rows, torch.softmax(query @ key.transpose(1, 2), 2), value)
        return rows + F.scaled_dot_product_attention(query, key, value, scale=1.0)


def _as_map(rows: Tensor, like: Tensor) -> Tensor:
    """[B, hw, d], the memory order of channels_last, viewed in the shape of `like`, [B, d, h, w]."""
    return rows.transpose(1, 2).view_as(like)


class CorrelationAttention(CrossAttention):
    """CrossAttention plus the evidence of how well each cell is found in the other image; starts as the identity.

    In each of `heads` learned subspaces, the evidence is the highest and the mean cosine of a cell with all cells of
    the other image, [B, 2 heads, h, w], projected to d channels and added to F; the projection starts at zero. It is
    the prior mask of few-shot segmentation (Tian et al. 2020) with learned features: an object that only one image
    shows has no counterpart in the other, however salient it is.
    """

    def __init__(self, d: int, *, heads: int = 4):
        super().__init__(d)
        self.heads = heads
        self.match = nn.Linear(d, d, bias=False)
        self.evidence = nn.Linear(2 * heads, d)
        nn.init.zeros_(self.evidence.weight)
        nn.init.zeros_(self.evidence.bias)

    def prepare(self, features: Tensor) -> CachedFeatures:
        """As CrossAttention.prepare, and the cells' unit vectors in each subspace, [B, heads, hw, d / heads], and their
        mean over the cells, [B, heads, d / heads].

        The bias of the evidence is added to the values, for the weights of attention add up to one.
        """
        rows = self.match(self.norm(features.flatten(2).transpose(1, 2)))  # [B, hw, d]
        unit = F.normalize(rows.unflatten(2, (self.heads, -1)).transpose(1, 2), dim=3)
        features, queries, keys, values = super().prepare(features)
        return features, queries, keys, values + self.evidence.bias, unit, unit.mean(2)

    def forward(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        """Prepared a and b -> F_a, F_b, each [B, d, h, w]."""
        (unit_a, mean_a), (unit_b, mean_b) = a[4:], b[4:]
        highest_a, highest_b = _highest_cosines(unit_a, unit_b)
        found_a, found_b = self._evidence(highest_a, unit_a, mean_b), self._evidence(highest_b, unit_b, mean_a)
        return _as_map(self._attend(a, b) + found_a, a[0]), _as_map(self._attend(b, a) + found_b, b[0])

    def _evidence(self, highest: Tensor, unit: Tensor, other_mean: Tensor) -> Tensor:
        """The projected evidence without its bias, [B, hw, d]; the mean cosine is the cosine with the mean."""
        mean = (unit @ other_mean[..., None])[..., 0]
        cosines = torch.cat([highest, mean], 1)  # [B, 2 heads, hw]
        return cosines.transpose(1, 2) @ self.evidence.weight.T


def _highest_cosines(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors [B, heads, hw, d] -> the highest cosine of each cell of a and of each of b, both [B, heads, hw]."""
    at_once = max(COSINE_BYTES[a.device.type] // (a.shape[1] * a.shape[2] * b.shape[2] * a.element_size()), 1)
    parts = zip(torch.split(a, at_once), torch.split(b, at_once), strict=True)
    cosines = (x @ y.transpose(2, 3) for x, y in parts)
    found = [(amax(cosine, 3), amax(cosine, 2)) for cosine in cosines]
    highest_a, highest_b = (torch.cat(each) for each in zip(*found, strict=True))
    return highest_a, highest_b


def amax(x: Tensor, dim: int) -> Tensor:
    """The maximum over `dim`, as torch.amax.

    With gradients it is torch.max, whose backward uses an index where that of amax compares all elements. bfloat16 on a
    CPU is compared by its bits as int16, in a quarter of the time: the order of the integers is that of the numbers
    where they are positive, and the opposite one where they are negative.
    """
    if torch.is_grad_enabled():
        return x.max(dim).values
    if x.device.type != "cpu" or x.dtype != torch.bfloat16:
        return x.amax(dim)
    bits = x.view(torch.int16)
    largest = bits.amax(dim)
    negative = largest < 0
    if negative.any():
        largest = torch.where(negative, bits.amin(dim), largest)
    return largest.view(x.dtype)
