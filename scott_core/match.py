"""One pair in full: its score, its verdict and its masks; and a mask as a short code, from which it is drawn later."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

REGION_SIDE = 32  # cells of a code on each side; a model's own mask has 20
LOGIT_STEP = 0.1  # of a cell's value
_MOST = 127

Mask = NDArray[np.float32]
MaskCodes = tuple[bytes, bytes]  # of image a and of image b


@dataclass(frozen=True)
class Match:
    """One pair in full: its score in 0..1, its verdict, and its masks.

    A mask holds probabilities, float32 [H, W] of its image's own size; the foreground is where they are over alpha.
    """

    score: float
    is_match: bool
    mask_a: Mask
    mask_b: Mask
    alpha: float

    @classmethod
    def without_regions(cls, score: float, is_match: bool, image_a: Image.Image, image_b: Image.Image) -> Match:
        """A pair of which nothing is marked."""
        mask_a, mask_b = (np.zeros((each.height, each.width), np.float32) for each in (image_a, image_b))
        return cls(score, is_match, mask_a, mask_b, alpha=0.5)

    def codes(self) -> MaskCodes:
        """Both masks as `encode_mask` gives them."""
        mask_a, mask_b = (np.clip(mask, 1e-6, 1 - 1e-6) for mask in (self.mask_a, self.mask_b))
        return encode_mask(_logit(mask_a), self.alpha), encode_mask(_logit(mask_b), self.alpha)


def encode_mask(logits: Mask, alpha: float, box: tuple[float, float, float, float] | None = None) -> bytes:
    """The code of a mask: the image in REGION_SIDE x REGION_SIDE cells, by rows, an int8 each.

    `logits` [h, w] are those of the image, or of a square that shows it in `box` (left, top, right, bottom, in cells of
    `logits`). A cell of the code holds its logit less that of `alpha`, in steps of LOGIT_STEP: the foreground is where
    it is over 0.
    """
    over = Image.fromarray((logits - _logit(np.float32(alpha))).astype(np.float32))
    cells = np.asarray(over.resize((REGION_SIDE, REGION_SIDE), Image.Resampling.BILINEAR, box)) / LOGIT_STEP
    return cells.round().clip(-_MOST, _MOST).astype(np.int8).tobytes()


def decode_mask(code: bytes, size: tuple[int, int]) -> Mask:
    """The mask of an image of `size` (height, width) pixels, float32; its foreground is where it is over 0.5."""
    cells = np.frombuffer(code, np.int8).reshape(REGION_SIDE, REGION_SIDE).astype(np.float32) * LOGIT_STEP
    logits = Image.fromarray(cells).resize(size[::-1], Image.Resampling.BILINEAR)
    mask: Mask = 1 / (1 + np.exp(-np.asarray(logits)))
    return mask


def _logit(probability: NDArray[np.float32] | np.float32) -> NDArray[np.float32]:
    found: NDArray[np.float32] = np.log(probability / (1 - probability))
    return found
