"""Convolutions that oneDNN has packed, for inference on a CPU.

oneDNN lays the weights out once, in the order of its kernel, and applies the activation as it writes the output.
torch's own convolution lays the weights out in every call, and its activation passes over the output once more.
torch.compile calls the same operations, after half a minute of compilation. The results are torch's: in the encoder of
the default weights they are equal to the bit.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from scott_core.model.efficientnet_lite import SameConv
from scott_core.model.split_convolution import SplitConvolution

_Activation = tuple[str, list[float]]  # the name that oneDNN's operation knows, and its parameters
_NONE: _Activation = ("none", [])
_ACTIVATIONS: dict[type[nn.Module], _Activation] = {nn.ReLU: ("relu", []), nn.ReLU6: ("hardtanh", [0.0, 6.0])}


class Packed(SplitConvolution):
    """`convolution` of [B, c, H, W], then `activation`; for inference only.

    The weights are packed at the first call and again whenever the shape of the input changes, so it suits callers
    whose batches have one shape. An own or other part (`split_convolution`) is without the activation.
    """

    def __init__(self, convolution: nn.Conv2d, activation: type[nn.Module] = nn.Identity):
        super().__init__()
        self.convolution = convolution
        self.activation = _ACTIVATIONS.get(activation, _NONE)
        self._packed: dict[str, tuple[torch.Size, Tensor]] = {}

    def forward(self, x: Tensor) -> Tensor:
        whole = self.convolution
        x, weight = whole.arrange(x) if isinstance(whole, SameConv) else (x, whole.weight)
        return self._convolve("whole", x, weight, whole.bias, self.activation)

    def own_part(self, own: Tensor) -> Tensor:
        """`split_convolution.own_part` of the convolution."""
        return self._convolve("own", own, self.convolution.weight[:, : own.shape[1]], self.convolution.bias)

    def other_part(self, other: Tensor) -> Tensor:
        """`split_convolution.other_part` of the convolution."""
        return self._convolve("other", other, self.convolution.weight[:, -other.shape[1] :], None)

    @torch.no_grad()
    def _convolve(
        self, part: str, x: Tensor, weight: Tensor, bias: Tensor | None, activation: _Activation = _NONE
    ) -> Tensor:
        c = self.convolution
        geometry = (list(c.padding), list(c.stride), list(c.dilation), c.groups)
        shape, packed = self._packed.get(part, (None, weight))
        if shape != x.shape:
            packed = torch.ops.mkldnn._reorder_convolution_weight(weight.contiguous(), *geometry, list(x.shape))
            self._packed[part] = x.shape, packed
        y: Tensor = torch.ops.mkldnn._convolution_pointwise(x, packed, bias, *geometry, *activation, "")
        return y


def pack_convolutions(module: nn.Module) -> None:
    """Pack every convolution in `module`, with the activation right after it, in place; none where torch has no oneDNN.

    The caller that adds an own and an other part applies the activation to their sum.
    """
    if not (torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_convolution_pointwise")):  # type: ignore[no-untyped-call]
        return
    for parent in list(module.modules()):
        children = [(name, child) for name, child in parent.named_children() if not isinstance(child, nn.Identity)]
        for i, (name, child) in enumerate(children):
            if isinstance(child, nn.Conv2d) and child.padding_mode == "zeros" and not isinstance(child.padding, str):
                after, following = children[i + 1] if i + 1 < len(children) else ("", child)
                applied = isinstance(parent, nn.Sequential) and type(following) in _ACTIVATIONS
                setattr(parent, name, Packed(child, type(following) if applied else nn.Identity))
                if applied:
                    setattr(parent, after, nn.Identity())
