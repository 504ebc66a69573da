"""Printed cartons of our own: boxes with invented brands, drawn from any side.

A carton is determined by its seed. VARIANTS consecutive seeds are variants of one brand, with the same lay-out, logo
and typeface and another accent colour, words and illustration: neighbours on a shelf, which a matcher must tell apart.

    python -m scott_core.data.synthetic.cartons --out runs/cartons [--brands 150] [--views 3] [--start 0] [--size 256]

writes RGBA images OUT/<seed:06d>/<view>.png and OUT/manifest.csv, which `scott pack` reads; a brand is a category.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from scott_core.data.sources import SPLITS, write_manifest

VARIANTS = 4  # cartons of a brand
_FONTS = (
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_SCRIPT_COMPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
)
_LETTERS = "AEIOURSTLNMBDKGPVF"
_Pixels = NDArray[np.uint8]


def _word(rng: Generator, low: int = 4, high: int = 9) -> str:
    """An invented word of `low` to `high` - 1 capitals."""
    return "".join(rng.choice(list(_LETTERS), int(rng.integers(low, high))))


def _colour(rng: Generator, low: int = 0) -> tuple[int, int, int]:
    """A random RGB colour, 0 to 255, of saturation `low` or more."""
    hsv = np.array([[[rng.integers(0, 180), rng.integers(low, 256), rng.integers(60, 256)]]], np.uint8)
    r, g, b = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)[0, 0]
    return int(r), int(g), int(b)


def _write(face: _Pixels, text: str, y: float, height: float, font: int, colour: tuple[int, int, int]) -> None:
    """Writes `text` centred on the face; `y` and `height` are shares of the face's height."""
    tall, wide = face.shape[:2]
    (w, h), _ = cv2.getTextSize(text, font, 1.0, 2)
    scale = min(height * tall / h, 0.9 * wide / w)
    x = int((wide - w * scale) / 2)
    cv2.putText(face, text, (x, int(y * tall)), font, scale, colour, max(1, int(2 * scale)), cv2.LINE_AA)


def _illustrate(face: _Pixels, rng: Generator, centre: tuple[float, float], radius: float) -> None:
    """Draws three to seven overlapping ellipses and polygons about `centre`; lengths are shares of the face."""
    tall, wide = face.shape[:2]
    for _ in range(int(rng.integers(3, 8))):
        at = np.array([centre[0] * wide, centre[1] * tall]) + rng.normal(0, radius * wide / 2.5, 2)
        axes = np.abs(rng.normal(0.5, 0.25, 2)) * radius * wide + 3
        colour = _colour(rng, 90)
        if rng.random() < 0.6:
            box = (
                (float(at[0]), float(at[1])),
                (float(axes[0]) * 2, float(axes[1]) * 2),
                float(rng.uniform(0, 180)),
            )
            cv2.ellipse(face, box, colour, -1, cv2.LINE_AA)
        else:
            corners = at + rng.normal(0, radius * wide * 0.7, (int(rng.integers(3, 6)), 2))
            cv2.fillPoly(face, [corners.astype(np.int32)], colour, cv2.LINE_AA)


