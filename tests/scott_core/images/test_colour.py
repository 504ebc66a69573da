"""Colour profiles are converted to sRGB; those that cannot be used are ignored."""

from __future__ import annotations

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms

from scott_core import read_image
from tests.scott_core.images import files
from tests.scott_core.images.files import photo, saved

SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))  # XYZ of the primaries, D50
P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
ADOBE = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
PHOTO = photo()


def to_srgb(pixels: NDArray[np.uint8], primaries: object, gamma: float) -> NDArray[np.int_]:
    """IEC 61966-2-1, by its equations."""
    linear = (pixels / 255.0) ** gamma @ np.array(primaries) @ np.linalg.inv(np.array(SRGB))
    linear = np.clip(linear, 0, 1)
    return (
        (255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)).round().astype(int)
    )


@pytest.mark.parametrize("fmt", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("primaries", "gamma"), [(P3, 2.2), (ADOBE, 563 / 256), (P3, 1.8)])
def test_a_wide_gamut_is_converted(fmt: str, primaries: tuple[tuple[float, ...], ...], gamma: float) -> None:
    options = {"lossless": True} if fmt == "WEBP" else {"quality": 95} if fmt == "JPEG" else {}
    profile = files.matrix_profile(*primaries, gamma)
    stored = np.asarray(read_image(saved(PHOTO, fmt, **options)))
    found = np.asarray(read_image(saved(PHOTO, fmt, icc_profile=profile, **options))).astype(int)
    assert np.abs(found - to_srgb(stored, primaries, gamma)).max() <= 3
    assert np.abs(found - stored).max() > 8


def test_colours_under_an_alpha_are_converted_too() -> None:
    profile = files.matrix_profile(*P3, 2.2)
    shown = PHOTO.copy()
    shown.putalpha(Image.new("L", PHOTO.size, 255))
    alone = read_image(saved(PHOTO, "PNG", icc_profile=profile))
    assert read_image(saved(shown, "PNG", icc_profile=profile)).tobytes() == alone.tobytes()


def test_srgb_changes_no_byte() -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    for fmt in ("PNG", "JPEG"):
        assert read_image(saved(PHOTO, fmt, icc_profile=own)).tobytes() == read_image(saved(PHOTO, fmt)).tobytes()


def test_grey_is_converted_by_its_gamma() -> None:
    ramp = np.tile(np.arange(256, dtype=np.uint8), (8, 1))
    data = saved(Image.fromarray(ramp), "PNG", icc_profile=files.grey_profile(1.8))
    wanted = to_srgb(np.repeat(ramp[..., None], 3, axis=2), SRGB, 1.8)
    assert np.abs(np.asarray(read_image(data)).astype(int) - wanted).max() <= 3


def test_ink_is_converted_by_its_profile() -> None:
    """Inks that are all grey: a profile that Pillow's own conversion knows nothing of."""
    lightness = np.ones((2, 2, 2, 2))
    for axis, left in enumerate((0.6, 0.5, 0.9, 0.0)):
        lightness *= np.array([1.0, left]).reshape([2 if n == axis else 1 for n in range(4)])
    cyan = Image.new("CMYK", (32, 32), (255, 0, 0, 0))
    for fmt in ("JPEG", "TIFF"):
        options = {"quality": 95} if fmt == "JPEG" else {}
        found = read_image(saved(cyan, fmt, icc_profile=files.ink_profile(lightness), **options)).getpixel((9, 9))
        assert isinstance(found, tuple)
        assert np.ptp(found) <= 3, found
        assert abs(found[0] - 145) <= 4, "L* 60 is sRGB 145"
        assert read_image(saved(cyan, fmt, **options)).getpixel((9, 9)) != found


@pytest.mark.parametrize(
    "profile",
    [
        b"nonsense" * 40,
        bytes(4000),
        files.matrix_profile(*P3, 2.2)[:200],
        files.matrix_profile((0, 0, 0), (0, 0, 0), (0, 0, 0), 2.2),  # all is black
        files.matrix_profile(*P3, 0.0),
        files.matrix_profile(*P3, 200.0),
        files.grey_profile(2.2),  # of another colour space
        files.ink_profile(np.ones((2, 2, 2, 2))),
    ],
    ids=range(8),
)
def test_a_profile_that_cannot_be_used_is_ignored(profile: bytes) -> None:
    for fmt in ("PNG", "JPEG", "WEBP", "TIFF"):
        plain = read_image(saved(PHOTO, fmt))
        assert read_image(saved(PHOTO, fmt, icc_profile=profile)).tobytes() == plain.tobytes()


def test_a_profile_in_many_segments_is_put_together() -> None:
    long = files.matrix_profile(*P3, 2.2) + bytes(150_000)
    data = saved(PHOTO, "JPEG", quality=95, icc_profile=long)
    assert data.count(b"ICC_PROFILE\0") == 3
    with Image.open(io.BytesIO(data)) as image:
        stored = np.asarray(image)
    assert np.abs(np.asarray(read_image(data)).astype(int) - to_srgb(stored, P3, 2.2)).max() <= 3
