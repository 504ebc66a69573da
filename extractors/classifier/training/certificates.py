"""Drawings of what certificates show: whole pages on a security pattern, seals, fading panels, meshes, and slivers."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Colour,
    Points,
    Rng,
    around,
    as_colour,
    canvas,
    colour,
    fill,
    label,
    pale,
    ramp,
    sometimes_on_paper,
    star,
    stroke,
    word,
    words,
    write,
)
from extractors.classifier.training.handmade import signature, stamp
from extractors.classifier.training.logos import word_logo
from extractors.model import Pixels

Light = npt.NDArray[np.float64]


def certificate_page(rng: Rng) -> Pixels:
    """A whole page: a frame on a guilloche, a title, centred lines, a seal, a signature, a logo."""
    height = int(rng.integers(320, 640))
    width = round(height * (0.707 if rng.random() < 0.75 else 1.414))
    pixels = np.full((height, width, 3), pale(rng), np.uint8)
    if rng.random() < 0.7:
        pixels = ramp(rng, pixels.shape, pale(rng), pale(rng))
    if rng.random() < 0.7:
        _guilloche(rng, pixels)
    edge = int(width * rng.uniform(0.02, 0.06))
    for inset in range(edge, edge + int(rng.integers(1, 4)) * 4, 4):
        cv2.rectangle(
            pixels, (inset, inset), (width - inset, height - inset), colour(rng, 200), int(rng.integers(1, 4))
        )
    write(
        pixels, words(rng, 2).upper(), (width * 0.2, height * 0.12), height * rng.uniform(0.03, 0.06), colour(rng, 140)
    )
    size = height * rng.uniform(0.012, 0.022)
    pitch = size * rng.uniform(1.3, 1.9)
    for line in range(int(rng.integers(6, 26))):
        text = words(rng, int(rng.integers(2, 9)))
        at = (width * 0.5 - len(text) * size * 0.26, height * 0.22 + line * pitch)
        write(pixels, text, (max(at[0], edge), at[1]), size, BLACK)
    for part in (seal(rng), signature(rng), word_logo(rng), stamp(rng)):
        if rng.random() < 0.6:
            _paste(rng, pixels, part, rng.uniform(0.08, 0.25))
    return sometimes_on_paper(rng, pixels, 0.4)


def seal(rng: Rng) -> Pixels:
    """A round seal in shaded gold, blue or red: a jagged rim, pleats, rings, words around, a star or letters."""
    side = int(rng.integers(120, 420))
    pixels = np.full((side, side, 3), WHITE if rng.random() < 0.6 else pale(rng), np.uint8)
    metal = _METALS[int(rng.integers(len(_METALS)))]
    middle, radius = side // 2, side * rng.uniform(0.4, 0.49)
    teeth = int(rng.integers(12, 60))
    turn = np.linspace(0, 2 * np.pi, 4 * teeth, endpoint=False)
    rim = radius * (1 - rng.uniform(0, 0.06) * (np.arange(turn.size) // 2 % 2))
    outline = middle + rim[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1)
    mask = np.zeros((side, side), np.uint8)
    cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
    dark, light = (as_colour(np.array(metal) * factor) for factor in (rng.uniform(0.5, 0.8), 1.0))
    pixels[mask > 0] = ramp(rng, pixels.shape, dark, light)[mask > 0]
    if rng.random() < 0.6:
        pixels = np.asarray(
            np.where(mask[..., None] > 0, pixels * _relief(rng, side, teeth), pixels).clip(0, 255), np.uint8
        )
    for share in rng.uniform(0.5, 0.95, int(rng.integers(1, 5))).tolist():
        cv2.circle(
            pixels, (middle, middle), int(radius * share), _tone(rng, metal), int(rng.integers(1, 4)), cv2.LINE_AA
        )
    around(rng, pixels, words(rng, 3).upper(), (middle, middle), radius * 0.72, radius * 0.18, _tone(rng, metal))
    if rng.random() < 0.6:
        star(pixels, (middle, middle), radius * 0.4, _tone(rng, metal), turn=0.0)
    else:
        label(rng, pixels, word(rng, 4).upper(), (middle - radius * 0.3, middle - radius * 0.2), radius * 0.3, WHITE)
    return pixels


def panel(rng: Rng) -> Pixels:
    """A box that fades from one grey or colour to another, with a bold heading: a teaser, a header, a button."""
    tint = colour(rng, 255) if rng.random() < 0.5 else (int(rng.integers(0, 256)),) * 3
    pixels = ramp(rng, canvas(rng, WHITE, (0.5, 5.0)).shape, pale(rng), tint)
    height, width = pixels.shape[:2]
    if rng.random() < 0.4:  # it fades in the lower part only
        pixels[: int(height * rng.uniform(0.3, 0.7))] = pixels[0, 0]
    for line in range(int(rng.integers(0, 4))):
        size = height * rng.uniform(0.06, 0.16)
        ink = WHITE if rng.random() < 0.6 else BLACK
        write(pixels, words(rng, int(rng.integers(1, 7))), (width * 0.04, height * (0.5 + 0.13 * line)), size, ink, 1)
    return pixels


def mesh(rng: Rng) -> Pixels:
    """A surface or a hall of many facets in greys with thin edges, seen askew: a CAD view."""
    pixels = canvas(rng, WHITE if rng.random() < 0.7 else pale(rng), (0.4, 1.8))
    height, width = pixels.shape[:2]
    rows, columns = int(rng.integers(3, 24)), int(rng.integers(2, 12))
    corners = (np.array([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]]) + rng.normal(0, 0.12, (4, 2))) * (
        width,
        height,
    )
    base, edged = (
        np.array(colour(rng, 230) if rng.random() < 0.4 else (int(rng.integers(90, 220)),) * 3),
        rng.random() < 0.85,
    )
    for row in range(rows):
        for column in range(columns):
            places = ((row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column))
            face = np.array([_between(corners, y / rows, x / columns) for y, x in places])
            fill(pixels, face, as_colour(np.clip(base * rng.uniform(0.75, 1.15), 0, 255)))
            if edged:
                stroke(pixels, face, as_colour(base * rng.uniform(0, 0.5)), 1, True)
    return pixels


def sliver(rng: Rng, pixels: Pixels) -> Pixels:
    """A strip, a corner or a tile of an image, as programs cut what they place."""
    height, width = pixels.shape[:2]
    tall, wide = (max(int(side * rng.uniform(0.12, 0.6)), 24) for side in (height, width))
    if rng.random() < 0.5:
        tall, wide = (tall, width) if rng.random() < 0.5 else (height, wide)
    top, left = (int(rng.integers(0, max(side - part, 0) + 1)) for side, part in ((height, tall), (width, wide)))
    return np.ascontiguousarray(pixels[top : top + tall, left : left + wide])


_METALS: tuple[Colour, ...] = (
    (235, 200, 90),
    (210, 170, 60),
    (60, 90, 190),
    (190, 40, 50),
    (190, 190, 200),
    (40, 120, 90),
)


def _tone(rng: Rng, metal: Colour) -> Colour:
    """A shade of the metal, or white."""
    return WHITE if rng.random() < 0.2 else as_colour(np.clip(np.array(metal) * rng.uniform(0.3, 1.3), 0, 255))


def _relief(rng: Rng, side: int, teeth: int) -> Light:
    """The light on a medal [side, side, 1]: it bulges, and its rim is pleated."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    bulge = (
        rng.uniform(0.9, 1.3)
        - rng.uniform(0, 0.5) * radius**2
        + rng.uniform(0, 0.3) * np.cos(angle + rng.uniform(0, 6))
    )
    pleats = rng.uniform(0, 0.2) * np.cos(teeth * angle) * (radius > rng.uniform(0.5, 0.85))
    return np.asarray((bulge + pleats)[..., None], np.float64)


