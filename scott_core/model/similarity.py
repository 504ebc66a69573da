"""Similarities S [.., P, Q] between two sets of descriptors [.., P, d] and [.., Q, d] (paper, section 4.2, table 4).

The paper does not say how its L1 and L2 distances weigh S_ij * R. Here a distance becomes a similarity in (0, 1],
1 / (1 + distance), of the mean or root mean square over d, so that more alike descriptors have a larger S.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Similarity = Callable[[Tensor, Tensor], Tensor]


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """Cosine similarity, in [-1, 1]."""
    product: Tensor = F.normalize(a, dim=-1) @ F.normalize(b, dim=-1).transpose(-1, -2)
    return product


def l1(a: Tensor, b: Tensor) -> Tensor:
    """1 / (1 + mean absolute difference), in (0, 1]."""
    distance: Tensor = torch.cdist(a, b, p=1.0) / a.shape[-1]
    return (1.0 + distance).reciprocal()


def l2(a: Tensor, b: Tensor) -> Tensor:
    """1 / (1 + root mean square difference), in (0, 1]."""
    distance: Tensor = torch.cdist(a, b, p=2.0) / a.shape[-1] ** 0.5
    return (1.0 + distance).reciprocal()


SIMILARITIES: dict[str, Similarity] = {"cosine": cosine, "l1": l1, "l2": l2}
