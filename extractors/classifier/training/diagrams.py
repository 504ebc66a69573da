"""Drawings of the class diagram: diagrams, circuits, line drawings, renderings, maps, cartoons, ornaments."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Points,
    Rng,
    as_colour,
    blob,
    canvas,
    colour,
    fill,
    label,
    pale,
    ramp,
    smooth_curve,
    sometimes_on_paper,
    somewhere,
    stroke,
    word,
    words,
    write,
)
from extractors.model import Pixels


def block_diagram(rng: Rng) -> Pixels:
    """Boxes with words on a grid, joined by arrows: a test set-up, a flow chart."""
    pixels = canvas(rng, WHITE, (0.8, 2.4))
    height, width = pixels.shape[:2]
    rows, columns = int(rng.integers(1, 6)), int(rng.integers(2, 6))
    tint = pale(rng) if rng.random() < 0.7 else colour(rng, 255)
    boxes = []
    for row in range(rows):
        for column in range(columns):
            if rng.random() < 0.75:
                x, y = (column + 0.15) * width / columns, (row + 0.2) * height / rows
                boxes.append((int(x), int(y), int(x + 0.65 * width / columns), int(y + 0.55 * height / rows)))
    middles = [((x0 + x1) // 2, (y0 + y1) // 2) for x0, y0, x1, y1 in boxes]
    for (ax, ay), (bx, by) in pairwise(middles):
        if rng.random() < 0.8:
            cv2.line(pixels, (ax, ay), (bx, ay), BLACK, 1)
            cv2.arrowedLine(pixels, (bx, ay), (bx, by), BLACK, 1, cv2.LINE_AA, tipLength=0.1)
    size = max(min(height / rows * 0.16, width / columns * 0.1), 7)
    for x0, y0, x1, y1 in boxes:
        if rng.random() < 0.2:
            cv2.ellipse(pixels, ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2), 0, 0, 360, tint, -1)
            cv2.ellipse(pixels, ((x0 + x1) // 2, (y0 + y1) // 2), ((x1 - x0) // 2, (y1 - y0) // 2), 0, 0, 360, BLACK, 1)
        else:
            cv2.rectangle(pixels, (x0, y0), (x1, y1), tint, -1)
            cv2.rectangle(pixels, (x0, y0), (x1, y1), BLACK, int(rng.integers(1, 3)))
        label(rng, pixels, word(rng, max(int((x1 - x0) / size * 1.5), 2)), (x0 + 4, (y0 + y1) / 2 - size / 2), size)
    return pixels


def circuit(rng: Rng) -> Pixels:
    """Straight wires between resistors, capacitors and chips."""
    pixels = canvas(rng, WHITE, (0.8, 2.2))
    height, width = pixels.shape[:2]
    pitch = max(min(height, width) // int(rng.integers(6, 14)), 12)
    ink = BLACK if rng.random() < 0.6 else colour(rng, 160)
    for _ in range(int(rng.integers(12, 60))):
        x, y = (int(rng.integers(1, max(side // pitch, 2))) * pitch for side in (width, height))
        kind, reach = int(rng.integers(5)), pitch * int(rng.integers(1, 5))
        if kind < 2:
            cv2.line(pixels, (x, y), (x + reach, y) if kind else (x, y + reach), ink, 1)
        elif kind == 2:
            cv2.rectangle(pixels, (x, y - pitch // 5), (x + pitch, y + pitch // 5), ink, 1)
        elif kind == 3:
            for offset in (0, pitch // 5):
                cv2.line(pixels, (x + offset, y - pitch // 3), (x + offset, y + pitch // 3), ink, 1)
        else:
            cv2.rectangle(pixels, (x, y), (x + 2 * pitch, y + reach), ink, 1)
        if rng.random() < 0.6:
            write(pixels, word(rng, 4), (x + 2, y + 2), max(pitch * 0.4, 7), ink)
    return pixels


def line_drawing(rng: Rng) -> Pixels:
    """A product in outlines: hull, details, dimension arrows, numbered callouts."""
    pixels = canvas(rng, WHITE, (0.6, 2.2))
    height, width = pixels.shape[:2]
    pen = max(round(min(height, width) * rng.uniform(0.003, 0.012)), 1)
    ink = BLACK if rng.random() < 0.8 else colour(rng, 140)
    for _ in range(int(rng.integers(1, 4))):
        outline = _hull(rng, width, height)
        stroke(pixels, outline, ink, pen, True)
        middle = outline.mean(axis=0)
        for _ in range(int(rng.integers(1, 6))):
            part = middle + (outline - middle) * rng.uniform(0.1, 0.9) + rng.normal(0, width * 0.05, 2)
            stroke(pixels, part, ink, 1, True)
    for _ in range(int(rng.integers(0, 30))):
        x, y = somewhere(rng, pixels)
        cv2.circle(pixels, (x, y), int(rng.integers(2, max(height // 20, 4))), ink, 1, cv2.LINE_AA)
    for _ in range(int(rng.integers(0, 7))):
        a, b = np.array(somewhere(rng, pixels)), np.array(somewhere(rng, pixels))
        if rng.random() < 0.5:
            b[int(rng.integers(2))] = a[0]
        cv2.arrowedLine(pixels, a.tolist(), b.tolist(), ink, 1, cv2.LINE_AA, tipLength=0.05)
        write(pixels, str(rng.integers(1, 300)), b.tolist(), max(height * 0.04, 8), ink)
    return sometimes_on_paper(rng, pixels, 0.2)


def _hull(rng: Rng, width: int, height: int) -> Points:
    """The outline of an object, round or a rectangle, in an image of this size."""
    centre = (width * rng.uniform(0.3, 0.7), height * rng.uniform(0.3, 0.7))
    if rng.random() < 0.5:
        return blob(rng, centre, min(width, height) * rng.uniform(0.2, 0.5), int(rng.integers(5, 14)))
    x, y = width * rng.uniform(0.1, 0.45), height * rng.uniform(0.1, 0.45)
    return np.asarray(np.array(centre) + np.array([[-x, -y], [x, -y], [x, y], [-x, y]]), np.float64)


def rendering(rng: Rng) -> Pixels:
    """Boxes and cylinders in shades of a few colours: a CAD view, an exploded view."""
    pixels = canvas(rng, pale(rng), (0.7, 2.0))
    if rng.random() < 0.4:
        pixels = ramp(rng, pixels.shape, pale(rng), (150, 170, 200))
    height, width = pixels.shape[:2]
    exploded = rng.random() < 0.4
    for place in range(int(rng.integers(2, 9))):
        size = min(height, width) * rng.uniform(0.08, 0.4)
        corner = (
            np.array(somewhere(rng, pixels), float)
            if not exploded
            else np.array([width * 0.5, height * (0.1 + 0.1 * place)])
        )
        base = np.array(colour(rng, 230))
        right, down = np.array([1.0, 0.4]) * size * rng.uniform(0.5, 2), np.array([0, 1.0]) * size * rng.uniform(0.1, 1)
        left = np.array([-1.0, 0.4]) * size
        edged = rng.random() < 0.6
        shape = rng.random()
        if shape < 0.5:
            for light, face in (
                (1.0, [corner, corner + right, corner + right + left, corner + left]),
                (0.75, [corner + left, corner + left + right, corner + left + right + down, corner + left + down]),
                (0.5, [corner + right, corner + right + left, corner + right + left + down, corner + right + down]),
            ):
                fill(pixels, np.array(face), as_colour(base * light))
                if edged:
                    stroke(pixels, np.array(face), BLACK, 1, True)
        elif shape < 0.75:
            _cylinder(pixels, corner, size, base)
        else:
            _ball(pixels, corner, size / 2, base)
        if rng.random() < 0.3:
            label(rng, pixels, word(rng, 6), tuple(corner), max(height * 0.04, 8))
    return pixels


def _cylinder(pixels: Pixels, corner: Points, size: float, base: Points) -> None:
    """Draw an upright cylinder in shades of the colour `base`, its top around `corner`."""
    for step in np.linspace(-1, 1, 48):
        light = 0.35 + 0.65 * np.sqrt(max(1 - (step - 0.3) ** 2 / 1.7, 0))
        x, drop = corner[0] + step * size / 2, size * 0.15 * np.sqrt(1 - step**2)
        ends = (int(x), int(corner[1] + drop)), (int(x), int(corner[1] + size + drop))
        cv2.line(pixels, *ends, as_colour(base * light), max(round(size / 40), 1))
    middle, axes = (int(corner[0]), int(corner[1])), (int(size / 2), int(size * 0.15))
    cv2.ellipse(pixels, middle, axes, 0, 0, 360, as_colour(base), -1, cv2.LINE_AA)


def _ball(pixels: Pixels, centre: Points, radius: float, base: Points) -> None:
    """Draw a ball in shades of the colour `base` with a highlight."""
    for step in np.linspace(0, 1, max(int(radius), 3)):
        x, y = (centre - radius * 0.4 * step).astype(int).tolist()
        shade = base * (0.4 + 0.6 * step) + 200 * step**4 * (1 - base / 255)
        cv2.circle(pixels, (x, y), max(int(radius * (1 - step)), 1), np.clip(shade, 0, 255).tolist(), -1, cv2.LINE_AA)


def map_sheet(rng: Rng) -> Pixels:
    """Areas in pale colours, water, roads, names."""
    pixels = canvas(rng, pale(rng), (0.8, 2.0))
    height, width = pixels.shape[:2]
    for _ in range(int(rng.integers(3, 14))):
        fill(
            pixels,
            blob(rng, somewhere(rng, pixels), width * rng.uniform(0.05, 0.4)),
            as_colour(rng.integers(150, 250, 3)),
        )
    for _ in range(int(rng.integers(3, 12))):
        road = smooth_curve(rng.uniform(-0.1, 1.1, (4, 2)) * (width, height))
        thick = int(rng.integers(2, 9))
        stroke(pixels, road, (150, 150, 140), thick + 2)
        stroke(pixels, road, WHITE if rng.random() < 0.5 else (250, 220, 120), thick)
    for _ in range(int(rng.integers(3, 25))):
        write(pixels, words(rng, 1), somewhere(rng, pixels), max(height * rng.uniform(0.025, 0.05), 7), (60, 60, 60))
    return pixels


def cartoon(rng: Rng) -> Pixels:
    """Flat coloured shapes with black outlines: clip art, an illustrated instruction."""
    pixels = canvas(rng, WHITE if rng.random() < 0.6 else colour(rng, 255), (0.6, 1.8))
    height, width = pixels.shape[:2]
    pen = int(rng.integers(0, max(height // 60, 3)))
    for _ in range(int(rng.integers(3, 16))):
        outline = blob(
            rng, (width * rng.uniform(0.2, 0.8), height * rng.uniform(0.2, 0.8)), height * rng.uniform(0.05, 0.4)
        )
        fill(pixels, outline, colour(rng, 255))
        if pen:
            stroke(pixels, outline, BLACK, pen, True)
    return pixels


def mascot(rng: Rng) -> Pixels:
    """Smooth shapes with soft light and shadow: a figure of clip art, a glossy emblem."""
    pixels = canvas(rng, WHITE if rng.random() < 0.8 else pale(rng), (0.6, 1.8))
    height, width = pixels.shape[:2]
    greys = rng.random() < 0.35
    for _ in range(int(rng.integers(2, 12))):
        centre = (width * rng.uniform(0.2, 0.8), height * rng.uniform(0.2, 0.8))
        outline = blob(rng, centre, min(height, width) * rng.uniform(0.08, 0.5))
        base = np.array((int(rng.integers(0, 256)),) * 3 if greys else colour(rng, 255))
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
        depth = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        light = (rng.uniform(0.2, 0.9) + np.sqrt(depth / max(float(depth.max()), 1.0)))[..., None]
        shaded = (
            np.clip(base * light, 0, 255) if rng.random() < 0.7 else ramp(rng, pixels.shape, pale(rng), as_colour(base))
        )
        pixels = np.asarray(np.where(mask[..., None] > 0, shaded, pixels), np.uint8)
        if rng.random() < 0.4:
            stroke(pixels, outline, BLACK, int(rng.integers(1, 4)), True)
    return pixels


def engraving(rng: Rng) -> Pixels:
    """An object shaded by hatching, as old catalogues and patents draw it."""
    pixels = canvas(rng, WHITE, (0.6, 1.6))
    height, width = pixels.shape[:2]
    for _ in range(int(rng.integers(1, 4))):
        outline = _hull(rng, width, height)
        mask = np.zeros(pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [np.round(outline).astype(np.int32)], 1)
        y, x = np.mgrid[0:height, 0:width]
        pitch, angle = rng.uniform(3, 9), rng.uniform(0, np.pi)
        wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / pitch)
        tone = np.clip((x - outline[:, 0].min()) / max(np.ptp(outline[:, 0]), 1), 0, 1) * 2 - 1
        tone = tone * rng.uniform(0.6, 1.0) + rng.uniform(0, 0.6)  # down to nearly black
        if rng.random() < 0.4:  # stippled or crossed
            wave = np.minimum(wave, np.sin((x * np.sin(angle) - y * np.cos(angle)) * 2 * np.pi / pitch))
        pixels[(mask > 0) & (wave < tone)] = 0
        stroke(pixels, outline, BLACK, int(rng.integers(1, 4)), True)
    return sometimes_on_paper(rng, pixels, 0.3)


def decoration(rng: Rng) -> Pixels:
    """An ornament of a page: a gradient, the shadow of a box, a bevelled button, a coloured wave or a dot."""
    pixels = canvas(rng, WHITE, (0.3, 5.0))
    height, width = pixels.shape[:2]
    kind = int(rng.integers(5))
    if kind == 0:
        return ramp(rng, pixels.shape, colour(rng, 255), colour(rng, 255))
    edge = max(int(min(height, width) * rng.uniform(0.05, 0.2)), 2)
    box = np.zeros((height, width), np.float32)
    box[edge : height - edge, edge : width - edge] = 1
    if kind == 1:
        soft = cv2.GaussianBlur(box, (0, 0), edge / 2)[..., None]
        return np.asarray(255 * (1 - soft) + np.array(colour(rng)) * soft, np.uint8)
    if kind == 4:
        dot = np.full((64, 48, 3), 255, np.uint8)
        cv2.circle(dot, (24, 32), int(rng.integers(1, 8)), colour(rng), -1)
        return np.asarray(cv2.GaussianBlur(cv2.resize(dot, (144, 192)), (0, 0), rng.uniform(1, 5)), np.uint8)
    if kind == 2:
        pixels[:] = colour(rng)
        pixels[: edge // 2], pixels[:, : edge // 2] = pale(rng), pale(rng)
        return np.asarray(
            np.where(box[..., None] > 0, ramp(rng, pixels.shape, pale(rng), colour(rng)), pixels), np.uint8
        )
    pixels = ramp(rng, pixels.shape, colour(rng, 255), colour(rng, 255))
    bend = smooth_curve(np.stack([np.linspace(-10, width + 10, 5), rng.uniform(0, height, 5)], 1))
    fill(pixels, np.concatenate([bend, [[width, height], [0, height]]]), pale(rng))
    return pixels
