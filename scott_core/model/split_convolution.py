"""Convolutions of two concatenated feature maps, [own, other], split by input channels.

A convolution is linear, so the convolution of [own, other] is the sum of an own part and an other part. Over the N x M
pairs of a cartesian product each part is computed N + M times, where the whole convolution would be computed N x M
times. The activation applies to the sum, so it is in neither part.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class SplitConvolution(nn.Module, ABC):
    """A convolution that replaces an nn.Conv2d in inference and computes both of its parts."""

    @abstractmethod
    def own_part(self, own: Tensor) -> Tensor:
        """As the function `own_part`."""

    @abstractmethod
    def other_part(self, other: Tensor) -> Tensor:
        """As the function `other_part`."""


def own_part(convolution: nn.Module, own: Tensor) -> Tensor:
    """The own part: the convolution of the first channels [B, c, h, w], with the bias -> [B, out, h, w]."""
    if isinstance(convolution, SplitConvolution):
        return convolution.own_part(own)
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight[:, : own.shape[1]]
    return F.conv2d(own, weight, convolution.bias, convolution.stride, convolution.padding)


def other_part(convolution: nn.Module, other: Tensor) -> Tensor:
    """The other part: the convolution of the last channels [B, c, h, w], without the bias -> [B, out, h, w]."""
    if isinstance(convolution, SplitConvolution):
        return convolution.other_part(other)
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight[:, -other.shape[1] :]
    return F.conv2d(other, weight, None, convolution.stride, convolution.padding)


class BothOrders(nn.Module):
    """Concatenates maps a and b [B, c, h, w] in both orders: [a, b] and [b, a], each [B, 2c, h, w]."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat([a, b], 1), torch.cat([b, a], 1)
