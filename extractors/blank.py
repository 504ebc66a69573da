"""Says whether an image shows nothing: one colour, or one colour with a few thin straight lines or a speck.

Document images and catalogue images are judged by this one function. It looks for what differs from the ground, the
commonest colour, and is thicker than a line; where there is none, thin straight lines are taken away before the rest is
counted, since a few lines are nothing and a drawing, a chain or a wire basket is something. None of the 7,154 catalogue
images of shared/data shows nothing, nor at 30% of its contrast; the one with the least to show has 14 times NOTHING.

Limit: a straight product no thicker than LINE of the shorter side (a curtain rod or an antenna, photographed whole)
counts as a line, shaded or not: at a few pixels of thickness its shading passes for the soft rim of a printed line.
"""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from extractors.geometry import shrunk
from extractors.model import Pixels

SHORT, LONG = 384, 2048  # px: the sides, at most, at which an image is looked at
FAINT = 8  # levels of a channel by which a mark differs from the ground; JPEG's ringing beside a line is fainter
NOTHING = 0.002  # share of pixels that are marked below which an image shows nothing: a square of 4.5% of the side
LINE = 0.015  # thickness of a line with its soft rim / shorter side, at most
LINES = 0.15  # share of pixels that are marked from which on these are no few lines: ten across, of LINE

Mask = npt.NDArray[np.uint8]  # [H, W], 1 on marks


def shows_nothing(pixels: Pixels) -> str | None:
    """Why an RGB image [H, W, 3] shows nothing, in words; None where it shows something."""
    height, width = pixels.shape[:2]
    step = max(1, min(height, width) // (2 * SHORT))  # pixels are left out first: averaging 12 million costs 40 ms
    small = shrunk(pixels[::step, ::step], min(LONG, round(SHORT * max(height, width) / min(height, width))))
    marks = _marks(small)
    thin = round(LINE * min(small.shape[:2])) + 2  # px: a line of this thickness is none
    kernel = np.ones((thin, thin), np.uint8)
    solid = cv2.morphologyEx(marks, cv2.MORPH_OPEN, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    if float(solid.mean()) >= NOTHING:
        return None
    marked, least = float(marks.mean()), f"at least {NOTHING:.1%} is needed"
    if marked < NOTHING:
        return f"{marked:.2%} of it is marked; {least}"
    if marked >= LINES:
        return None
    marked = float(_without_lines(marks, thin).mean())
    return None if marked >= NOTHING else f"{marked:.2%} of it is marked, but for thin lines; {least}"


def _marks(pixels: Pixels) -> Mask:
    """1 where a pixel differs from the ground by more than FAINT in a channel."""
    marks = np.zeros(pixels.shape[:2], np.uint8)
    for channel in range(pixels.shape[2]):
        ground = int(cv2.calcHist([pixels], [channel], None, [256], [0, 256]).argmax())
        marked = (np.abs(np.arange(256) - ground) > FAINT).astype(np.uint8)
        marks |= np.asarray(cv2.LUT(cv2.extractChannel(pixels, channel), marked), np.uint8)
    return marks


def _without_lines(marks: Mask, thickness: int) -> Mask:
    """The marks less the straight lines of any direction that are a quarter of the shorter side, or longer."""
    least = max(min(marks.shape) // 4, 1)
    lines = cv2.HoughLinesP(marks, 1, np.pi / 180, least, minLineLength=least, maxLineGap=2 * thickness)
    left = marks.copy()
    for x0, y0, x1, y1 in [] if lines is None else lines.reshape(-1, 4).astype(int):
        cv2.line(left, (x0, y0), (x1, y1), 0, 2 * thickness + 1)
    return left
