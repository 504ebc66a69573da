"""An image that shows nothing is told from one that shows little: on made images and on real catalogue images."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors.blank import shows_nothing
from extractors.classifier.classify import classify
from extractors.model import Pixels

Draw = Callable[[Pixels, float], None]  # draws on an image of 400 x 300 px, at this scale


def ground(scale: float, colour: tuple[int, int, int] = (255, 255, 255)) -> Pixels:
    return np.full((round(300 * scale), round(400 * scale), 3), colour, np.uint8)


def line(x0: int, y0: int, x1: int, y1: int, grey: int = 0) -> Draw:
    """A line two pixels thick, softened."""

    def draw(pixels: Pixels, scale: float) -> None:
        start, end = ((round(x * scale), round(y * scale)) for x, y in ((x0, y0), (x1, y1)))
        cv2.line(pixels, start, end, (grey,) * 3, max(1, round(2 * scale)), cv2.LINE_AA)

    return draw


def box(x0: int, y0: int, x1: int, y1: int, grey: int = 0) -> Draw:
    def draw(pixels: Pixels, scale: float) -> None:
        pixels[round(y0 * scale) : round(y1 * scale), round(x0 * scale) : round(x1 * scale)] = grey

    return draw


NOTHING: dict[str, list[Draw]] = {
    "one colour": [],
    "edge": [box(0, 0, 2, 300)],
    "bottom": [box(0, 298, 400, 300)],
    "rule": [box(0, 140, 400, 142)],
    "grey rule": [box(0, 140, 400, 142, 128)],
    "two rules": [box(0, 90, 400, 92), box(0, 200, 400, 202)],
    "frame": [box(0, 0, 400, 2), box(0, 298, 400, 300), box(0, 0, 2, 300), box(398, 0, 400, 300)],
    "inner frame": [line(20, 20, 380, 20), line(380, 20, 380, 280), line(380, 280, 20, 280), line(20, 280, 20, 20)],
    "diagonal": [line(20, 30, 380, 250, 60)],
    "crossed": [line(20, 30, 380, 250), line(380, 30, 20, 250)],
    "speck": [box(200, 140, 210, 150)],
}


@pytest.mark.parametrize("name", NOTHING)
@pytest.mark.parametrize("scale", [0.5, 1, 2.5, 6])
@pytest.mark.parametrize("coded", [False, True])
def test_one_colour_with_a_line_or_a_speck_is_nothing(name: str, scale: float, coded: bool) -> None:
    pixels = ground(scale, (255, 255, 255) if name != "one colour" else (30, 120, 200))
    for draw in NOTHING[name]:
        draw(pixels, scale)
    if coded:
        encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
        pixels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR), np.uint8)
    assert shows_nothing(pixels) is not None
    assert classify(pixels, "embedded").image_class == "blank"


def ellipse(colour: int) -> Draw:
    def draw(pixels: Pixels, scale: float) -> None:
        cv2.ellipse(pixels, (200, 150), (120, 90), 0, 0, 360, (colour,) * 3, -1)

    return draw


def wire(thickness: int) -> Draw:
    def draw(pixels: Pixels, scale: float) -> None:
        cv2.ellipse(pixels, (200, 150), (110, 130), 0, 0, 360, (180, 150, 40), thickness, cv2.LINE_AA)

    return draw


def rack(pixels: Pixels, scale: float) -> None:
    for at in range(40, 261, 22):
        cv2.line(pixels, (at, 40), (at, 260), (80, 80, 80), 3, cv2.LINE_AA)
        cv2.line(pixels, (40, at), (260, at), (80, 80, 80), 3, cv2.LINE_AA)


def pen(pixels: Pixels, scale: float) -> None:
    cv2.line(pixels, (40, 40), (360, 260), (30, 30, 120), 9, cv2.LINE_AA)


@pytest.mark.parametrize(
    ("draw", "background"),
    [
        (box(190, 140, 208, 158, 90), 255),  # a small product
        (ellipse(245), 255),  # a pale one
        (ellipse(12), 0),  # a dark one on black
        (wire(2), 255),  # a chain
        (rack, 255),
        (pen, 255),
    ],
    ids=["small", "pale", "dark", "chain", "rack", "pen"],
)
def test_a_small_pale_dark_or_thin_product_is_something(draw: Draw, background: int) -> None:
    pixels = ground(1, (background,) * 3)
    draw(pixels, 1)
    assert shows_nothing(pixels) is None


def test_colours_of_one_grey_level_are_something() -> None:
    pixels = ground(1, (120, 100, 100))
    pixels[100:200, 100:300] = (100, 110, 101)
    assert np.ptp(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(int)) <= 1
    assert shows_nothing(pixels) is None


@pytest.mark.parametrize("size", [(8, 8), (8, 9000), (9000, 8), (40, 500), (3000, 33)])
def test_images_of_any_shape_are_judged(size: tuple[int, int]) -> None:
    pixels = np.full((*size, 3), 255, np.uint8)
    assert shows_nothing(pixels) is not None
    assert shows_nothing(np.random.default_rng(0).integers(0, 256, pixels.shape, np.uint8)) is None


def test_no_catalogue_image_is_blank(shared_data: Path) -> None:
    """Every 20th here; of all 7,154, and with a contrast of 30%, none was (extractors/blank.py)."""
    with (shared_data / "manifest.csv").open(newline="") as file:
        paths = [shared_data / row["image"] for row in csv.DictReader(file)][::20]
    paths += [path for name in ("audit", "audit_val") for path in (shared_data / name).glob("catalogue/*/images/*")]
    for path in paths:
        pixels = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), np.uint8)
        assert shows_nothing(pixels) is None, path
        pale = (255 - (255 - pixels.astype(np.float32)) * 0.3).astype(np.uint8)
        assert shows_nothing(pale) is None, path
