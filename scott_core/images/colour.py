"""Brings an image of any mode, with or without a colour profile, to RGB in sRGB over white."""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms, ImageOps

from scott_core.errors import UnreadableImage

SAME = 2  # of 255; a profile that moves no colour by more is sRGB: profiles of sRGB (ICC, Ghostscript) move them by 1
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # the mode of an image whose profile has this colour space
_PHOTOMETRIC = 262  # the tag of TIFF that says what its samples are; 0: white is zero
_KEPT = 8  # profiles whose transforms are kept; a shop's images share a few


def flattened(image: Image.Image, profile: bytes | None = None) -> Image.Image:
    """RGB over white. Raises UnreadableImage for modes whose range of values is unknown."""
    alpha = opacity(image)
    image = _eight_bits(image)
    rgb = _in_srgb(image, profile)
    if alpha is None:
        return rgb
    rgb.putalpha(alpha)
    return Image.alpha_composite(Image.new("RGBA", rgb.size, "white"), rgb).convert("RGB")


def opacity(image: Image.Image) -> Image.Image | None:
    """The alpha channel, mode L; None where the image has none.

    A BMP that is transparent all over has none: programs leave the fourth byte of its pixels zero.
    """
    if image.mode.startswith("I;16"):
        colour = image.info.get("transparency")
        if colour is None:
            return None
        return Image.fromarray(np.where(np.asarray(image) == colour, 0, 255).astype(np.uint8))
    if not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if image.format == "BMP" and not alpha.getbbox() else alpha


def _eight_bits(image: Image.Image) -> Image.Image:
    """The colours of an image without its alpha, of 8 bits: mode L, CMYK, LAB or RGB."""
    if image.mode.startswith("I;16"):  # Pillow would clip 16 bits to 8
        deep = np.asarray(image).astype(np.uint16)
        if getattr(image, "tag_v2", {}).get(_PHOTOMETRIC) == 0:  # a TIFF whose zero is white, which Pillow leaves so
            deep = np.invert(deep)
        return Image.fromarray((deep >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise UnreadableImage(f"pixels of mode {image.mode} have no range known to us; 8 or 16 bits are expected")
    if image.mode in ("1", "LA"):
        return image.convert("L")
    if image.mode in ("L", "CMYK", "LAB"):
        return image
    return image.convert("RGBA").convert("RGB") if image.mode in ("P", "PA") else image.convert("RGB")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The image in RGB, by its profile where that is of such an image and is not sRGB's."""
    transform = _transform(profile) if profile else None
    mode = str(transform.input_mode) if transform else "RGB"
    if transform is None or (mode != image.mode and (mode, image.mode) != ("RGB", "L")):
        return image.convert("RGB")
    return transform.apply(image.convert(mode))


@lru_cache(_KEPT)
def _transform(profile: bytes) -> ImageCms.ImageCmsTransform | None:
    """To sRGB, relative colorimetric with black point compensation as photo editors do by default.

    None where the profile is sRGB, or cannot be used: damaged, of another colour space, or absurd, which is that its
    ramp from black to white falls somewhere, or keeps fewer than half of its 256 levels apart.
    """
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        mode = _MODES[source.profile.xcolor_space.strip()]
        transform = ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, KeyError, ValueError, TypeError):
        return None
    ramp = Image.fromarray(np.arange(256, dtype=np.uint8)[None])
    blackest = Image.merge("CMYK", [ramp.point(lambda _: 0)] * 3 + [ImageOps.invert(ramp)])
    ramp = blackest if mode == "CMYK" else ramp.convert(mode)
    levels = np.asarray(transform.apply(ramp).convert("L")).astype(int)[0]
    if (np.diff(levels) < -1).any() or len(np.unique(levels)) < 128:
        return None
    if mode == "CMYK":
        return transform
    colours = _lattice() if mode == "RGB" else ramp
    moved = np.asarray(transform.apply(colours)).astype(int) - np.asarray(colours.convert("RGB"))
    return transform if np.abs(moved).max() > SAME else None


def _lattice() -> Image.Image:
    """Every colour of six levels a channel, as an image."""
    levels = np.arange(0, 256, 51, dtype=np.uint8)
    return Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), -1).reshape(36, 6, 3))
