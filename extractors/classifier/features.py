"""What a picture is told by: some forty measurements of its colours, steps, strokes, layout and codes.

Each is in [0, 1]. A picture is measured without its empty margin, at SIDE px on the longer side; `classify.py` says
what the measurements mean. *Ink* is whatever differs from the commonest grey level.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from extractors.model import Pixels

Origin = Literal["embedded", "scanned"]
Features = npt.NDArray[np.float64]
Plane = npt.NDArray[np.uint8]  # [H, W]: grey levels, or 1 on ink

SIDE = 256  # px: the longer side at which a picture is measured
MIN_CONTENT = 16  # px: margins are cut off where at least this is left
INK = 24  # grey levels from the ground

COLOURS = (
    "colour_entropy",  # bits of the 16x16x16 colour histogram / 12
    "luma_entropy",  # bits of the 64-bin grey histogram / 6
    "peak",  # share of the commonest colour of that histogram
    "distinct",  # log2 of the number of 18-bit colours, / 16
    "white",  # share of pixels above 240
    "ground",  # the commonest grey level / 256
    "two_tone",  # share of pixels near the darkest or the lightest
    "saturation",  # mean of max(RGB) - min(RGB), / 255
    "ink_saturation",  # the same of the ink alone
    "ink_one_hue",  # share of the coloured ink that has the commonest of 18 hues
    "ink_red",  # mean of R - B of the ink, from blue 0 to red 1
    "ink_entropy",  # bits of the ink's 64-bin grey histogram / 6
)
STEPS = (
    "soft_steps",  # share of neighbours that differ by 2 to 24 of 255
    "hard_steps",  # share of neighbours that differ by more than 64
    "flat",  # share of neighbours that are equal within 1
    "ink_equal",  # share of neighbours inside the ink that are equal: drawings have no grain
    "shaded",  # share of 8x8 blocks with a spread of 1 to 12 grey levels: neither flat nor edged
    "flat_blocks",  # share of 8x8 blocks with a spread below 1
    "edge_share",  # share of pixels with a gradient above 48
    "edge_kurtosis",  # how heavy the gradient's tail is: log2 of its kurtosis / 10
    "upright",  # share of the edges' strength that is within 6 degrees of an axis
    "diagonal",  # share that is within 25 degrees of a diagonal
)
STROKES = (
    "ink",  # share of ink
    "solid_ink",  # share of ink that stays after a 7x7 opening
    "stroke_width",  # median width of the ink's ridges / 32 px
    "stroke_spread",  # spread of these widths / their mean / 2
    "perimeter",  # share of ink that touches the ground
    "rules_across",  # share of ink in thin lines across 2/5 of the width
    "rules_down",  # share of ink in thin lines down 2/5 of the height
    "wide",  # width / (width + height)
)
LAYOUT = (
    "parts",  # log2 of the number of connected parts of the ink, / 10
    "largest_part",  # share of ink in the largest
    "letters",  # share of ink in parts of about the median part's height
    "letter_height",  # that median / the picture's height
    "empty_rows",  # share of rows without ink
    "empty_columns",  # share of columns without ink
    "row_changes",  # how often rows with and without ink change, / 40
    "centred",  # share of ink within the middle quarter
    "hull_fill",  # area of the ink's convex hull / of its box
    "roundness",  # area of that hull / of its smallest circle
    "border_ink",  # share of the picture's edge that is ink
)
CODES = (
    "bars",  # the more bar-like axis: spread between the lines of a band / that and the spread along them
    "bar_changes",  # dark to light changes across that band / 128
    "finders",  # runs 1:1:3:1:1 in rows and columns, per row and column
    "row_runs",  # mean dark to light changes in a row / 64
    "column_runs",  # the same in a column
)
FEATURES = COLOURS + STEPS + STROKES + LAYOUT + CODES


def measure(pixels: Pixels, origin: Origin) -> Features:
    """The FEATURES of an RGB picture [H, W, 3], each in [0, 1]. On scans the grain is smoothed away first."""
    pixels = _at_side(_cropped(_at_side(pixels, 2 * SIDE)))
    if origin == "scanned":
        pixels = np.asarray(cv2.medianBlur(pixels, 3), np.uint8)
    grey = grey_of(pixels)
    ink = ink_of(grey)
    values = [*_colours(pixels, grey, ink), *_steps(grey, ink), *_strokes(ink), *_layout(ink), *_codes(grey)]
    return np.clip(np.asarray(values, np.float64), 0, 1)


def grey_of(pixels: Pixels) -> Plane:
    """The grey levels [H, W] of an RGB picture."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def ink_of(grey: Plane, least: int = INK) -> Plane:
    """1 where a pixel is more than `least` levels from the ground."""
    ground = int(np.bincount((grey >> 2).ravel(), minlength=64).argmax()) * 4 + 2
    return (np.abs(grey.astype(np.int16) - ground) > least).astype(np.uint8)


