"""The literal MATCHER (paper, section 4.2, algorithm 1): the tensor P x Q x 2d is built, one pair at a time.

Slow and large (268 MB a pair at 16 x 16 cells, d = 512); it stays as what the fast form in `matcher` is tested and
measured against.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from scott_core.similarity import Similarity


def pooled_pairs_reference(r_a: Tensor, r_b: Tensor, k: int, similarity: Similarity) -> Tensor:
    """R_a [P, d], R_b [Q, d] -> adaptive_max_pool(S_ij * [R_a_i, R_b_j]) as [2d, k, k]; zeros where P or Q is 0."""
    p, d = r_a.shape
    q = r_b.shape[0]
    if p == 0 or q == 0:
        return r_a.new_zeros(2 * d, k, k)
    s = similarity(r_a, r_b)  # [P, Q]
    pairs = torch.cat([r_a[:, None, :].expand(p, q, d), r_b[None, :, :].expand(p, q, d)], dim=2)  # [P, Q, 2d]
    weighted = s[:, :, None] * pairs
    return F.adaptive_max_pool2d(weighted.permute(2, 0, 1)[None], k)[0]
