"""Images as files, as RGB, and as the letterboxed squares that a model sees.

An image is an RGB `PIL.Image`. A model sees a square of `size` pixels: the image is scaled to fit and centred, and the
rest is white, as the paper of documents. A `Letterbox` knows where in the square the image lies, so that a mask of the
square can be laid over the image. Training and inference share it.
"""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from scott_core.errors import UnreadableImage

MAX_PIXELS = 100_000_000  # 300 MB as RGB: a limit against decompression bombs
MIN_SIDE = 8  # pixels
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


def read_image(source: Path | str | bytes) -> Image.Image:
    """Decode a file or its bytes as RGB, upright (EXIF), transparency laid on white.

    Raises UnreadableImage, whose message says why, for anything that is not an image in one of FORMATS with sides of at
    least MIN_SIDE pixels and at most MAX_PIXELS pixels in all.
    """
    name = "image" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's on size, which is checked below, and on bad metadata
            image = Image.open(io.BytesIO(source) if isinstance(source, bytes) else source, formats=FORMATS)
            width, height = image.size
            if min(width, height) < MIN_SIDE:
                raise UnreadableImage(f"{name} is {width}x{height} px; at least {MIN_SIDE}x{MIN_SIDE} is needed")
            if width * height > MAX_PIXELS:
                raise UnreadableImage(f"{name} declares {width}x{height} px; {MAX_PIXELS} pixels are the limit")
            return _to_rgb(ImageOps.exif_transpose(image))
    except UnreadableImage:
        raise
    except FileNotFoundError as error:
        raise UnreadableImage(f"{name} does not exist") from error
    except UnidentifiedImageError as error:  # Pillow's own message holds a memory address
        raise UnreadableImage(f"{name} is no picture in a known format") from error
    except Exception as error:
        raise UnreadableImage(f"{name} cannot be decoded: {error}") from error


def read_alpha(path: Path) -> Image.Image | None:
    """The alpha channel of an image that `read_image` reads, upright, mode L; None where all of it is opaque."""
    with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
        warnings.simplefilter("ignore")
        if not image.has_transparency_data:
            return None
        alpha = ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")
    lowest, _ = alpha.getextrema()
    return None if lowest == 255 else alpha


def _to_rgb(image: Image.Image) -> Image.Image:
    """RGB over white. Raises UnreadableImage for modes whose range of values is unknown."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", rgba.size, "white"), rgba).convert("RGB")
    if image.mode.startswith("I;16"):  # Pillow would clip 16 bits to 8
        return Image.fromarray((np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise UnreadableImage(f"pixels of mode {image.mode} have no range known to us; 8 or 16 bits are expected")
    return image.convert("RGB")


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
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