def _colours(pixels: Pixels, grey: Plane, ink: Plane) -> list[float]:
    wide = pixels.astype(np.int32)
    coarse = wide >> 4
    histogram = np.bincount((coarse[..., 0] << 8 | coarse[..., 1] << 4 | coarse[..., 2]).ravel())
    lumas = np.bincount((grey >> 2).ravel(), minlength=64)
    fine = wide >> 2
    seen = np.bincount((fine[..., 0] << 12 | fine[..., 1] << 6 | fine[..., 2]).ravel())
    chroma = (pixels.max(axis=2) - pixels.min(axis=2)).astype(np.float64) / 255
    inked: npt.NDArray[np.bool_] = np.asarray(ink > 0)
    amount = max(int(ink.sum()), 1)
    coloured = inked & (chroma > 0.16)
    hues = np.bincount(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[..., 0][coloured] // 10, minlength=18)
    dark, light = (int(level) * 4 for level in np.searchsorted(np.cumsum(lumas), [0.02 * grey.size, 0.98 * grey.size]))
    return [
        _entropy(histogram) / 12,
        _entropy(lumas) / 6,
        histogram.max() / grey.size,
        float(np.log2(max(int(np.count_nonzero(seen)), 1))) / 16,
        float((grey > 240).mean()),
        int(lumas.argmax()) / 64,
        float(((grey <= dark + 24) | (grey >= light - 24)).mean()),
        float(chroma.mean()),
        float((chroma * ink).sum()) / amount,
        (float(hues.max()) / int(hues.sum())) if coloured.any() else 0.0,
        0.5 + float((wide[..., 0] - wide[..., 2])[inked].sum()) / amount / 510,
        _entropy(np.bincount((grey >> 2)[inked], minlength=64)) / 6,
    ]


def _steps(grey: Plane, ink: Plane) -> list[float]:
    levels = grey.astype(np.int16)
    across, down = np.abs(np.diff(levels, axis=1)), np.abs(np.diff(levels, axis=0))
    steps = np.concatenate([across.ravel(), down.ravel(), np.zeros(1, np.int16)])
    inside = np.concatenate([across[(ink[:, 1:] & ink[:, :-1]) > 0], down[(ink[1:] & ink[:-1]) > 0]])
    height, width = grey.shape[0] // 8 * 8, grey.shape[1] // 8 * 8
    blocks = grey[:height, :width].reshape(height // 8, 8, width // 8, 8).astype(np.float32)
    spread = blocks.std(axis=(1, 3)) if blocks.size else np.zeros((1, 1), np.float32)
    dx, dy = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3) / 4 for order in ((1, 0), (0, 1)))
    strength, angle = cv2.cartToPolar(dx, dy, angleInDegrees=True)
    total = float(strength.sum()) or 1.0
    tilt = np.abs((angle + 45) % 90 - 45)  # degrees from the nearest axis
    mean_square = float((strength**2).mean())
    kurtosis = float((strength**4).mean()) / mean_square**2 if mean_square > 0 else 1.0
    return [
        float(((steps >= 2) & (steps <= 24)).mean()),
        float((steps > 64).mean()),
        float((steps <= 1).mean()),
        float((inside == 0).mean()) if inside.size else 1.0,
        float(((spread >= 1) & (spread <= 12)).mean()),
        float((spread < 1).mean()),
        float((strength > 48).mean()),
        float(np.log2(max(kurtosis, 1.0))) / 10,
        float(strength[tilt < 6].sum()) / total,
        float(strength[tilt > 20].sum()) / total,
    ]


