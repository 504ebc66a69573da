"""The interface of every encoder: two images in, two feature maps out (paper, section 4).

An encoder has two steps, and the boundary between them is what makes a cartesian product of N x M pairs cheap:

    encode(images, role)   sees one image alone, N + M times -> its CachedFeatures
    encode_pair(a, b)      sees the CachedFeatures of aligned pairs, N x M times -> F_a, F_b [B, d, h, w]

`role` is "a" (catalogue) or "b" (document). `d` is the feature width, and `stride` the side of a cell in pixels.
Everything that is linear in one image belongs to `encode`, wherever the equation has it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

Role = Literal["a", "b"]
# All that depends on one image alone; the first dimension of each tensor counts images.
CachedFeatures = tuple[Tensor, ...]


def select_cached(cached: CachedFeatures, index: Tensor) -> CachedFeatures:
    """The cached features of the images at `index` [n], in its order; channels_last tensors stay so."""
    return tuple(
        part.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)
        if part.dim() == 4 and part.is_contiguous(memory_format=torch.channels_last)
        else part.index_select(0, index)  # four times as fast as part[index]
        for part in cached
    )


class Encoder(nn.Module, ABC):
    """What Scott asks of an encoder. It normalises the pixels itself, so that their statistics are saved with it.

    `is_siamese`: both roles have the same weights, and CachedFeatures begin with F as it is before `encode_pair`.
    `co_dependent`: F_a depends on b. If it does not, `encode` returns (F,) and `encode_pair` changes nothing.
    """

    mean: Tensor
    std: Tensor
    is_siamese = False
    co_dependent = True

    def __init__(self, *, d: int, stride: int, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.d = d
        self.stride = stride
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def normalise(self, images: Tensor) -> Tensor:
        """(x / 255 - mean) / std of images [B, 3, H, W] in 0..255, uint8 or float, rounded once to `dtype`."""
        return (images.float() * (1.0 / (255.0 * self.std)) - self.mean / self.std).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of the weights, and so of the features."""
        return next(self.parameters()).dtype

    @abstractmethod
    def encode(self, images: Tensor, role: Role) -> CachedFeatures:
        """[B, 3, H, W] in 0..255 -> all of the features that depends on one image alone."""

    @abstractmethod
    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        """Cached features of aligned pairs -> F_a, F_b, each [B, d, H/stride, W/stride]."""
