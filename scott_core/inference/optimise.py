"""A model made for inference: folded batch norms, channels_last memory, and convolutions that suit the device."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from scott_core.inference.joined_layers import join_pair_layers
from scott_core.inference.packed import pack_convolutions
from scott_core.inference.winograd import CHANNELS_OF_ENCODER, replace_convolutions
from scott_core.model.efficientnet_lite import EfficientNetLite0
from scott_core.model.scott import Scott


def for_inference(model: Scott, dtype: torch.dtype, device: torch.device) -> Scott:
    """A copy of `model` for inference in `dtype` on `device`; `model` itself is not changed.

    On a CPU, wide 3x3 convolutions become Winograd's and all others are packed. The statistics of the pixels and the
    backbone's delicate layers stay in float32.
    """
    copied = copy.deepcopy(model).eval().requires_grad_(False)
    fold_batch_norms(copied)
    join_pair_layers(copied)
    if device.type == "cpu":
        replace_convolutions(copied.encoder, dtype, CHANNELS_OF_ENCODER)
        for head in (copied.sigma_a, copied.sigma_b, copied.cross):
            replace_convolutions(head, dtype)
        pack_convolutions(copied)
    backbones = [module for module in copied.modules() if isinstance(module, EfficientNetLite0)]
    delicate = [layer for backbone in backbones for layer in backbone.delicate()]
    exact = {each: each.detach().clone() for layer in delicate for each in layer.parameters()}
    statistics = {name: _one_if_equal(getattr(copied.encoder, name)).to(device) for name in ("mean", "std")}
    copied.to(device, dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
    for name, value in statistics.items():
        setattr(copied.encoder, name, value)
    for parameter, value in exact.items():
        parameter.data = value.to(device)
    return copied


def _one_if_equal(channels: Tensor) -> Tensor:
    """[1, c, 1, 1], or [1, 1, 1, 1] where all channels are equal, which broadcasts as fast as a number."""
    return channels[:, :1] if (channels == channels[:, :1]).all() else channels


def fold_batch_norms(module: nn.Module) -> None:
    """Fold each batch norm in `module` into the convolution right before it, in place."""
    before: tuple[str, nn.Module] | None = None
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d) and before is not None and isinstance(before[1], nn.Conv2d):
            setattr(module, before[0], fuse_conv_bn_eval(before[1], child))
            setattr(module, name, nn.Identity())
        else:
            fold_batch_norms(child)
        before = (name, child)
