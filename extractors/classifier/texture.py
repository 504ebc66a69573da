"""Features of an image's texture: what is left of its blocks without their slope, and its power spectrum."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import numpy.typing as npt

SPECTRUM = 128  # px: side of the square whose spectrum is measured

Plane = npt.NDArray[np.uint8]  # [H, W]: grey levels


def texture(grey: Plane) -> dict[str, float]:
    """Features of what is left of 8 x 8 blocks without their slope: drawings shade evenly, photographs have grain."""
    height, width = grey.shape[0] // 8 * 8, grey.shape[1] // 8 * 8
    blocks = grey[:height, :width].reshape(height // 8, 8, width // 8, 8).transpose(0, 2, 1, 3).astype(np.float32)
    slope = np.arange(8, dtype=np.float32) - 3.5
    slope /= 8 * np.square(slope).mean() ** 0.5  # of unit length, over the 64 pixels of a block
    squares = np.square(blocks).sum(axis=(2, 3)) - np.square(blocks.sum(axis=(2, 3))) / 64
    squares -= np.square((blocks * slope).sum(axis=(2, 3))) + np.square((blocks * slope[:, None]).sum(axis=(2, 3)))
    rest = np.sqrt(np.maximum(squares, 0) / 64).ravel()
    rest = rest if rest.size else np.zeros(1, np.float32)
    return {
        "planar": float((rest < 0.75).mean()),  # share of blocks whose deviation from a plane is below 0.75 levels
        "rough": float(((rest >= 1.5) & (rest <= 12)).mean()),  # share of blocks with a deviation of 1.5 to 12
        "roughness": float(np.median(rest)) / 16,  # median deviation / 16
    }


def spectrum(grey: Plane) -> dict[str, float]:
    """Features of the power spectrum: that of photographs falls evenly, about as 1 / f^2 (Field 1987)."""
    square = cv2.resize(grey, (SPECTRUM, SPECTRUM), interpolation=cv2.INTER_AREA).astype(np.float64)
    power, ring = np.abs(np.fft.fft2((square - square.mean()) * _window())) ** 2 + 1.0, _rings()
    mean = np.bincount(ring.ravel(), power.ravel())[1:] / np.bincount(ring.ravel())[1:]
    octave, log = np.log2(np.arange(1, mean.size + 1)) / 2, np.log2(mean)
    (slope, level), *_ = np.linalg.lstsq(np.stack([octave, np.ones_like(octave)], axis=1), log, rcond=None)
    peak = np.where(ring > 0, power / np.concatenate([[1.0], mean])[ring], 0)
    halves = log[: mean.size // 2], log[mean.size // 2 :]
    return {
        "spectrum_slope": -float(slope) / 12,  # power of f with which the spectrum falls, / 12
        # standard deviation of the log2 of the power from that line / 4
        "spectrum_bend": float((log - level - slope * octave).std()) / 4,
        "spectrum_peak": float(np.log2(peak.max())) / 12,  # log2 of the largest power / the mean of its ring / 12
        "spectrum_turn": float(halves[0].mean() - halves[1].mean()) / 24,  # octaves from the lower to the upper half
    }


@cache
def _window() -> npt.NDArray[np.float64]:
    """Hann's window [SPECTRUM, SPECTRUM]."""
    return np.outer(np.hanning(SPECTRUM), np.hanning(SPECTRUM))


@cache
def _rings() -> npt.NDArray[np.int64]:
    """The ring of half an octave of each place of a spectrum, counted from 1; 0 is beyond them [SPECTRUM, SPECTRUM]."""
    place = np.fft.fftfreq(SPECTRUM) * SPECTRUM
    distance = np.maximum(np.hypot(place, place[:, None]), 1)
    ring = np.floor(2 * np.log2(distance)).astype(np.int64) - 1  # from 2 cycles an image
    return np.where((ring >= 1) & (distance < SPECTRUM / 2), ring, 0)
