"""TODO."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.model.encoder import CachedFeatures

COSINE_BYTES = {"cpu": 4 << 20, "cuda": 1 << 30}  # of [B, heads, hw, hw] at once, as matcher.POOLED_BYTES


class CrossAttention(nn.Module):
    """Lets each picture's cells look at the other's; starts as the identity.

    F_a + W softmax(q(F_a) k(F_b)^T) v(F_b), and the same for b with the same weights, W = 0 at the start. This is what
    makes a twin backbone co-dependent, at the cost of two products of [hw, d] matrices a pair.
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
        """F [B, d, h, w] -> F and what its cells ask, offer and say: queries, keys, values [B, hw, d].

        Attention is linear in the values and its weights add up to one, so W is applied to them here; and 1 / sqrt(d)
        to the queries.
        """
        rows = self.norm(features.flatten(2).transpose(1, 2))
        queries = self.query(rows) * rows.shape[2] ** -0.5
        return features, queries, self.key(rows), self.out(self.value(rows))

    def forward(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        """Prepared a and b -> F_a, F_b, each [B, d, h, w]."""
        return _as_map(self._look(a, b), a[0]), _as_map(self._look(b, a), b[0])

    @staticmethod
    def _look(here: CachedFeatures, there: CachedFeatures) -> Tensor:
        """F + softmax(q k^T) v, [B, hw, d]."""
        features, query, _, _, *_ = here
        _, _, key, value, *_ = there
        rows = features.flatten(2).transpose(1, 2)
        if query.device.type == "cpu" and query.dtype == torch.bfloat16:  # torch's fused form takes twice as long there
            return torch.baddbmm(rows, torch.softmax(query @ key.transpose(1, 2), 2), value)
        return rows + F.scaled_dot_product_attention(query, key, value, scale=1.0)


def _as_map(rows: Tensor, like: Tensor) -> Tensor:
    """[B, hw, d], which is how channels_last lies in memory, to the shape of `like`, [B, d, h, w]."""
    return rows.transpose(1, 2).view_as(like)


class CorrelationAttention(CrossAttention):
    """CrossAttention that also says how well each cell is found again in the other picture; starts as the identity.

    In each of `heads` learned subspaces: the highest and the mean cosine of a cell with all cells of the other picture,
    [B, 2 heads, h, w], projected onto F with weights that start at zero. The prior mask of few-shot segmentation
    (Tian et al. 2020), learned: what only one picture shows has no counterpart, however salient it is.
    """

    def __init__(self, d: int, *, heads: int = 4):
        super().__init__(d)
        self.heads = heads
        self.match = nn.Linear(d, d, bias=False)
        self.evidence = nn.Linear(2 * heads, d)
        nn.init.zeros_(self.evidence.weight)
        nn.init.zeros_(self.evidence.bias)

    def prepare(self, features: Tensor) -> CachedFeatures:
        """As CrossAttention's, and the cells' unit vectors in each subspace [B, heads, hw, d / heads], and their mean.

        What evidence adds to every cell is added to the values.
        """
        rows = self.match(self.norm(features.flatten(2).transpose(1, 2)))  # [B, hw, d]
        unit = F.normalize(rows.unflatten(2, (self.heads, -1)).transpose(1, 2), dim=3)
        features, queries, keys, values = super().prepare(features)
        return features, queries, keys, values + self.evidence.bias, unit, unit.mean(2)

    def forward(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        """Prepared a and b -> F_a, F_b, each [B, d, h, w]."""
        (unit_a, mean_a), (unit_b, mean_b) = a[4:], b[4:]
        highest_a, highest_b = _highest_cosines(unit_a, unit_b)
        found_a, found_b = self._found(highest_a, unit_a, mean_b), self._found(highest_b, unit_b, mean_a)
        return _as_map(self._look(a, b) + found_a, a[0]), _as_map(self._look(b, a) + found_b, b[0])

    def _found(self, highest: Tensor, unit: Tensor, other_mean: Tensor) -> Tensor:
        """What each cell's highest and mean cosine say, [B, hw, d]."""
        mean = (unit @ other_mean[..., None])[..., 0]
        return (
            torch.cat([highest, mean], 1).transpose(1, 2) @ self.evidence.weight.T
        )  # [B, hw, 2 heads] by [2 heads, d]


def _highest_cosines(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors [B, heads, hw, d] -> the highest cosine of each of a's and of b's, both [B, heads, hw]."""
    at_once = max(COSINE_BYTES[a.device.type] // (a.shape[1] * a.shape[2] * b.shape[2] * a.element_size()), 1)
    parts = zip(torch.split(a, at_once), torch.split(b, at_once), strict=True)
    cosines = (x @ y.transpose(2, 3) for x, y in parts)
    found = [(_highest(cosine, 3), _highest(cosine, 2)) for cosine in cosines]
    highest_a, highest_b = (torch.cat(each) for each in zip(*found, strict=True))
    return highest_a, highest_b


def _highest(x: Tensor, dim: int) -> Tensor:
    """amax. Its backward would compare all elements; that of `max` has an index.

    On a CPU bfloat16 is compared as the integers that its bits are, in a quarter of the time: as numbers these stand in
    the same order where they are positive, in the opposite one where they are negative.
    """
    if torch.is_grad_enabled():
        return x.max(dim).values
    if x.device.type != "cpu" or x.dtype != torch.bfloat16:
        return x.amax(dim)
    bits = x.view(torch.int16)
    highest = bits.amax(dim)
    negative = highest < 0
    if negative.any():
        highest = torch.where(negative, bits.amin(dim), highest)
    return highest.view(x.dtype)
