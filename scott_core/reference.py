"""The literal SCOTT: one pair at a time, every equation as the paper has it (section 4, algorithm 1).

Both images are encoded for each pair, no features are cached, no convolution is split or joined or folded, a padded map
is a copy, and the tensor P x Q x 2d is built; in float32 and torch's default layout. It is slow: the engine is tested
and measured against it.
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

from scott_core.checkpoint import Checkpoint, probability
from scott_core.images import to_batch
from scott_core.inference.engine import Pairs
from scott_core.inference.prepared import Prepared
from scott_core.model.coder import Coder
from scott_core.model.cross_attention import CorrelationAttention, CrossAttention
from scott_core.model.efficientnet_lite import SameConv
from scott_core.model.embedding_heads import HeadSum
from scott_core.model.matcher import EMPTY_LOGIT, Matcher
from scott_core.model.scott import Scott
from scott_core.model.segmentation import SegmentationHead
from scott_core.model.similarity import Similarity
from scott_core.predictor import Scores


class Reference:
    """Scores pairs as `Predictor` does, with the literal forms below."""

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
        return (
            probability(torch.stack(logits).cpu(), self.card.slope, self.card.bias).numpy()
            if logits
            else np.zeros(0, np.float32)
        )

    def _logit(self, image_a: Image, image_b: Image) -> Tensor:
        size = self.card.image_size
        a, b = (
            to_batch([Prepared.of(image, size).pixels]).contiguous().to(self.device) for image in (image_a, image_b)
        )
        f_a, f_b = features_reference(self.model, a, b)
        region_a = self.model.foreground(mask_reference(self.model.sigma_a, f_a, f_b))
        region_b = self.model.foreground(mask_reference(self.model.sigma_b, f_b, f_a))
        return matching_head_reference(self.model.merge, f_a, region_a, f_b, region_b)


def same_reference(convolution: SameConv, x: Tensor) -> Tensor:
    """TensorFlow's SAME: as much padding as makes ceil(n / stride) of n, the odd one at the end."""
    kernel, stride = convolution.kernel_size[0], convolution.stride[0]
    around: list[int] = []
    for n in (x.shape[3], x.shape[2]):
        total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
        around += [total // 2, total - total // 2]
    return F.conv2d(F.pad(x, around), convolution.weight, convolution.bias, stride, 0, 1, convolution.groups)


def features_reference(model: Scott, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two images [1, 3, H, W] in 0..255 -> F_a, F_b; CODER by the equation of F_i, psi_i of [F_{i-1}^A, F_{i-1}^B]."""
    encoder = model.encoder
    if isinstance(encoder, Coder):
        f_a, f_b = encoder.psi_a[0](encoder.normalise(a)), encoder.psi_b[0](encoder.normalise(b))
        for psi_a, psi_b in zip(encoder.psi_a[1:], encoder.psi_b[1:], strict=True):
            f_a, f_b = psi_a(torch.cat([f_a, f_b], 1)), psi_b(torch.cat([f_b, f_a], 1))
        return f_a, f_b
    f_a, f_b = encoder.encode(a, "a")[0], encoder.encode(b, "b")[0]
    attention = getattr(encoder, "exchanger", None)
    return (
        (f_a, f_b)
        if attention is None
        else (attention_reference(attention, f_a, f_b), attention_reference(attention, f_b, f_a))
    )


def attention_reference(attention: CrossAttention, own: Tensor, other: Tensor) -> Tensor:
    """F + W softmax(q k^T / sqrt(d)) v, and for CorrelationAttention the evidence of its cosines too; [1, d, h, w]."""
    x, y = (attention.norm(f[0].flatten(1).T) for f in (own, other))  # [hw, d]
    weights = torch.softmax(attention.query(x) @ attention.key(y).T / x.shape[1] ** 0.5, 1)
    rows = attention.out(weights @ attention.value(y))
    if isinstance(attention, CorrelationAttention):
        unit_x, unit_y = (
            F.normalize(attention.match(r).unflatten(1, (attention.heads, -1)), dim=2).transpose(0, 1) for r in (x, y)
        )
        cosine = unit_x @ unit_y.transpose(1, 2)  # [heads, hw, hw]
        rows = rows + attention.evidence(torch.cat([cosine.amax(2), cosine.mean(2)]).T)
    attended: Tensor = own + rows.T.view_as(own)
    return attended


def mask_reference(sigma: SegmentationHead, own: Tensor, other: Tensor) -> Tensor:
    """sigma of [F_own, F_other], logits [1, 1, h, w]."""
    logits: Tensor = sigma.layers(torch.cat([own, other], 1))
    return logits


def matching_head_reference(head: nn.Module, f_a: Tensor, region_a: Tensor, f_b: Tensor, region_b: Tensor) -> Tensor:
    """The logit of one pair, a scalar; MATCHER by algorithm 1, EMPTY_LOGIT where a region is empty."""
    if isinstance(head, HeadSum):
        parts = [matching_head_reference(part, f_a, region_a, f_b, region_b) for part in head.merges]
        return torch.stack(parts).sum(0)
    if not isinstance(head, Matcher):
        logit: Tensor = head(f_a, region_a, f_b, region_b)[0]
        return logit
    r_a, r_b = (f[0].flatten(1).T[region[0].flatten()] for f, region in ((f_a, region_a), (f_b, region_b)))
    if not len(r_a) or not len(r_b):
        return f_a.new_tensor(EMPTY_LOGIT)
    pooled = pooled_pairs_reference(r_a, r_b, head.k, head.similarity)
    phi: Tensor = head.phi(pooled[None])[0, 0]
    return phi


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
