"""Winograd's convolutions are torch's, but for rounding."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from scott_core.inference.winograd import CHANNELS, CHANNELS_OF_ENCODER, WORK, Winograd, fits, replace_convolutions
from scott_core.model.split_convolution import other_part, own_part

TILES = [2, 4]


def _convolution(c: int, out: int, *, bias: bool = True) -> nn.Conv2d:
    torch.manual_seed(0)
    convolution = nn.Conv2d(c, out, 3, padding=1, bias=bias)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return convolution.double()


def _maps(*shape: int) -> Tensor:
    x = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return x.to(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(8, 8), (2, 2), (1, 1), (7, 8), (8, 5), (3, 9), (4, 10)])
@pytest.mark.parametrize("batch", [1, 5])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("tile", TILES)
def test_is_the_convolution(
    size: tuple[int, int], batch: int, bias: bool, tile: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(WORK, tile, 2 * (8 // tile * (tile + 2)) ** 2 * 6)  # two images of 8x8 at a time, of five
    convolution, x = _convolution(6, 10, bias=bias), _maps(batch, 6, *size)
    y = Winograd(convolution, tile=tile)(x)
    torch.testing.assert_close(y, convolution(x), rtol=1e-12, atol=1e-12)
    y = Winograd(convolution.float(), tile=tile)(x.float())
    torch.testing.assert_close(y, convolution(x.float()), rtol=1e-4, atol=1e-5)
    whole = size[0] % tile == size[1] % tile == 0
    assert not whole or y.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("size", [(8, 4), (8, 6), (7, 5)])
@pytest.mark.parametrize("tile", TILES)
def test_with_relu_and_pooling(size: tuple[int, int], tile: int) -> None:
    convolution, x = _convolution(6, 10), _maps(3, 6, *size)
    expected = convolution(x).relu()
    torch.testing.assert_close(Winograd(convolution, tile=tile, relu=True)(x), expected)
    torch.testing.assert_close(Winograd(convolution, tile=tile, relu=True, pool=True)(x), F.max_pool2d(expected, 2))


def test_maps_of_any_layout() -> None:
    convolution, x = _convolution(6, 4), _maps(2, 12, 8, 8)
    for view in (x.contiguous()[:, ::2], x[:, 6:], x.transpose(2, 3)[:, :6], x[:, :6, ::2]):
        torch.testing.assert_close(Winograd(convolution)(view), convolution(view))


@pytest.mark.parametrize("tile", TILES)
def test_both_parts_and_several_maps(tile: int) -> None:
    convolution, x = _convolution(12, 10), _maps(2, 12, 8, 8)
    winograd = Winograd(convolution, tile=tile, relu=True, pool=True)
    for part_of, part in ((own_part, x[:, :6]), (other_part, x[:, 6:])):  # without the ReLU, which applies to their sum
        torch.testing.assert_close(part_of(winograd, part), part_of(convolution, part))
    torch.testing.assert_close(winograd(x[:, :5], x[:, 5:6], x[:, 6:].contiguous()), winograd(x))


@pytest.mark.parametrize("channels", [128, 512])
def test_float32_keeps_five_digits(channels: int) -> None:
    convolution, x = _convolution(channels, channels), _maps(2, channels, 16, 16).relu()
    exact = convolution(x)
    for tile, error in ((2, 1e-6), (4, 1e-5)):
        y = Winograd(convolution, tile=tile).float()(x.float())
        assert (y - exact).norm() / exact.norm() < error


@pytest.mark.parametrize("channels", [128, 256])
def test_bfloat16_loses_about_twice_what_torch_does(channels: int) -> None:
    convolution, x = _convolution(channels, channels), _maps(2, channels, 16, 16).relu().bfloat16()
    exact = convolution(x.double())
    winograd = Winograd(convolution).bfloat16()

    def error(y: Tensor) -> float:
        relative: float = ((y.double() - exact).norm() / exact.norm()).item()
        return relative

    assert error(winograd(x)) < 2.2 * error(convolution.bfloat16()(x))


def test_memory_is_of_any_mode() -> None:
    """Made in inference mode, it must be writable outside of it, and the other way round; by larger images too."""
    convolution = _convolution(4, 4)
    winograd = Winograd(convolution)
    with torch.inference_mode():
        winograd(_maps(1, 4, 64, 64))
    x = _maps(1, 4, 66, 66)
    torch.testing.assert_close(winograd(x), convolution(x))
    with torch.inference_mode():
        torch.testing.assert_close(winograd(x), convolution(x))


def test_what_fits_and_is_replaced() -> None:
    wide = nn.Conv2d(256, 256, 3, padding=1)
    assert fits(wide, 256)
    assert not fits(wide, 257)
    others = [nn.Conv2d(256, 64, 3, padding=1), nn.Conv2d(256, 256, 3), nn.Conv2d(256, 256, 3, 2, 1)]
    others += [nn.Conv2d(256, 256, 1), nn.Conv2d(256, 256, 3, padding=1, groups=2)]
    others += [nn.Conv2d(256, 256, 3, padding=2, dilation=2), nn.Conv2d(256, 256, 3, padding=1, padding_mode="reflect")]
    assert not any(fits(each, 256) for each in others)
    layers = nn.Sequential(wide, nn.ReLU(), _convolution(256, 256).float(), nn.ReLU(), nn.MaxPool2d(2), others[0])
    x = _maps(1, 256, 8, 8).float()
    expected = layers(x)
    replace_convolutions(layers, torch.float32)
    assert [layer.tile for layer in layers if isinstance(layer, Winograd)] == [4, 4]
    done = nn.Identity
    assert [type(layer) for layer in layers] == [Winograd, done, Winograd, done, done, nn.Conv2d]
    torch.testing.assert_close(layers(x), expected, rtol=1e-4, atol=1e-4)


def test_bfloat16_wants_more_channels_of_an_encoder_that_does_not_pool() -> None:
    def made() -> nn.Sequential:
        unpooled = nn.Conv2d(128, 128, 3, padding=1)
        return nn.Sequential(unpooled, nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))

    for dtype, channels, tiles in (
        (torch.bfloat16, CHANNELS_OF_ENCODER, [None, 2]),
        (torch.bfloat16, CHANNELS, [2, 2]),
        (torch.float32, CHANNELS_OF_ENCODER, [4, 4]),
    ):
        layers = made()
        replace_convolutions(layers, dtype, channels)
        assert [getattr(layers[i], "tile", None) for i in (0, 2)] == tiles


def test_sequentials_with_constructors_of_their_own() -> None:
    class Block(nn.Sequential):
        def __init__(self, channels: int):
            super().__init__(nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU())

    model = nn.ModuleList([Block(256)])
    replace_convolutions(model, torch.float32)
    assert isinstance(model[0].get_submodule("0"), Winograd)
