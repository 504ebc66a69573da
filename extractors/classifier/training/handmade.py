"""Drawings of what is put on a report by hand: stamps and signatures."""

from __future__ import annotations

import cv2
import numpy as np

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Colour,
    Points,
    Rng,
    around,
    canvas,
    label,
    smooth_curve,
    sometimes_on_paper,
    star,
    stroke,
    turned,
    word,
    words,
    write,
)
from extractors.model import Pixels

_PADS: tuple[Colour, ...] = ((200, 20, 30), (30, 40, 160), (90, 30, 130), (20, 110, 60), (30, 30, 30))


def stamp(rng: Rng) -> Pixels:
    """A round, oval or square rubber stamp with words around and a date across, unevenly inked, turned."""
    height = int(rng.integers(120, 360))
    kind = str(rng.choice(["round", "oval", "square"]))
    width = height if kind == "round" else int(height * rng.uniform(1.2, 2.4))
    pixels = np.full((height, width, 3), 255, np.uint8)
    pad = _PADS[int(rng.choice(len(_PADS), p=(0.35, 0.35, 0.1, 0.1, 0.1)))]
    ink: Colour = tuple(int(np.clip(value + rng.integers(-25, 26), 0, 255)) for value in pad)
    middle, thick = np.array([width // 2, height // 2]), max(int(height * rng.uniform(0.01, 0.04)), 1)
    for share in (0.48, *rng.uniform(0.25, 0.46, int(rng.integers(0, 3))).tolist()):
        half = np.array([int(width * share), int(height * share)])
        if kind == "square":
            cv2.rectangle(pixels, (middle - half).tolist(), (middle + half).tolist(), ink, thick)
        else:
            cv2.ellipse(pixels, middle.tolist(), half.tolist(), 0, 0, 360, ink, thick, cv2.LINE_AA)
    if kind == "round":
        text = words(rng, int(rng.integers(3, 6))).upper()
        around(rng, pixels, text, (width // 2, height // 2), height * 0.4, height * 0.1, ink)
    lines = int(rng.integers(1, 4))
    tall = height * (0.42 / (lines + 1) if kind == "round" else 0.7 / (lines + 0.5))
    for line in range(lines):
        date = f"{rng.integers(1, 29):02d}.{rng.integers(1, 13):02d}.20{rng.integers(10, 26)}"
        text = date if rng.random() < 0.4 else word(rng, 9).upper()
        tall = min(tall, width * 0.75 / (0.62 * len(text)))
        at = (width * 0.5 - 0.31 * tall * len(text), height * 0.5 + (line - lines / 2) * tall * 1.25)
        label(rng, pixels, text, at, tall, ink)
    if kind == "round" and rng.random() < 0.4:
        star(pixels, (width // 2, height // 2), height * rng.uniform(0.08, 0.2), ink)
    if rng.random() < 0.75:
        pixels = _faded(rng, pixels)
    pixels = turned(pixels, float(rng.normal(0, 12)))
    return sometimes_on_paper(rng, pixels, 0.5)


def _faded(rng: Rng, pixels: Pixels) -> Pixels:
    """The stamp with patches where the ink did not take."""
    height, width = pixels.shape[:2]
    cells = rng.uniform(0, 1, (max(height // 6, 2), max(width // 6, 2))).astype(np.float32)
    patches = cv2.resize(cells, (width, height), interpolation=cv2.INTER_CUBIC)
    strength = np.clip((patches - rng.uniform(-0.6, 0.3)) * 2, rng.uniform(0, 0.4), 1)[..., None]
    return np.asarray(255 - (255 - pixels.astype(np.float32)) * strength, np.uint8)


def signature(rng: Rng) -> Pixels:
    """A name in running loops, thinner where the pen is fast, sometimes on a ruled line with words under it."""
    pixels = canvas(rng, WHITE, (1.5, 4.5))
    height, width = pixels.shape[:2]
    blue = rng.random() < 0.45
    ink = (
        (int(rng.integers(0, 70)), int(rng.integers(0, 90)), int(rng.integers(110, 220)))
        if blue
        else (int(rng.integers(0, 80)),) * 3
    )
    pen = max(height * rng.uniform(0.006, 0.035), 1.0)
    for _ in range(int(rng.integers(1, 4))):
        path = _scrawl(rng, height, width)
        speed = np.linalg.norm(np.diff(path, axis=0), axis=1)
        slow = np.clip(1.5 - speed / (np.median(speed) * 2 + 1e-6), 0.5, 1.5)
        for a, b, factor in zip(path.astype(int), path[1:].astype(int), slow, strict=False):
            cv2.line(pixels, a.tolist(), b.tolist(), ink, max(round(pen * factor), 1), cv2.LINE_AA)
    if rng.random() < 0.2:
        stroke(pixels, np.array([[0.05, 0.85], [0.95, 0.85]]) * (width, height), BLACK, 1)
        if rng.random() < 0.6:
            write(pixels, words(rng, 2), (width * 0.1, height * 0.87), max(height * 0.1, 9))
    return sometimes_on_paper(rng, pixels, 0.5)


def _scrawl(rng: Rng, height: int, width: int) -> Points:
    """One stroke from left to right: loops of falling size around a rising baseline."""
    count = int(rng.integers(3, 16))
    left, right = np.sort(rng.uniform(0.03, 0.97, 2)) * width
    right = max(right, left + width * 0.25)
    base = height * (rng.uniform(0.4, 0.75) - rng.uniform(-0.1, 0.2) * np.linspace(0, 1, count))
    tall = height * rng.uniform(0.05, 0.4, count) * np.where(rng.random(count) < 0.25, 1.6, 0.7)
    xs = np.linspace(left, right, count)
    points = []
    for x, y, rise in zip(xs, base, tall, strict=True):
        lean = rise * rng.uniform(0.1, 0.8)
        points += [(x, y), (x + lean, y - rise), (x + lean * rng.uniform(-0.8, 0.6), y - rise * rng.uniform(0.2, 1.0))]
        if rng.random() < 0.2:
            points.append((x - lean * 0.3, y + rise * rng.uniform(0.3, 0.9)))
    return np.clip(smooth_curve(np.array(points), 40 * count), 1, (width - 2, height - 2))
