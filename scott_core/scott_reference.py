"""SCOTT, literally: one pair at a time, both pictures encoded for each, every equation as it is written.

No state is shared, no convolution is split or merged with its neighbour, a padded picture is a copy, the tensor
P x Q x 2d is built; float32, in torch's default layout. Slow: it is what the engine is tested and measured against.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from PIL.Image import Image
from torch import Tensor, nn

from scott_core.checkpoints import Checkpoint, probability
from scott_core.efficientnet_lite import SameConv
from scott_core.encoders import CoAttention, Coder, Correlation
from scott_core.engine import Pairs, Prepared
from scott_core.images import to_batch
from scott_core.matcher import EMPTY_LOGIT, Matcher, MergeSum
from scott_core.matcher_reference import pooled_pairs_reference
from scott_core.predictor import Scores
from scott_core.scott import Scott
from scott_core.segmentation import SegmentationHead


class Reference:
    """Scores pairs as `Predictor` does, by the letter."""

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu"):
        self.model = copy.deepcopy(checkpoint.model).to(device)
        for convolution in self.model.modules():
            if isinstance(convolution, SameConv):
                convolution.forward = partial(same_reference, convolution)  # type: ignore[method-assign]
        self.card = checkpoint.card
        self.device = device

    @torch.inference_mode()
    def score_pairs(self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Pairs) -> Scores:
        """Probabilities [n] of pairs of indices."""
        logits = [self._logit(images_a[i], images_b[j]) for i, j in pairs]
        return probability(torch.stack(logits).cpu(), self.card).numpy() if logits else np.zeros(0, np.float32)

    def _logit(self, image_a: Image, image_b: Image) -> Tensor:
        size = int(self.card["image_size"])
        a, b = (
            to_batch([Prepared.of(image, size).pixels]).contiguous().to(self.device) for image in (image_a, image_b)
        )
        f_a, f_b = features_reference(self.model, a, b)
        region_a = self.model.foreground(mask_reference(self.model.sigma_a, f_a, f_b))
        region_b = self.model.foreground(mask_reference(self.model.sigma_b, f_b, f_a))
        return merge_reference(self.model.merge, f_a, region_a, f_b, region_b)


def same_reference(convolution: SameConv, x: Tensor) -> Tensor:
    """TensorFlow's SAME: as much padding as makes ceil(n / stride) of n, the odd one at the end."""
    kernel, stride = convolution.kernel_size[0], convolution.stride[0]
    around: list[int] = []
    for n in (x.shape[3], x.shape[2]):
        total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
        around += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, around), convolution.weight, convolution.bias, stride, 0, 1, convolution.groups)


def features_reference(model: Scott, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two pictures [1, 3, H, W] -> F_a, F_b. CODER by the equation of F_i: psi_i of [F_{i-1}^A, F_{i-1}^B]."""
    encoder = model.encoder
    if isinstance(encoder, Coder):
        f_a, f_b = encoder.psi_a[0](encoder.normalise(a)), encoder.psi_b[0](encoder.normalise(b))
        for psi_a, psi_b in zip(encoder.psi_a[1:], encoder.psi_b[1:], strict=True):
            f_a, f_b = psi_a(torch.cat([f_a, f_b], 1)), psi_b(torch.cat([f_b, f_a], 1))
        return f_a, f_b
    f_a, f_b = encoder.encode(a, "a")[0], encoder.encode(b, "b")[0]
    exchange = getattr(encoder, "exchanger", None)
    return (f_a, f_b) if exchange is None else (look_reference(exchange, f_a, f_b), look_reference(exchange, f_b, f_a))


def look_reference(exchange: CoAttention, here: Tensor, there: Tensor) -> Tensor:
    """F + W softmax(q k^T / sqrt(d)) v, and of `Correlation` what the cosines of its subspaces say; [1, d, h, w]."""
    x, y = (exchange.norm(f[0].flatten(1).T) for f in (here, there))  # [hw, d]
    weights = torch.softmax(exchange.query(x) @ exchange.key(y).T / x.shape[1] ** 0.5, 1)
    rows = exchange.out(weights @ exchange.value(y))
    if isinstance(exchange, Correlation):
        unit_x, unit_y = (
            F.normalize(exchange.match(r).unflatten(1, (exchange.heads, -1)), dim=2).transpose(0, 1) for r in (x, y)
        )
        cosine = unit_x @ unit_y.transpose(1, 2)  # [heads, hw, hw]
        rows = rows + exchange.evidence(torch.cat([cosine.amax(2), cosine.mean(2)]).T)
    looked: Tensor = here + rows.T.view_as(here)
    return looked


def mask_reference(sigma: SegmentationHead, own: Tensor, other: Tensor) -> Tensor:
    """sigma of [F_own, F_other], logits [1, 1, h, w]."""
    logits: Tensor = sigma.layers(torch.cat([own, other], 1))
    return logits


def merge_reference(merge: nn.Module, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> Tensor:
    """The logit of one pair, a scalar; MATCHER by algorithm 1."""
    if isinstance(merge, MergeSum):
        parts = [merge_reference(part, f_a, region_a, f_b, region_b) for part in merge.merges]
        return torch.stack(parts).sum(0)
    if not isinstance(merge, Matcher):
        logit: Tensor = merge(f_a, region_a, f_b, region_b)[0]
        return logit
    r_a, r_b = (f[0].flatten(1).T[region[0].flatten()] for f, region in ((f_a, region_a), (f_b, region_b)))
    if not len(r_a) or not len(r_b):
        return f_a.new_tensor(EMPTY_LOGIT)
    pooled = pooled_pairs_reference(r_a, r_b, merge.k, merge.similarity)
    phi: Tensor = merge.phi(pooled[None])[0, 0]
    return phi
