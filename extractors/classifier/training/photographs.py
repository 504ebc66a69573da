"""Photographs as reports show them: those of `manifest.csv`, cut out, lit, labelled, marked and composed."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Rng,
    as_colour,
    canvas,
    colour,
    ramp,
    somewhere,
    words,
    write,
)
from extractors.classifier.training.codes import barcode
from extractors.classifier.training.logos import word_logo
from extractors.classifier.training.sheets import paragraphs, table
from extractors.model import Pixels

Row = dict[str, str]
Light = npt.NDArray[np.float64]  # [H, W, 3], white at 255


def photograph(rng: Rng, root: Path, row: Row) -> Pixels:
    """A photograph of the manifest, changed by chance in the ways in which photographs of reports differ from it.

    `root` holds the files that `row` names. Raises FileNotFoundError where one cannot be read.
    """
    pixels = _cut_out(rng, root, row)
    if rng.random() < 0.12:
        pixels = _zoomed(rng, pixels)
    if rng.random() < 0.15:
        pixels = _labelled(rng, pixels)
    chance = rng.random()
    if chance < 0.1:
        pixels = np.asarray(255 - (255 - pixels.astype(np.float32)) * rng.uniform(0.15, 0.5), np.uint8)
    elif chance < 0.2:
        pixels = np.asarray(pixels * rng.uniform(0.2, 0.6), np.uint8)
    elif chance < 0.28:
        pixels = _with_ruler(rng, pixels)
    if rng.random() < 0.12:
        pixels = _marked(rng, pixels)
    if rng.random() < 0.1:
        contrast, level = rng.uniform(1.3, 2.5), rng.uniform(60, 200)
        pixels = np.asarray(np.clip((pixels.astype(np.float32) - level) * contrast + level, 0, 255), np.uint8)
    if rng.random() < 0.06:
        pixels = _few_colours(rng, pixels)
    if rng.random() < 0.05:
        pixels = np.asarray(cv2.bilateralFilter(np.ascontiguousarray(pixels), 9, 50, 5), np.uint8)
    return np.ascontiguousarray(pixels)


def rendered_object(rng: Rng, root: Path, row: Row) -> Pixels:
    """A rendered object of objects3d/manifest.csv in front of a backdrop: makers show renderings for photographs."""
    coloured = _read(root / "objects3d" / row["image"], cv2.IMREAD_UNCHANGED)
    alpha = coloured[..., 3:] / 255.0
    ground = backdrop(rng, coloured[..., :3].shape)
    return np.asarray(coloured[..., 2::-1] * alpha + ground * (1 - alpha), np.uint8)


def plain_object(rng: Rng) -> Pixels:
    """A drawn box, bottle or plate as a camera sees it: shaded faces, soft shadow, grain and focus, no other detail."""
    pixels = backdrop(rng, canvas(rng, WHITE, (0.7, 1.6)).shape)
    height, width = pixels.shape[:2]
    base = np.clip(rng.uniform(20, 250) + rng.normal(0, 35, 3), 0, 255)
    left, top = width * rng.uniform(0.08, 0.3), height * rng.uniform(0.08, 0.3)
    right, bottom = width - width * rng.uniform(0.08, 0.3), height - height * rng.uniform(0.08, 0.3)
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    corners += rng.normal(0, 0.04, (4, 2)) * (width, height)
    depth = rng.uniform(-0.12, 0.12, 2) * (width, height)
    shadow = np.zeros((height, width), np.float32)
    cv2.fillConvexPoly(shadow, np.round(corners + np.abs(depth) + height * 0.02).astype(np.int32), 1.0)
    shadow = np.asarray(cv2.GaussianBlur(shadow, (0, 0), height * 0.03), np.float32)
    scene = pixels * (1 - rng.uniform(0.1, 0.5) * shadow[..., None])
    front = _lit(rng, np.full(pixels.shape, 1.0) * base)
    for face, light in ((corners + depth, rng.uniform(0.5, 0.9)), (corners, 1.0)):
        mask = np.zeros((height, width), np.float32)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(face).astype(np.int32)), 1.0, cv2.LINE_AA)
        scene = scene * (1 - mask[..., None]) + front * light * mask[..., None]
    pixels = np.asarray(np.clip(scene, 0, 255), np.uint8)
    if rng.random() < 0.6:
        pixels = _labelled(rng, pixels)
    return _filmed(rng, pixels)


def backdrop(rng: Rng, shape: tuple[int, ...]) -> Pixels:
    """The backdrop of a studio: white, or coloured paper with grain that is lit from one side."""
    if rng.random() < 0.4:
        return np.full(shape, 255, np.uint8)
    first, last = (as_colour(rng.integers(60, 250, 3)) for _ in range(2))
    paper = ramp(rng, shape, first, last) + rng.normal(0, rng.uniform(0, 2.5), (*shape[:2], 1))
    return np.asarray(np.clip(paper, 0, 255), np.uint8)


def _cut_out(rng: Rng, root: Path, row: Row) -> Pixels:
    """The photograph, or its object or an ellipse of it in front of a backdrop."""
    pixels = _read(root / row["image"], cv2.IMREAD_COLOR_RGB)
    chance = rng.random()
    mask = np.ones(pixels.shape[:2], np.uint8)
    if chance < 0.3 and row["mask"]:
        mask = (_read(root / row["mask"], cv2.IMREAD_GRAYSCALE) > 0).astype(np.uint8)
        if mask.mean() < 0.05:
            return pixels
    elif chance < 0.35:
        height, width = pixels.shape[:2]
        mask[:] = 0
        cv2.ellipse(mask, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 1, -1)
    return np.asarray(np.where(mask[..., None] > 0, pixels, backdrop(rng, pixels.shape)), np.uint8)


def _read(path: Path, flags: int) -> Pixels:
    """The pixels of a file. Raises FileNotFoundError where OpenCV reads none."""
    pixels = cv2.imread(str(path), flags)
    if pixels is None:
        raise FileNotFoundError(path)
    return np.asarray(pixels, np.uint8)


def _zoomed(rng: Rng, pixels: Pixels) -> Pixels:
    """A detail of the photograph, enlarged until it is little but texture and blur."""
    height, width = pixels.shape[:2]
    share = rng.uniform(0.25, 0.7)
    y, x = (int(rng.uniform(0, 1 - share) * side) for side in (height, width))
    part = pixels[y : y + max(int(height * share), 16), x : x + max(int(width * share), 16)]
    enlarged = cv2.resize(part, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(enlarged + rng.normal(0, rng.uniform(0, 3), enlarged.shape), 0, 255), np.uint8)


def _labelled(rng: Rng, pixels: Pixels) -> Pixels:
    """The photograph with a printed label on its object, seen at an angle: a rating plate, a barcode, carton print."""
    drawn = (paragraphs, table, barcode, word_logo)[int(rng.integers(4))](rng)
    height, width = pixels.shape[:2]
    scale = rng.uniform(0.3, 0.75)
    middle = np.array([width, height]) * rng.uniform(0.4, 0.6, 2)
    ratio = drawn.shape[1] / drawn.shape[0]
    half = np.array([min(width, height * ratio), min(height, width / ratio)]) * scale / 2
    to = middle + np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * half * (1 + rng.normal(0, 0.08, (4, 2)))
    size = np.array([[0, 0], [drawn.shape[1], 0], [drawn.shape[1], drawn.shape[0]], [0, drawn.shape[0]]])
    matrix = cv2.getPerspectiveTransform(size.astype(np.float32), to.astype(np.float32))
    tint = rng.uniform(0.6, 1.0) * rng.uniform(0.9, 1.0, 3)
    print_ = cv2.warpPerspective(np.asarray(drawn * tint, np.uint8), matrix, (width, height), flags=cv2.INTER_AREA)
    coverage = cv2.warpPerspective(np.ones(drawn.shape[:2], np.float32), matrix, (width, height))[..., None]
    return _filmed(rng, np.asarray(pixels * (1 - coverage) + print_ * coverage, np.uint8))


def _filmed(rng: Rng, pixels: Pixels) -> Pixels:
    """The scene with the blur of a lens, uneven light and the grain of a sensor."""
    blurred = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.4, 1.4))
    lit = _lit(rng, blurred.astype(np.float64))
    grain = rng.normal(0, rng.uniform(1, 5), (*pixels.shape[:2], 1)) + rng.normal(0, rng.uniform(0, 2), pixels.shape)
    return np.asarray(np.clip(lit + grain, 0, 255), np.uint8)


def _lit(rng: Rng, pixels: Light) -> Light:
    """The scene in light that falls off to one side and to the corners, sometimes with a reflection."""
    height, width = pixels.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    a, b = rng.normal(0, 0.12, 2)
    light = 1 + a * x + b * y - rng.uniform(0, 0.15) * (x * x + y * y)
    if rng.random() < 0.3:
        cx, cy = rng.uniform(-0.8, 0.8, 2)
        light = light + rng.uniform(0.1, 0.7) * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / rng.uniform(0.02, 0.3))
    return np.asarray(pixels * light[..., None], np.float64)


def _few_colours(rng: Rng, pixels: Pixels) -> Pixels:
    """The photograph in a palette of 16 to 255 colours, as a GIF has it."""
    palette = Image.fromarray(np.ascontiguousarray(pixels)).quantize(int(rng.integers(16, 256)))
    return np.asarray(palette.convert("RGB"))


def side_by_side(rng: Rng, first: Pixels, second: Pixels) -> Pixels:
    """Two photographs in one image, on white or black."""
    gap = int(rng.integers(0, 24))
    high = max(first.shape[0], second.shape[0])
    ground = 255 if rng.random() < 0.7 else 0
    sheet = np.full((high, first.shape[1] + second.shape[1] + gap, 3), ground, np.uint8)
    sheet[: first.shape[0], : first.shape[1]] = first
    sheet[: second.shape[0], first.shape[1] + gap :] = second
    return np.ascontiguousarray(sheet.transpose(1, 0, 2)) if rng.random() < 0.3 else sheet


def _with_ruler(rng: Rng, pixels: Pixels) -> Pixels:
    """The photograph with a ruler along its top or bottom."""
    pixels = pixels.copy()
    height, width = pixels.shape[:2]
    thick = max(int(height * rng.uniform(0.08, 0.16)), 10)
    strip = np.full((thick, width, 3), rng.integers(190, 256, 3), np.uint8)
    pitch = max(width // int(rng.integers(20, 60)), 3)
    for tick, x in enumerate(range(2, width, pitch)):
        cv2.line(strip, (x, 0), (x, thick * (2 if tick % 10 == 0 else 1) // 4), BLACK, 1)
        if tick % 10 == 0:
            write(strip, str(tick // 10), (x + 2, thick * 0.4), max(thick * 0.4, 7))
    top = height - thick if rng.random() < 0.7 else 0
    pixels[top : top + thick] = _filmed(rng, strip)
    return pixels


def _marked(rng: Rng, pixels: Pixels) -> Pixels:
    """The photograph with frames, arrows and words that an editor drew over it."""
    pixels = pixels.copy()
    height, width = pixels.shape[:2]
    ink = ((255, 0, 0), (255, 255, 0), (0, 0, 255), WHITE, colour(rng))[int(rng.integers(5))]
    for _ in range(int(rng.integers(1, 4))):
        a, b = somewhere(rng, pixels), somewhere(rng, pixels)
        if rng.random() < 0.5:
            cv2.rectangle(pixels, a, b, ink, max(height // 100, 1))
        else:
            cv2.arrowedLine(pixels, a, b, ink, max(height // 100, 1), cv2.LINE_AA)
        if rng.random() < 0.6:
            write(pixels, words(rng, 2), b, max(height * 0.06, 8), ink)
    if rng.random() < 0.3:
        pixels = np.pad(pixels, ((0, height // 8), (0, 0), (0, 0)), constant_values=255)
        write(pixels, words(rng, 4), (width * 0.1, height * 1.02), height * 0.06)
    return pixels
