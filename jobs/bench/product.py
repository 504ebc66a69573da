"""The images that the bench scores: those of the sample catalogue, and printed cartons.

The objects are as large as in real photographs (docs/speed.md): the time of a pair depends on the size of its regions.
"""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image

from jobs.sample import SAMPLE
from scott_core import read_image
from scott_core.data.synthetic.cartons import carton_on_white

N_CATALOGUE, N_DOCUMENT = 8, 16  # images of the product, on either side
CARTON_SIDE = 320  # pixels


def sample_files() -> list[Path]:
    """The catalogue images of the sample."""
    return sorted((SAMPLE / "catalogue").glob("*/images/*.jpg"))


def sample_toys() -> tuple[list[Image], list[Image]]:
    """The sample's images in two lists: the first one of each toy, and all others."""
    fronts = [file for file in sample_files() if file.stem == "1"]
    others = [file for file in sample_files() if file not in fronts]
    return [read_image(file) for file in fronts], [read_image(file) for file in others]


def make_product() -> tuple[list[Image], list[Image], list[tuple[int, int]]]:
    """N_CATALOGUE and N_DOCUMENT images, half toys and half cartons, and the indices of all their pairs."""
    a, b = (
        toys[: n // 2] + [carton_on_white(seed, side, size=CARTON_SIDE) for seed in range(n // 2)]
        for side, (toys, n) in enumerate(zip(sample_toys(), (N_CATALOGUE, N_DOCUMENT), strict=True))
    )
    return a, b, [(i, j) for i in range(len(a)) for j in range(len(b))]
