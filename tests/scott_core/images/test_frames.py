"""Of an animation, a frame with content is read, and no more than a bounded number of frames is looked at."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from scott_core import UnreadableImage, read_image
from scott_core.images import frames
from tests.scott_core.images.files import photo, saved

PHOTO, OTHER, WHITE = photo(96, 64), photo(96, 64, seed=5), Image.new("RGB", (96, 64), "white")
OPTIONS: dict[str, dict[str, object]] = {"WEBP": {"lossless": True}, "AVIF": {"quality": 95}, "GIF": {}, "PNG": {}}
ANIMATED = pytest.mark.parametrize("fmt", OPTIONS)


def animation(fmt: str, *images: Image.Image) -> bytes:
    return saved(images[0], fmt, save_all=True, append_images=images[1:], duration=100, **OPTIONS[fmt])


def apart(data: bytes, wanted: Image.Image) -> float:
    """The mean difference between what is read and `wanted`, in levels; a GIF has 256 colours."""
    return float(np.abs(np.asarray(read_image(data)).astype(int) - np.asarray(wanted)).mean())


@ANIMATED
def test_a_first_frame_with_content_is_the_one(fmt: str) -> None:
    assert apart(animation(fmt, PHOTO, OTHER, WHITE), PHOTO) < 8


@ANIMATED
def test_white_frames_before_the_content_are_passed_over(fmt: str) -> None:
    assert apart(animation(fmt, WHITE, PHOTO, OTHER), PHOTO) < 8


@ANIMATED
def test_a_fade_from_white_is_read_where_it_has_half_its_contrast(fmt: str) -> None:
    faded = [Image.blend(WHITE, PHOTO, share) for share in (0.0, 0.1, 0.3, 0.6, 0.8, 1.0)]
    assert apart(animation(fmt, *faded), faded[3]) < 8


def test_an_apng_shows_its_animation_and_not_a_blank_default_image() -> None:
    data = saved(WHITE, "PNG", save_all=True, append_images=[PHOTO, OTHER], default_image=True)
    assert apart(data, PHOTO) == 0


def test_pages_are_no_frames() -> None:
    assert apart(saved(WHITE, "TIFF", save_all=True, append_images=[PHOTO]), WHITE) == 0
    assert read_image(saved(WHITE, "MPO", save_all=True, append_images=[PHOTO])).getpixel((50, 30)) == (255, 255, 255)


def test_a_later_frame_that_is_cut_does_not_refuse_the_first() -> None:
    data = animation("GIF", PHOTO, OTHER)
    assert apart(data[: len(data) * 3 // 4], PHOTO) < 8
    with pytest.raises(UnreadableImage, match="cannot be decoded"):
        read_image(data[: len(data) // 4])


def test_a_later_frame_cannot_enlarge_the_image() -> None:
    """In GIF it can: a file of 154 bytes was 9000 x 9000 pixels."""
    data = bytearray(animation("GIF", PHOTO, OTHER))
    place = data.index(b"\x2c\0\0\0\0\x60\0\x40\0", data.index(b"\x2c\0\0\0\0\x60\0\x40\0") + 1)
    data[place + 5 : place + 9] = struct.pack("<HH", 9000, 9000)
    assert read_image(bytes(data)).size == PHOTO.size
    assert apart(bytes(data), PHOTO) < 8


def test_a_thousand_frames_cost_no_more_than_a_few(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    contrast = frames._contrast

    def counted(image: Image.Image) -> float:
        looked_at.append(image.tell())
        return contrast(image)

    monkeypatch.setattr(frames, "_contrast", counted)
    tiny = [Image.new("L", (16, 16), n % 256) for n in range(1000)]
    read_image(animation("GIF", *tiny))
    assert looked_at == list(range(frames.MAX_FRAMES))
    looked_at.clear()
    with Image.open(io.BytesIO(animation("GIF", WHITE, PHOTO, OTHER))) as image:
        assert frames.chosen_frame(image, 2 * 96 * 64) == 1
    assert looked_at == [0, 1]
