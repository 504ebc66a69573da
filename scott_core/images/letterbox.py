"""The square of `size` pixels that a model sees of an image.

The image is scaled to fit and centred, and the rest is white, as the paper of documents. A `Letterbox` knows where in
the square the image lies, so that a mask of the square can be laid over the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Letterbox:
    """A square of `size` pixels and the rectangle that an image fills in it: (height, width) from (top, left)."""

    size: int
    height: int
    width: int
    top: int
    left: int

    @classmethod
    def of(cls, image: Image.Image, size: int) -> Letterbox:
        """The letterbox of `image`: scaled so that its longer side is `size`, and centred."""
        scale = size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        return cls(size, height, width, (size - height) // 2, (size - width) // 2)

    @property
    def covers(self) -> float:
        """The share of the square that the image fills, in (0, 1]."""
        return self.height * self.width / self.size**2

    def within(self, height: int, width: int) -> tuple[float, float, float, float]:
        """The rectangle (left, top, right, bottom) that the image fills in the square as a map of height x width."""
        x, y = width / self.size, height / self.size
        return self.left * x, self.top * y, (self.left + self.width) * x, (self.top + self.height) * y

    def apply(self, image: Image.Image) -> np.ndarray:
        """`image` in the square, uint8 [size, size, 3], white outside of it."""
        canvas = np.full((self.size, self.size, 3), 255, np.uint8)
        resized = image.resize((self.width, self.height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        canvas[self.top : self.top + self.height, self.left : self.left + self.width] = np.asarray(resized)
        return canvas

    def crop(self, square: Tensor) -> Tensor:
        """The part of a map [..., size, size] that the image fills, [..., height, width]."""
        return square[..., self.top : self.top + self.height, self.left : self.left + self.width]


def to_batch(images: list[np.ndarray]) -> Tensor:
    """uint8 arrays [size, size, 3] to one uint8 tensor [N, 3, size, size], channels_last; the encoder normalises."""
    import torch  # here: to read an image, or to draw one, needs no torch

    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
