"""TODO."""

from __future__ import annotations

import itertools

from torch import Tensor, nn

from scott_core.model.encoder import CachedFeatures, Encoder, Role
from scott_core.model.split_convolution import BothOrders, other_part, own_part


def _psi(c_in: int, c_out: int, *, pool: int) -> nn.Sequential:
    """One block psi_i: CONV, ReLU twice as in U-Net, then MAX-POOL.

    He's initialisation: with torch's own, eight layers without normalisation would leave F a thousandth of its scale.
    """
    convolutions = [nn.Conv2d(c_in, c_out, 3, padding=1), nn.Conv2d(c_out, c_out, 3, padding=1)]
    for convolution in convolutions:
        nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
        nn.init.zeros_(convolution.bias)  # type: ignore[arg-type]
    first, second = convolutions
    return nn.Sequential(first, nn.ReLU(inplace=True), second, nn.ReLU(inplace=True), nn.MaxPool2d(pool))


class Coder(Encoder):
    """CODER, the co-dependent encoder (section 4, the equation of F_i; figure 4).

    Four blocks psi_i for each role, sharing no weights; each block after the first sees [F_{i-1}^A, F_{i-1}^B], its
    own picture's features first. Four blocks of /2 would give 1/16, so the first pools by 4. Output
    [B, d, H/32, W/32], d = 512 in the paper.
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
        """psi_1's features, as both halves of what psi_2's first convolution makes of them: of the psi_2 of the
        picture's own role, and of the other's. [B, d/4, H/4, W/4] each."""
        mine, others = (self.psi_a, self.psi_b) if role == "a" else (self.psi_b, self.psi_a)
        features = mine[0](self.normalise(images))
        return own_part(next(mine[1].children()), features), other_part(next(others[1].children()), features)

    def encode_pair(self, a: CachedFeatures, b: CachedFeatures) -> tuple[Tensor, Tensor]:
        second_a, second_b = (nn.Sequential(*list(psi[1].children())[2:]) for psi in (self.psi_a, self.psi_b))
        f_a, f_b = second_a((a[0] + b[1]).relu_()), second_b((b[0] + a[1]).relu_())
        for cross, psi_a, psi_b in zip(self.cross, self.psi_a[2:], self.psi_b[2:], strict=True):
            both_a, both_b = cross(f_a, f_b)
            f_a, f_b = psi_a(both_a), psi_b(both_b)
        return f_a, f_b
