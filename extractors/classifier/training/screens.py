"""Drawings of screens, of the class diagram: windows of measuring software, apps of phones."""

from __future__ import annotations

import cv2

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Colour,
    Rng,
    canvas,
    colour,
    pale,
    ramp,
    somewhere,
    word,
    words,
    write,
)
from extractors.classifier.training.charts import plot
from extractors.model import Pixels


def software_window(rng: Rng) -> Pixels:
    """A screen of measuring software: title bar, buttons, fields, lists, often with a chart in it."""
    grey = int(rng.integers(215, 250)) if rng.random() < 0.75 else int(rng.integers(20, 70))
    pixels = canvas(rng, (grey, grey, grey), (1.1, 1.9))
    height, width = pixels.shape[:2]
    ink: Colour = BLACK if grey > 128 else (220, 220, 220)
    size = max(height * rng.uniform(0.025, 0.045), 7)
    bar = max(height // 14, 10)
    pixels[:bar] = ramp(rng, (bar, width, 3), colour(rng), colour(rng))
    write(pixels, words(rng, 3), (6, 2), size, WHITE)
    for x in range(4, width // 2, max(width // 12, 20)):
        write(pixels, word(rng, 5), (x, bar + 2), size, ink)
    if rng.random() < 0.6:
        inner = cv2.resize(plot(rng), (int(width * 0.6), int(height * 0.65)), interpolation=cv2.INTER_AREA)
        pixels[int(height * 0.2) :, int(width * 0.3) :][: inner.shape[0], : inner.shape[1]] = inner
    for _ in range(int(rng.integers(4, 22))):
        x, y = somewhere(rng, pixels)
        y = max(y, 2 * bar)
        wide, high = int(width * rng.uniform(0.06, 0.25)), int(size * 1.6)
        cv2.rectangle(pixels, (x, y), (x + wide, y + high), WHITE if rng.random() < 0.6 else colour(rng, 255), -1)
        cv2.rectangle(pixels, (x, y), (x + wide, y + high), (140, 140, 140), 1)
        write(pixels, word(rng), (x + 3, y + 2), size, BLACK)
    return pixels


def phone_screen(rng: Rng) -> Pixels:
    """An app's screen: a ground of one colour or a gradient, rows, buttons, big numbers."""
    pixels = canvas(rng, pale(rng), (0.45, 0.65))
    if rng.random() < 0.4:
        pixels = ramp(rng, pixels.shape, colour(rng, 255), colour(rng, 255))
    height, width = pixels.shape[:2]
    for row in range(int(rng.integers(3, 10))):
        y = int(height * (0.06 + 0.1 * row))
        if rng.random() < 0.5:
            cv2.rectangle(pixels, (width // 16, y), (width * 15 // 16, y + height // 12), colour(rng, 255), -1)
        write(pixels, words(rng, 2), (width / 10, y + height * 0.02), max(height * rng.uniform(0.025, 0.05), 7), BLACK)
        cv2.circle(
            pixels, (int(width * 0.86), y + height // 24), max(width // 24, 2), colour(rng, 255), -1, cv2.LINE_AA
        )
    return pixels
