"""CODER, the co-dependent encoder (paper, section 4, the equation of F_i; figure 4).

psi_2's first convolution, which sees [F_1^A, F_1^B], is split by input channels (`split_convolution`), so that most of
the work of the first two blocks is done once for each image instead of once for each pair.
"""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from scott_core.model.encoder import CachedFeatures, Encoder, Role
from scott_core.model.split_convolution import BothOrders, other_part, own_part


def _psi(c_in: int, c_out: int, *, pool: int) -> nn.Sequential:
    """One block psi_i: twice CONV and ReLU, as in U-Net, then MAX-POOL.

    The weights start as He et al. (2015) say. With torch's own initialisation, eight layers without normalisation would
    scale F down to a thousandth.
    """
    convolutions = [nn.Conv2d(c_in, c_out, 3, padding=1), nn.Conv2d(c_out, c_out, 3, padding=1)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    first, second = convolutions
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True), nn.MaxPool2d(pool))


class Coder(Encoder):
    """Four blocks psi_i for each role, which share no weights: F_i^A = psi_i^A([F_{i-1}^A, F_{i-1}^B]).

    A block sees the features of its own image first. F is [B, d, H/32, W/32], with d = 512 in the paper. Four blocks
    that pool by 2 would give 1/16, so the first pools by 4.
    """

    def __init__(self, *, d: int = 512):
        super().__init__(d=d, stride=32, mean=(0.5,) * 3, std=(0.25,) * 3)
        widths = (d // 8, d // 4, d // 2, d)
        self.psi_a = nn.ModuleList(self._blocks(widths))
        self.psi_b = nn.ModuleList(self._blocks(widths))
        self.cross = nn.ModuleList(BothOrders() for _ in self.psi_a[2:])

    @staticmethod
    def _blocks(widths: tuple[int, ...]) -> list[nn.Module]:
        first: list[nn.Module] = [_psi(3, widths[0], pool=4)]
        return first + [_psi(2 * c_in, c_out, pool=2) for c_in, c_out in itertools.pairwise(widths)]

    def encode(self, images: Tensor, role: Role) -> CachedFeatures:
        """Features of psi_1, already convolved: the own part of psi_2's first convolution in the image's own role, and
        the other part of it in the opposite role. [B, 3, H, W] in 0..255 -> two of [B, d/4, H/4, W/4]."""
        own, opposite = (self.psi_a, self.psi_b) if role == "a" else (self.psi_b, self.psi_a)
        features = own[0](self.normalise(images))
        return own_part(next(own[1].children()), features), other_part(next(opposite[1].children()), features)

    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        """Sum the parts, and run the rest of psi_2 and the other blocks: two of [B, d, H/32, W/32]."""
        second_a, second_b = (nn.Sequential(*list(psi[1].children())[2:]) for psi in (self.psi_a, self.psi_b))
        f_a, f_b = second_a((a[0] + b[1]).relu_()), second_b((b[0] + a[1]).relu_())
        for cross, psi_a, psi_b in zip(self.cross, self.psi_a[2:], self.psi_b[2:], strict=True):
            both_a, both_b = cross(f_a, f_b)
            f_a, f_b = psi_a(both_a), psi_b(both_b)
        return f_a, f_b
