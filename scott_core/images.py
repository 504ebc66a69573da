"""Pictures in, tensors out: reading, letterboxing, normalising.

A picture is an RGB `PIL.Image`. A model sees a square of `size` pixels: the picture is scaled to fit, centred, and
the rest is white, the paper that documents print on. `Letterbox` remembers where it went, so that a mask of the
square can be laid back over the picture.
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

MAX_PIXELS = 100_000_000
MIN_SIDE = 8
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")


def read_image(source: Path | str | bytes) -> Image.Image:
    """Decode a file or its bytes as RGB, upright (EXIF), transparency laid on white.

    Raises UnreadableImage, whose message says why, for anything that is not a picture of MIN_SIDE pixels a side or
    more and MAX_PIXELS or fewer in all.
    """
    name = "image" if isinstance(source, bytes) else str(source)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of size, checked below, and of metadata that can be read past
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
    """The alpha of an image that `read_image` reads, upright as there, mode L; None where all of it is opaque."""
    with warnings.catch_warnings(), Image.open(path, formats=FORMATS) as image:
        warnings.simplefilter("ignore")
        if not image.has_transparency_data:
            return None
        alpha = ImageOps.exif_transpose(image).convert("RGBA").getchannel("A")
    lowest, _ = alpha.getextrema()
    return None if lowest == 255 else alpha


def _to_rgb(image: Image.Image) -> Image.Image:
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
    """Where a picture of (height, width) lies in a square of `size` pixels."""

    size: int
    height: int
    width: int
    top: int
    left: int

    @classmethod
    def of(cls, image: Image.Image, size: int) -> Letterbox:
        scale = size / max(image.size)
        width, height = (max(1, round(side * scale)) for side in image.size)
        return cls(size, height, width, (size - height) // 2, (size - width) // 2)

    @property
    def covers(self) -> float:
        """The share of the square that is the picture."""
        return self.height * self.width / self.size**2

    def apply(self, image: Image.Image) -> np.ndarray:
        """uint8 [size, size, 3], white outside the picture."""
        canvas = np.full((self.size, self.size, 3), 255, np.uint8)
        resized = image.resize((self.width, self.height), Image.Resampling.BILINEAR, reducing_gap=2.0)
        canvas[self.top : self.top + self.height, self.left : self.left + self.width] = np.asarray(resized)
        return canvas

    def crop(self, square: Tensor) -> Tensor:
        """The part of a map [..., size, size] that the picture covers."""
        return square[..., self.top : self.top + self.height, self.left : self.left + self.width]


def to_batch(images: list[np.ndarray]) -> Tensor:
    """uint8 arrays [size, size, 3] to one uint8 tensor [N, 3, size, size], channels_last; the encoder normalises."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
