"""The first layers of both roles, joined to one layer, for pairs whose images cannot be convolved apart.

psi_i of the Coder and the two segmentation heads begin with a convolution of [a, b] for one image and of [b, a] for the
other. One convolution with the output channels of both transforms its input once (Winograd).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scott_core.inference.winograd import Winograd
from scott_core.model.coder import Coder
from scott_core.model.scott import Scott


class JoinedLayers(nn.Module):
    """Equals `BothOrders`, then the first convolution and ReLU of `one` and of `other`, as one layer.

    The constructor replaces the convolution and the ReLU in `one` and `other` by identities.
    """

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
        """Maps a and b [B, c, h, w] -> the features of `one` and of `other`, each [B, out, h, w]."""
        convolution, relu = self.layers
        both = convolution(a, b) if isinstance(convolution, Winograd) else convolution(torch.cat([a, b], 1))
        of_one, of_other = relu(both).chunk(2, 1)
        return of_one, of_other


def join_pair_layers(model: Scott) -> None:
    """Join, in place, the first layers of both segmentation heads, and of a Coder's third and fourth blocks."""
    if isinstance(model.encoder, Coder):
        psi_a, psi_b = model.encoder.psi_a[2:], model.encoder.psi_b[2:]
        model.encoder.cross = nn.ModuleList(map(JoinedLayers, psi_a, psi_b))  # type: ignore[arg-type]
    if model.encoder.co_dependent:
        model.cross = JoinedLayers(model.sigma_a.layers, model.sigma_b.layers)
