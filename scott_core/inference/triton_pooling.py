"""`matcher.pooled_pairs` on a CUDA GPU as one Triton kernel, for inference: it has no gradient.

A program computes, for one pair and one bin u of one image's rows, the pooled S_ij R_i of a few bins v of the other
image. For each row i of u it needs R_i and the largest and the smallest S_ij over v. Products and maxima are float32,
the counts stay on the GPU, and each pooled value is written once. The programs of a pair are neighbours, so its R and S
are read from memory once and then from the cache.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from scott_core.model.similarity import Similarity

# The tile of a program, which it holds in registers. The numbers were not tuned: no GPU was had to measure them on.
ROWS = 8  # rows of u loaded at once
EXTREMES = 16  # rows times bins v, each with a largest and a smallest S
CHANNELS = 512  # channels whose maxima are held
CHANNELS_OF_WARP = 128  # and as many of them for each warp


def pooled_pairs_fused(r_a: Tensor, n_a: Tensor, r_b: Tensor, n_b: Tensor, k: int, similarity: Similarity) -> Tensor:
    """Padded R_a [B, P, d], R_b [B, Q, d] with their counts -> pooled S_ij * [R_a_i, R_b_j], [B, 2d, k, k].

    Zeros where a count is 0. The result has the dtype of R and is channels_last.
    """
    r_a, r_b, s = r_a.contiguous(), r_b.contiguous(), similarity(r_a, r_b).contiguous()
    pairs, p, d = r_a.shape
    q = r_b.shape[1]
    pooled = r_a.new_empty(pairs, k, k, 2 * d)
    tile = tile_of(p, q, d, k)
    programs = pairs * 2 * k * triton.cdiv(k, tile["bins"]) * triton.cdiv(d, tile["channels"])
    with torch.cuda.device(r_a.get_device()):  # Triton launches on the current device
        _pool[(programs,)](r_a, n_a, r_b, n_b, s, pooled, p, q, **tile, num_warps=warps_of(tile))
    return pooled.permute(0, 3, 1, 2)


def tile_of(p: int, q: int, d: int, k: int) -> dict[str, int]:
    """The kernel's constants. They take few different values, because each combination is compiled."""
    widest = triton.next_power_of_2((max(p, q) - 1) // k + 2)  # no bin has more members
    rows = min(widest, ROWS)
    bins = min(triton.next_power_of_2(k), EXTREMES // rows)
    channels = min(triton.next_power_of_2(d), CHANNELS)
    return {"d": d, "k": k, "rows": rows, "bins": bins, "channels": channels, "wide": min(widest, 4 * ROWS)}


def warps_of(tile: dict[str, int]) -> int:
    """Warps of a program."""
    return max(tile["channels"] // CHANNELS_OF_WARP, 1)


@triton.jit(do_not_specialize=["p", "q"])
def _pool(
    r_a: tl.tensor,
    n_a: tl.tensor,
    r_b: tl.tensor,
    n_b: tl.tensor,
    s: tl.tensor,
    pooled: tl.tensor,
    p: tl.tensor,
    q: tl.tensor,
    d: tl.constexpr,
    k: tl.constexpr,
    rows: tl.constexpr,
    bins: tl.constexpr,
    channels: tl.constexpr,
    wide: tl.constexpr,
) -> None:
    """Find the pair, image, bin u, bins v and channels of this program, and pool them.

    Tensors are pointers to contiguous memory.
    """
    program = tl.program_id(0)
    c = program % tl.cdiv(d, channels) * channels + tl.arange(0, channels)
    program = program // tl.cdiv(d, channels)
    v = program % tl.cdiv(k, bins) * bins + tl.arange(0, bins)
    program = program // tl.cdiv(k, bins)
    u = program % k
    pair = (program // (2 * k)).to(tl.int64)
    n, m = tl.load(n_a + pair).to(tl.int32), tl.load(n_b + pair).to(tl.int32)
    s += pair * p * q
    pooled += pair * (k * k * 2 * d)
    if program // k % 2 == 0:
        out = pooled + u * (k * 2 * d)
        _pool_side(r_a + pair * p * d, n, s, q, 1, m, out, 2 * d, u, v, c, d, k, rows, bins, channels, wide)
    else:
        out = pooled + u * (2 * d) + d
        _pool_side(r_b + pair * q * d, m, s, 1, q, n, out, k * 2 * d, u, v, c, d, k, rows, bins, channels, wide)


@triton.jit
def _pool_side(
    r: tl.tensor,
    n: tl.tensor,
    s: tl.tensor,
    row: tl.tensor,
    column: tl.tensor,
    m: tl.tensor,
    out: tl.tensor,
    stride: tl.tensor,
    u: tl.tensor,
    v: tl.tensor,
    c: tl.tensor,
    d: tl.constexpr,
    k: tl.constexpr,
    rows: tl.constexpr,
    bins: tl.constexpr,
    channels: tl.constexpr,
    wide: tl.constexpr,
) -> None:
    """Pool S_ij R_i over u and each of v, from R [n, d] and S [n, m] with strides `row` and `column`.

    The values of neighbouring v are written `stride` apart; they are zeros where n or m is 0. Rows past the end of u
    count as an R of 1 and a highest S of -inf, so that they are never the largest.
    """
    first, last = v * m // k, tl.where(v < k, ((v + 1) * m + k - 1) // k, 0)
    empty = (n == 0) | (m == 0)
    end = tl.where(empty, 0, ((u + 1) * n + k - 1) // k)
    largest = tl.zeros([bins, channels], tl.float32) + tl.where(empty, 0.0, float("-inf"))
    for start in range(u * n // k, end, rows):
        i = start + tl.arange(0, rows)
        highest = tl.full([rows, bins, rows], float("-inf"), tl.float32)  # [a few columns of v, v, i]
        lowest = tl.full(
            [rows, bins, rows], 3e38, tl.float32
        )  # finite, because it is multiplied by 0 in rows past the end
        for at in range(0, (m - 1) // k + 2, wide):
            for step in tl.static_range(0, wide, rows):  # unrolled, so that several loads are in flight
                j = first[None, :, None] + (at + step) + tl.arange(0, rows)[:, None, None]
                inside = (j < last[None, :, None]) & (i < end)[None, None, :]
                each = tl.load(s + i[None, None, :] * row + j * column, inside, float("-inf")).to(tl.float32)
                highest = tl.maximum(highest, each)
                lowest = tl.minimum(lowest, tl.where(inside, each, 3e38))
        high, low = tl.max(highest, 0)[:, :, None], tl.min(lowest, 0)[:, :, None]
        here = (i < end)[:, None] & (c < d)[None, :]
        r_i = tl.load(r + i[:, None] * d + c[None, :], here, 1.0).to(tl.float32)[None]
        positive, negative = tl.where(r_i > 0, r_i, 0.0), tl.where(r_i > 0, 0.0, r_i)
        largest = tl.maximum(largest, tl.max(tl.fma(negative, low, positive * high), 1))
    written = (v < k)[:, None] & (c < d)[None, :]
    tl.store(out + v[:, None] * stride + c[None, :], largest.to(out.dtype.element_ty), written)
