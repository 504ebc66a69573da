"""Convolutions of two concatenated maps, [own, other].

As the sum of a convolution of each: across a cartesian product of N x M pictures a half is computed N + M times, the
whole N x M times. Or, of pairs, both ways at once: what makes the maps ready to be multiplied is done once for both.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.packed import Packed
from scott_core.winograd import Winograd


def own_half(convolution: nn.Module, own: Tensor) -> Tensor:
    """The share of the first channels [B, c, h, w], with the bias -> [B, out, h, w]."""
    if isinstance(convolution, Winograd | Packed):
        return convolution.own_half(own)
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight[:, : own.shape[1]]
    return F.conv2d(own, weight, convolution.bias, convolution.stride, convolution.padding)


def other_half(convolution: nn.Module, other: Tensor) -> Tensor:
    """The share of the last channels [B, c, h, w], without the bias -> [B, out, h, w]."""
    if isinstance(convolution, Winograd | Packed):
        return convolution.other_half(other)
    assert isinstance(convolution, nn.Conv2d)
    weight = convolution.weight[:, -other.shape[1] :]
    return F.conv2d(other, weight, None, convolution.stride, convolution.padding)


class Crossed(nn.Module):
    """Maps a and b [B, c, h, w] -> [a, b] and [b, a], each [B, 2c, h, w]."""

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        return torch.cat([a, b], 1), torch.cat([b, a], 1)


class Joined(nn.Module):
    """`Crossed`, and the convolutions and ReLUs that `one` and `other` go on with, taken out of them, as one layer."""

    def __init__(self, one: nn.Sequential, other: nn.Sequential):
        super().__init__()
        first, second = one[0], other[0]
        assert isinstance(first, nn.Conv2d)
        assert isinstance(second, nn.Conv2d)
        joined = nn.Conv2d(first.in_channels, 2 * first.out_channels, 3, padding=1)
        with torch.no_grad():
            joined.weight.copy_(torch.cat([first.weight, second.weight.roll(first.in_channels // 2, 1)]))
            for bias, its in zip(joined.bias.chunk(2), (first.bias, second.bias), strict=True):  # type: ignore[union-attr]
                bias.copy_(its)
        for layers in (one, other):
            layers[0], layers[1] = nn.Identity(), nn.Identity()
        self.layers = nn.Sequential(joined, nn.ReLU(inplace=True))

    def forward(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        convolution, relu = self.layers
        both = convolution(a, b) if isinstance(convolution, Winograd) else convolution(torch.cat([a, b], 1))
        of_one, of_other = relu(both).chunk(2, 1)
        return of_one, of_other
