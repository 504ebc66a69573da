"""A convolution of two concatenated maps, [own, other], as the sum of a convolution of each.

Across a cartesian product of N x M pictures a half is computed N + M times, the whole N x M times.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.winograd import Winograd


def own_half(convolution: nn.Module, own: Tensor) -> Tensor:
    """The share of the first channels [B, c, h, w], with the bias -> [B, out, h, w]."""
    if isinstance(convolution, Winograd):
        return convolution.own_half(own)
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight[:, : own.shape[1]]
    return F.conv2d(own, weight, convolution.bias, convolution.stride, convolution.padding)


def other_half(convolution: nn.Module, other: Tensor) -> Tensor:
    """The share of the last channels [B, c, h, w], without the bias -> [B, out, h, w]."""
    if isinstance(convolution, Winograd):
        return convolution.other_half(other)
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight[:, -other.shape[1] :]
    return F.conv2d(other, weight, None, convolution.stride, convolution.padding)
