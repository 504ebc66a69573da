"""TODO."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image

from jobs.sample import SAMPLE
from scott_core import read_image
from scott_core.data.synthetic.cartons import carton_on_white

N_CATALOGUE, N_DOCUMENT = 8, 16


def _files() -> list[Path]:
    """The sample's catalogue images."""
    return sorted((SAMPLE / "catalogue").glob("*/images/*.jpg"))


def _toys() -> tuple[list[Image], list[Image]]:
    """The same: of each toy the first, and all others."""
    fronts = [file for file in _files() if file.stem == "1"]
    return [read_image(file) for file in fronts], [read_image(file) for file in _files() if file not in fronts]


def _product() -> tuple[list[Image], list[Image], list[tuple[int, int]]]:
    """N_CATALOGUE and N_DOCUMENT pictures, and the indices of their pairs."""
    a, b = (
        toys[: n // 2] + [carton_on_white(seed, side, size=320) for seed in range(n // 2)]
        for side, (toys, n) in enumerate(zip(_toys(), (N_CATALOGUE, N_DOCUMENT), strict=True))
    )
    return a, b, [(i, j) for i in range(len(a)) for j in range(len(b))]
