"""3x3 convolutions with 4/9 of the multiplications, for inference on a CPU: Winograd's F(2x2, 3x3) (Lavin, Gray 2016).

A tile of 2x2 outputs y sees 4x4 inputs d. After linear maps of both, the inputs' of additions only, a convolution is
16 products of matrices, [tiles, channels in] by [channels in, channels out]; a third map leads back:

    y = A^T [(G g G^T) * (B^T d B)] A

The sums run over views whose innermost dimensions are pixels' channels, of a few pictures at a time, in memory that a
thread keeps for all of its convolutions: it stays in the cache, and the only new memory is the output's.
"""

from __future__ import annotations

import math
import threading
from typing import TypeGuard

import torch
import torch.nn.functional as F
from torch import Tensor, nn

# From so many channels, in and out, it gains 1.2 to 1.5 times over nn.Conv2d on a Zen 4: in bfloat16 pooled; in a head,
# which works on many pairs at once; and else.
CHANNELS_POOLED, CHANNELS_OF_HEAD, CHANNELS = 128, 128, 256
WORK = 1 << 20  # elements of a few pictures' transformed inputs

_A = torch.tensor([[1, 1, 1, 0], [0, 1, -1, -1]], dtype=torch.float64)  # transposed
_G = torch.tensor([[1, 0, 0], [0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0, 0, 1]], dtype=torch.float64)
_kept = threading.local()


