"""The encoders: two pictures in, two feature maps out (paper, section 4, figure 4).

Every encoder has the same two steps, and the boundary between them is where a cartesian product saves its work:

    encode(images, role)   one picture alone: N + M times for N x M pairs -> its State
    exchange(a, b)         the States of aligned pairs -> F_a, F_b [B, d, h, w]

`role` is "a" (catalogue) or "b" (document). `d` is the feature width and `stride` the pixels of a cell's side. All
that is linear in one picture is on the first side of the boundary, whatever the equation's order of writing.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.efficientnet_lite import MEAN, STD, EfficientNetLite0
from scott_core.halves import Crossed, Joined, other_half, own_half

Role = Literal["a", "b"]
COSINE_BYTES = {"cpu": 4 << 20, "cuda": 1 << 30}  # of [B, heads, hw, hw] at once, as matcher.POOLED_BYTES
State = tuple[Tensor, ...]  # what one picture alone decides; the first dimension of each tensor counts pictures


def take(state: State, index: Tensor) -> State:
    """The states of some of the pictures, in the order of `index`; channels_last stays so."""
    return tuple(
        part.permute(0, 2, 3, 1).index_select(0, index).permute(0, 3, 1, 2)
        if part.dim() == 4 and part.is_contiguous(memory_format=torch.channels_last)
        else part.index_select(0, index)  # of whole pictures, it is four times as fast as part[index]
        for part in state
    )


class Encoder(nn.Module, ABC):
    """What Scott asks of an encoder; also normalises, so that pixel statistics travel with the weights."""

    mean: Tensor
    std: Tensor
    is_twin = False  # whether both roles have the same weights, and a state begins with F as it is before `exchange`
    co_dependent = True  # whether F_a depends on b; if not, `encode` gives (F,) and `exchange` changes nothing

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
    def encode(self, images: Tensor, role: Role) -> State:
        """[B, 3, H, W] in 0..255 -> whatever of the features one picture alone decides."""

    @abstractmethod
    def exchange(self, a: State, b: State) -> tuple[Tensor, Tensor]:
        """States of aligned pairs -> F_a, F_b, each [B, d, H/stride, W/stride]."""

    def join(self) -> None:
        """For inference: layers that see nothing but pairs, once for each role, become one. Most encoders have none."""


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
        self.cross = nn.ModuleList(Crossed() for _ in self.psi_a[2:])

    @staticmethod
    def _blocks(widths: tuple[int, ...]) -> list[nn.Module]:
        first: list[nn.Module] = [_psi(3, widths[0], pool=4)]
        return first + [_psi(2 * c_in, c_out, pool=2) for c_in, c_out in itertools.pairwise(widths)]

    def encode(self, images: Tensor, role: Role) -> State:
        """psi_1's features, as both halves of what psi_2's first convolution makes of them: of the psi_2 of the
        picture's own role, and of the other's. [B, d/4, H/4, W/4] each."""
        mine, others = (self.psi_a, self.psi_b) if role == "a" else (self.psi_b, self.psi_a)
        features = mine[0](self.normalise(images))
        return own_half(next(mine[1].children()), features), other_half(next(others[1].children()), features)

    def exchange(self, a: State, b: State) -> tuple[Tensor, Tensor]:
        second_a, second_b = (nn.Sequential(*list(psi[1].children())[2:]) for psi in (self.psi_a, self.psi_b))
        f_a, f_b = second_a((a[0] + b[1]).relu_()), second_b((b[0] + a[1]).relu_())
        for cross, psi_a, psi_b in zip(self.cross, self.psi_a[2:], self.psi_b[2:], strict=True):
            both_a, both_b = cross(f_a, f_b)
            f_a, f_b = psi_a(both_a), psi_b(both_b)
        return f_a, f_b

    def join(self) -> None:
        self.cross = nn.ModuleList(map(Joined, self.psi_a[2:], self.psi_b[2:]))  # type: ignore[arg-type]


class CoAttention(nn.Module):
    """Lets each picture's cells look at the other's; starts as the identity.

    F_a + W softmax(q(F_a) k(F_b)^T) v(F_b), and the same for b with the same weights, W = 0 at the start. This is what
    makes a twin backbone co-dependent, at the cost of two products of [hw, d] matrices a pair.
    """

    def __init__(self, d: int):
        super().__init__()
        self.norm = nn.LayerNorm(d)
        self.query = nn.Linear(d, d, bias=False)
        self.key = nn.Linear(d, d, bias=False)
        self.value = nn.Linear(d, d, bias=False)
        self.out = nn.Linear(d, d)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def prepare(self, features: Tensor) -> State:
        """F [B, d, h, w] -> F and what its cells ask, offer and say: queries, keys, values [B, hw, d].

        Attention is linear in the values and its weights add up to one, so W is applied to them here; and 1 / sqrt(d)
        to the queries.
        """
        rows = self.norm(features.flatten(2).transpose(1, 2))
        queries = self.query(rows) * rows.shape[2] ** -0.5
        return features, queries, self.key(rows), self.out(self.value(rows))

    def forward(self, a: State, b: State) -> tuple[Tensor, Tensor]:
        """Prepared a and b -> F_a, F_b, each [B, d, h, w]."""
        return _as_map(self._look(a, b), a[0]), _as_map(self._look(b, a), b[0])

    @staticmethod
    def _look(here: State, there: State) -> Tensor:
        """F + softmax(q k^T) v, [B, hw, d]."""
        features, query, _, _, *_ = here
        _, _, key, value, *_ = there
        rows = features.flatten(2).transpose(1, 2)
        if query.device.type == "cpu" and query.dtype == torch.bfloat16:  # torch's fused form takes twice as long there
            return torch.baddbmm(rows, torch.softmax(query @ key.transpose(1, 2), 2), value)
        return rows + F.scaled_dot_product_attention(query, key, value, scale=1.0)


def _as_map(rows: Tensor, like: Tensor) -> Tensor:
    """[B, hw, d], which is how channels_last lies in memory, to the shape of `like`, [B, d, h, w]."""
    return rows.transpose(1, 2).view_as(like)


class Correlation(CoAttention):
    """CoAttention that also says how well each cell is found again in the other picture; starts as the identity.

    In each of `heads` learned subspaces: the highest and the mean cosine of a cell with all cells of the other picture,
    [B, 2 heads, h, w], projected onto F with weights that start at zero. The prior mask of few-shot segmentation
    (Tian et al. 2020), learned: what only one picture shows has no counterpart, however salient it is.
    """

    def __init__(self, d: int, *, heads: int = 4):
        super().__init__(d)
        self.heads = heads
        self.match = nn.Linear(d, d, bias=False)
        self.evidence = nn.Linear(2 * heads, d)
        nn.init.zeros_(self.evidence.weight)
        nn.init.zeros_(self.evidence.bias)

    def prepare(self, features: Tensor) -> State:
        """As CoAttention's, and the cells' unit vectors in each subspace [B, heads, hw, d / heads], and their mean.

        What evidence adds to every cell is added to the values.
        """
        rows = self.match(self.norm(features.flatten(2).transpose(1, 2)))  # [B, hw, d]
        unit = F.normalize(rows.unflatten(2, (self.heads, -1)).transpose(1, 2), dim=3)
        features, queries, keys, values = super().prepare(features)
        return features, queries, keys, values + self.evidence.bias, unit, unit.mean(2)

    def forward(self, a: State, b: State) -> tuple[Tensor, Tensor]:
        """Prepared a and b -> F_a, F_b, each [B, d, h, w]."""
        (unit_a, mean_a), (unit_b, mean_b) = a[4:], b[4:]
        highest_a, highest_b = _highest_cosines(unit_a, unit_b)
        found_a, found_b = self._found(highest_a, unit_a, mean_b), self._found(highest_b, unit_b, mean_a)
        return _as_map(self._look(a, b) + found_a, a[0]), _as_map(self._look(b, a) + found_b, b[0])

    def _found(self, highest: Tensor, unit: Tensor, other_mean: Tensor) -> Tensor:
        """What each cell's highest and mean cosine say, [B, hw, d]."""
        mean = (unit @ other_mean[..., None])[..., 0]
        return (
            torch.cat([highest, mean], 1).transpose(1, 2) @ self.evidence.weight.T
        )  # [B, hw, 2 heads] by [2 heads, d]


