"""MATCHER (paper, section 4.2, algorithm 1), exact and without the tensor P x Q x 2d.

R_i does not depend on j, so the maximum over a pooling bin (rows u, columns v) separates:

    max_{i in u, j in v} S_ij R_i = max_{i in u} max(R_i max_{j in v} S_ij, R_i min_{j in v} S_ij)

(the minimum serves the negative R_i). A bin's rows and columns are ranges, so pooling S over columns first leaves
[P, K], and no more than [K, K, 2d] is ever built for a pair. Pairs with different P and Q are one batch.

An empty foreground (P or Q = 0) is legal: no region in common, so no match: the logit is EMPTY_LOGIT.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.similarity import SIMILARITIES, Similarity

EMPTY_LOGIT = -16.0  # a probability of 1e-7: "nothing in common was seen"
POOLED_BYTES = 256 << 20  # of [B, 2d, k, k] at once; a pair takes 17 MB with the paper's d and K


def gather_foreground(features: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
    """The foreground descriptors R, in raster order, padded to the longest of the batch.

    features [B, d, h, w], region bool [B, h, w] -> R [B, P_max, d], counts [B]. P_max is at least 1.
    """
    flat = region.flatten(1)
    counts = flat.sum(1)
    longest = max(int(counts.max()), 1)
    order = torch.argsort(flat.to(torch.uint8), dim=1, descending=True, stable=True)[:, :longest]  # [B, P_max]
    cells = features.flatten(2).transpose(1, 2)  # [B, hw, d]
    return cells.gather(1, order[..., None].expand(-1, -1, cells.shape[2])), counts


def adaptive_bins(counts: Tensor, k: int) -> Tensor:
    """Members of the k adaptive-pooling bins over `counts` items: indices [B, k, L], the last repeated to fill L.

    Bin u is floor(u n / k) .. ceil((u + 1) n / k) - 1, as in torch's adaptive_max_pool.
    """
    n = counts.clamp(min=1)[:, None]
    u = torch.arange(k, device=counts.device)[None]
    start = u * n // k
    end = ((u + 1) * n + k - 1) // k
    steps = torch.arange(int((end - start).max()), device=counts.device)
    return torch.minimum(start[..., None] + steps, end[..., None] - 1)


def pooled_pairs(r_a: Tensor, n_a: Tensor, r_b: Tensor, n_b: Tensor, k: int, similarity: Similarity) -> Tensor:
    """Padded R_a [B, P, d], R_b [B, Q, d] with their counts -> pooled S_ij * [R_a_i, R_b_j], [B, 2d, k, k].

    Zeros where a count is 0. Equal to `matcher_reference.pooled_pairs_reference` pair by pair.
    """
    s = similarity(r_a, r_b)  # [B, P, Q]
    bins_a, bins_b = adaptive_bins(n_a, k), adaptive_bins(n_b, k)
    half_a = _pool_rows(r_a, s, bins_a, bins_b)  # [B, k, k, d], rows are bins of a
    half_b = _pool_rows(r_b, s.transpose(1, 2), bins_b, bins_a).transpose(1, 2)
    pooled = torch.cat([half_a, half_b], -1).permute(0, 3, 1, 2)
    return pooled * ((n_a > 0) & (n_b > 0))[:, None, None, None]


def _pool_rows(r: Tensor, s: Tensor, bins_rows: Tensor, bins_columns: Tensor) -> Tensor:
    """max over bins of S_ij R_i: R [B, P, d], S [B, P, Q] -> [B, k, k, d]."""
    batch, p, d = r.shape
    k, members = bins_columns.shape[1:]
    columns = s.gather(2, bins_columns.reshape(batch, 1, -1).expand(-1, p, -1)).view(batch, p, k, members)
    highest, lowest = columns.amax(-1), columns.amin(-1)  # [B, P, k]
    pooled: Tensor | None = None
    for step in range(bins_rows.shape[2]):
        rows = bins_rows[:, :, step, None]  # [B, k, 1]
        r_i = r.gather(1, rows.expand(-1, -1, d))[:, :, None, :]  # [B, k, 1, d]
        high, low = (x.gather(1, rows.expand(-1, -1, k))[..., None] for x in (highest, lowest))  # [B, k, k, 1]
        candidate = _larger(r_i * high, r_i * low)
        pooled = candidate if pooled is None else _larger(pooled, candidate)
    assert pooled is not None  # a bin has at least one member
    return pooled


def _larger(a: Tensor, b: Tensor) -> Tensor:
    """torch.maximum. Its backward shares the gradient of ties in five passes, that of `where` takes two."""
    return torch.where(b > a, b, a) if torch.is_grad_enabled() else torch.maximum(a, b)


class Matcher(nn.Module):
    """Algorithm 1: similarity, weighted pairs, adaptive max pool to K x K, CNN head Phi, one logit."""

    def __init__(self, d: int, *, k: int = 64, similarity: str = "cosine", width: int = 128):
        super().__init__()
        self.k = k
        self.similarity = SIMILARITIES[similarity]
        self.phi = nn.Sequential(
            nn.Conv2d(2 * d, width, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, width, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(width, 1),
        )

    def forward(self, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> Tensor:
        """F [B, d, h, w] and boolean regions [B, h, w] of both pictures -> match logits [B]."""
        r_a, n_a = gather_foreground(f_a, region_a)
        r_b, n_b = gather_foreground(f_b, region_b)
        at_once = max(POOLED_BYTES // (2 * r_a.shape[2] * self.k**2 * 4), 1)
        parts = zip(*(torch.split(x, at_once) for x in (r_a, n_a, r_b, n_b)), strict=True)
        pooled = (pooled_pairs(a, p, b, q, self.k, self.similarity) for a, p, b, q in parts)
        logits = torch.cat([self.phi(each)[:, 0] for each in pooled])
        return torch.where((n_a > 0) & (n_b > 0), logits, EMPTY_LOGIT)


class _Embedding(nn.Module):
    """Two pooled descriptors -> one logit, the same whichever comes first."""

    def __init__(self, d: int, *, width: int = 256):
        super().__init__()
        self.project = nn.Linear(2 * d, width)
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(inplace=True), nn.Linear(width, 1))

    def compare(self, pooled_a: Tensor, pooled_b: Tensor) -> Tensor:
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


def _pool(features: Tensor, region: Tensor) -> Tensor:
    """[B, d, h, w], [B, h, w] -> mean and maximum over the region, [B, 2d]; zeros where it is empty."""
    inside = region[:, None].to(features.dtype)
    count = inside.sum((2, 3)).clamp(min=1)
    mean = (features * inside).sum((2, 3)) / count
    peak = features.masked_fill(~region[:, None], -torch.inf).amax((2, 3))
    return torch.cat([mean, peak.masked_fill(~region.flatten(1).any(1)[:, None], 0.0)], 1)


class MergeSum(nn.Module):
    """The sum of several merges' logits: evidence from pairs of cells and from whole regions together."""

    def __init__(self, merges: list[nn.Module]):
        super().__init__()
        self.merges = nn.ModuleList(merges)

    def forward(self, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> Tensor:
        logits = torch.stack([merge(f_a, region_a, f_b, region_b) for merge in self.merges])
        return logits.sum(0)
