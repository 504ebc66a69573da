"""SCOTT, literally: one pair at a time, both pictures encoded for each, every equation as it is written.

No state is shared, no convolution is split, the tensor P x Q x 2d is built; float32, batch norms as trained. Slow: it
stays as what the engine is tested and measured against. Its oracle in turn are the equations' own tests.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL.Image import Image
from torch import Tensor, nn

from scott_core.checkpoints import Checkpoint, probability
from scott_core.encoders import Coder
from scott_core.engine import Pairs, Prepared
from scott_core.images import to_batch
from scott_core.matcher import EMPTY_LOGIT, Matcher, MergeSum
from scott_core.matcher_reference import pooled_pairs_reference
from scott_core.predictor import Scores
from scott_core.scott import Scott
from scott_core.segmentation import SegmentationHead


class Reference:
    """Scores pairs as `Predictor` does, by the letter. `model` is the checkpoint's own, and stays as it is."""

    def __init__(self, checkpoint: Checkpoint, *, device: str = "cpu"):
        self.model = checkpoint.model.to(device)
        self.card = checkpoint.card
        self.device = device

    @torch.inference_mode()
    def score_pairs(self, images_a: Sequence[Image], images_b: Sequence[Image], pairs: Pairs) -> Scores:
        """Probabilities [n] of pairs of indices."""
        logits = [self._logit(images_a[i], images_b[j]) for i, j in pairs]
        return probability(torch.stack(logits).cpu(), self.card).numpy() if logits else np.zeros(0, np.float32)

    def _logit(self, image_a: Image, image_b: Image) -> Tensor:
        size = int(self.card["image_size"])
        a, b = (to_batch([Prepared.of(image, size).pixels]).to(self.device) for image in (image_a, image_b))
        f_a, f_b = features_reference(self.model, a, b)
        region_a = self.model.foreground(mask_reference(self.model.sigma_a, f_a, f_b))
        region_b = self.model.foreground(mask_reference(self.model.sigma_b, f_b, f_a))
        return merge_reference(self.model.merge, f_a, region_a, f_b, region_b)


def features_reference(model: Scott, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Two pictures [1, 3, H, W] -> F_a, F_b. CODER by the equation of F_i: psi_i of [F_{i-1}^A, F_{i-1}^B]."""
    encoder = model.encoder
    if not isinstance(encoder, Coder):
        return encoder.exchange(encoder.encode(a, "a"), encoder.encode(b, "b"))
    f_a, f_b = encoder.psi_a[0](encoder.normalise(a)), encoder.psi_b[0](encoder.normalise(b))
    for psi_a, psi_b in zip(encoder.psi_a[1:], encoder.psi_b[1:], strict=True):
        f_a, f_b = psi_a(torch.cat([f_a, f_b], 1)), psi_b(torch.cat([f_b, f_a], 1))
    return f_a, f_b


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