def _highest_cosines(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Unit vectors [B, heads, hw, d] -> the highest cosine of each of a's and of b's, both [B, heads, hw]."""
    at_once = max(COSINE_BYTES[a.device.type] // (a.shape[1] * a.shape[2] * b.shape[2] * a.element_size()), 1)
    parts = zip(torch.split(a, at_once), torch.split(b, at_once), strict=True)
    cosines = (x @ y.transpose(2, 3) for x, y in parts)
    found = [(_highest(cosine, 3), _highest(cosine, 2)) for cosine in cosines]
    highest_a, highest_b = (torch.cat(each) for each in zip(*found, strict=True))
    return highest_a, highest_b


def _highest(x: Tensor, dim: int) -> Tensor:
    """amax. Its backward would compare all elements; that of `max` has an index.

    On a CPU bfloat16 is compared as the integers that its bits are, in a quarter of the time: as numbers these stand in
    the same order where they are positive, in the opposite one where they are negative.
    """
    if torch.is_grad_enabled():
        return x.max(dim).values
    if x.device.type != "cpu" or x.dtype != torch.bfloat16:
        return x.amax(dim)
    bits = x.view(torch.int16)
    highest = bits.amax(dim)
    negative = highest < 0
    if negative.any():
        highest = torch.where(negative, bits.amin(dim), highest)
    return highest.view(x.dtype)


class TwinLite(Encoder):
    """A twin encoder over a pretrained EfficientNet-Lite0: one picture at a time, the same weights for both roles.

    The trunk's maps at 1/16 and 1/32 (with `fine`, at 1/8 too: texture and print, starting from zero) are projected to
    d, added at 1/16 and refined by two residual convolutions: [B, d, H/16, W/16]. Half the paper's stride, because a
    small object in a 256 px picture is a few cells at 1/32.
    """

    is_twin = True

    def __init__(self, *, d: int = 128, fine: bool = False, exchange: CoAttention | None = None):
        super().__init__(d=d, stride=16, mean=(MEAN,) * 3, std=(STD,) * 3)
        self.trunk = EfficientNetLite0()
        at_8, at_16, at_32 = self.trunk.channels
        self.from_8 = nn.Conv2d(at_8, d, 3, stride=2, padding=1) if fine else None
        self.from_16 = nn.Conv2d(at_16, d, 1)
        self.from_32 = nn.Conv2d(at_32, d, 1)
        if self.from_8 is not None:
            nn.init.zeros_(self.from_8.weight)
            nn.init.zeros_(self.from_8.bias)  # type: ignore[arg-type]
        self.refine = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Conv2d(d, d, 3, padding=1), nn.ReLU(), nn.Conv2d(d, d, 3, padding=1))
            for _ in range(2)
        )
        self.exchanger = exchange
        self.co_dependent = exchange is not None

    def encode(self, images: Tensor, role: Role) -> State:
        at_8, at_16, at_32 = self.trunk(self.normalise(images))
        up = F.interpolate(self.from_32(at_32), size=at_16.shape[2:], mode="bilinear", align_corners=False)
        x: Tensor = self.from_16(at_16) + up
        if self.from_8 is not None:
            x = x + self.from_8(at_8)
        for block in self.refine:
            x = x + block(x)
        return (x,) if self.exchanger is None else self.exchanger.prepare(x)

    def exchange(self, a: State, b: State) -> tuple[Tensor, Tensor]:
        if self.exchanger is None:
            return a[0], b[0]
        pair: tuple[Tensor, Tensor] = self.exchanger(a, b)
        return pair


class TwinResNet50(Encoder):
    """The paper's other backbone (table 2): a twin ResNet50, its last map projected to d. Weights are the user's."""

    is_twin = True
    co_dependent = False

    def __init__(self, *, d: int = 512):
        super().__init__(d=d, stride=32, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))
        from torchvision.models import resnet50  # half a second, which other encoders need not pay

        trunk = resnet50(weights=None)
        self.trunk = nn.Sequential(*list(trunk.children())[:-2])
        self.project = nn.Conv2d(2048, d, 1)

    def encode(self, images: Tensor, role: Role) -> State:
        return (self.project(self.trunk(self.normalise(images))),)

    def exchange(self, a: State, b: State) -> tuple[Tensor, Tensor]:
        return a[0], b[0]
