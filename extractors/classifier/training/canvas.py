"""Parts that the drawings of this package share: canvases, colours, words, smooth curves and paper.

Images are RGB arrays [H, W, 3]; functions that return nothing draw into the image they are given. Points are x, y in
px. Chance comes from `rng` alone, so that a seed gives the same drawing.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from extractors.model import Pixels

Rng = np.random.Generator
Colour = tuple[int, ...]
Points = npt.NDArray[np.float64]  # [N, 2] as x, y

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (0, 0, 0)
_HERSHEY = (
    *(cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX),
    cv2.FONT_HERSHEY_COMPLEX | cv2.FONT_ITALIC,
)


def canvas(rng: Rng, colour: Colour = WHITE, ratio: tuple[float, float] = (0.6, 2.0)) -> Pixels:
    """An image of one colour, 80 to 480 px high and between the two `ratio`s times as wide."""
    height = int(rng.integers(80, 480))
    width = int(np.clip(height * rng.uniform(*ratio), 60, 1000))
    return np.full((height, width, 3), colour, np.uint8)


def colour(rng: Rng, lightest: int = 220) -> Colour:
    """Any colour up to level `lightest`; three of ten are grey, one of four is a pure one."""
    chance = rng.random()
    if chance < 0.3:
        level = int(rng.integers(0, lightest))
        return (level, level, level)
    channels = rng.integers(0, lightest, 3)
    if chance < 0.55:
        channels[rng.integers(3)] = 0
        channels[rng.integers(3)] = lightest
    return as_colour(channels)


def pale(rng: Rng) -> Colour:
    """White in four of ten, else a light tint."""
    return WHITE if rng.random() < 0.4 else as_colour(rng.integers(200, 256, 3))


def as_colour(values: Iterable[float]) -> Colour:
    """Levels of any number type as a colour, rounded towards 0."""
    return tuple(int(value) for value in values)


def somewhere(rng: Rng, pixels: Pixels) -> tuple[int, int]:
    """A point of the image: x, y."""
    return int(rng.integers(0, pixels.shape[1])), int(rng.integers(0, pixels.shape[0]))


def word(rng: Rng, longest: int = 10) -> str:
    """Letters as common as in a word, in capitals, small letters or both; or a number."""
    count = int(rng.integers(2, longest + 1))
    chance = rng.random()
    if chance < 0.15:
        return f"{rng.uniform(0, 10 ** min(count, 4)):.{int(rng.integers(0, 3))}f}"
    letters = "".join(rng.choice(list("eeeaaiioouuttnnssrrllddccmmppbfghvwykxz"), count))
    return letters.upper() if chance < 0.35 else letters.capitalize() if chance < 0.6 else letters


def words(rng: Rng, count: int) -> str:
    """This many words with spaces between."""
    return " ".join(word(rng) for _ in range(count))


@cache
def typeface(height: int) -> Any:
    """Pillow's default typeface at a height in px."""
    return ImageFont.load_default(size=height)


def write(pixels: Pixels, text: str, at: tuple[float, float], height: float, ink: Colour = BLACK, bold: int = 0) -> int:
    """Draw `text` with its top left at `at`, about `height` px high and `bold` px bolder; returns its width in px."""
    face = typeface(max(round(height), 6))
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    draw.text(at, text, fill=ink, font=face, stroke_width=bold)
    pixels[:] = np.asarray(image)
    return int(draw.textlength(text, font=face))


def write_plain(
    rng: Rng, pixels: Pixels, text: str, at: tuple[float, float], height: float, ink: Colour = BLACK
) -> None:
    """Draw `text` with its bottom left at `at` in one of OpenCV's stroked typefaces, which look unlike write()'s."""
    thickness = max(1, round(height / 12 * rng.uniform(0.5, 2)))
    face = _HERSHEY[int(rng.integers(len(_HERSHEY)))]
    cv2.putText(pixels, text, (int(at[0]), int(at[1])), face, height / 22, ink, thickness, cv2.LINE_AA)


def label(rng: Rng, pixels: Pixels, text: str, at: tuple[float, float], height: float, ink: Colour = BLACK) -> None:
    """Draw `text` with its top left at `at` by write() or, in four of ten, by write_plain()."""
    if rng.random() < 0.6:
        write(pixels, text, at, height, ink, int(rng.random() < 0.2))
    else:
        write_plain(rng, pixels, text, (at[0], at[1] + height), height, ink)


