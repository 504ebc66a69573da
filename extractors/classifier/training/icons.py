"""Drawings of the class icon: warning, recycling, care, bin, arrow and other small signs."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Colour,
    Rng,
    as_colour,
    blob,
    colour,
    fill,
    pale,
    ramp,
    stroke,
    write,
)
from extractors.model import Pixels


def symbol(rng: Rng) -> Pixels:
    """One small sign: warning, recycling, care, bin, arrow, tick, information, battery, speaker."""
    side = int(rng.integers(60, 300))
    inverse = rng.random() < 0.2
    ground = colour(rng) if inverse else pale(rng)
    ink = WHITE if inverse else (BLACK if rng.random() < 0.5 else colour(rng, 180))
    pixels = np.full((side, side, 3), ground, np.uint8)
    _SYMBOLS[int(rng.integers(len(_SYMBOLS)))](rng, pixels, ink, max(round(side * rng.uniform(0.02, 0.08)), 1))
    return pixels


def app_icon(rng: Rng) -> Pixels:
    """A rounded square with a gradient and a sign in it."""
    side = int(rng.integers(60, 260))
    face = ramp(rng, (side, side, 3), colour(rng, 255), colour(rng, 255))
    mask = np.zeros((side, side), np.uint8)
    corner = side // int(rng.integers(3, 9))
    cv2.rectangle(mask, (corner, corner), (side - corner - 1, side - corner - 1), 255, -1)
    rounding = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * corner + 1, 2 * corner + 1))
    _SYMBOLS[int(rng.integers(len(_SYMBOLS)))](rng, face, WHITE, max(side // 20, 1))
    return np.asarray(np.where(cv2.dilate(mask, rounding)[..., None] > 0, face, 255), np.uint8)


def _warning(rng: Rng, pixels: Pixels, ink: Colour, thick: int) -> None:
    """Draw a triangle with an exclamation mark or a bolt."""
    side = pixels.shape[0]
    corners = np.array([[0.5, 0.06], [0.96, 0.9], [0.04, 0.9]]) * side
    if rng.random() < 0.6:
        fill(pixels, corners, (250, int(rng.integers(180, 230)), 0))
    stroke(pixels, corners, ink, thick, True)
    if rng.random() < 0.5:
        write(pixels, "!", (side * 0.44, side * 0.3), side * 0.5, ink, thick)
    else:
        bolt = np.array([[0.55, 0.3], [0.42, 0.62], [0.52, 0.62], [0.46, 0.85], [0.62, 0.54], [0.5, 0.54]])
        fill(pixels, bolt * side, ink)


def _recycling(rng: Rng, pixels: Pixels, ink: Colour, thick: int) -> None:
    """Draw three arrows in a ring, sometimes with a number."""
    side = pixels.shape[0]
    for turn in range(3):
        angle = turn * 2 * np.pi / 3 + np.array([0.15, 1.5]) - np.pi / 2
        ends = np.array([0.5, 0.53]) * side + 0.42 * side * np.stack([np.cos(angle), np.sin(angle)], 1)
        a, b = (as_colour(end) for end in ends)
        cv2.arrowedLine(pixels, a, b, ink, thick, cv2.LINE_AA, tipLength=0.3)
    if rng.random() < 0.6:
        write(pixels, f"{rng.integers(1, 30):02d}", (side * 0.38, side * 0.42), side * 0.22, ink)


def _care(rng: Rng, pixels: Pixels, ink: Colour, thick: int) -> None:
    """Draw a care symbol of ISO 3758: tub, bleach, dry or iron, sometimes crossed out."""
    side = pixels.shape[0]
    shapes = {
        "tub": [[0.05, 0.3], [0.2, 0.85], [0.8, 0.85], [0.95, 0.3]],
        "bleach": [[0.5, 0.1], [0.95, 0.88], [0.05, 0.88], [0.5, 0.1]],
        "dry": [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9], [0.1, 0.1]],
        "iron": [
            [0.05, 0.8],
            [0.95, 0.8],
            [0.85, 0.35],
            [0.35, 0.35],
            [0.85, 0.35],
            [0.95, 0.8],
            [0.15, 0.6],
            [0.05, 0.8],
        ],
    }
    name = str(rng.choice(list(shapes)))
    stroke(pixels, np.array(shapes[name]) * side, ink, thick)
    if name == "dry":
        cv2.circle(pixels, (side // 2, side // 2), int(side * 0.36), ink, thick, cv2.LINE_AA)
    elif name == "tub":
        write(pixels, str(rng.choice(["30", "40", "60"])), (side * 0.36, side * 0.4), side * 0.28, ink)
    if rng.random() < 0.4:
        cv2.line(pixels, (side // 12, side // 12), (side * 11 // 12, side * 11 // 12), ink, thick, cv2.LINE_AA)
        cv2.line(pixels, (side * 11 // 12, side // 12), (side // 12, side * 11 // 12), ink, thick, cv2.LINE_AA)


def _bin(rng: Rng, pixels: Pixels, ink: Colour, thick: int) -> None:
    """Draw the crossed-out wheeled bin of EN 50419, sometimes with its bar."""
    side = pixels.shape[0]
    stroke(pixels, np.array([[0.28, 0.25], [0.35, 0.75], [0.65, 0.75], [0.72, 0.25]]) * side, ink, thick, True)
    cv2.circle(pixels, (int(side * 0.38), int(side * 0.78)), side // 20, ink, -1, cv2.LINE_AA)
    cv2.line(pixels, (side // 8, side // 8), (side * 7 // 8, int(side * 0.82)), ink, thick, cv2.LINE_AA)
    cv2.line(pixels, (side * 7 // 8, side // 8), (side // 8, int(side * 0.82)), ink, thick, cv2.LINE_AA)
    if rng.random() < 0.6:
        cv2.rectangle(pixels, (side // 4, int(side * 0.9)), (side * 3 // 4, int(side * 0.97)), ink, -1)


def _arrow(rng: Rng, pixels: Pixels, ink: Colour, thick: int) -> None:
    """Draw a block arrow in one of four directions."""
    side = pixels.shape[0]
    shape = np.array([[0.05, 0.4], [0.55, 0.4], [0.55, 0.2], [0.95, 0.5], [0.55, 0.8], [0.55, 0.6], [0.05, 0.6]]) * side
    for _ in range(int(rng.integers(4))):
        shape = np.stack([shape[:, 1], side - shape[:, 0]], 1)
    if rng.random() < 0.6:
        fill(pixels, shape, ink)
    else:
        stroke(pixels, shape, ink, thick, True)


def _sign(rng: Rng, pixels: Pixels, ink: Colour, thick: int) -> None:
    """Draw a disc or ring with a tick, a letter, a cross or a shape."""
    side = pixels.shape[0]
    solid = rng.random() < 0.5
    cv2.circle(pixels, (side // 2, side // 2), int(side * 0.46), ink, -1 if solid else thick, cv2.LINE_AA)
    inner = WHITE if solid else ink
    kind = int(rng.integers(4))
    if kind == 0:
        stroke(pixels, np.array([[0.27, 0.52], [0.44, 0.7], [0.75, 0.32]]) * side, inner, 2 * thick)
    elif kind == 1:
        write(pixels, str(rng.choice(["i", "?", "!", "+", "P"])), (side * 0.4, side * 0.2), side * 0.55, inner, thick)
    elif kind == 2:
        for a, b in (((0.3, 0.3), (0.7, 0.7)), ((0.7, 0.3), (0.3, 0.7))):
            stroke(pixels, np.array([a, b]) * side, inner, 2 * thick)
    else:
        cv2.line(pixels, (side // 4, side // 4), (side * 3 // 4, side * 3 // 4), inner, thick, cv2.LINE_AA)
        fill(pixels, blob(rng, (side * 0.5, side * 0.5), side * 0.25, 6), inner)


def _device(rng: Rng, pixels: Pixels, ink: Colour, thick: int) -> None:
    """Draw an upright device with buttons or lamps."""
    side = pixels.shape[0]
    top, bottom = sorted(rng.uniform(0.1, 0.9, 2))
    left, right = (side * 2 // 10, side * 8 // 10)
    cv2.rectangle(pixels, (left, int(top * side)), (right, int(max(bottom, top + 0.3) * side)), ink, thick)
    for _ in range(int(rng.integers(1, 4))):
        x, y = int(rng.uniform(left, right)), int(rng.uniform(top, 0.9) * side)
        cv2.circle(
            pixels, (x, y), int(side * rng.uniform(0.03, 0.15)), ink, -1 if rng.random() < 0.5 else thick, cv2.LINE_AA
        )


_SYMBOLS = (_warning, _recycling, _care, _bin, _arrow, _sign, _device)
