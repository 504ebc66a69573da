"""Colour histograms of cells: against a literal count, and what they tell apart."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from scott_core.model.colour import BINS, CHROMA_BINS, LUMA_BINS, cell_colours

YCBCR = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])


def shares(value: float, low: float, high: float, bins: int) -> NDArray[np.float64]:
    """The weights of linear interpolation between the two bin centres around a value."""
    place = (min(max(value, low), high) - low) / (high - low) * (bins - 1)
    first = min(int(place), bins - 2)
    found = np.zeros(bins)
    found[first], found[first + 1] = first + 1 - place, place - first
    return found


def literal(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
    """The histogram of the mean colours of 2 x 2 squares, pixels [h, w, 3] in 0..1."""
    h, w, _ = pixels.shape
    total = np.zeros((LUMA_BINS, CHROMA_BINS, CHROMA_BINS))
    for y in range(0, h, 2):
        for x in range(0, w, 2):
            luma, blue, red = YCBCR @ pixels[y : y + 2, x : x + 2].mean((0, 1))
            axes = [shares(luma, 0, 1, LUMA_BINS)]
            axes += [shares(np.sign(c) * np.sqrt(2 * abs(c)), -1, 1, CHROMA_BINS) for c in (blue, red)]
            total += np.einsum("i,j,k->ijk", *axes)
    return total.ravel() / (h * w / 4)


def test_each_cell_has_the_histogram_of_its_pixels() -> None:
    images = torch.randint(0, 256, (2, 3, 32, 48), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    found = cell_colours(images, 16)
    assert found.shape == (2, BINS, 2, 3)
    assert found.dtype == torch.float32
    for n, row, column in ((0, 0, 0), (0, 1, 2), (1, 0, 1)):
        cell = images[n, :, 16 * row : 16 * row + 16, 16 * column : 16 * column + 16].permute(1, 2, 0).numpy() / 255
        np.testing.assert_allclose(found[n, :, row, column].square(), literal(cell), atol=1e-5)


def test_the_product_of_equal_histograms_is_one_and_of_black_and_white_nothing() -> None:
    colours = torch.tensor([[0, 0, 0], [255, 255, 255], [200, 30, 40]], dtype=torch.uint8)
    images = colours[:, :, None, None].expand(-1, -1, 16, 16).contiguous()
    found = cell_colours(images, 16)[:, :, 0, 0]
    likeness = found @ found.T
    np.testing.assert_allclose(likeness.diag(), 1, atol=1e-4)
    assert likeness[0, 1] < 1e-3
    assert likeness[0, 2] < 0.3