class Winograd(nn.Module):
    """What `convolution` (`fits`) makes of [B, c, H, W], then a ReLU and max-pooling by 2 if asked; channels_last.

    For inference only: it has no gradient, and the weights are those of now, in their type.
    """

    def __init__(self, convolution: nn.Conv2d, *, relu: bool = False, pool: bool = False):
        super().__init__()
        self.relu, self.pool = relu, pool
        weight, bias = convolution.weight.detach(), convolution.bias
        u = torch.einsum("ki,lj,ocij->klco", _G, _G, weight.double())
        self.u = nn.Buffer(u.flatten(0, 1).to(weight.dtype).contiguous())  # [16, c, out]
        self.back = nn.Buffer(torch.kron(_A, _A).to(weight.dtype))  # [4, 16]
        self.bias = None if bias is None else nn.Buffer(bias.detach().clone())

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return self._convolve(x, self.u, self.bias)

    @torch.no_grad()
    def own_half(self, own: Tensor) -> Tensor:
        """`halves.own_half` of the convolution."""
        return self._convolve(own, self.u[:, : own.shape[1]], self.bias)

    @torch.no_grad()
    def other_half(self, other: Tensor) -> Tensor:
        """`halves.other_half` of the convolution."""
        return self._convolve(other, self.u[:, -other.shape[1] :], None)

    def _convolve(self, x: Tensor, u: Tensor, bias: Tensor | None) -> Tensor:
        batch, c, height, width = x.shape
        if height % 2 or width % 2:
            x = F.pad(x, (0, width % 2, 0, height % 2))
        x = x.permute(0, 2, 3, 1).contiguous()  # [B, H, W, c]
        h, w, out = x.shape[1] // 2, x.shape[2] // 2, u.shape[2]
        y = x.new_empty((batch, h, w, out) if self.pool else (batch, h, 2, w, 2, out))
        step = max(1, WORK // (16 * h * w * c))
        for start in range(0, batch, step):
            self._some(x[start : start + step], u, bias, y[start : start + step])
        y = y[:, : height // 2, : width // 2] if self.pool else y.view(batch, 2 * h, 2 * w, out)[:, :height, :width]
        return y.permute(0, 3, 1, 2)

    def _some(self, x: Tensor, u: Tensor, bias: Tensor | None, y: Tensor) -> None:
        """Pictures [n, H, W, c] -> their y [n, H/2, 2, W/2, 2, out], or pooled [n, H/2, W/2, out]."""
        n, height, width, c = x.shape
        tiles, out = (n, height // 2, width // 2), u.shape[2]
        left, v, m, z = _workspace(
            x, (4, n, height + 2, width // 2, c), (4, 4, *tiles, c), (4, 4, *tiles, out), (2, 2, *tiles, out)
        )
        # d B, of rows -1 to H
        left[:, :, :: height + 1].zero_()
        even, odd, inner = x[:, :, 0::2], x[:, :, 1::2], left[:, :, 1:-1]
        torch.sub(odd[:, :, :-1], odd[:, :, 1:], out=inner[0, :, :, 1:])
        torch.neg(odd[:, :, 0], out=inner[0, :, :, 0])
        torch.add(even, odd, out=inner[1])
        torch.sub(odd, even, out=inner[2])
        torch.sub(even[:, :, :-1], even[:, :, 1:], out=inner[3, :, :, :-1])
        inner[3, :, :, -1] = even[:, :, -1]
        # B^T (d B)
        d = [left[:, :, i : i + height - 1 : 2] for i in range(4)]
        torch.sub(d[0], d[2], out=v[0])
        torch.add(d[1], d[2], out=v[1])
        torch.sub(d[2], d[1], out=v[2])
        torch.sub(d[1], d[3], out=v[3])

        torch.bmm(v.view(16, -1, c), u, out=m.view(16, -1, out))
        if bias is not None:
            m[1, 1] += bias  # which A takes to each of the four
        torch.mm(self.back, m.view(16, -1), out=z.view(4, -1))  # as a product: its sums are not rounded on the way
        if self.pool:
            torch.maximum(z[0], z[1], out=z[0])
            torch.maximum(z[0, 0], z[0, 1], out=y)
        else:
            y.permute(2, 4, 0, 1, 3, 5).copy_(z)
        if self.relu:
            y.clamp_min_(0)


def fits(module: nn.Module, channels: int) -> TypeGuard[nn.Conv2d]:
    """Whether `module` is a convolution that Winograd can stand for, of at least so many channels in and out."""
    return (
        isinstance(module, nn.Conv2d)
        and (module.kernel_size, module.stride, module.padding) == ((3, 3), (1, 1), (1, 1))
        and (module.dilation, module.groups, module.padding_mode) == ((1, 1), 1, "zeros")
        and min(module.in_channels, module.out_channels) >= channels
    )


def replace_convolutions(module: nn.Module, dtype: torch.dtype, channels: int = CHANNELS) -> None:
    """Replace those of so many channels, with the ReLU and pooling by 2 that follow, in nn.Sequentials of it."""
    for layers in [each for each in module.modules() if isinstance(each, nn.Sequential)]:
        for i, layer in enumerate(layers):
            relu, pool = [*list(layers)[i + 1 : i + 3], None, None][:2]
            pooled = isinstance(relu, nn.ReLU) and _halves(pool)
            if not fits(layer, CHANNELS_POOLED if pooled and dtype == torch.bfloat16 else channels):
                continue
            layers[i] = Winograd(layer, relu=pooled, pool=pooled)
            if pooled:
                layers[i + 1], layers[i + 2] = nn.Identity(), nn.Identity()


def _halves(module: nn.Module | None) -> bool:
    """Whether it is max-pooling by 2."""
    return isinstance(module, nn.MaxPool2d) and (module.kernel_size, module.stride, module.padding) == (2, 2, 0)


def _workspace(like: Tensor, *shapes: tuple[int, ...]) -> list[Tensor]:
    """Tensors of these shapes, of the type of `like`, in this thread's memory; what they hold is of no meaning."""
    sizes = [math.prod(shape) for shape in shapes]
    needed = sum(sizes) * like.element_size()
    memory: Tensor | None = getattr(_kept, "memory", None)
    if memory is None or memory.nbytes < needed:
        with torch.inference_mode(False):  # else it could not be written outside of that mode
            memory = _kept.memory = torch.empty(needed, dtype=torch.uint8)
    parts = torch.split_with_sizes(memory[:needed].view(like.dtype), sizes)
    return [part.view(shape) for part, shape in zip(parts, shapes, strict=True)]