def carton_faces(seed: int) -> tuple[_Pixels, _Pixels, tuple[float, float, float]]:
    """Front and side prints, uint8 RGB [h, w, 3], and the box's (width, height, depth); equal seeds, equal prints."""
    brand, own = np.random.default_rng([7, seed // VARIANTS]), np.random.default_rng([8, seed])
    width, height, depth = brand.uniform(0.5, 1.0), brand.uniform(0.7, 1.8), brand.uniform(0.25, 0.8)
    base = (245, 245, 245) if brand.random() < 0.4 else _colour(brand)
    font, logo, ink = int(brand.choice(_FONTS)), _word(brand), _colour(brand)
    logo_y, band_y, art_y = (float(v) for v in brand.permutation([0.2, 0.45, 0.72]))
    band_high, art_size = float(brand.uniform(0.06, 0.2)), float(brand.uniform(0.2, 0.4))
    accent, words = _colour(own, 100), [_word(own, 3, 10) for _ in range(3)]
    faces: list[_Pixels] = []
    for share in (width, depth):
        face = np.full((int(240 * height), int(240 * share), 3), base, np.uint8)
        tall, wide = face.shape[:2]
        cv2.rectangle(
            face,
            (0, int((band_y - band_high / 2) * tall)),
            (wide, int((band_y + band_high) * tall)),
            accent,
            -1,
        )
        _illustrate(face, np.random.default_rng([9, seed, len(faces)]), (0.5, art_y), art_size)
        _write(face, words[0], band_y + band_high * 0.6, band_high * 0.5, font, (255, 255, 255))
        _write(face, logo, logo_y, 0.1, font, ink)
        for line in range(4 * len(faces)):  # the side carries small print
            _write(face, " ".join(words), 0.55 + 0.05 * line, 0.02, cv2.FONT_HERSHEY_SIMPLEX, (40, 40, 40))
        _write(face, words[1], 0.95, 0.05, font, accent)
        faces.append(face)
    return faces[0], faces[1], (width, height, depth)


def render_carton(seed: int, view_seed: int, *, size: int = 256) -> _Pixels:
    """The carton seen from somewhere in front, RGBA uint8 [size, size, 4]; alpha is its exact mask."""
    front, side, (w, h, d) = carton_faces(seed)
    rng = np.random.default_rng([10, seed, view_seed])
    yaw, pitch, roll = rng.uniform(-1.1, 1.1), rng.uniform(-0.1, 0.6), rng.normal(0, 0.15)
    turn = _rotation(2, roll) @ _rotation(0, pitch) @ _rotation(1, yaw)
    top = np.full((64, 64, 3), front[2, 2], np.uint8)
    x, y, z = w / 2, h / 2, d / 2
    quads = {  # corners in the order of the print: top left, top right, bottom right, bottom left; then outward normal
        "front": (front, [(-x, -y, -z), (x, -y, -z), (x, y, -z), (-x, y, -z)], (0, 0, -1)),
        "right": (side, [(x, -y, -z), (x, -y, z), (x, y, z), (x, y, -z)], (1, 0, 0)),
        "left": (side, [(-x, -y, z), (-x, -y, -z), (-x, y, -z), (-x, y, z)], (-1, 0, 0)),
        "top": (top, [(-x, -y, z), (x, -y, z), (x, -y, -z), (-x, -y, -z)], (0, -1, 0)),
    }
    camera = rng.uniform(2.8, 6.0)
    zoom = 0.95 * size / np.linalg.norm([w, h, d]) * camera
    light = turn @ np.array([rng.normal(0, 0.5), -0.4, -1.0])
    light /= np.linalg.norm(light)
    out = np.zeros((size, size, 4), np.uint8)
    for print_, corners, normal in quads.values():
        placed = np.array(corners) @ turn.T + [0, 0, camera]
        facing = turn @ np.array(normal, float)
        if facing @ placed.mean(0) >= 0:  # turned away from the camera
            continue
        shade = 0.65 + 0.4 * max(0.0, float(facing @ light))
        points = (placed[:, :2] / placed[:, 2:] * zoom + size / 2).astype(np.float32)
        rgba = np.dstack([np.clip(print_ * shade, 0, 255).astype(np.uint8), np.full(print_.shape[:2], 255, np.uint8)])
        tall, wide = print_.shape[:2]
        source = np.array([(0, 0), (wide, 0), (wide, tall), (0, tall)], np.float32)
        drawn = cv2.warpPerspective(
            rgba, cv2.getPerspectiveTransform(source, points), (size, size), flags=cv2.INTER_AREA
        )
        out = np.where(drawn[..., 3:] > 127, drawn, out)
    return cast(_Pixels, out)


def _rotation(axis: int, angle: float) -> NDArray[np.float64]:
    """Rotation matrix [3, 3] about `axis` (0, 1, 2: x, y, z) by `angle` radians."""
    c, s = np.cos(angle), np.sin(angle)
    i, j = [k for k in range(3) if k != axis]
    m = np.eye(3)
    m[i, i], m[i, j], m[j, i], m[j, j] = c, -s, s, c
    return m


def carton_on_white(seed: int, view: int, *, size: int) -> Image.Image:
    """The image of `render_carton` on white, RGB, as a shop shows it."""
    rgba = Image.fromarray(render_carton(seed, view, size=size))
    return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")


def main(argv: Sequence[str] | None = None) -> int:
    """Writes a folder of cartons."""
    parser = argparse.ArgumentParser(prog="python -m scott_core.data.synthetic.cartons", description=main.__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--brands", type=int, default=150)
    parser.add_argument("--views", type=int, default=3)
    parser.add_argument("--start", type=int, default=0, help="the first brand")
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--split", default="train", choices=SPLITS)
    options = parser.parse_args(argv)
    rows = []
    for seed in tqdm(range(options.start * VARIANTS, (options.start + options.brands) * VARIANTS), unit="carton"):
        for view in range(options.views):
            path = Path(f"{seed:06}", f"{view}.png")
            (options.out / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(render_carton(seed, view, size=options.size)).save(options.out / path)
            rows.append((path.as_posix(), f"carton_{seed}", f"brand_{seed // VARIANTS}"))
    write_manifest(options.out, rows, dataset="carton", split=options.split)
    return 0


if __name__ == "__main__":
    sys.exit(main())
