"""Photograph or graphic: a logistic regression on ten measured features, and a name for what is no photograph.

Two sets of weights, for pictures as embedded and for parts of a scanned page: the grain that tells a photograph
from a drawing is everywhere on a scan. The weights (photo.json) are made by `python -m extractors.train_photo`;
the names are rules of measurement.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from extractors.paint import Pixels

Origin = Literal["embedded", "scanned"]
WEIGHTS = Path(__file__).with_name("photo.json")
THRESHOLD = 0.2  # a lost photograph can cost a verdict, a graphic too many only time
MIN_CONTENT = 16  # px: margins are cut off where at least this is left
SIDE = 256  # px: the longer side at which a picture is measured
FEATURES = (
    "colour_entropy",  # bits of the 16x16x16 colour histogram / 12
    "luma_entropy",  # bits of the 64-bin grey histogram / 6
    "soft_steps",  # share of neighbours that differ by 2 to 24 of 255
    "hard_steps",  # share of neighbours that differ by more than 64
    "flat",  # share of neighbours that are equal within 1
    "white",  # share of pixels above 240
    "peak",  # share of the commonest colour of the histogram
    "solid_ink",  # share of ink that stays after a 7x7 opening
    "shaded",  # share of 8x8 blocks with a spread of 1 to 12 grey levels: neither flat nor edged
    "saturation",  # mean of max(RGB) - min(RGB), / 255
)


@dataclass(frozen=True)
class PhotoModel:
    """Standardisation and weights of the regression, in the order of FEATURES."""

    mean: npt.NDArray[np.float64]
    scale: npt.NDArray[np.float64]
    weight: npt.NDArray[np.float64]
    bias: float

    def score(self, features: npt.NDArray[np.float64]) -> float:
        """Probability of a photograph, in [0, 1]."""
        logit = float(((features - self.mean) / self.scale) @ self.weight + self.bias)
        return float(1 / (1 + np.exp(-np.clip(logit, -50, 50))))


@cache
def load_model(origin: Origin) -> PhotoModel:
    """The shipped weights for pictures of this origin."""
    shipped = json.loads(WEIGHTS.read_text())
    if tuple(shipped["features"]) != FEATURES:
        raise ValueError(f"{WEIGHTS.name} is of other features than photo.py: {shipped['features']}")
    card = shipped[origin]
    values = [np.asarray(card[name], np.float64) for name in ("mean", "scale", "weight")]
    return PhotoModel(values[0], values[1], values[2], float(card["bias"]))


def measure(pixels: Pixels, origin: Origin) -> npt.NDArray[np.float64]:
    """The ten features of an RGB picture [H, W, 3], each in [0, 1]. On scans the grain is smoothed away first."""
    pixels = _at_side(_cropped(_at_side(pixels, 2 * SIDE)))
    if origin == "scanned":
        pixels = np.asarray(cv2.medianBlur(pixels, 3), np.uint8)
    grey = _grey(pixels)
    steps = np.concatenate(
        [np.abs(np.diff(grey.astype(np.int16), axis=axis)).ravel() for axis in (0, 1) if grey.shape[axis] > 1]
        or [np.zeros(1, np.int16)]
    )
    quantised = (pixels >> 4).astype(np.int32)
    colours = np.bincount((quantised[..., 0] << 8 | quantised[..., 1] << 4 | quantised[..., 2]).ravel())
    lumas = np.bincount((grey >> 2).ravel(), minlength=64)
    ink = _ink(grey)
    solid = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8))
    saturation = pixels.max(axis=2).astype(np.float32) - pixels.min(axis=2)
    return np.array(
        [
            _entropy(colours) / 12,
            _entropy(lumas) / 6,
            ((steps >= 2) & (steps <= 24)).mean(),
            (steps > 64).mean(),
            (steps <= 1).mean(),
            (grey > 240).mean(),
            colours.max() / colours.sum(),
            solid.sum() / max(int(ink.sum()), 1),
            _shaded(grey),
            saturation.mean() / 255,
        ],
        np.float64,
    )


def photo_score(pixels: Pixels, origin: Origin) -> float:
    """Probability that an RGB picture is a photograph."""
    return load_model(origin).score(measure(pixels, origin))


def name_graphic(pixels: Pixels, page_share: float) -> str:
    """What a picture that is no photograph looks like.

    blank | line | barcode | chart | signature | logo | graphic, from its pixels and the share of the page it takes.
    """
    height, width = pixels.shape[:2]
    grey = _grey(_at_side(pixels))
    ink = _ink(grey)
    if ink.mean() < 0.001:
        return "blank"
    if max(height, width) >= 12 * min(height, width):
        return "line"
    if _is_barcode(grey) or _is_barcode(np.ascontiguousarray(grey.T)):
        return "barcode"
    solid = np.asarray(cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)), np.uint8)
    if page_share >= 0.03 and all(_has_rule(ink & ~solid, axis) for axis in (0, 1)):
        return "chart"
    if ink.mean() < 0.25 and solid.sum() < 0.05 * ink.sum():
        return "signature"
    return "logo" if page_share < 0.04 else "graphic"


def _has_rule(strokes: npt.NDArray[np.uint8], axis: int) -> bool:
    """Whether a thin straight line runs along two fifths of the picture or more."""
    length = max(strokes.shape[axis] * 2 // 5, 2)
    kernel = np.ones((length, 1) if axis == 0 else (1, length), np.uint8)
    return bool(cv2.morphologyEx(strokes, cv2.MORPH_OPEN, kernel).any())


def _is_barcode(grey: npt.NDArray[np.uint8]) -> bool:
    """Many dark bars that hold for most of the height."""
    band = grey[grey.shape[0] // 5 : max(grey.shape[0] * 3 // 5, 1)].astype(np.float32)
    columns = band.mean(axis=0)
    bars = columns < columns.mean()
    changes = int(np.count_nonzero(bars[1:] != bars[:-1]))
    return changes >= 24 and float(columns.std()) > 40 and float(band.std(axis=0).mean()) < 0.35 * columns.std()


def _ink(grey: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    ground = int(np.bincount((grey >> 2).ravel(), minlength=64).argmax()) * 4 + 2
    return (np.abs(grey.astype(np.int16) - ground) > 24).astype(np.uint8)


def _grey(pixels: Pixels) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _shaded(grey: npt.NDArray[np.uint8]) -> float:
    height, width = grey.shape[0] // 8 * 8, grey.shape[1] // 8 * 8
    blocks = grey[:height, :width].reshape(height // 8, 8, width // 8, 8).astype(np.float32)
    spread = blocks.std(axis=(1, 3))
    return float(((spread >= 1) & (spread <= 12)).mean()) if spread.size else 0.0


def _entropy(counts: npt.NDArray[np.int64]) -> float:
    share = counts[counts > 0] / counts.sum()
    return float(-(share * np.log2(share)).sum())


def _cropped(pixels: Pixels) -> Pixels:
    """Without the empty margin: a small object on white is measured as the object."""
    ink = _ink(_grey(pixels))
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
