"""Drawings of the classes text and table: paragraphs, captions, crops of text, ruled and unruled tables."""

from __future__ import annotations

import cv2
import numpy as np
from PIL import Image, ImageDraw

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Colour,
    Rng,
    canvas,
    colour,
    label,
    pale,
    sometimes_on_paper,
    typeface,
    word,
    words,
)
from extractors.model import Pixels


def _print(pixels: Pixels, lines: list[tuple[float, float, float, str]], ink: Colour) -> None:
    """Write many words in one pass; `lines` are left, top, height and text of each."""
    image = Image.fromarray(pixels)
    draw = ImageDraw.Draw(image)
    for left, top, height, text in lines:
        draw.text((left, top), text, fill=ink, font=typeface(max(round(height), 6)))
    pixels[:] = np.asarray(image)


def paragraphs(rng: Rng) -> Pixels:
    """Lines of words, full or ragged, with headings, bullets or blank lines."""
    ground = WHITE if rng.random() < 0.75 else pale(rng) if rng.random() < 0.7 else colour(rng)
    pixels = canvas(rng, ground, (0.7, 4.0))
    height, width = pixels.shape[:2]
    size = float(np.clip(rng.uniform(0.03, 0.3) * height, 9, 40))
    ink = (BLACK if rng.random() < 0.8 else colour(rng, 150)) if sum(ground) > 400 else WHITE
    lines, top, margin = [], size * 0.3, width * rng.uniform(0.01, 0.06)
    while top < height - size:
        letters = int((width - 2 * margin) / size * 1.9 * (1 if rng.random() < 0.7 else rng.uniform(0.3, 1)))
        tall = size * (1.4 if rng.random() < 0.08 else 1)
        lines.append((margin, top, tall, words(rng, max(letters // 6, 1))[: max(letters, 3)]))
        top += tall * (1.25 if rng.random() < 0.9 else 2.2)
    _print(pixels, lines, ink)
    return sometimes_on_paper(rng, pixels, 0.25)


def short_text(rng: Rng) -> Pixels:
    """One to three lines in one typeface: a caption, a formula or a heading that was saved as an image."""
    size = int(rng.integers(14, 60))
    lines = [words(rng, int(rng.integers(1, 6))) for _ in range(int(rng.integers(1, 4)))]
    width = int(max(len(line) for line in lines) * size * 0.6) + size
    ground = WHITE if rng.random() < 0.85 else pale(rng)
    pixels = np.full((int(size * 1.3 * len(lines)) + 12, max(width, 60), 3), ground, np.uint8)
    ink = BLACK if rng.random() < 0.7 else colour(rng, 160)
    for row, line in enumerate(lines):
        label(rng, pixels, line, (size * 0.3, 4 + 1.3 * size * row), size, ink)
    return sometimes_on_paper(rng, pixels, 0.25)


def table(rng: Rng) -> Pixels:
    """A table of words and numbers, ruled, striped or bare, with or without a header."""
    pixels = canvas(rng, WHITE, (0.8, 3.5))
    height, width = pixels.shape[:2]
    rows, columns = int(rng.integers(3, 22)), int(rng.integers(2, 10))
    ys = np.linspace(1, height - 2, rows + 1).astype(int)
    cuts = np.cumsum(rng.uniform(0.5, 2.0, columns))
    xs = np.concatenate([[1], (1 + cuts / cuts[-1] * (width - 3))]).astype(int)
    ruled = str(rng.choice(["all", "all", "rows", "head", "none"]))
    pitch = height / rows
    size = float(np.clip(pitch * rng.uniform(0.4, 0.75), 7, 26))
    if rng.random() < 0.5:
        pixels[ys[0] : ys[1]] = colour(rng, 240) if rng.random() < 0.5 else pale(rng)
    if rng.random() < 0.25:
        tint = pale(rng)
        for row in range(1, rows, 2):
            pixels[ys[row] : ys[row + 1]] = tint
    cells = []
    for row in range(rows):
        for column in range(columns):
            if rng.random() < 0.88:
                room = max(int((xs[column + 1] - xs[column]) / size * 1.7), 1)
                text = word(rng, 8) if rng.random() < 0.5 else f"{rng.uniform(0, 999):.{int(rng.integers(0, 3))}f}"
                cells.append((float(xs[column] + 4), float(ys[row]) + (pitch - size) / 2, size, text[:room]))
    _print(pixels, cells, BLACK)
    thick = 1 if rng.random() < 0.75 else 2
    line = BLACK if rng.random() < 0.6 else (150, 150, 150)
    for place, y in enumerate(ys.tolist()):
        if ruled in ("all", "rows") or (ruled == "head" and place in (0, 1, rows)):
            cv2.line(pixels, (xs[0], y), (xs[-1], y), line, thick)
    for x in xs.tolist() if ruled == "all" else []:
        cv2.line(pixels, (x, ys[0]), (x, ys[-1]), line, thick)
    return sometimes_on_paper(rng, pixels, 0.25)


def enlarged_text(rng: Rng) -> Pixels:
    """A few letters cut out of a page of text and enlarged, often in two tones, sometimes white on dark or faint."""
    page = paragraphs(rng)
    height, width = page.shape[:2]
    size = (int(height * rng.uniform(0.3, 0.8)), int(width * rng.uniform(0.15, 0.6)))
    top, left = int(rng.integers(0, height - size[0])), int(rng.integers(0, width - size[1]))
    part = page[top : top + size[0], left : left + size[1]]
    times = max(float(rng.uniform(1, 3)), 60 / min(size))
    part = np.asarray(cv2.resize(part, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC), np.uint8)
    chance = rng.random()
    if chance < 0.4:
        part = (
            np.where(part < rng.integers(90, 180), 0, 255).max(axis=2, keepdims=True).repeat(3, axis=2).astype(np.uint8)
        )
    elif chance < 0.6:
        part = np.asarray(255 - (255 - part) * rng.uniform(0.2, 0.6), np.uint8)
    if rng.random() < 0.1:
        part = 255 - part
    return np.ascontiguousarray(np.rot90(part, int(rng.choice([0, 0, 0, 1]))))
