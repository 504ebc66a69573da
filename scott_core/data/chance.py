"""The randomness of one batch: a generator on the device that trains, seeded by (seed, step) alone.

A training run that is resumed draws the batches that it would have drawn. No draw waits for the device.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Chance:
    """Draws of batch `step`: equal arguments and calls give equal draws on devices of one type."""

    def __init__(self, seed: int, step: int, device: torch.device):
        self.device = device
        self.generator = torch.Generator(device).manual_seed(seed * 1_000_003 + step)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """float32 of `shape`, uniform in [low, high)."""
        return torch.rand(shape, generator=self.generator, device=self.device) * (high - low) + low

    def normal(self, *shape: int) -> Tensor:
        """float32 of `shape`, standard normal."""
        return torch.randn(shape, generator=self.generator, device=self.device)

    def below(self, bound: Tensor) -> Tensor:
        """int64 of the shape of `bound`, each uniform in 0 .. bound - 1, and 0 where the bound is 0."""
        return torch.minimum((self.uniform(*bound.shape) * bound).long(), (bound - 1).clamp(min=0))

    def some(self, n: int, share: float) -> Tensor:
        """round(share * n) distinct indices below n, int64; their number is fixed, so no shape depends on a draw."""
        return torch.randperm(n, generator=self.generator, device=self.device)[: round(share * n)]

    def weighted(self, weights: Tensor, n: int) -> Tensor:
        """n indices below k, int64, drawn in proportion to `weights` [k] with replacement."""
        return torch.multinomial(weights, n, replacement=True, generator=self.generator)
