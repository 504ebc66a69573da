"""An image in the form that the model sees, with a digest that names it in the feature cache."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from scott_core.images import Letterbox


@dataclass(frozen=True, eq=False)
class Prepared:
    """A letterboxed image: `pixels`, uint8 [size, size, 3], where the image lies in them, and their SHA-256."""

    box: Letterbox
    pixels: NDArray[np.uint8]
    digest: bytes

    @classmethod
    def of(cls, image: Image.Image, size: int) -> Prepared:
        """`image` letterboxed to a square of `size` pixels."""
        box = Letterbox.of(image, size)
        pixels = box.apply(image)
        return cls(box, pixels, hashlib.sha256(pixels.data).digest())
