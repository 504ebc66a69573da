"""Drawn look-alikes to train the photograph test against: what reports show that is no photograph of a product.

Logos, seals, signatures, charts, spectrum screenshots, diagrams, tables, text, barcodes, QR codes, gradient buttons.
Each generator takes a seeded random generator and gives RGB pixels [H, W, 3]; nothing of it is used when reading.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from extractors.paint import Pixels

Rng = np.random.Generator
WHITE = (255, 255, 255)
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX)


def _canvas(rng: Rng, colour: tuple[int, ...] = WHITE, wide: float = 2.0) -> Pixels:
    height = int(rng.integers(60, 480))
    width = int(np.clip(height * rng.uniform(0.6, wide), 60, 900))
    return np.full((height, width, 3), colour, np.uint8)


def _colour(rng: Rng) -> tuple[int, ...]:
    return tuple(int(value) for value in rng.integers(0, 220, 3))


def _point(rng: Rng, pixels: Pixels) -> tuple[int, int]:
    return int(rng.integers(0, pixels.shape[1])), int(rng.integers(0, pixels.shape[0]))


def _word(rng: Rng, longest: int = 10) -> str:
    return "".join(chr(int(rng.integers(65, 91))) for _ in range(int(rng.integers(2, longest))))


def _write(rng: Rng, pixels: Pixels, at: tuple[int, int], size: float, colour: tuple[int, ...]) -> None:
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    thickness = max(1, round(size * rng.uniform(1, 3)))
    cv2.putText(pixels, _word(rng), at, font, size, colour, thickness, cv2.LINE_AA)


def logo(rng: Rng) -> Pixels:
    """A few solid shapes and a word, sometimes on colour."""
    pixels = _canvas(rng, WHITE if rng.random() < 0.7 else _colour(rng), 3.5)
    height, width = pixels.shape[:2]
    for _ in range(int(rng.integers(1, 6))):
        a, b = _point(rng, pixels), _point(rng, pixels)
        shape = rng.integers(3)
        if shape == 0:
            cv2.rectangle(pixels, a, b, _colour(rng), -1)
        elif shape == 1:
            cv2.circle(pixels, a, int(rng.integers(5, max(height // 2, 6))), _colour(rng), -1, cv2.LINE_AA)
        else:
            corners = np.array([a, b, _point(rng, pixels)], np.int32)
            cv2.fillPoly(pixels, [corners], _colour(rng), cv2.LINE_AA)
    if rng.random() < 0.7:
        _write(rng, pixels, (width // 8, height * 2 // 3), height / 60, _colour(rng))
    return pixels


def gradient(rng: Rng) -> Pixels:
    """A shaded button or banner: soft steps, but no detail."""
    pixels = logo(rng)
    ramp = np.linspace(rng.uniform(0.4, 1), 1, pixels.shape[int(rng.integers(2))])
    shade = ramp[:, None, None] if len(ramp) == pixels.shape[0] else ramp[None, :, None]
    return np.asarray(pixels * shade, np.uint8)


def seal(rng: Rng) -> Pixels:
    """Rings with words around: a stamp, a certification mark."""
    side = int(rng.integers(80, 400))
    pixels = np.full((side, side, 3), 255, np.uint8)
    colour = _colour(rng)
    for radius in rng.uniform(0.25, 0.48, int(rng.integers(1, 4))):
        cv2.circle(pixels, (side // 2, side // 2), int(side * radius), colour, int(rng.integers(1, 8)), cv2.LINE_AA)
    for _ in range(int(rng.integers(2, 10))):
        angle = rng.uniform(0, 2 * np.pi)
        at = (int(side * (0.42 + 0.3 * np.cos(angle))), int(side * (0.5 + 0.3 * np.sin(angle))))
        _write(rng, pixels, at, side / 500, colour)
    return pixels


def signature(rng: Rng) -> Pixels:
    """One running stroke."""
    pixels = _canvas(rng, wide=4)
    height, width = pixels.shape[:2]
    count = int(rng.integers(8, 40))
    points = np.stack([np.sort(rng.uniform(0, width, count)), rng.uniform(0, height, count)], 1)
    points[:, 0] += rng.normal(0, width / 20, count)
    colour = (0, 0, int(rng.integers(0, 200))) if rng.random() < 0.6 else (20, 20, 20)
    cv2.polylines(pixels, [points.astype(np.int32)], False, colour, int(rng.integers(1, 5)), cv2.LINE_AA)
    return pixels


def chart(rng: Rng) -> Pixels:
    """Axes, a grid, curves or bars, labels."""
    pixels = _canvas(rng)
    height, width = pixels.shape[:2]
    left, bottom = width // 8, height * 7 // 8
    for step in range(1, int(rng.integers(1, 10))):
        y = bottom - step * height // 10
        cv2.line(pixels, (left, y), (width, y), (210, 210, 210), 1)
    xs = np.linspace(left, width - 5, 200)
    for _ in range(int(rng.integers(1, 5))):
        if rng.random() < 0.6:
            ys = bottom - height * 0.6 * np.exp(-((xs - rng.uniform(left, width)) ** 2) / (width * 4))
            ys -= np.cumsum(rng.normal(0, height / 300, xs.size))
            line = np.stack([xs, ys], 1).astype(np.int32)
            cv2.polylines(pixels, [line], False, _colour(rng), int(rng.integers(1, 4)), cv2.LINE_AA)
        else:
            for x in xs[:: int(rng.integers(10, 40))]:
                top = int(rng.uniform(height * 0.1, bottom))
                cv2.rectangle(pixels, (int(x), top), (int(x) + width // 30, bottom), _colour(rng), -1)
    cv2.line(pixels, (left, 0), (left, bottom), (0, 0, 0), 1 + width // 400)
    cv2.line(pixels, (left, bottom), (width, bottom), (0, 0, 0), 1 + width // 400)
    _write(rng, pixels, (left, height - 3), height / 700, (0, 0, 0))
    return pixels


def spectrum(rng: Rng) -> Pixels:
    """The dark screen of an analyser with a noisy trace."""
    pixels = _canvas(rng, tuple(int(v) for v in rng.integers(0, 60, 3)))
    height, width = pixels.shape[:2]
    for step in range(1, 10):
        grid = tuple(int(v) for v in rng.integers(60, 120, 3))
        cv2.line(pixels, (0, step * height // 10), (width, step * height // 10), grid, 1)
        cv2.line(pixels, (step * width // 10, 0), (step * width // 10, height), grid, 1)
    for _ in range(int(rng.integers(1, 3))):
        noise = rng.normal(height * 0.7, height * 0.04, width) - height * 0.5 * (rng.random(width) < 0.01)
        line = np.stack([np.arange(width), noise], 1).astype(np.int32)
        bright = tuple(int(v) for v in rng.integers(120, 256, 3))
        cv2.polylines(pixels, [line], False, bright, 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(2, 12))):
        _write(rng, pixels, _point(rng, pixels), height / 700, (230, 230, 230))
    return pixels


def diagram(rng: Rng) -> Pixels:
    """Boxes and arrows with words."""
    pixels = _canvas(rng)
    for _ in range(int(rng.integers(3, 12))):
        a, b = _point(rng, pixels), _point(rng, pixels)
        if rng.random() < 0.5:
            cv2.rectangle(pixels, a, b, (240, 240, 210), -1 if rng.random() < 0.4 else 1)
            cv2.rectangle(pixels, a, b, (0, 0, 0), 1)
        else:
            cv2.arrowedLine(pixels, a, b, _colour(rng), int(rng.integers(1, 4)), cv2.LINE_AA)
        _write(rng, pixels, a, pixels.shape[0] / 600, (0, 0, 0))
    return pixels


def text(rng: Rng) -> Pixels:
    """Lines of words, sometimes ruled as a table."""
    pixels = _canvas(rng)
    height, width = pixels.shape[:2]
    size = rng.uniform(0.3, 0.8)
    ruled = rng.random() < 0.5
    for y in range(int(30 * size), height, int(40 * size)):
        x = 5
        while x < width:
            word = _word(rng)
            cv2.putText(pixels, word, (x, y), _FONTS[0], size, (30, 30, 30), 1, cv2.LINE_AA)
            x += int(len(word) * 18 * size + 20 * size)
        if ruled:
            cv2.line(pixels, (0, y + 6), (width, y + 6), (0, 0, 0), 1)
    return pixels


def barcode(rng: Rng) -> Pixels:
    """Bars, sometimes with digits under them."""
    pixels = _canvas(rng, wide=4)
    height, width = pixels.shape[:2]
    module, x = int(rng.integers(1, 5)), 4
    while x < width - 4:
        bar = module * int(rng.integers(1, 4))
        pixels[4 : height * 4 // 5, x : min(x + bar, width - 4)] = 0
        x += bar + module * int(rng.integers(1, 4))
    if rng.random() < 0.5:
        _write(rng, pixels, (width // 4, height - 2), height / 300, (0, 0, 0))
    return pixels


def qr_code(rng: Rng) -> Pixels:
    """A two-colour grid of modules."""
    side, module = int(rng.integers(21, 45)), int(rng.integers(2, 9))
    grid = (rng.random((side, side)) < 0.5).astype(np.uint8) * 255
    pixels = np.kron(grid, np.ones((module, module), np.uint8))
    return np.repeat(np.pad(pixels, 2 * module, constant_values=255)[..., None], 3, axis=2)


GRAPHICS: tuple[Callable[[Rng], Pixels], ...] = (
    *(logo, gradient, seal, signature, chart, spectrum, diagram, text, barcode, qr_code),
)
