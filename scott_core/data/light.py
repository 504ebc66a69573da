"""Photometry of augmentation, on the device that trains: the light on an object, and the degradations of documents.

Images are float32 [n, 3, S, S] in [0, 1]. Nothing shifts the hue, which tells objects apart. Constants without a source
were chosen by eye on docs/augmentation.jpg.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import torch
import torch.nn.functional as F
from torch import Tensor

from scott_core.data.chance import Chance
from scott_core.data.recipe import Recipe
from scott_core.data.warps import plane

LUMA = (0.299, 0.587, 0.114)  # weights of R, G, B (ITU-R BT.601, as in JPEG)
WARM = (1.0, 0.0, -1.0)  # change of the logarithm of R, G, B with the temperature
LOW_RESOLUTIONS = (0.4, 0.55, 0.75)  # shares of the side to scale down to, for a third of the images each
BLUR_TAPS = 9  # samples of the kernel: three sigmas on each side at the largest sigma of the recipe
BLUR_LEAST_SIGMA = 0.4  # px
GREY_CONTRAST = 0.3  # standard deviation of the contrast's logarithm
GREY_GRAIN = 0.03  # standard deviation of the noise
# ITU-T T.81, annex K: tables K.1 and K.2, row by row.
LUMA_TABLE = (
    "16 11 10 16 24 40 51 61 12 12 14 19 26 58 60 55 14 13 16 24 40 57 69 56 14 17 22 29 51 87 80 62 "
    "18 22 37 56 68 109 103 77 24 35 55 64 81 104 113 92 49 64 78 87 103 121 120 101 72 92 95 98 112 100 103 99"
)
CHROMA_TABLE = (
    "17 18 24 47 99 99 99 99 18 21 26 66 99 99 99 99 24 26 56 99 99 99 99 99 47 66 99 99 99 99 99 99 " + "99 " * 32
)


def relight(images: Tensor, recipe: Recipe, chance: Chance) -> Tensor:
    """Changes gamma, exposure, temperature, saturation and a gradient of light, independently for each image."""
    n = len(images)

    def spread(deviation: float) -> Tensor:
        return deviation * recipe.light * chance.normal(n, 1, 1, 1)

    warmth = _channels(WARM, images.device) * spread(recipe.temperature)
    gain = torch.exp(spread(recipe.exposure) + warmth)
    x = images.clamp(min=1e-4).pow_(torch.exp(spread(recipe.gamma))).mul_(gain)
    saturation = torch.exp(spread(recipe.saturation))
    slope = recipe.gradient * recipe.light * chance.normal(n, 2) @ plane(images.shape[3], images.device).T
    x = torch.lerp(x.mean(1, keepdim=True), x, saturation)
    return x.mul_(torch.exp(slope).view(n, 1, *images.shape[2:])).clamp_(0, 1)


def degrade_(images: Tensor, recipe: Recipe, chance: Chance) -> Tensor:
    """Degrades shares of the images, in place, as documents do: low resolution, blur, grey copies, JPEG.

    Copying the batch for each degradation would cost more than the degradations.
    """
    low = chance.some(len(images), recipe.low_resolution)
    for factor, index in zip(LOW_RESOLUTIONS, low.tensor_split(len(LOW_RESOLUTIONS)), strict=True):
        _change(images, index, partial(_low_resolution, factor=factor))
    for share, change in ((recipe.blur, _blur), (recipe.grey, _grey_scan), (recipe.jpeg, _as_jpeg)):
        index = chance.some(len(images), share)
        _change(images, index, partial(change, recipe=recipe, chance=chance))
    return images


def _change(images: Tensor, index: Tensor, change: Callable[[Tensor], Tensor]) -> None:
    """Replaces the images of `index`, in place, with `change` of them."""
    if len(index):
        images.index_copy_(0, index, change(images[index]))


def _low_resolution(images: Tensor, factor: float) -> Tensor:
    """Images scaled down by `factor` and up again."""
    side = images.shape[3]
    small = F.interpolate(images, size=(round(side * factor),) * 2, mode="area")
    return F.interpolate(small, size=(side, side), mode="bilinear", align_corners=False)


def _blur(images: Tensor, recipe: Recipe, chance: Chance) -> Tensor:
    """Gaussian blur with a random sigma for each image."""
    n = len(images)
    sigma = chance.uniform(n, low=BLUR_LEAST_SIGMA, high=recipe.blur_sigma)
    taps = torch.arange(BLUR_TAPS, device=images.device) - BLUR_TAPS // 2
    kernel = torch.softmax(-((taps / sigma[:, None]) ** 2) / 2, 1).repeat_interleave(3, 0)  # [3n, taps]
    x = F.pad(images, (BLUR_TAPS // 2,) * 4, mode="replicate").flatten(0, 1)[None]
    x = F.conv2d(x, kernel[:, None, None], groups=3 * n)
    return F.conv2d(x, kernel[:, None, :, None], groups=3 * n).view(images.shape)


def _grey_scan(images: Tensor, recipe: Recipe, chance: Chance) -> Tensor:
    """Images as a copier makes them: luma, more or less contrast, grain."""
    luma = (images * _channels(LUMA, images.device)).sum(1, keepdim=True)
    contrast = torch.exp(GREY_CONTRAST * chance.normal(len(images), 1, 1, 1))
    grain = GREY_GRAIN * chance.normal(*luma.shape)
    return ((luma - 0.5) * contrast + 0.5 + grain).clamp(0, 1).expand(-1, 3, -1, -1)


def _as_jpeg(images: Tensor, recipe: Recipe, chance: Chance) -> Tensor:
    """Images after JPEG of a random quality each."""
    return jpeg(images, chance.uniform(len(images), low=recipe.jpeg_lowest, high=recipe.jpeg_highest))


def jpeg(images: Tensor, quality: Tensor) -> Tensor:
    """Images [n, 3, S, S] in [0, 1] after JPEG's quantisation at `quality` [n], 1 to 100, with chroma 4:2:0.

    It follows ITU-T T.81 with the tables of its annex K, scaled as in the IJG's software. S is a multiple of 16.
    """
    n = len(images)
    whole = quality.floor()  # the IJG's software computes the scale in integers
    scale = torch.where(whole < 50, (5000 / whole).floor(), 200 - 2 * whole).view(n, 1, 1, 1, 1)
    tables = _tables(images.device)
    r, g, b = (images * 255).unbind(1)
    y = LUMA[0] * r + LUMA[1] * g + LUMA[2] * b
    planes = torch.stack([(b - y) * 0.564334, (r - y) * 0.713267], 1)  # Cb, Cr - 128
    cb, cr = _upsampled(_quantised(F.avg_pool2d(planes, 2), tables[1], scale)).unbind(1)
    y = _quantised((y - 128)[:, None], tables[0], scale)[:, 0] + 128
    rgb = torch.stack([y + 1.402 * cr, y - 0.344136 * cb - 0.714136 * cr, y + 1.772 * cb], 1)
    return rgb.round_().clamp_(0, 255) / 255


def _upsampled(planes: Tensor) -> Tensor:
    """Planes of twice the side, as JPEG's decoder interpolates chroma."""
    return F.interpolate(planes, scale_factor=2, mode="bilinear", align_corners=False)


