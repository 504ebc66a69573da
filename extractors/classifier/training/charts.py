"""Drawings of the class chart: plots, pies, spectra on the screens of analysers, heat maps, polar and 3-D charts."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np

from extractors.classifier.training.canvas import (
    BLACK,
    WHITE,
    Colour,
    Points,
    Rng,
    as_colour,
    canvas,
    colour,
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


def plot(rng: Rng) -> Pixels:
    """Axes with ticks and numbers, a grid, and curves, bars, points or an area."""
    pixels = canvas(rng, WHITE if rng.random() < 0.8 else pale(rng), (0.9, 2.6))
    height, width = pixels.shape[:2]
    left, right, top, bottom = _axes(rng, pixels)
    for _ in range(int(rng.integers(1, 5))):
        ink, kind = colour(rng), int(rng.integers(5))
        xs = np.linspace(left + 2, right - 2, 240)
        if kind < 2:
            ys = _signal(rng, xs.size) if kind else np.interp(xs, np.linspace(left, right, 8), rng.random(8))
            stroke(pixels, np.stack([xs, bottom - ys * (bottom - top)], 1), ink, int(rng.integers(1, 4)))
        elif kind == 2:
            for x in xs[:: int(rng.integers(12, 50))]:
                high = int(rng.uniform(top, bottom))
                cv2.rectangle(pixels, (int(x), high), (int(x) + max(width // 40, 3), bottom), ink, -1)
        elif kind == 3:
            for _ in range(int(rng.integers(10, 120))):
                x, y = rng.uniform(left, right), bottom - rng.beta(2, 3) * (bottom - top)
                cv2.circle(pixels, (int(x), int(y)), max(height // 120, 1), ink, -1, cv2.LINE_AA)
        else:
            outline = np.stack([xs, bottom - _signal(rng, xs.size) * (bottom - top)], 1)
            cv2.fillPoly(pixels, [np.concatenate([outline, [[right, bottom], [left, bottom]]]).astype(np.int32)], ink)
    if rng.random() < 0.4:
        _legend(rng, pixels, (int(right - width * 0.3), top))
    return pixels


def _axes(rng: Rng, pixels: Pixels, ink: Colour = BLACK, grid: Colour = (205, 205, 205)) -> tuple[int, int, int, int]:
    """Draw frame, grid and numbers; returns left, right, top and bottom of the area inside."""
    height, width = pixels.shape[:2]
    left, right, top, bottom = int(width * 0.12), int(width * 0.97), int(height * 0.1), int(height * 0.86)
    size = max(height * rng.uniform(0.03, 0.05), 8)
    down, across = int(rng.integers(2, 11)), int(rng.integers(2, 11))
    gridded = rng.random() < 0.6
    for step in range(down + 1):
        y = bottom - (bottom - top) * step // down
        cv2.line(
            pixels, (left if gridded else left - 4, y), (right if gridded else left, y), grid if gridded else ink, 1
        )
        write(pixels, f"{step * 10}", (left * 0.4, y - size / 2), size, ink)
    for step in range(across + 1):
        x = left + (right - left) * step // across
        cv2.line(
            pixels, (x, top if gridded else bottom), (x, bottom if gridded else bottom + 4), grid if gridded else ink, 1
        )
        write(pixels, f"{step}", (x - size / 4, bottom + 3), size, ink)
    if rng.random() < 0.6:
        cv2.rectangle(pixels, (left, top), (right, bottom), ink, 1)
    else:
        stroke(pixels, np.array([[left, top], [left, bottom], [right, bottom]]), ink, 1 + width // 400)
    if rng.random() < 0.6:
        label(rng, pixels, words(rng, 3), (width * 0.25, 2), size * 1.3, ink)
    if rng.random() < 0.6:
        write(pixels, words(rng, 2), (width * 0.4, height * 0.93), size, ink)
    return left, right, top, bottom


def _signal(rng: Rng, count: int) -> Points:
    """A curve [count] of peaks, of noise or of both, in [0, 1]."""
    xs = np.linspace(0, 1, count)
    level = rng.uniform(0.05, 0.4) + rng.normal(0, rng.uniform(0, 0.05), count)
    for _ in range(int(rng.integers(0, 8))):
        level += rng.uniform(0.1, 0.6) * np.exp(-(((xs - rng.random()) / rng.uniform(0.003, 0.15)) ** 2))
    if rng.random() < 0.3:
        level += 0.2 * np.sin(xs * rng.uniform(5, 60))
    return np.clip(level, 0, 1)


def _legend(rng: Rng, pixels: Pixels, at: tuple[int, int]) -> None:
    """Draw one to four coloured squares with a word beside each, from `at` down."""
    for line in range(int(rng.integers(1, 5))):
        y = at[1] + 14 * line + 6
        cv2.rectangle(pixels, (at[0], y), (at[0] + 10, y + 8), colour(rng), -1)
        write(pixels, word(rng), (at[0] + 14, y - 3), 11)


def pie(rng: Rng) -> Pixels:
    """Slices or a ring, sometimes tilted as a three-dimensional one, with a legend."""
    pixels = canvas(rng, WHITE, (0.9, 2.0))
    height, width = pixels.shape[:2]
    middle, radius = (int(width * 0.4), height // 2), int(min(height, width * 0.8) * 0.42)
    size = (radius, int(radius * rng.choice([1.0, 1.0, 0.6])))
    ends = np.concatenate([[0], np.sort(rng.uniform(0, 360, int(rng.integers(1, 8)))), [360]])
    for start, end in pairwise(ends.tolist()):
        cv2.ellipse(pixels, middle, size, 0, start, end, colour(rng, 240), -1, cv2.LINE_AA)
        if rng.random() < 0.6:
            angle = np.radians((start + end) / 2)
            at = (middle[0] + size[0] * 0.6 * np.cos(angle), middle[1] + size[1] * 0.6 * np.sin(angle))
            write(pixels, f"{end - start:.0f}%", at, max(height * 0.05, 8))
    if rng.random() < 0.3:
        cv2.circle(pixels, middle, radius // 2, WHITE, -1, cv2.LINE_AA)
    _legend(rng, pixels, (int(width * 0.78), height // 4))
    return pixels


def analyser_screen(rng: Rng) -> Pixels:
    """The display of a spectrum analyser or oscilloscope: a dark graticule, noisy traces, settings around it."""
    chance = rng.random()
    ground = as_colour(rng.integers(0, 60, 3)) if chance < 0.75 else (BLACK, WHITE)[int(chance > 0.9)]
    bright = sum(ground) < 380
    pixels = canvas(rng, ground, (1.1, 1.8))
    height, width = pixels.shape[:2]
    if rng.random() < 0.4:
        bar = height // 12
        pixels[:bar] = ramp(rng, (bar, width, 3), colour(rng), colour(rng)) if rng.random() < 0.5 else colour(rng)
    if rng.random() < 0.5:
        pixels[:, int(width * 0.85) :] = colour(rng, 255)
        for step in range(8):
            write(
                pixels, words(rng, 1), (width * 0.87, height * (0.1 + 0.11 * step)), max(height * 0.035, 7), pale(rng)
            )
            cv2.line(
                pixels,
                (int(width * 0.85), int(height * (0.08 + 0.11 * step))),
                (width, int(height * (0.08 + 0.11 * step))),
                BLACK,
                1,
            )
    left, right, top, bottom = int(width * 0.06), int(width * 0.83), int(height * 0.15), int(height * 0.82)
    level = int(rng.integers(60, 130)) if bright else int(rng.integers(150, 220))
    grid = (level, level, level) if rng.random() < 0.6 else as_colour(rng.integers(40, 140, 3))
    for step in range(11):
        x, y = left + (right - left) * step // 10, top + (bottom - top) * step // 10
        cv2.line(pixels, (x, top), (x, bottom), grid, 1)
        cv2.line(pixels, (left, y), (right, y), grid, 1)
    xs = np.arange(left, right)
    for _ in range(int(rng.integers(1, 4))):
        shine = as_colour(rng.choice([0, 60, 180, 255], 3))
        if bright and sum(shine) < 180:
            shine = (255, 255, 0)
        ys = _signal(rng, xs.size) + rng.normal(0, rng.uniform(0.005, 0.06), xs.size)
        stroke(pixels, np.stack([xs, bottom - np.clip(ys, 0, 1) * (bottom - top)], 1), shine, int(rng.integers(1, 3)))
    ink = (235, 235, 235) if bright else BLACK
    size = max(height * rng.uniform(0.025, 0.045), 7)
    for row in (0.02, 0.08, 0.85, 0.91):
        for column in (0.05, 0.35, 0.6):
            if rng.random() < 0.75:
                write(pixels, words(rng, int(rng.integers(1, 4))), (width * column, height * row), size, ink)
    for _ in range(int(rng.integers(0, 4))):
        write(pixels, word(rng), somewhere(rng, pixels), size, (255, int(rng.integers(0, 256)), 0))
    return pixels


def shaded_columns(rng: Rng) -> Pixels:
    """Columns that fade from a colour to a lighter one, on grid lines, as office programs draw them; often a part."""
    pixels = canvas(rng, WHITE, (0.4, 2.0))
    height, width = pixels.shape[:2]
    for y in np.linspace(0, height, int(rng.integers(3, 12))).astype(int):
        cv2.line(pixels, (0, int(y)), (width, int(y)), (200, 200, 200), 1)
    tints = [colour(rng, 240) for _ in range(int(rng.integers(1, 5)))]
    count = int(rng.integers(1, 14))
    for place in range(count):
        left, right = (int(width * (place + share) / count) for share in (0.1, rng.uniform(0.7, 1.0)))
        top = int(height * rng.uniform(0, 0.9))
        tint = np.array(tints[place % len(tints)])
        light = as_colour(tint + (255 - tint) * rng.uniform(0.1, 0.6))
        pixels[top:, left:right] = ramp(rng, (height - top, max(right - left, 0), 3), as_colour(tint), light)
        if rng.random() < 0.5:
            cv2.rectangle(pixels, (left, top), (right, height), as_colour(tint * 0.6), 1)
    return pixels


def heat_map(rng: Rng) -> Pixels:
    """A field in false colours with axes and a colour bar: radiation patterns, SAR, thermal simulations."""
    pixels = canvas(rng, WHITE, (0.9, 2.0))
    width = pixels.shape[1]
    left, right, top, bottom = _axes(rng, pixels)
    shape = (bottom - top, max(right - left - width // 8, 10))
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    field = np.zeros(shape)
    for _ in range(int(rng.integers(1, 7))):
        a, b, spread = rng.random(), rng.random(), rng.uniform(0.05, 0.4)
        field += rng.uniform(0.3, 1) * np.exp(-((x - a) ** 2 + (y - b) ** 2) / spread**2)
    levels = np.asarray(field / field.max() * 255, np.uint8)
    if rng.random() < 0.4:
        levels = levels // 24 * 24
    elif rng.random() < 0.3:
        levels = np.kron(levels[::12, ::12], np.ones((12, 12), np.uint8))[: shape[0], : shape[1]]
    scheme = int(rng.choice([cv2.COLORMAP_JET, cv2.COLORMAP_VIRIDIS, cv2.COLORMAP_HOT, cv2.COLORMAP_TURBO]))
    pixels[top:bottom, left : left + shape[1]] = cv2.applyColorMap(levels, scheme)[..., ::-1]
    bar = np.repeat(np.linspace(255, 0, shape[0]).astype(np.uint8)[:, None], width // 24, axis=1)
    pixels[top:bottom, right - width // 24 : right - width // 24 + bar.shape[1]] = cv2.applyColorMap(bar, scheme)[
        ..., ::-1
    ]
    return pixels


def polar(rng: Rng) -> Pixels:
    """A radiation pattern on a round grid."""
    side = int(rng.integers(140, 460))
    pixels = np.full((side, side, 3), 255, np.uint8)
    middle, radius = np.array([side, side]) / 2, side * 0.42
    for share in (0.25, 0.5, 0.75, 1.0):
        cv2.circle(pixels, (side // 2, side // 2), int(radius * share), (160, 160, 160), 1, cv2.LINE_AA)
    for angle in np.arange(0, 2 * np.pi, np.pi / 6):
        end = middle + radius * np.array([np.cos(angle), np.sin(angle)])
        stroke(pixels, np.stack([middle, end]), (190, 190, 190))
        x, y = (end + (end - middle) * 0.08 - 6).tolist()
        write(pixels, f"{np.degrees(angle):.0f}", (x, y), max(side * 0.035, 8))
    turn = np.linspace(0, 2 * np.pi, 240)
    for _ in range(int(rng.integers(1, 4))):
        reach = (
            radius
            * np.abs(rng.uniform(0.4, 0.9) + 0.4 * np.cos(turn * int(rng.integers(1, 6)) + rng.uniform(0, 6)))
            * 0.75
        )
        stroke(pixels, middle + reach[:, None] * np.stack([np.cos(turn), np.sin(turn)], 1), colour(rng), 2, True)
    return pixels


def relief(rng: Rng) -> Pixels:
    """A surface or columns in three dimensions, in false colours, with slanted axes."""
    pixels = canvas(rng, WHITE, (1.0, 1.6))
    height, width = pixels.shape[:2]
    cells, scheme = (
        int(rng.integers(8, 28)),
        int(rng.choice([cv2.COLORMAP_JET, cv2.COLORMAP_VIRIDIS, cv2.COLORMAP_AUTUMN])),
    )
    y, x = np.mgrid[-1 : 1 : cells * 1j, -1 : 1 : cells * 1j]
    a, b = rng.uniform(1, 5, 2)
    field = np.cos(a * x) * np.cos(b * y) if rng.random() < 0.5 else x**2 + b / 3 * y**2 - x * y
    field = (field - field.min()) / np.ptp(field) + rng.uniform(0, 0.3) * rng.random(field.shape)
    columns, lined = rng.random() < 0.4, rng.random() < 0.8
    colours = cv2.applyColorMap(np.clip(field * 255, 0, 255).astype(np.uint8), scheme)[..., ::-1]
    across, up = x + 0.5 * y, 0.45 * y - 0.15 * x
    across = width * (0.5 + 0.28 * across)
    base = height * (0.68 + 0.28 * up)
    top = base - height * 0.4 * field
    for corner in ((0, 0), (0, -1), (-1, -1)):
        stroke(
            pixels, np.array([[across[corner], base[corner]], [across[corner], base[corner] - height * 0.45]]), BLACK
        )
    for row in range(cells - 1):
        for column in range(cells - 1):
            corners = ((row, column), (row, column + 1), (row + 1, column + 1), (row + 1, column))
            face = np.array([[across[each], top[row, column] if columns else top[each]] for each in corners])
            shade = as_colour(colours[row, column])
            if columns:
                drop = np.array([0, base[row, column] - top[row, column]])
                wall = np.concatenate([face[2:], face[2:][::-1] + drop])
                cv2.fillPoly(pixels, [wall.astype(np.int32)], tuple(value * 7 // 10 for value in shade))
            cv2.fillPoly(pixels, [face.astype(np.int32)], shade)
            if lined:
                stroke(pixels, face, BLACK, 1, True)
    for place in range(int(rng.integers(3, 8))):
        write(pixels, f"{place * 2}", (width * (0.1 + 0.12 * place), height * 0.93), max(height * 0.04, 8))
    return pixels
