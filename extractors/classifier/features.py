"""Features of an image: 54 named measurements of its colours, steps, texture, strokes, layout and codes, in [0, 1].

An image is measured without its empty margin, at SIDE px on the longer side. The *ground* is its commonest grey level
and *ink* is what differs from it by more than INK. Each group of features is a function that returns {name: value};
FEATURES lists the names in the order of the weights in classes.json, and measure() refuses any other set of names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from extractors.classifier.texture import spectrum, texture
from extractors.geometry import shrunk
from extractors.model import Pixels

Origin = Literal["embedded", "scanned"]  # as the document holds it, or cut from the raster of a scanned page
Features = npt.NDArray[np.float64]  # [F], or [N, F]
Plane = npt.NDArray[np.uint8]  # [H, W]: grey levels, or 1 on ink

SIDE = 256  # px: the longer side at which an image is measured
MIN_CONTENT = 16  # px: a margin is cut off only where this many rows and columns with ink are left
INK = 24  # grey levels between the ground and ink

FEATURES = (
    *("colour_entropy", "luma_entropy", "peak", "distinct", "white", "ground", "two_tone", "saturation"),
    *("ink_saturation", "ink_one_hue", "ink_red", "ink_entropy"),
    *("soft_steps", "hard_steps", "flat", "ink_equal", "shaded", "flat_blocks", "edge_share", "edge_kurtosis"),
    *("upright", "diagonal"),
    *("planar", "rough", "roughness", "palette", "spectrum_slope", "spectrum_bend", "spectrum_peak", "spectrum_turn"),
    *("ink", "solid_ink", "stroke_width", "stroke_spread", "perimeter", "rules_across", "rules_down", "wide"),
    *("parts", "largest_part", "letters", "letter_height", "empty_rows", "empty_columns", "row_changes", "centred"),
    *("hull_fill", "roundness", "border_ink"),
    *("bars", "bar_changes", "finders", "row_runs", "column_runs"),
)


def measure(pixels: Pixels, origin: Origin) -> Features:
    """The features [F] of an RGB image [H, W, 3], in the order of FEATURES, each clipped to [0, 1].

    The grain of a scan is first smoothed away with a 3 x 3 median.
    """
    pixels = shrunk(_cropped(shrunk(pixels, 2 * SIDE)), SIDE)
    if origin == "scanned":
        pixels = np.asarray(cv2.medianBlur(pixels, 3), np.uint8)
    grey = grey_of(pixels)
    ink = ink_of(grey)
    groups = (_colours(pixels, grey, ink), _steps(grey, ink), texture(grey), spectrum(grey))
    return vector(*groups, _strokes(ink), _layout(ink), _codes(grey))


def vector(*groups: Mapping[str, float]) -> Features:
    """Named values as an array [F] in the order of FEATURES, clipped to [0, 1].

    Raises ValueError where the names are not those of FEATURES, each once.
    """
    names = [name for group in groups for name in group]
    if sorted(names) != sorted(FEATURES):
        wrong = sorted(set(names) ^ set(FEATURES)) or sorted(name for name in set(names) if names.count(name) > 1)
        raise ValueError(f"features {wrong} are measured but not in FEATURES, missing or measured twice")
    values = {name: value for group in groups for name, value in group.items()}
    return np.clip(np.asarray([values[name] for name in FEATURES], np.float64), 0, 1)


def grey_of(pixels: Pixels) -> Plane:
    """The grey levels [H, W] of an RGB image [H, W, 3]."""
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def ink_of(grey: Plane, least: int = INK) -> Plane:
    """1 where a pixel is more than `least` grey levels from the ground, [H, W]."""
    ground = int(np.bincount((grey >> 2).ravel(), minlength=64).argmax()) * 4 + 2
    return (np.abs(grey.astype(np.int16) - ground) > least).astype(np.uint8)


def _colours(pixels: Pixels, grey: Plane, ink: Plane) -> dict[str, float]:
    """Features of the colours and grey levels."""
    histogram, distinct = _histogram(pixels, 16).ravel(), np.count_nonzero(_histogram(pixels, 64))
    lumas = _histogram(grey, 64)
    red, green, blue = (np.asarray(channel, np.uint8) for channel in cv2.split(pixels))
    chroma = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
    inked: npt.NDArray[np.bool_] = ink.view(np.bool_)
    amount = max(int(ink.sum()), 1)
    coloured = inked & (chroma > 0.16 * 255)
    hues = np.bincount(cv2.cvtColor(pixels, cv2.COLOR_RGB2HSV)[..., 0][coloured] // 10, minlength=18)
    dark, light = (int(level) * 4 for level in np.searchsorted(np.cumsum(lumas), [0.02 * grey.size, 0.98 * grey.size]))
    return {
        "colour_entropy": _entropy(histogram) / 12,  # bits of the 16 x 16 x 16 histogram of colours / 12
        "luma_entropy": _entropy(lumas) / 6,  # bits of the 64-bin histogram of grey levels / 6
        "peak": histogram.max() / grey.size,  # share of the commonest colour of the histogram of colours
        "palette": float(np.sort(histogram)[-16:].sum()) / grey.size,  # share of its 16 commonest colours
        "distinct": float(np.log2(max(int(distinct), 1))) / 16,  # log2 of the number of 18-bit colours
        "white": float((grey > 240).mean()),  # share of pixels above 240
        "ground": int(lumas.argmax()) / 64,  # the commonest grey level
        "two_tone": float(((grey <= dark + 24) | (grey >= light - 24)).mean()),  # share near the darkest or lightest
        "saturation": float(chroma.mean()) / 255,  # mean of max(RGB) - min(RGB), / 255
        "ink_saturation": int(chroma[inked].sum()) / amount / 255,  # the same mean over the ink
        # share of the coloured ink that has the commonest of 18 hues
        "ink_one_hue": (float(hues.max()) / int(hues.sum())) if coloured.any() else 0.0,
        # mean of R - B over the ink, from 0 (blue) to 1 (red)
        "ink_red": 0.5 + (int(red[inked].sum()) - int(blue[inked].sum())) / amount / 510,
        # bits of the ink's 64-bin histogram of grey levels / 6
        "ink_entropy": _entropy(_histogram(grey[inked], 64)) / 6,
    }


def _steps(grey: Plane, ink: Plane) -> dict[str, float]:
    """Features of the differences between neighbouring pixels, and of the gradient."""
    across, down = _apart(grey[:, 1:], grey[:, :-1]), _apart(grey[1:], grey[:-1])
    steps = np.concatenate([across.ravel(), down.ravel(), np.zeros(1, np.uint8)])
    shares = np.cumsum(_histogram(steps, 256)) / steps.size  # of neighbours that differ by so much or less
    inside = np.concatenate([across[(ink[:, 1:] & ink[:, :-1]) > 0], down[(ink[1:] & ink[:-1]) > 0]])
    height, width = grey.shape[0] // 8 * 8, grey.shape[1] // 8 * 8
    blocks = grey[:height, :width].reshape(height // 8, 8, width // 8, 8).astype(np.float32)
    spread = blocks.std(axis=(1, 3)) if blocks.size else np.zeros((1, 1), np.float32)
    dx, dy = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3) / 4 for order in ((1, 0), (0, 1)))
    strength, angle = cv2.cartToPolar(dx, dy, angleInDegrees=True)
    total = float(strength.sum()) or 1.0
    tilt = np.abs(angle - 90 * np.rint(angle / 90))  # degrees from the nearest axis
    square = np.square(strength)
    mean_square = float(square.mean())
    kurtosis = float(np.square(square).mean()) / mean_square**2 if mean_square > 0 else 1.0
    return {
        "soft_steps": float(shares[24] - shares[1]),  # share of neighbours that differ by 2 to 24
        "hard_steps": float(1 - shares[64]),  # share of neighbours that differ by more than 64
        "flat": float(shares[1]),  # share of neighbours that are equal within 1
        # share of neighbours inside the ink that are equal: drawings have no grain
        "ink_equal": float((inside == 0).mean()) if inside.size else 1.0,
        # share of 8 x 8 blocks with a standard deviation of 1 to 12: neither flat nor edged
        "shaded": float(((spread >= 1) & (spread <= 12)).mean()),
        "flat_blocks": float((spread < 1).mean()),  # share of 8 x 8 blocks with a standard deviation below 1
        "edge_share": float((strength > 48).mean()),  # share of pixels with a gradient above 48
        "edge_kurtosis": float(np.log2(max(kurtosis, 1.0))) / 10,  # log2 of the gradient's kurtosis / 10
        "upright": float(strength[tilt < 6].sum()) / total,  # share of the gradient within 6 degrees of an axis
        "diagonal": float(strength[tilt > 20].sum()) / total,  # share within 25 degrees of a diagonal
    }


def _strokes(ink: Plane) -> dict[str, float]:
    """Features of the width and direction of the ink's strokes. A ridge is a pixel deepest in the ink around it."""
    height, width = ink.shape
    amount = max(int(ink.sum()), 1)
    solid = _opened(ink, (7, 7))
    depth = np.asarray(cv2.distanceTransform(cv2.copyMakeBorder(ink, 1, 1, 1, 1, cv2.BORDER_CONSTANT), cv2.DIST_L2, 3))
    ridge = depth[(depth > 0) & (depth >= cv2.dilate(depth, np.ones((3, 3), np.uint8)))] * 2
    thin = ink & ~solid
    return {
        "ink": amount / ink.size,  # share of pixels that are ink
        "solid_ink": int(solid.sum()) / amount,  # share of ink that stays after a 7 x 7 opening
        "stroke_width": float(np.median(ridge)) / 32 if ridge.size else 0.0,  # median width at the ridges / 32 px
        # standard deviation of the widths / their mean / 2
        "stroke_spread": float(ridge.std() / ridge.mean()) / 2 if ridge.size else 0.0,
        "perimeter": float(((depth > 0) & (depth < 1.5)).sum()) / amount,  # share of ink that touches the ground
        # share of ink in thin lines over 2/5 of the width, and of the height
        "rules_across": int(_opened(thin, (1, max(width * 2 // 5, 2))).sum()) / amount,
        "rules_down": int(_opened(thin, (max(height * 2 // 5, 2), 1)).sum()) / amount,
        "wide": width / (width + height),
    }


def _opened(ink: Plane, shape: tuple[int, int]) -> Plane:
    """The ink after a morphological opening with a rectangle of this (height, width)."""
    return np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones(shape, np.uint8)), np.uint8)


def _layout(ink: Plane) -> dict[str, float]:
    """Features of where the ink lies and of its connected parts."""
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
    return {
        "parts": float(np.log2(count)) / 10,  # log2 of the number of connected parts, / 10
        "largest_part": int(areas.max()) / amount if areas.size else 0.0,  # share of ink in the largest part
        # share of ink in parts of 0.7 to 1.5 times the median height
        "letters": int(areas[alike].sum()) / amount if areas.size else 0.0,
        "letter_height": typical / height,  # median height of a part / the image's height
        "empty_rows": float(1 - rows.mean()),  # share of rows without ink
        "empty_columns": float(1 - columns.mean()),  # share of columns without ink
        "row_changes": int(np.count_nonzero(rows[1:] != rows[:-1])) / 40,  # changes between rows with and without ink
        "centred": int(middle.sum()) / amount,  # share of ink in the middle half of both axes
        "hull_fill": hull_fill,  # area of the ink's convex hull / of its box
        "roundness": roundness,  # area of that hull / of its smallest enclosing circle
        "border_ink": float(edge.mean()),  # share of the image's outermost pixels that are ink
    }


def _hull(ink: Plane) -> tuple[float, float]:
    """Area of the ink's convex hull as a share of its box, and of its smallest enclosing circle."""
    rows = np.flatnonzero(ink.any(axis=1))
    if not rows.size:
        return 0.0, 0.0
    first, last = ink[rows].argmax(axis=1), ink.shape[1] - 1 - ink[rows, ::-1].argmax(axis=1)
    ends = np.concatenate([np.stack([first, rows], axis=1), np.stack([last, rows], axis=1)])
    hull = cv2.convexHull(ends.astype(np.int32))
    enclosed = float(cv2.contourArea(hull))
    _, _, width, height = cv2.boundingRect(hull)
    _, radius = cv2.minEnclosingCircle(hull)
    return enclosed / (width * height), enclosed / max(float(np.pi) * radius**2, 1.0)


def _codes(grey: Plane) -> dict[str, float]:
    """Features of bar codes and two-dimensional codes."""
    across, changes_across = _bars(grey)
    down, changes_down = _bars(np.ascontiguousarray(grey.T))
    bars, changes = max((across, changes_across), (down, changes_down))
    dark = grey < (int(grey.min()) + int(grey.max())) / 2
    sides = grey.shape[0] + grey.shape[1]
    return {
        "bars": bars,  # of the axis that is more like bars; see _bars
        "bar_changes": changes / 128,  # changes between dark and light across the bars
        "finders": (_finders(dark) + _finders(dark.T)) / sides,  # finder runs per row and column; see _finders
        "row_runs": float(np.count_nonzero(dark[:, 1:] != dark[:, :-1])) / grey.shape[0] / 64,  # changes in a row
        "column_runs": float(np.count_nonzero(dark[1:] != dark[:-1])) / grey.shape[1] / 64,  # changes in a column
    }


def _bars(grey: Plane) -> tuple[float, int]:
    """The likeness of the middle band to bars, in [0, 1], and its number of changes between dark and light columns.

    The likeness is the spread among the columns' means as a share of it and the mean spread within a column.
    """
    band = grey[grey.shape[0] // 5 : max(grey.shape[0] * 3 // 5, 1)].astype(np.float32)
    columns = band.mean(axis=0)
    among, within = float(columns.std()), float(band.std(axis=0).mean())
    dark = columns < columns.mean()
    return among / max(among + within, 1.0), int(np.count_nonzero(dark[1:] != dark[:-1]))


def _finders(dark: npt.NDArray[np.bool_]) -> int:
    """The number of runs of a QR code's finder pattern in the rows: dark and light as 1:1:3:1:1 (ISO/IEC 18004)."""
    lines = np.pad(dark, ((0, 0), (1, 1))).astype(np.int8)
    starts = np.flatnonzero(np.diff(lines.ravel()))
    if starts.size < 6:
        return 0
    runs = np.diff(starts).astype(np.float64)
    five = np.lib.stride_tricks.sliding_window_view(runs, 5)[::2]  # each begins with a dark run
    module = five.sum(axis=1) / 7
    close = np.abs(five - module[:, None] * (1, 1, 3, 1, 1)) <= 0.5 * module[:, None] * (1, 1, 1.5, 1, 1)
    return int(np.count_nonzero(close.all(axis=1)))


def _apart(a: Plane, b: Plane) -> Plane:
    """The absolute difference of the levels; of empty planes too, as cv2.absdiff() is not."""
    return np.maximum(a, b) - np.minimum(a, b)


def _histogram(samples: Plane, bins: int) -> npt.NDArray[np.int64]:
    """The counts of levels in `bins` equal steps from 0 to 255: [bins] of a plane, [bins, bins, bins] of colours."""
    channels = samples.shape[2] if samples.ndim == 3 else 1
    if not samples.size:
        return np.zeros(bins, np.int64)
    counts = cv2.calcHist([samples], [*range(channels)], None, [bins] * channels, [0, 256] * channels)
    return np.asarray(counts, np.int64).reshape([bins] * channels)


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    """The entropy of a histogram in bits."""
    share = counts[counts > 0] / max(int(counts.sum()), 1)
    return float(-(share * np.log2(share)).sum())


def _cropped(pixels: Pixels) -> Pixels:
    """The image without its empty margin, so that a small object on white is measured as the object."""
    ink = ink_of(grey_of(pixels))
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if rows.size < MIN_CONTENT or columns.size < MIN_CONTENT:
        return pixels
    return np.ascontiguousarray(pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
