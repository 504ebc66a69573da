"""Convolutions as oneDNN wants them, for inference on a CPU: weights laid out for it once, ReLU6 applied as it writes.

What torch.compile makes of them, without its half minute. torch's own convolution and activation would lay the weights
out in every call and pass over the output once more; those of the default weights' encoder are the same to the bit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scott_core.efficientnet_lite import SameConv


class Packed(nn.Module):
    """What `convolution` makes of [B, c, H, W], then a ReLU6 if asked; for inference only, with the weights of now.

    Laid out for one shape of input, so anew for another: for callers whose batches are all of one size.
    """

    def __init__(self, convolution: nn.Conv2d, *, relu6: bool = False):
        super().__init__()
        self.convolution = convolution
        self.activation: tuple[str, list[float]] = ("hardtanh", [0.0, 6.0]) if relu6 else ("none", [])
        self._packed: dict[str, tuple[torch.Size, Tensor]] = {}

    def forward(self, x: Tensor) -> Tensor:
        whole = self.convolution
        x, weight = whole.arrange(x) if isinstance(whole, SameConv) else (x, whole.weight)
        return self._convolve("whole", x, weight, whole.bias)

    def own_half(self, own: Tensor) -> Tensor:
        """`halves.own_half` of the convolution."""
        return self._convolve("own", own, self.convolution.weight[:, : own.shape[1]], self.convolution.bias)

    def other_half(self, other: Tensor) -> Tensor:
        """`halves.other_half` of the convolution."""
        return self._convolve("other", other, self.convolution.weight[:, -other.shape[1] :], None)

    @torch.no_grad()
    def _convolve(self, part: str, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        c = self.convolution
        geometry = (list(c.padding), list(c.stride), list(c.dilation), c.groups)
        shape, packed = self._packed.get(part, (None, weight))
        if shape != x.shape:
            packed = torch.ops.mkldnn._reorder_convolution_weight(weight.contiguous(), *geometry, list(x.shape))
            self._packed[part] = x.shape, packed
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(x, packed, bias, *geometry, *self.activation, "")
        return y


def pack_convolutions(module: nn.Module) -> None:
    """Pack every convolution in `module`, with the ReLU6 right after it, in place; none where torch has no oneDNN.

    A ReLU stays: it may be that of a sum of two halves.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):  # type: ignore[no-untyped-call]
        return
    for parent in list(module.modules()):
        children = [(name, child) for name, child in parent.named_children() if not isinstance(child, nn.Identity)]
        for i, (name, child) in enumerate(children):
            if isinstance(child, nn.Conv2d) and child.padding_mode == "zeros" and not isinstance(child.padding, str):
                after, activation = children[i + 1] if i + 1 < len(children) else ("", None)
                relu6 = isinstance(parent, nn.Sequential) and isinstance(activation, nn.ReLU6)
                setattr(parent, name, Packed(child, relu6=relu6))
                if relu6:
                    setattr(parent, after, nn.Identity())