def _guilloche(rng: Rng, pixels: Pixels) -> None:
    """Draw fine waves in a pale tint over the page."""
    height, width = pixels.shape[:2]
    tint = as_colour(rng.integers(150, 240, 3))
    x = np.linspace(0, width, 240)
    for phase in np.linspace(0, 6, int(rng.integers(10, 60))):
        wave = np.sin(x / width * rng.uniform(6, 8) * np.pi + phase) * height * 0.05
        stroke(pixels, np.stack([x, height * phase / 6 + wave], 1), tint, 1)


def _between(corners: Points, down: float, across: float) -> Points:
    """The point of a four-sided face at these shares of its height and width."""
    top, bottom = (
        first + (second - first) * across for first, second in ((corners[0], corners[1]), (corners[3], corners[2]))
    )
    return np.asarray(top + (bottom - top) * down, np.float64)


def _paste(rng: Rng, pixels: Pixels, part: Pixels, share: float) -> None:
    """Darken the page by a part on white, resized to this share of the page's height, anywhere in the lower half."""
    high = max(int(pixels.shape[0] * share), 12)
    wide = min(max(part.shape[1] * high // part.shape[0], 12), pixels.shape[1] // 2)
    small = cv2.resize(part, (wide, high), interpolation=cv2.INTER_AREA)
    top = int(rng.integers(pixels.shape[0] // 2, pixels.shape[0] - high))
    left = int(rng.integers(0, pixels.shape[1] - wide))
    place = pixels[top : top + high, left : left + wide]
    place[:] = np.minimum(place, small)