def smooth_curve(points: Points, count: int = 200, closed: bool = False) -> Points:
    """About `count` points of a Catmull-Rom spline through `points`."""
    ring = np.concatenate([points[-1:], points, points[:2]] if closed else [points[:1], points, points[-1:]])
    pieces = []
    steps = np.linspace(0, 1, max(count // len(points), 3), endpoint=False)[:, None]
    for a, b, c, d in zip(ring, ring[1:], ring[2:], ring[3:], strict=False):
        pieces.append(
            0.5
            * (2 * b + (c - a) * steps + (2 * a - 5 * b + 4 * c - d) * steps**2 + (3 * b - a - 3 * c + d) * steps**3)
        )
    return np.concatenate(pieces)


def blob(rng: Rng, centre: tuple[float, float], radius: float, corners: int = 8) -> Points:
    """A closed smooth outline around `centre`, at most `radius` from it."""
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(-0.2, 0.2, corners)
    reach = radius * rng.uniform(0.5, 1.0, corners)
    return smooth_curve(
        np.stack([centre[0] + reach * np.cos(angles), centre[1] + reach * np.sin(angles)], 1), 160, True
    )


def fill(pixels: Pixels, outline: Points, ink: Colour) -> None:
    """Fill the polygon `outline` [N, 2]."""
    cv2.fillPoly(pixels, [np.round(outline).astype(np.int32)], ink, cv2.LINE_AA)


def stroke(pixels: Pixels, outline: Points, ink: Colour, thickness: int = 1, closed: bool = False) -> None:
    """Draw the line through `outline` [N, 2], back to its start where it is `closed`."""
    cv2.polylines(pixels, [np.round(outline).astype(np.int32)], closed, ink, max(thickness, 1), cv2.LINE_AA)


def star(pixels: Pixels, middle: tuple[float, float], radius: float, ink: Colour, turn: float = -np.pi / 2) -> None:
    """Fill a star of five points, one of them at the angle `turn` from the right (rad), by default upwards."""
    angles = np.arange(10) * np.pi / 5 + turn
    reach = np.where(np.arange(10) % 2, 0.4, 1.0)[:, None] * radius
    fill(pixels, np.array(middle) + reach * np.stack([np.cos(angles), np.sin(angles)], 1), ink)


def ramp(rng: Rng, shape: tuple[int, ...], first: Colour, last: Colour) -> Pixels:
    """A colour gradient in any direction, [H, W, 3]."""
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    angle = rng.uniform(0, np.pi / 2) if rng.random() < 0.4 else float(rng.choice([0, np.pi / 2]))
    along = (np.cos(angle) * x + np.sin(angle) * y)[..., None] / (np.cos(angle) + np.sin(angle))
    return np.asarray(np.asarray(first) * (1 - along) + np.asarray(last) * along, np.uint8)


def on_paper(rng: Rng, pixels: Pixels) -> Pixels:
    """The image as a crop of a scan shows it: on tinted, shaded paper with grain, slightly blurred."""
    paper = rng.uniform(0.75, 1.0) * rng.uniform(0.93, 1.0, 3)
    shade = ramp(rng, pixels.shape, (255,) * 3, (int(rng.integers(215, 256)),) * 3) / 255.0
    blurred = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.2)) * paper * shade
    grain = rng.normal(0, rng.uniform(0.5, 5), (*pixels.shape[:2], 1))
    return np.asarray(np.clip(blurred + grain, 0, 255), np.uint8)


def sometimes_on_paper(rng: Rng, pixels: Pixels, chance: float) -> Pixels:
    """The image on_paper() with this probability, else the image itself."""
    return on_paper(rng, pixels) if rng.random() < chance else pixels


def turned(pixels: Pixels, degrees: float, ground: Colour = WHITE) -> Pixels:
    """The image rotated about its middle, enlarged so that nothing is cut off."""
    height, width = pixels.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cos, sin = abs(matrix[0, 0]), abs(matrix[0, 1])
    size = (round(width * cos + height * sin), round(width * sin + height * cos))
    matrix[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
    return np.asarray(cv2.warpAffine(pixels, matrix, size, borderValue=ground), np.uint8)


def around(
    rng: Rng, pixels: Pixels, text: str, middle: tuple[int, int], radius: float, size: float, ink: Colour
) -> None:
    """Draw `text` along the top of a circle, turned by up to 0.3 rad."""
    side = max(round(size * 1.4), 6)
    step = min(size * 0.85 / radius, 6.0 / max(len(text), 1))
    start = -np.pi / 2 - step * len(text) / 2 + rng.uniform(-0.3, 0.3)
    for place, letter in enumerate(text):
        angle = start + step * place
        tile = np.full((side, side, 3), 255, np.uint8)
        write(tile, letter, (side * 0.25, 0), size, BLACK)
        matrix = cv2.getRotationMatrix2D((side / 2, side / 2), -float(np.degrees(angle + np.pi / 2)), 1.0)
        coverage = 255 - cv2.warpAffine(tile, matrix, (side, side), borderValue=WHITE)
        x, y = (round(middle[axis] + radius * f(angle) - side / 2) for axis, f in ((0, np.cos), (1, np.sin)))
        part = pixels[max(y, 0) : y + side, max(x, 0) : x + side]
        if x >= 0 and y >= 0 and part.shape[:2] == (side, side):
            part[:] = part + (np.asarray(ink) - part.astype(np.int16)) * (coverage / 255.0)
