"""What a file holds beside its pixels never refuses them, and its orientation is applied where it can be read."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from scott_core import UnreadableImage, read_image
from tests.scott_core.images import files
from tests.scott_core.images.files import Entry, chunk, saved, with_segment

PHOTO = files.photo()
PLAIN = saved(PHOTO, "JPEG", quality=92)
TURNED: Entry = (0x0112, 3, 1, struct.pack("<HH", 6, 0))  # to be turned clockwise
AFTER = struct.pack("<I", 8 + 2 + 2 * 12 + 4)  # the offset behind a directory of two entries


def upright(jpeg: bytes) -> Image.Image:
    with Image.open(io.BytesIO(jpeg)) as image:
        return image.convert("RGB").transpose(Image.Transpose.ROTATE_270)


@pytest.mark.parametrize(
    "exif",
    [
        files.exif([TURNED]),
        files.exif([TURNED, (0x011A, 10, 1, AFTER)], after=struct.pack("<ii", -5, 3)),  # signed for unsigned
        files.exif([TURNED, (0x011A, 5, 1, AFTER)], after=struct.pack("<II", 1, 0)),
        files.exif([TURNED, (0x0128, 1, 1, b"\2\0\0\0")]),  # a byte for a short
        files.exif([(0x0103, 2, 2, b"6\0\0\0"), TURNED]),  # text for a short
        files.exif([TURNED, (0x8825, 2, 4, b"abc\0")]),  # text for the place of another directory
        files.exif([TURNED, (0x8769, 4, 1, struct.pack("<I", 5000))]),
        files.exif([TURNED, (0x010F, 2, 90, struct.pack("<I", 9999))]),
        files.exif([TURNED, (0x927C, 7, 60000, struct.pack("<I", 40))]),  # a maker's note that is not there
        files.exif([TURNED])[:22],  # cut after the entry
        files.exif([(0x0112, 3, 1, struct.pack(">HH", 6, 0))], ">"),
        b"Exif\0\0" + files.exif([TURNED]),
    ],
)
def test_odd_tags_beside_a_good_orientation(exif: bytes) -> None:
    jpeg = with_segment(PLAIN, 0xE1, b"Exif\0\0" + exif)
    assert read_image(jpeg).tobytes() == upright(PLAIN).tobytes()


@pytest.mark.parametrize(
    "exif",
    [
        b"",
        b"garbage!",
        files.exif([(0x0112, 3, 1, struct.pack("<HH", 9, 0))]),
        files.exif([(0x0112, 2, 2, b"6\0\0\0")]),
        files.exif([(0x0112, 3, 0, bytes(4))]),
        b"MM\0*" + files.exif([TURNED])[4:],  # little-endian under the mark of big-endian
    ],
)
def test_an_orientation_that_cannot_be_read_leaves_the_image_as_stored(exif: bytes) -> None:
    with Image.open(io.BytesIO(PLAIN)) as image:
        stored = image.convert("RGB").tobytes()
    assert read_image(with_segment(PLAIN, 0xE1, b"Exif\0\0" + exif)).tobytes() == stored
    pixels = np.asarray(PHOTO)
    assert np.array_equal(np.asarray(read_image(files.png(pixels, chunk(b"eXIf", exif)))), pixels)


@pytest.mark.parametrize("fmt", ["PNG", "WEBP", "AVIF", "TIFF"])
def test_every_format_is_turned_once(fmt: str) -> None:
    tags = Image.Exif()
    tags[0x0112] = 6
    options: dict[str, object] = {"lossless": True} if fmt == "WEBP" else {"quality": 95} if fmt == "AVIF" else {}
    found = np.asarray(read_image(saved(PHOTO, fmt, exif=tags, **options))).astype(int)
    wanted = np.asarray(PHOTO.transpose(Image.Transpose.ROTATE_270)).astype(int)
    assert found.shape == wanted.shape
    assert np.abs(found - wanted).mean() < 2


def test_exif_that_is_garbage_does_not_refuse_an_avif() -> None:
    good = saved(PHOTO, "AVIF", quality=90, exif=files.exif([(0x010F, 2, 4, b"abc\0")]))
    spoiled = good.replace(b"II*\0", b"what")
    assert spoiled != good
    assert read_image(spoiled).tobytes() == read_image(good).tobytes()


@pytest.mark.parametrize(
    "odd",
    [
        chunk(b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(bytes(1_200_000))),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b"<x/>" * 300_000)),
        chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(1_300_000))),
        chunk(b"iCCP", b"name\0\0" + zlib.compress(bytes(5_000_000))),
        chunk(b"iCCP", b"name\0\0junk"),
        chunk(b"iCCP", b""),
        chunk(b"eXIf", b"garbage!"),
        chunk(b"tEXt", b"Software\0x", crc=0),
        chunk(b"gAMA", struct.pack(">I", 45455), crc=1),
        chunk(b"tRNS", bytes(6), crc=2),
        chunk(b"pHYs", b"\0"),
        chunk(b"acTL", bytes(8), crc=3),
        chunk(b"vpAg", b"private"),
    ],
    ids=lambda odd: f"{odd[4:8].decode()}-{len(odd)}",
)
def test_chunks_beside_the_pixels_never_refuse_a_png(odd: bytes) -> None:
    pixels = np.asarray(PHOTO)
    assert np.array_equal(np.asarray(read_image(files.png(pixels, odd))), pixels)
    late = files.png(pixels)
    assert np.array_equal(np.asarray(read_image(late[:-12] + odd + late[-12:])), pixels)


def test_a_file_of_countless_pieces_is_refused_at_once() -> None:
    pixels = np.asarray(PHOTO)
    many = files.png(pixels, *[chunk(b"teXt", b"")] * 2000)
    assert np.array_equal(np.asarray(read_image(many)), pixels)
    with pytest.raises(UnreadableImage, match="it has over 131072 chunks"):
        read_image(files.png(pixels, chunk(b"teXt", b"") * (1 << 17)))
    with pytest.raises(UnreadableImage, match="it has over 131072 segments"):
        read_image(PLAIN[:2] + files.segment(0xFE, b"") * (1 << 18) + PLAIN[2:])


@pytest.mark.parametrize(
    ("marker", "content"),
    [
        (0xE2, b"ICC_PROFILE\0"),
        (0xE2, b"ICC_PROFILE\0\1\1" + b"x" * 300),
        (0xED, b"Photoshop 3.0\x008BIM\4\4"),
        (0xE2, b"MPF\0II*\0\x08\0\0\0\x01\0"),
        (0xEE, b"Adobe"),
        (0xE0, b"JFIF\0"),
        (0xE1, b"http://ns.adobe.com/xap/1.0/\0<x/>"),
        (0xFE, b"\xff" * 40),
    ],
)
def test_segments_beside_the_pixels_never_refuse_a_jpeg(marker: int, content: bytes) -> None:
    assert read_image(with_segment(PLAIN, marker, content)).tobytes() == read_image(PLAIN).tobytes()
    assert read_image(with_segment(PLAIN, marker, content)).size == PHOTO.size


def test_a_png_of_sixteen_bits_shows_what_is_not_its_transparent_colour() -> None:
    """Pillow made white of all of a 16-bit grey image, whatever its transparent colour."""
    grey = np.linspace(0, 65535, 32 * 40).astype(np.uint16).reshape(32, 40)
    grey[:8] = 65535
    for key in (65535, 0, int(grey[20, 20]), 77):
        found = np.asarray(read_image(files.png(grey, chunk(b"tRNS", struct.pack(">H", key)))))[..., 0].astype(int)
        wanted = np.where(grey == key, 255, grey // 256)
        assert np.abs(found - wanted).max() <= 1, key
    deep = np.dstack([grey, grey[::-1], grey.T.reshape(grey.shape)])
    key = deep[20, 20]
    found = np.asarray(read_image(files.png(deep, chunk(b"tRNS", struct.pack(">3H", *key.tolist())))))
    assert (found[20, 20] == 255).all()
    far = (np.abs(deep.astype(int) - key).max(axis=2) > 256)[..., None]  # Pillow keeps eight bits of a channel
    assert np.abs(np.where(far, found.astype(int) - deep // 256, 0)).max() <= 1


@pytest.mark.parametrize("depth", [1, 2, 4, 8])
def test_a_grey_png_of_few_bits_has_its_own_transparent_colour(depth: int) -> None:
    top = 2**depth - 1
    grey = (np.arange(16 * 16).reshape(16, 16) % (top + 1)).astype(np.uint8)
    for key in {0, top // 2, top}:
        found = np.asarray(read_image(files.png(grey, chunk(b"tRNS", struct.pack(">H", key)), depth=depth)))[..., 0]
        assert np.array_equal(found, np.where(grey == key, 255, grey.astype(int) * 255 // top)), key
