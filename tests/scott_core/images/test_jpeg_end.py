"""A JPEG is whole when its pixels are, whatever its last bytes; one that lost pixels is refused."""

from __future__ import annotations

import re

import numpy as np
import pytest
from PIL import Image, ImageFile

from scott_core import UnreadableImage, read_image
from tests.scott_core.images.files import photo, saved

MODES: dict[str, dict[str, object]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_blocks": 3},
    "full colour": {"subsampling": 0},
}
END = b"\xff\xd9"


def jpeg(name: str) -> bytes:
    return saved(photo(160, 120), "JPEG", quality=90, **MODES[name])


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("tail", [b"", b"\xff", b"<html>", bytes(500), END, END + b"<html>", END + END])
def test_a_jpeg_with_all_pixels_is_read(name: str, tail: bytes) -> None:
    whole = jpeg(name)
    assert whole.endswith(END)
    assert read_image(whole[:-2] + tail).tobytes() == read_image(whole).tobytes()


@pytest.mark.parametrize("name", MODES)
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9, 0.98])
def test_a_jpeg_cut_in_its_pixels_is_refused(name: str, share: float) -> None:
    whole = jpeg(name)
    with pytest.raises(UnreadableImage, match="cannot be decoded"):
        read_image(whole[: round(len(whole) * share)])


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize("share", [0.5, 0.7, 0.9])
def test_a_cut_that_was_closed_with_an_end_marker_is_seen(share: float, mode: str) -> None:
    """As a proxy may close it: libjpeg fills the rest with grey and says nothing."""
    whole = saved(photo(160, 120).convert(mode), "JPEG", quality=90)
    with pytest.raises(UnreadableImage, match="its data end before its pixels do"):
        read_image(whole[: round(len(whole) * share)] + END)


def test_an_image_that_ends_in_that_grey_is_read() -> None:
    grey = photo(160, 120)
    grey.paste((128, 128, 128), (80, 60, 160, 120))
    assert read_image(saved(grey, "JPEG", quality=95)).getpixel((159, 119)) == (128, 128, 128)
    assert read_image(saved(Image.new("L", (64, 64), 128), "JPEG")[:-2]).getpixel((9, 9)) == (128, 128, 128)


def test_a_progressive_jpeg_without_its_last_scans_is_refused() -> None:
    """Cut between two scans, every bit that is there is used, and half of what belongs to the pixels is not there."""
    whole = jpeg("progressive")
    scans = [found.start() for found in re.finditer(rb"\xff\xda", whole)]
    assert len(scans) > 4
    for start in scans[1:]:
        with pytest.raises(UnreadableImage, match="cannot be decoded"):
            read_image(whole[:start])
        with pytest.raises(UnreadableImage, match="its data end before its pixels do"):
            read_image(whole[:start] + END)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("quality", [30, 75, 95])
def test_a_whole_progressive_jpeg_is_read_whatever_follows(mode: str, quality: int) -> None:
    """Another image, say, that lacks scans of its own."""
    whole = saved(photo(161, 119).convert(mode), "JPEG", quality=quality, progressive=True)
    read_image(whole)
    assert read_image(whole + whole[: whole.index(b"\xff\xda") + 20]).size == (161, 119)


def test_a_png_needs_its_pixels_and_nothing_after_them() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
    whole = saved(Image.fromarray(pixels), "PNG")
    for lost in (12, 16, 20):  # IEND; the CRC of IDAT; the checksum of its data
        assert np.array_equal(np.asarray(read_image(whole[:-lost])), pixels)
    with pytest.raises(UnreadableImage, match="truncated"):
        read_image(whole[:-60])


def test_a_cut_image_is_refused_whatever_a_library_set_for_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """WeasyPrint, for one, has Pillow take cut images for whole ones as soon as it is imported."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with pytest.raises(UnreadableImage, match="cannot be decoded"):
        read_image(saved(photo(160, 120), "PNG")[:-2000])
