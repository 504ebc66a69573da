"""Winograd's 3x3 convolutions (Lavin, Gray 2016) for inference on a CPU: fewer multiplications than the definition has.

A tile of m x m outputs y depends on (m + 2) x (m + 2) inputs d. Linear maps of the inputs and of the kernel g turn the
convolution into (m + 2)^2 matrix products, [tiles, channels in] by [channels in, channels out], and a third linear map
turns the products into outputs:

    y = A^T [(G g G^T) * (B^T d B)] A

In float32 m is 4, F(4x4, 3x3): a quarter of the multiplications, and 1e-5 of the largest output as rounding error, ten
times that of F(2x2, 3x3). bfloat16 would lose too much by it, so there m is 2, with 4/9 of the multiplications.

The maps are sums of views whose innermost dimension is the channels. They work on a few images at a time, in memory
that a thread keeps for all of its convolutions, so that it stays in the CPU's cache; only the output is allocated.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import TypeGuard

import torch
from torch import Tensor, nn

from scott_core.model.split_convolution import SplitConvolution

# The fewest channels, in and out, of a convolution that is replaced. From there it is 1.2 to 1.5 times as fast as
# nn.Conv2d, measured on a Zen 3 in float32 and a Zen 4 in bfloat16. In bfloat16 an encoder, which sees only a few
# images at once, needs more where it does not pool.
CHANNELS, CHANNELS_OF_ENCODER = 128, 256
# Elements of transformed inputs that are in memory at once, by tile: more of them leave the CPU's caches, fewer of them
# read the weights more often.
WORK = {2: 1 << 20, 4: 1 << 22}

_A = {  # A^T, by tile (the m above)
    2: torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1]], dtype=torch.float64),
    4: torch.tensor(
        [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]], dtype=torch.float64
    ),
}
_G = {
    2: torch.tensor([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], dtype=torch.float64) / 2,
    4: torch.tensor([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], dtype=torch.float64)
    / 24,
}
_kept = threading.local()


class Winograd(SplitConvolution):
    """`convolution` (one that `fits`) of [B, c, H, W], then optionally ReLU and max-pooling by 2; channels_last.

    The c channels may be those of several maps, one after the other. An own or other part (`split_convolution`) is
    without ReLU and pooling. For inference only: it has no gradient, and it copies the weights when it is made.
    """

    def __init__(self, convolution: nn.Conv2d, *, tile: int = 2, relu: bool = False, pool: bool = False):
        super().__init__()
        self.tile, self.relu, self.pool = tile, relu, pool
        weight, bias = convolution.weight.detach(), convolution.bias
        a, g = _A[tile], _G[tile]
        u = torch.einsum("ki,lj,ocij->klco", g, g, weight.double())
        self.u = nn.Buffer(u.flatten(0, 1).to(weight.dtype).contiguous())  # [(tile + 2)^2, c, out]
        self.back = nn.Buffer(torch.kron(a, a).to(weight.dtype))  # [tile^2, (tile + 2)^2]
        self.bias = None if bias is None else nn.Buffer(bias.detach().clone())

    @torch.no_grad()
    def forward(self, *maps: Tensor) -> Tensor:
        return self._convolve(maps, self.u, self.bias, relu=self.relu, pool=self.pool)

    @torch.no_grad()
    def own_part(self, own: Tensor) -> Tensor:
        """`split_convolution.own_part` of the convolution."""
        return self._convolve([own], self.u[:, : own.shape[1]], self.bias)

    @torch.no_grad()
    def other_part(self, other: Tensor) -> Tensor:
        """`split_convolution.other_part` of the convolution."""
        return self._convolve([other], self.u[:, -other.shape[1] :], None)

    def _convolve(
        self, maps: Sequence[Tensor], u: Tensor, bias: Tensor | None, *, relu: bool = False, pool: bool = False
    ) -> Tensor:
        batch, _, height, width = maps[0].shape
        h, w = -(-height // self.tile), -(-width // self.tile)
        each, stride = (self.tile // 2, 2) if pool else (self.tile, 1)
        y = maps[0].new_empty((batch, h, each, w, each, u.shape[2]))
        step = max(1, WORK[self.tile] // (len(u) * h * w * u.shape[1]))
        for start in range(0, batch, step):
            some = [x[start : start + step].permute(0, 2, 3, 1) for x in maps]
            z = self._tiles(some, u, bias, pool=pool)
            out = y[start : start + step].permute(2, 4, 0, 1, 3, 5)
            if relu:
                torch.clamp_min(z, 0, out=out)
            else:
                out.copy_(z)
        y = y.view(batch, h * each, w * each, u.shape[2])[:, : height // stride, : width // stride]
        return y.permute(0, 3, 1, 2)

    def _tiles(self, maps: Sequence[Tensor], u: Tensor, bias: Tensor | None, *, pool: bool) -> Tensor:
        """Maps of a few images, [n, H, W, ..] each -> output tiles [tile, tile, n, h, w, out], half as large if pooled.

        The result lies in the thread's workspace, which the next call overwrites.
        """
        n, height, width, _ = maps[0].shape
        tile, side = self.tile, self.tile + 2
        h, w, (c, out) = -(-height // tile), -(-width // tile), u.shape[1:]
        padded, left, v, m, z = _workspace(
            maps[0],
            (n, h * tile + 2, w * tile + 2, c),
            (side, n, h * tile + 2, w, c),
            (side, side, n, h, w, c),
            (side**2, n * h * w, out),
            (tile, tile, n, h, w, out),
        )
        padded[:, 0], padded[:, height + 1 :], padded[:, :, 0], padded[:, :, width + 1 :] = 0, 0, 0, 0
        torch.cat(list(maps), 3, out=padded[:, 1 : height + 1, 1 : width + 1])
        inputs = _INPUTS[tile]
        inputs([padded[:, :, i : i + w * tile - tile + 1 : tile] for i in range(side)], left)  # d B
        inputs([left[:, :, i : i + h * tile - tile + 1 : tile] for i in range(side)], v)  # B^T (d B)
        torch.bmm(v.view(side**2, -1, c), u, out=m)
        if bias is not None:
            m[side + 1] += bias  # the entry that A^T carries to every output of a tile
        torch.mm(
            self.back, m.view(side**2, -1), out=z.view(tile**2, -1)
        )  # one product, which rounds once, where sums round each
        if pool:
            rows = torch.maximum(z[0::2], z[1::2], out=z[0::2])
            z = torch.maximum(rows[:, 0::2], rows[:, 1::2], out=rows[:, 0::2])
        return z


def _inputs_2(d: list[Tensor], out: Tensor) -> None:
    """B^T d for tiles of 2."""
    torch.sub(d[0], d[2], out=out[0])
    torch.add(d[1], d[2], out=out[1])
    torch.sub(d[2], d[1], out=out[2])
    torch.sub(d[1], d[3], out=out[3])


def _inputs_4(d: list[Tensor], out: Tensor) -> None:
    """B^T d for tiles of 4, whose rows share terms: two passes for each."""
    torch.sub(d[4], d[2], alpha=4, out=out[1])
    torch.sub(d[3], d[1], alpha=4, out=out[2])
    out[1] += out[2]  # -4 d1 - 4 d2 + d3 + d4
    torch.sub(out[1], out[2], alpha=2, out=out[2])  # 4 d1 - 4 d2 - d3 + d4
    torch.sub(d[4], d[2], out=out[3])
    torch.sub(d[3], d[1], out=out[5])
    torch.sub(out[3], out[5], alpha=2, out=out[4])  # 2 d1 - d2 - 2 d3 + d4
    torch.sub(d[0], d[2], out=out[0])
    torch.add(out[3], out[0], alpha=4, out=out[0])  # 4 d0 - 5 d2 + d4
    out[3].add_(out[5], alpha=2)  # -2 d1 - d2 + 2 d3 + d4
    torch.sub(d[5], out[5], alpha=4, out=out[5])
    out[5] -= d[3]  # 4 d1 - 5 d3 + d5


_INPUTS = {2: _inputs_2, 4: _inputs_4}


def fits(module: nn.Module, channels: int) -> TypeGuard[nn.Conv2d]:
    """Whether Winograd can replace `module`, a 3x3 convolution of at least `channels` channels in and out."""
    return (
        isinstance(module, nn.Conv2d)
        and (module.kernel_size, module.stride, module.padding) == ((3, 3), (1, 1), (1, 1))
        and (module.dilation, module.groups, module.padding_mode) == ((1, 1), 1, "zeros")
        and min(module.in_channels, module.out_channels) >= channels
    )


def replace_convolutions(module: nn.Module, dtype: torch.dtype, channels: int = CHANNELS) -> None:
    """Replace, in place, the convolutions in nn.Sequentials of `module`, with the ReLU and pooling by 2 that follow.

    A convolution is replaced from `channels` channels on; from CHANNELS on where it pools or `dtype` is not bfloat16.
    The caller that adds an own and an other part applies the ReLU to their sum.
    """
    tile = 2 if dtype == torch.bfloat16 else 4
    for layers in [each for each in module.modules() if isinstance(each, nn.Sequential)]:
        for i, layer in enumerate(layers):
            following = list(layers)[i + 1 : i + 3]
            relu = isinstance(next(iter(following), None), nn.ReLU)
            pool = relu and len(following) == 2 and _pools_by_2(following[1])
            if not fits(layer, CHANNELS if pool or tile == 4 else channels):
                continue
            layers[i] = Winograd(layer, tile=tile, relu=relu, pool=pool)
            for done in range(i + 1, i + 1 + relu + pool):
                layers[done] = nn.Identity()


def _pools_by_2(module: nn.Module | None) -> bool:
    """Whether `module` is max-pooling by 2."""
    return isinstance(module, nn.MaxPool2d) and (module.kernel_size, module.stride, module.padding) == (2, 2, 0)


def _workspace(like: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Uninitialised tensors of these shapes, with the dtype of `like`, in memory that this thread keeps."""
    sizes = [math.prod(shape) for shape in shapes]
    needed = sum(sizes) * like.element_size()
    memory: Tensor | None = getattr(_kept, "memory", None)
    if memory is None or memory.nbytes < needed:
        with torch.inference_mode(False):  # an inference tensor could not be written outside of that mode
            memory = _kept.memory = torch.empty(needed, dtype=torch.uint8)
    parts = torch.split_with_sizes(memory[:needed].view(like.dtype), sizes)
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
