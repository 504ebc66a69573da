"""Drawings of the class logo: logos, certification marks and banners."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Rng,
    around,
    blob,
    canvas,
    colour,
    fill,
    label,
    pale,
    ramp,
    somewhere,
    stroke,
    word,
    words,
    write,
)
from extractors.model import Pixels


def word_logo(rng: Rng) -> Pixels:
    """A name beside, above or inside a shape, sometimes with a line of small words: a letterhead's logo."""
    ground = pale(rng) if rng.random() < 0.75 else colour(rng)
    pixels = canvas(rng, ground, (1.5, 5.0))
    height, width = pixels.shape[:2]
    ink = colour(rng, 200) if sum(ground) > 380 else WHITE
    left = width * 0.05
    if rng.random() < 0.7:
        _emblem(rng, pixels, (height * 0.45, height * 0.5), height * rng.uniform(0.25, 0.42))
        left = height
    size = height * rng.uniform(0.2, 0.45)
    text = word(rng, max(int((width - left) / size * 1.6), 2))
    write(pixels, text, (left, height * rng.uniform(0.1, 0.4)), size, ink, int(rng.integers(0, max(int(size / 12), 2))))
    if rng.random() < 0.5:
        for line in range(int(rng.integers(1, 3))):
            write(pixels, words(rng, 4), (left, height * (0.7 + 0.13 * line)), height * 0.11, ink)
    return pixels


def shapes_logo(rng: Rng) -> Pixels:
    """A few solid shapes, sometimes with a word."""
    pixels = canvas(rng, WHITE if rng.random() < 0.6 else colour(rng), (0.6, 3.0))
    height, width = pixels.shape[:2]
    for _ in range(int(rng.integers(1, 5))):
        _emblem(rng, pixels, somewhere(rng, pixels), height * rng.uniform(0.15, 0.5))
    if rng.random() < 0.6:
        label(rng, pixels, word(rng), (width * 0.1, height * rng.uniform(0.2, 0.7)), height * 0.22, colour(rng))
    return pixels


def _emblem(rng: Rng, pixels: Pixels, centre: tuple[float, float], radius: float) -> None:
    """Draw a disc, polygon, blob, star, set of ellipses or bar, sometimes with letters on it."""
    ink = colour(rng)
    middle = (round(centre[0]), round(centre[1]))
    shape = int(rng.integers(6))
    if shape == 0:
        cv2.circle(
            pixels, middle, round(radius), ink, -1 if rng.random() < 0.6 else max(round(radius / 6), 1), cv2.LINE_AA
        )
    elif shape == 1:
        corners = int(rng.integers(3, 9))
        angles = np.linspace(0, 2 * np.pi, corners, endpoint=False) + rng.uniform(0, 2)
        fill(pixels, np.array(centre) + radius * np.stack([np.cos(angles), np.sin(angles)], 1), ink)
    elif shape == 2:
        fill(pixels, blob(rng, centre, radius, int(rng.integers(4, 12))), ink)
    elif shape == 3:
        angles = np.linspace(0, 2 * np.pi, 2 * int(rng.integers(4, 9)), endpoint=False)
        reach = np.where(np.arange(angles.size) % 2, radius, radius * rng.uniform(0.3, 0.7))[:, None]
        fill(pixels, np.array(centre) + reach * np.stack([np.cos(angles), np.sin(angles)], 1), ink)
    elif shape == 4:
        for turn in range(int(rng.integers(2, 5))):
            size = (round(radius), round(radius * rng.uniform(0.2, 0.6)))
            cv2.ellipse(
                pixels, middle, size, turn * rng.uniform(20, 90), 0, 360, ink, max(round(radius / 10), 1), cv2.LINE_AA
            )
    else:
        cv2.rectangle(pixels, middle, (round(middle[0] + radius), round(middle[1] + radius * 0.6)), ink, -1)
    if rng.random() < 0.4:
        write(pixels, word(rng, 3), (centre[0] - radius * 0.5, centre[1] - radius * 0.4), radius * 0.6, WHITE, 1)


def ce_mark(rng: Rng) -> Pixels:
    """The two arcs of a CE mark, drawn to its grid, sometimes with the body's number."""
    unit = int(rng.integers(6, 28))
    pixels = np.full((22 * unit, (30 + (14 if (numbered := rng.random() < 0.3) else 0)) * unit, 3), 255, np.uint8)
    ink = BLACK if rng.random() < 0.7 else colour(rng)
    for x in (11, 25):
        cv2.ellipse(pixels, (x * unit, 11 * unit), (9 * unit, 9 * unit), 0, 90, 270, ink, 2 * unit + 1, cv2.LINE_AA)
    cv2.line(pixels, (16 * unit, 11 * unit), (24 * unit, 11 * unit), ink, 2 * unit + 1)
    if numbered:
        write(pixels, f"{rng.integers(100, 3000):04d}", (29 * unit, 8 * unit), 6 * unit, ink, 1)
    return pixels


