"""The multi-task loss (paper, section 4.3): L = CE(S, S~) + SEG(M_a, M~_a) + SEG(M_b, M~_b)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from scott_core.model.matcher import EMPTY_LOGIT
from scott_core.model.scott import PairLogits


@dataclass(frozen=True)
class Losses:
    """The loss and its three terms, each a scalar tensor."""

    total: Tensor
    match: Tensor
    mask_a: Tensor
    mask_b: Tensor


def mask_loss(mask_logits: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """SEG: the cross entropy of mask logits [B, 1, h, w], a scalar.

    `target` [B, 1, h, w] in [0, 1] is the share of each cell that the mask covers. `weight` [B] is 1 for a matching
    pair with a mask and 0 for others, which send no gradient to sigma. The mean is over the pairs of weight 1; without
    any the loss is 0.
    """
    per_pair = F.binary_cross_entropy_with_logits(mask_logits, target, reduction="none").mean((1, 2, 3))
    weighted = torch.where(weight > 0, per_pair * weight, torch.zeros_like(per_pair))
    return weighted.sum() / weight.sum().clamp(min=1)


def multi_task_loss(
    logits: PairLogits, label: Tensor, mask_a: Tensor, mask_b: Tensor, weight_a: Tensor, weight_b: Tensor
) -> Losses:
    """L of B pairs: `label` [B] in {0, 1}, masks [B, 1, h, w] in [0, 1], weights [B], 0 where an image has no mask.

    Pairs that do not match add nothing to the mask terms, whatever their weights. Pairs without a region have the
    constant logit EMPTY_LOGIT, whose gradient is 0: they are left out of the first term's mean.
    """
    seen = (logits.match > EMPTY_LOGIT).to(label.dtype)
    match = F.binary_cross_entropy_with_logits(logits.match, label, weight=seen, reduction="sum") / seen.sum().clamp(
        min=1
    )
    seg_a = mask_loss(logits.mask_a, mask_a, weight_a * label)
    seg_b = mask_loss(logits.mask_b, mask_b, weight_b * label)
    return Losses(match + seg_a + seg_b, match, seg_a, seg_b)