def _strokes(ink: Plane) -> list[float]:
    height, width = ink.shape
    amount = max(int(ink.sum()), 1)
    solid = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)), np.uint8)
    depth = np.asarray(cv2.distanceTransform(cv2.copyMakeBorder(ink, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3))
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))] * 2
    thin = ink & ~solid
    return [
        amount / ink.size,
        int(solid.sum()) / amount,
        float(np.median(ridge)) / 32 if ridge.size else 0.0,
        float(ridge.std() / ridge.mean()) / 2 if ridge.size else 0.0,
        float(((depth > 0) & (depth < 1.5)).sum()) / amount,
        int(_runs(thin, (1, max(width * 2 // 5, 2))).sum()) / amount,
        int(_runs(thin, (max(height * 2 // 5, 2), 1)).sum()) / amount,
        width / (width + height),
    ]


def _runs(ink: Plane, shape: tuple[int, int]) -> Plane:
    return np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(shape, np.uint8)), np.uint8)


def _layout(ink: Plane) -> list[float]:
    height, width = ink.shape
    amount = max(int(ink.sum()), 1)
    count, _, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    heights, areas = stats[1:, cv2.CC_STAT_HEIGHT], stats[1:, cv2.CC_STAT_AREA]
    typical = float(np.median(heights)) if heights.size else 0.0
    alike = (heights >= 0.7 * typical) & (heights <= 1.5 * typical)
    rows, columns = np.asarray(ink.any(axis=1)), np.asarray(ink.any(axis=0))
    hull_fill, roundness = _hull(ink)
    edge = np.concatenate([ink[0], ink[-1], ink[:, 0], ink[:, -1]])
    middle = ink[height // 4 : height - height // 4, width // 4 : width - width // 4]
    return [
        float(np.log2(count)) / 10,
        int(areas.max()) / amount if areas.size else 0.0,
        int(areas[alike].sum()) / amount if areas.size else 0.0,
        typical / height,
        float(1 - rows.mean()),
        float(1 - columns.mean()),
        int(np.count_nonzero(rows[1:] != rows[:-1])) / 40,
        int(middle.sum()) / amount,
        hull_fill,
        roundness,
        float(edge.mean()),
    ]


def _hull(ink: Plane) -> tuple[float, float]:
    """Area of the ink's convex hull: share of its box, and of its smallest circle."""
    points = cv2.findNonZero(ink)
    if points is None:
        return 0.0, 0.0
    hull = cv2.convexHull(points)
    enclosed = float(cv2.contourArea(hull))
    _, _, width, height = cv2.boundingRect(hull)
    _, radius = cv2.minEnclosingCircle(hull)
    return enclosed / (width * height), enclosed / max(float(np.pi) * radius**2, 1.0)


def _codes(grey: Plane) -> list[float]:
    across, changes_across = _bars(grey)
    down, changes_down = _bars(np.ascontiguousarray(grey.T))
    bars, changes = max((across, changes_across), (down, changes_down))
    dark = grey < (int(grey.min()) + int(grey.max())) / 2
    sides = grey.shape[0] + grey.shape[1]
    return [
        bars,
        changes / 128,
        (_finders(dark) + _finders(dark.T)) / sides,
        float(np.count_nonzero(dark[:, 1:] != dark[:, :-1])) / grey.shape[0] / 64,
        float(np.count_nonzero(dark[1:] != dark[:-1])) / grey.shape[1] / 64,
    ]


def _bars(grey: Plane) -> tuple[float, int]:
    """How far the columns of the middle band differ more among than within themselves, and their changes."""
    band = grey[grey.shape[0] // 5 : max(grey.shape[0] * 3 // 5, 1)].astype(np.float32)
    columns = band.mean(axis=0)
    among, within = float(columns.std()), float(band.std(axis=0).mean())
    dark = columns < columns.mean()
    return among / max(among + within, 1.0), int(np.count_nonzero(dark[1:] != dark[:-1]))


def _finders(dark: npt.NDArray[np.bool_]) -> int:
    """How many runs of a QR code's finder pattern, dark and light as 1:1:3:1:1, the rows have."""
    lines = np.pad(dark, ((0, 0), (1, 1))).astype(np.int8)
    starts = np.flatnonzero(np.diff(lines.ravel()))
    if starts.size < 6:
        return 0
    runs = np.diff(starts).astype(np.float64)
    five = np.lib.stride_tricks.sliding_window_view(runs, 5)[::2]  # each begins with a dark run
    module = five.sum(axis=1) / 7
    close = np.abs(five - module[:, None] * (1, 1, 3, 1, 1)) <= 0.5 * module[:, None] * (1, 1, 1.5, 1, 1)
    return int(np.count_nonzero(close.all(axis=1)))


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(-(share * np.log2(share)).sum())


def _cropped(pixels: Pixels) -> Pixels:
    """Without the empty margin: a small object on white is measured as the object."""
    ink = ink_of(grey_of(pixels))
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if rows.size < MIN_CONTENT or columns.size < MIN_CONTENT:
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])


def _at_side(pixels: Pixels, side: int = SIDE) -> Pixels:
    longest = max(pixels.shape[:2])
    if longest <= side:
        return pixels
    height, width = (max(round(length * side / longest), 1) for length in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
