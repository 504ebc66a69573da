"""Scott: an encoder, two segmentation heads and a matching head, composed (paper, section 4, figure 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from scott_core.model.encoder import CachedFeatures, Encoder, Role
from scott_core.model.segmentation import SegmentationHead
from scott_core.model.split_convolution import BothOrders


@dataclass(frozen=True)
class PairLogits:
    """The logits of B pairs, before any sigmoid or threshold."""

    match: Tensor  # [B]
    mask_a: Tensor  # [B, 1, h, w]
    mask_b: Tensor  # [B, 1, h, w]


class Scott(nn.Module):
    """SCOTT over any encoder, segmentation heads and matching head (`merge`); an ablation passes another object in.

    `alpha` is the foreground threshold of section 4.1, a probability. a is the catalogue image and b the document
    image. psi_a and psi_b of the Coder share no weights, nor do sigma_a and sigma_b: score(a, b) is not score(b, a).
    """

    def __init__(
        self,
        *,
        encoder: Encoder,
        sigma_a: SegmentationHead,
        sigma_b: SegmentationHead,
        merge: nn.Module,
        alpha: float,
    ):
        super().__init__()
        self.encoder = encoder
        self.sigma_a = sigma_a
        self.sigma_b = sigma_b
        self.merge = merge
        self.alpha = alpha
        self.cross: nn.Module = BothOrders()

    @property
    def has_roles(self) -> bool:
        """Whether an image's cached features depend on its role.

        They do not where the encoder is siamese and co-dependent, for then the segmentation heads are not part of them.
        """
        return not (self.encoder.is_siamese and self.encoder.co_dependent)

    def encode_image(self, images: Tensor, role: Role) -> CachedFeatures:
        """[N, 3, H, W] in 0..255 -> the cached features, which N + M calls make for N x M pairs.

        Where the encoder is not co-dependent F is among them, so the segmentation heads' split convolutions are cached
        too: (F, the own part of the head of this role, the other part of the head of the opposite role).
        """
        cached = self.encoder.encode(images, role)
        if self.encoder.co_dependent:
            return cached
        own, opposite = (self.sigma_a, self.sigma_b) if role == "a" else (self.sigma_b, self.sigma_a)
        return cached[0], own.own_part(cached[0]), opposite.other_part(cached[0])

    def score_pairs(
        self,
        cached_a: CachedFeatures,
        cached_b: CachedFeatures,
        *,
        true_a: Tensor | None = None,
        true_b: Tensor | None = None,
    ) -> PairLogits:
        """Cached features of B aligned pairs -> logits.

        In training, `true_*` (float [B, h, w]) is the region that the matching head sees: a cell is foreground at 1,
        background at 0, and as predicted where it is NaN.
        """
        f_a, f_b, mask_a, mask_b = self._segment(cached_a, cached_b)
        region_a, region_b = self.foreground(mask_a), self.foreground(mask_b)
        if true_a is not None:
            region_a = torch.where(true_a.isnan(), region_a, true_a > 0.5)
        if true_b is not None:
            region_b = torch.where(true_b.isnan(), region_b, true_b > 0.5)
        return PairLogits(self.merge(f_a, region_a, f_b, region_b), mask_a, mask_b)

    def match_at(self, cached_a: CachedFeatures, cached_b: CachedFeatures, alphas: Sequence[float]) -> Tensor:
        """Cached features of B aligned pairs -> match logits [B, len(alphas)], with each of `alphas` for `alpha`."""
        f_a, f_b, mask_a, mask_b = self._segment(cached_a, cached_b)
        regions = ((self.foreground(mask_a, alpha), self.foreground(mask_b, alpha)) for alpha in alphas)
        return torch.stack([self.merge(f_a, region_a, f_b, region_b) for region_a, region_b in regions], 1)

    def _segment(self, cached_a: CachedFeatures, cached_b: CachedFeatures) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """F_a, F_b [B, d, h, w] and both mask logits [B, 1, h, w]."""
        if not self.encoder.co_dependent:
            (f_a, own_a, other_a), (f_b, own_b, other_b) = cached_a, cached_b
            return f_a, f_b, self.sigma_a(own_a, other_b), self.sigma_b(own_b, other_a)
        f_a, f_b = self.encoder.encode_pair(cached_a, cached_b)
        return f_a, f_b, *self.segment(f_a, f_b)

    def segment(self, f_a: Tensor, f_b: Tensor) -> tuple[Tensor, Tensor]:
        """F of aligned pairs, each [B, d, h, w] -> the mask logits of both, [B, 1, h, w]."""
        both_a, both_b = self.cross(f_a, f_b)
        return self.sigma_a.layers(both_a), self.sigma_b.layers(both_b)

    def foreground(self, mask_logits: Tensor, alpha: float | None = None) -> Tensor:
        """[B, 1, h, w] logits -> bool [B, h, w], true where the probability > alpha (by default the model's)."""
        return torch.sigmoid(mask_logits[:, 0]) > (self.alpha if alpha is None else alpha)

    def forward(self, images_a: Tensor, images_b: Tensor) -> PairLogits:
        """Two batches [B, 3, H, W] in 0..255 of aligned pairs -> logits."""
        return self.score_pairs(self.encode_image(images_a, "a"), self.encode_image(images_b, "b"))
