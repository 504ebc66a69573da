"""Packed convolutions are torch's, but for rounding."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.inference.joined_layers import JoinedLayers
from scott_core.inference.optimise import fold_batch_norms
from scott_core.inference.packed import Packed, pack_convolutions
from scott_core.inference.precision import PRECISIONS, available
from scott_core.model.efficientnet_lite import EfficientNetLite0, SameConv
from scott_core.model.split_convolution import BothOrders, other_part, own_part
from scott_core.reference import same_reference

DTYPES = [PRECISIONS[name] for name in available(torch.device("cpu"))]


def _maps(*shape: int) -> Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    return x.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "convolution",
    [
        nn.Conv2d(8, 12, 3, padding=1),
        nn.Conv2d(8, 12, 1, bias=False),
        nn.Conv2d(8, 8, 5, padding=2, groups=8),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.Conv2d(8, 12, 3, padding=2, dilation=2),
        SameConv(8, 12, 3, stride=2, groups=1, bias=True),
        SameConv(8, 8, 5, stride=2, groups=8, bias=True),
    ],
)
def test_is_the_convolution_for_one_shape_after_another(convolution: nn.Conv2d, dtype: torch.dtype) -> None:
    convolution = convolution.to(dtype)
    packed, clipped, rectified = (Packed(convolution, activation) for activation in (nn.Identity, nn.ReLU6, nn.ReLU))
    with torch.no_grad():
        for shape in ((2, 8, 10, 12), (2, 8, 11, 13), (1, 8, 10, 12), (2, 8, 10, 12)):
            x = (9 * _maps(*shape)).to(dtype)
            wanted = convolution(x)
            torch.testing.assert_close(packed(x), wanted, rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(clipped(x), F.relu6(wanted), rtol=1e-5, atol=1e-5)
            torch.testing.assert_close(rectified(x), F.relu(wanted), rtol=1e-5, atol=1e-5)
            assert packed(x).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("side", [(10, 12), (11, 13), (10, 13)])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("groups", [1, 8])
def test_same_padding_is_tensorflows(side: tuple[int, int], kernel: int, groups: int) -> None:
    convolution = SameConv(8, 8, kernel, stride=2, groups=groups, bias=True)
    x = _maps(2, 8, *side)
    torch.testing.assert_close(convolution(x), same_reference(convolution, x))


def test_both_parts_and_joined_layers() -> None:
    first, second = (nn.Conv2d(12, 10, 3, padding=1) for _ in range(2))
    one, other = (nn.Sequential(each, nn.ReLU(), nn.Conv2d(10, 3, 1)) for each in (first, second))
    a, b = _maps(2, 6, 8, 8), _maps(2, 6, 8, 8).flip(0)
    packed = Packed(first, nn.ReLU)  # a ReLU that its parts leave to their sum
    with torch.no_grad():
        for part_of, part in ((own_part, a), (other_part, b)):
            torch.testing.assert_close(part_of(packed, part), part_of(first, part))
        wanted = one(torch.cat([a, b], 1)), other(torch.cat([b, a], 1))
        both_a, both_b = BothOrders()(a, b)
        torch.testing.assert_close((one(both_a), other(both_b)), wanted)
        for_one, for_other = JoinedLayers(one, other)(a, b)
        torch.testing.assert_close((one(for_one), other(for_other)), wanted)


def test_all_of_a_backbone_is_packed_with_its_activations() -> None:
    torch.manual_seed(0)
    backbone = EfficientNetLite0().eval()
    x = _maps(2, 3, 64, 64)
    with torch.no_grad():
        fold_batch_norms(backbone)
        wanted = backbone(x)
        pack_convolutions(backbone)
        assert not any(isinstance(each, nn.ReLU6) for each in backbone.modules())
        found = backbone(x)
    assert sum(isinstance(each, Packed) for each in backbone.modules()) == sum(
        isinstance(each, nn.Conv2d) for each in backbone.modules()
    )
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_what_stays() -> None:
    layers = nn.Sequential(nn.Conv2d(4, 4, 1), nn.GELU(), nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"))
    layers += nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3, padding="same"))
    pack_convolutions(layers)
    assert [type(layer) for layer in layers] == [Packed, nn.GELU, nn.Conv2d, nn.ReLU, nn.Conv2d]


def test_without_onednn_nothing_is_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    layers = nn.Sequential(nn.Conv2d(4, 4, 1))
    pack_convolutions(layers)
    assert type(layers[0]) is nn.Conv2d