def _quantised(planes: Tensor, table: Tensor, scale: Tensor) -> Tensor:
    """Planes [n, c, h, w] with the DCT of their 8 x 8 blocks rounded to multiples of the scaled table [8, 8]."""
    n, c, h, w = planes.shape
    dct = _dct(planes.device)
    step = ((table * scale + 50) / 100).floor().clamp(1, 255)  # [n, 1, 1, 8, 8]
    blocks = planes.view(n, c, h // 8, 8, w // 8, 8).permute(0, 1, 2, 4, 3, 5).reshape(n, c, -1, 8, 8)
    coded = (dct @ blocks @ dct.T / step).round_() * step
    blocks = (dct.T @ coded @ dct).view(n, c, h // 8, w // 8, 8, 8)
    return blocks.permute(0, 1, 2, 4, 3, 5).reshape(n, c, h, w)


@lru_cache(maxsize=8)
def _channels(values: tuple[float, float, float], device: torch.device) -> Tensor:
    """A constant for each channel, [1, 3, 1, 1]; it is copied to the device once, since a copy waits for a GPU."""
    return torch.tensor(values, device=device).view(1, 3, 1, 1)


@lru_cache(maxsize=4)
def _tables(device: torch.device) -> Tensor:
    """The quantisation tables of luma and chroma, [2, 8, 8]."""
    values = [[float(v) for v in table.split()] for table in (LUMA_TABLE, CHROMA_TABLE)]
    return torch.tensor(values, device=device).view(2, 8, 8)


@lru_cache(maxsize=4)
def _dct(device: torch.device) -> Tensor:
    """The orthonormal DCT-II of eight samples, [8, 8]; row k is the k-th frequency."""
    k, i = torch.arange(8.0)[:, None], torch.arange(8.0)[None]
    matrix = torch.cos(torch.pi * (2 * i + 1) * k / 16) / 2
    matrix[0] /= 2**0.5
    return matrix.to(device)
