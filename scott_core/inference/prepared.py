"""TODO."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scott_core.images import Letterbox


@dataclass(frozen=True, eq=False)
class Prepared:
    """A picture as a model sees it: the letterboxed square, uint8 [size, size, 3], and what tells it from others."""

    box: Letterbox
    pixels: NDArray[np.uint8]
    digest: bytes

    @classmethod
    def of(cls, image: Image.Image, size: int) -> Prepared:
        box = Letterbox.of(image, size)
        pixels = box.apply(image)
        return cls(box, pixels, hashlib.sha256(pixels.data).digest())
