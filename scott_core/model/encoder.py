"""TODO."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

import torch
from torch import Tensor, nn

Role = Literal["a", "b"]
CachedFeatures = tuple[
    Tensor, ...
]  # what one picture alone decides; the first dimension of each tensor counts pictures


def select_cached(cached: CachedFeatures, index: Tensor) -> CachedFeatures:
    """The states of some of the pictures, in the order of `index`; channels_last stays so."""
    return tuple(
        part.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)
        if part.dim() == 4 and part.is_contiguous(memory_format=torch.channels_last)
        else part.index_select(0, index)  # of whole pictures, it is four times as fast as part[index]
        for part in cached
    )


class Encoder(nn.Module, ABC):
    """What Scott asks of an encoder; also normalises, so that pixel statistics travel with the weights."""

    mean: Tensor
    std: Tensor
    is_siamese = (
        False  # whether both roles have the same weights, and a state begins with F as it is before `encode_pair`
    )
    co_dependent = True  # whether F_a depends on b; if not, `encode` gives (F,) and `encode_pair` changes nothing

    def __init__(self, *, d: int, stride: int, mean: tuple[float, ...], std: tuple[float, ...]):
        super().__init__()
        self.d = d
        self.stride = stride
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def normalise(self, images: Tensor) -> Tensor:
        """uint8 or [0, 255] float [B, 3, H, W] to the range the weights know, rounded to their precision once."""
        return (images.float() * (1.0 / (255.0 * self.std)) - self.mean / self.std).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """Of the weights, and so of the features."""
        return next(self.parameters()).dtype

    @abstractmethod
    def encode(self, images: Tensor, role: Role) -> CachedFeatures:
        """[B, 3, H, W] in 0..255 -> whatever of the features one picture alone decides."""

    @abstractmethod
    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        """States of aligned pairs -> F_a, F_b, each [B, d, H/stride, W/stride]."""
