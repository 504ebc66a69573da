"""Colours and printed patterns of our toys: one texture atlas a toy, `TILES` square tiles side by side.

Palettes and odds were chosen by eye on rendered toys (docs/augmentation.jpg).
"""

from __future__ import annotations

import colorsys

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from scott_core.data.synthetic.toy_meshes import TILES

TILE = 192  # px, side of a tile
Colour = tuple[int, int, int]

NATURAL = (
    "#f2e9dc",
    "#8a5a33",
    "#3a2a20",
    "#c69a63",
    "#6e6e70",
    "#1f1f22",
    "#b5651d",
    "#dcc6a0",
    "#9b8f86",
    "#f7f4ee",
)
BRIGHT = (
    "#d7263d",
    "#1b66c9",
    "#f5b700",
    "#1f9d55",
    "#f46036",
    "#7b2d8b",
    "#00a6a6",
    "#e85d9c",
    "#2b2d42",
    "#8bc34a",
)
PASTEL = (
    "#f4b6c2",
    "#a9d6e5",
    "#c7e8b5",
    "#fff0b3",
    "#d9c7f0",
    "#ffd3b0",
    "#e8e3dc",
    "#9fc9bd",
    "#f0efeb",
    "#b7c4d9",
)
MUTED = (
    "#5b7065",
    "#304057",
    "#8c3b3b",
    "#c2a14d",
    "#a8a9ad",
    "#4a4e69",
    "#7d8597",
    "#6b4f3a",
    "#ddd5c7",
    "#2f3e36",
)
PALETTES = (NATURAL, BRIGHT, PASTEL, MUTED)
PALETTE_ODDS = (0.2, 0.42, 0.18, 0.2)  # probability of each of PALETTES
ANIMAL_ODDS = (0.6, 0.14, 0.13, 0.13)  # the same for animals


def pick_colours(rng: np.random.Generator, animal: bool) -> list[Colour]:
    """Four colours of one palette, of which one to four differ, shifted a little in hue, saturation and value."""
    palette = PALETTES[rng.choice(len(PALETTES), p=ANIMAL_ODDS if animal else PALETTE_ODDS)]
    n_colours = rng.choice([1, 2, 3, 4], p=[0.05, 0.25, 0.4, 0.3])
    names = rng.choice(len(palette), size=n_colours, replace=False)
    colours = []
    for name in names:
        rgb = [int(palette[name][i : i + 2], 16) / 255 for i in (1, 3, 5)]
        hue, saturation, value = colorsys.rgb_to_hsv(*rgb)
        hue = (hue + rng.normal(0, 0.025)) % 1.0
        saturation = float(np.clip(saturation * rng.uniform(0.8, 1.15), 0, 1))
        value = float(np.clip(value * rng.uniform(0.85, 1.1), 0.08, 0.98))
        red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
        colours.append((int(255 * red), int(255 * green), int(255 * blue)))
    return [colours[i % n_colours] for i in range(4)]


def _stripes(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: Colour) -> None:
    """Two to eight stripes."""
    n, vertical, share = int(rng.integers(2, 9)), rng.random() < 0.5, rng.uniform(0.25, 0.6)
    for i in range(n):
        low, high = TILE * i / n, TILE * (i + share) / n
        draw.rectangle((low, 0, high, TILE) if vertical else (0, low, TILE, high), fill=ink)


def _dots(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: Colour) -> None:
    """Rows of dots, every other row shifted."""
    n, radius = int(rng.integers(3, 8)), rng.uniform(0.2, 0.38)
    for row in range(n):
        for column in range(n):
            x, y = (column + 0.5 + 0.5 * (row % 2)) * TILE / n, (row + 0.5) * TILE / n
            r = radius * TILE / n
            draw.ellipse((x - r, y - r, x + r, y + r), fill=ink)


def _patches(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: Colour) -> None:
    """Four to nine ragged patches."""
    for _ in range(int(rng.integers(4, 10))):
        centre, size = rng.uniform(0, TILE, 2), rng.uniform(0.06, 0.2) * TILE
        angles = np.linspace(0, 2 * np.pi, 11)[:-1]
        radii = size * rng.uniform(0.6, 1.3, 10)
        points = centre + np.stack([np.cos(angles), np.sin(angles)], -1) * radii[:, None]
        draw.polygon([(float(x), float(y)) for x, y in points], fill=ink)


def _checks(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: Colour) -> None:
    """A chessboard of three to eight fields a side."""
    n = int(rng.integers(3, 9))
    side = TILE / n
    for row in range(n):
        for column in range(row % 2, n, 2):
            draw.rectangle((column * side, row * side, (column + 1) * side, (row + 1) * side), fill=ink)


def _label(draw: ImageDraw.ImageDraw, rng: np.random.Generator, ink: Colour) -> None:
    """A paper label with two or three letters."""
    paper = (250, 248, 240) if sum(ink) < 500 else (40, 40, 48)
    top, bottom = TILE * rng.uniform(0.22, 0.35), TILE * rng.uniform(0.6, 0.8)
    draw.rectangle((0, top, TILE, bottom), fill=paper)
    draw.rectangle((0, top, TILE, top + TILE // 30), fill=ink)
    draw.rectangle((0, bottom - TILE // 30, TILE, bottom), fill=ink)
    letters = "".join(rng.choice(list("ABCDEFGHKLMNOPRSTUVXZ"), size=int(rng.integers(2, 4))))
    for x in (0.05, 0.55):  # twice round the object, so that some of it shows from most sides
        draw.text((TILE * x, top + TILE // 24), letters, fill=ink, font_size=int(0.75 * (bottom - top)))


PATTERNS = (_stripes, _dots, _patches, _checks, _label)
PATTERN_ODDS = (0.25, 0.2, 0.2, 0.15, 0.2)  # probability of each of PATTERNS
ANIMAL_PATTERN_ODDS = (0.2, 0.15, 0.6, 0.05, 0.0)  # the same for animals


def paint_atlas(rng: np.random.Generator, animal: bool) -> npt.NDArray[np.uint8]:
    """RGB atlas uint8 [TILE, TILES * TILE, 3]: four colours, some with a pattern, then near black and white."""
    colours = pick_colours(rng, animal)
    atlas = Image.new("RGB", (TILE * TILES, TILE), (245, 245, 243))
    chances = (0.55, 0.35, 0.15, 0.0)  # of a pattern on each colour: the main one is the likeliest to have one
    for tile, (colour, chance) in enumerate(zip(colours, chances, strict=True)):
        image = Image.new("RGB", (TILE, TILE), colour)
        pattern = rng.choice(len(PATTERNS), p=ANIMAL_PATTERN_ODDS if animal else PATTERN_ODDS)
        ink = colours[(tile + 1) % 4] if colours[(tile + 1) % 4] != colour else _contrast(colour)
        if rng.random() < chance:
            PATTERNS[pattern](ImageDraw.Draw(image), rng, ink)
        atlas.paste(image, (tile * TILE, 0))
    atlas.paste(Image.new("RGB", (TILE, TILE), (26, 24, 28)), (4 * TILE, 0))
    pixels = np.asarray(atlas, dtype=np.int16) + rng.normal(0, 3, (TILE, TILE * TILES, 1)).astype(np.int16)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _contrast(colour: Colour) -> Colour:
    """A light ink for a dark colour, a dark one for others."""
    return (245, 240, 230) if sum(colour) < 380 else (60, 45, 40)