def certification_mark(rng: Rng) -> Pixels:
    """Big letters in a ring, a shield or a triangle, small words around: UL, TUV, GS, FCC and their like."""
    side = int(rng.integers(90, 420))
    ground = WHITE if rng.random() < 0.8 else colour(rng)
    pixels = np.full((side, side, 3), ground, np.uint8)
    ink = colour(rng, 200) if ground == WHITE else WHITE
    middle, solid = (side // 2, side // 2), rng.random() < 0.4
    thickness = -1 if solid else max(side // int(rng.integers(12, 40)), 1)
    shape = int(rng.integers(3))
    if shape == 0:
        cv2.circle(pixels, middle, int(side * 0.47), ink, thickness, cv2.LINE_AA)
    elif shape == 1:
        corners = np.array([[0.5, 0.03], [0.97, 0.85], [0.03, 0.85]]) * side
        (fill if solid else stroke)(pixels, corners, ink, *(() if solid else (thickness, True)))
    else:
        cv2.rectangle(pixels, (side // 20, side // 10), (side * 19 // 20, side * 9 // 10), ink, thickness)
    letters = ground if solid else ink
    text = "".join(rng.choice(list("ABCEFGIKLMNOPRSTUVW"), int(rng.integers(1, 5))))
    size = side * 0.75 / max(len(text), 2)
    write(pixels, text, (side * 0.5 - size * 0.33 * len(text), side * 0.5 - size * 0.55), size, letters, side // 100)
    if rng.random() < 0.6:
        around(rng, pixels, words(rng, 4), middle, side * 0.37, side * 0.07, letters)
    return pixels


def banner(rng: Rng) -> Pixels:
    """A strip or panel in a gradient, with waves or words: it has soft steps but no detail."""
    shape = canvas(rng, WHITE, (1.0, 6.0)).shape
    pixels = ramp(rng, shape, colour(rng, 255), colour(rng, 255))
    height, width = shape[:2]
    for _ in range(int(rng.integers(0, 4))):
        xs = np.linspace(0, width, 60)
        ys = height * (rng.uniform(0.3, 0.9) + 0.15 * np.sin(xs / width * rng.uniform(2, 9) + rng.uniform(0, 6)))
        below = np.concatenate([np.stack([xs, ys], 1), [[width, height], [0, height]]])
        layer = pixels.copy()
        fill(layer, below, colour(rng, 255))
        mix = rng.uniform(0.2, 1.0)
        pixels = np.asarray(pixels * (1 - mix) + layer * mix, np.uint8)
    if rng.random() < 0.7:
        label(
            rng, pixels, words(rng, 2), (width * 0.05, height * 0.3), height * rng.uniform(0.15, 0.3), colour(rng, 255)
        )
    return pixels


def shaded_logo(rng: Rng) -> Pixels:
    """A ball, a button or letters with highlight and shadow."""
    pixels = canvas(rng, WHITE if rng.random() < 0.7 else colour(rng), (0.8, 3.0))
    height, width = pixels.shape[:2]
    shadow = np.zeros(pixels.shape[:2], np.uint8)
    kind = int(rng.integers(3))
    if kind == 0:
        cv2.circle(shadow, (width // 2, height // 2), int(min(height, width) * 0.42), 255, -1, cv2.LINE_AA)
    elif kind == 1:
        cv2.rectangle(shadow, (width // 10, height // 5), (width * 9 // 10, height * 4 // 5), 255, -1)
    else:
        fake = np.zeros_like(pixels)
        write(fake, word(rng, 5), (width * 0.05, height * 0.2), height * 0.5, WHITE, 3)
        shadow = fake[..., 0].copy()
    offset = max(height // 40, 1)
    soft = np.roll(cv2.GaussianBlur(shadow, (0, 0), offset), (offset, offset), (0, 1))[..., None] / 255 * 0.5
    pixels = np.asarray(pixels * (1 - soft), np.uint8)
    light = cv2.GaussianBlur(shadow, (0, 0), height / 8)[..., None] / 255
    body = ramp(rng, pixels.shape, colour(rng, 255), colour(rng, 255)) * (1 - 0.5 * light) + 255 * 0.5 * light
    pixels = np.asarray(np.where(shadow[..., None] > 127, body, pixels), np.uint8)
    if kind < 2 and rng.random() < 0.6:
        write(pixels, word(rng, 5), (width * 0.3, height * 0.35), height * 0.25, WHITE, 2)
    return pixels
