"""MATCHER (paper, section 4.2, algorithm 1), exact and without the tensor P x Q x 2d.

R_i does not depend on j, so the maximum over a pooling bin (rows u, columns v) separates:

    max_{i in u, j in v} S_ij R_i = max_{i in u} (R_i^+ max_{j in v} S_ij + R_i^- min_{j in v} S_ij)

with R^+ = max(R, 0) and R^- = min(R, 0), one of which is zero. A bin's rows and columns are ranges, so S is pooled over
its columns first, to [P, K], and the largest tensor of a pair is [K, K, 2d]. Pairs with different P and Q share a
batch.

An empty foreground (P or Q = 0) is legal. It means that the images have no region in common, so the logit is
EMPTY_LOGIT.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from scott_core.model.similarity import SIMILARITIES, Similarity

EMPTY_LOGIT = -16.0  # a probability of 1e-7 before calibration
# Bytes of pooled pairs, [B, 2d, k, k], that are in memory at once; a pair takes 17 MB with the paper's d and K, in
# float32. A CPU is twice as fast on what its caches hold (measured by `scott bench`); for a GPU it is a guess.
POOLED_BYTES = {"cpu": 8 << 20, "cuda": 1 << 30}
# Bytes of S_ij R_i, [columns, B, k, d], that are in memory at once: what a CPU's caches hold (`scott bench`).
LARGEST_BYTES = {"cpu": 1 << 21, "cuda": 1 << 27}
# Foregrounds are padded to a multiple of STEP descriptors, at no cost in time. oneDNN compiles a program for each shape
# of a product of bfloat16 matrices and keeps a thousand of them, 1.4 MB each, so few shapes keep memory small. STEP is
# no power of two, for which the rows of S would fall on the same cache sets and slow its transposition down.
STEP = 80


def never_waits(like: Tensor) -> bool:
    """Whether shapes must not depend on data, as on a GPU in training, which would wait until the host has read it."""
    return like.is_cuda and torch.is_grad_enabled()


def gather_foreground(features: Tensor, region: Tensor) -> tuple[Tensor, Tensor]:
    """The foreground descriptors R, in raster order, and how many each image has.

    features [B, d, h, w], region bool [B, h, w] -> R [B, P_max, d], counts [B]. P_max is the largest
    count rounded up to a multiple of STEP, at most h w; where `never_waits` it is h w. Rows after a count are padding.
    """
    flat = region.flatten(1)
    counts = flat.sum(1)
    longest = flat.shape[1] if never_waits(features) else max(-(-int(counts.max()) // STEP), 1) * STEP
    order = torch.argsort(flat.to(torch.uint8), dim=1, descending=True, stable=True)[:, :longest]  # [B, P_max]
    return _rows(features.flatten(2).transpose(1, 2), order), counts


def _rows(x: Tensor, index: Tensor) -> Tensor:
    """Rows of each x [B, n, d] at index [B, ...] -> [B, ..., d]; `gather` would copy element by element."""
    first = torch.arange(len(x), device=x.device) * x.shape[1]
    flat = index.flatten(1) + first[:, None]
    return x.flatten(0, 1).index_select(0, flat.flatten()).view(*index.shape, x.shape[2])


def adaptive_bins(counts: Tensor, k: int, *, longest: int | None = None) -> Tensor:
    """Members of the k adaptive-pooling bins over n = `counts` [B] items: indices [B, k, L].

    Bin u is floor(u n / k) .. ceil((u + 1) n / k) - 1, as in torch's adaptive_max_pool; its last member is repeated to
    fill L. L is the size of the largest bin or, where `longest`, an upper bound of the counts, is given, of the largest
    bin possible.
    """
    n = counts.clamp(min=1)[:, None]
    u = torch.arange(k, device=counts.device)[None]
    start = u * n // k
    end = ((u + 1) * n + k - 1) // k
    largest = int((end - start).max()) if longest is None else longest // k + 2
    steps = torch.arange(largest, device=counts.device)
    return torch.minimum(start[..., None] + steps, end[..., None] - 1)


def pooled_pairs(r_a: Tensor, n_a: Tensor, r_b: Tensor, n_b: Tensor, k: int, similarity: Similarity) -> Tensor:
    """Padded R_a [B, P, d], R_b [B, Q, d] with their counts -> pooled S_ij * [R_a_i, R_b_j], [B, 2d, k, k].

    Zeros where a count is 0. Equal to `scott_core.reference.pooled_pairs_reference` pair by pair.
    """
    s = similarity(r_a, r_b)  # [B, P, Q]
    if s.device.type == "cpu" and s.dtype == torch.bfloat16 and not torch.is_grad_enabled():
        s = s.float()  # products and maxima take half the time; they differ in when they are rounded
    both = ((n_a > 0) & (n_b > 0))[:, None, None]
    static = never_waits(r_a)
    bins_a = adaptive_bins(n_a, k, longest=r_a.shape[1] if static else None)
    bins_b = adaptive_bins(n_b, k, longest=r_b.shape[1] if static else None)
    pooled = r_a.new_empty(len(r_a), k, k, 2, r_a.shape[2])
    _pool_side(pooled[:, :, :, 0].permute(2, 0, 1, 3), r_a, s.transpose(1, 2), bins_a, bins_b, both)
    _pool_side(pooled[:, :, :, 1].permute(1, 0, 2, 3), r_b, s, bins_b, bins_a, both)
    return pooled.flatten(3).permute(0, 3, 1, 2)


def _pool_side(out: Tensor, r: Tensor, s: Tensor, bins_rows: Tensor, bins_columns: Tensor, both: Tensor) -> None:
    """Pool S_ij R_i, from R [B, P, d] and S transposed [B, Q, P], into `out` [k (columns), B, k (rows), d].

    Pairs [B, 1, 1] that are not in `both` have an empty foreground, and get zeros.
    """
    columns = _rows(s, bins_columns)  # [B, k, members, P]
    extremes = torch.cat([columns.amax(2), columns.amin(2)], 1) * both  # [B, 2k, P]
    highest, lowest = _rows(extremes.transpose(1, 2), bins_rows).permute(2, 3, 0, 1)[..., None].chunk(2, 1)
    members = _rows(r, bins_rows).permute(2, 0, 1, 3).to(torch.promote_types(r.dtype, s.dtype))  # [members, B, k, d]
    positive, negative = members.clamp(min=0), members.clamp(max=0)
    step = len(out) if torch.is_grad_enabled() else max(LARGEST_BYTES[r.device.type] // members[0].nbytes, 1)
    for start in range(0, len(out), step):
        high, low = highest[:, start : start + step], lowest[:, start : start + step]  # [members, step, B, k, 1]
        terms = zip(positive, high, negative, low, strict=True)
        out[start : start + step] = _largest(terms)


def _largest(terms: Iterable[tuple[Tensor, Tensor, Tensor, Tensor]]) -> Tensor:
    """The elementwise maximum of the terms positive * high + negative * low."""
    if torch.is_grad_enabled():
        return functools.reduce(_larger, (torch.addcmul(p * high, n, low) for p, high, n, low in terms))
    (p, high, n, low), *others = terms
    largest = torch.addcmul(p * high, n, low)
    scratch = torch.empty_like(largest)
    for p, high, n, low in others:
        torch.mul(p, high, out=scratch).addcmul_(n, low)
        torch.maximum(largest, scratch, out=largest)
    return largest


def _larger(a: Tensor, b: Tensor) -> Tensor:
    """As torch.maximum, whose backward takes five passes to share the gradient of ties; that of `where` takes two."""
    return torch.where(b > a, b, a)


class Matcher(nn.Module):
    """Algorithm 1: similarity, weighted pairs, adaptive max pool to K x K, CNN head Phi, one logit.

    `pool` is `pooled_pairs`, or in inference on a GPU the kernel that stands for it (inference.triton_pooling).
    """

    def __init__(self, d: int, *, k: int = 64, similarity: str = "cosine", width: int = 128):
        super().__init__()
        self.k = k
        self.similarity = SIMILARITIES[similarity]
        self.pool = pooled_pairs
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
        """F [B, d, h, w] and boolean regions [B, h, w] of both images -> match logits [B]."""
        r_a, n_a = gather_foreground(f_a, region_a)
        r_b, n_b = gather_foreground(f_b, region_b)
        at_once = max(POOLED_BYTES[r_a.device.type] // (2 * r_a.shape[2] * self.k**2 * r_a.element_size()), 1)
        parts = zip(*(torch.split(x, at_once) for x in (r_a, n_a, r_b, n_b)), strict=True)
        pooled = (self.pool(a, p, b, q, self.k, self.similarity) for a, p, b, q in parts)
        logits = torch.cat([self.phi(each)[:, 0] for each in pooled])
        return torch.where((n_a > 0) & (n_b > 0), logits, EMPTY_LOGIT)
