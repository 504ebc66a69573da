"""Reading image files: RGB, upright, on white, or a reason."""

import contextlib
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scott_core import UnreadableImage, read_image
from scott_core.images import reader
from tests.scott_core.images.files import photo, saved


def test_images_come_upright_and_on_white(tmp_path: Path) -> None:
    turned = Image.new("RGB", (30, 20), "red")
    exif = turned.getexif()
    exif[0x0112] = 6  # turn 90 degrees to see it upright
    turned.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").size == (20, 30)
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_image((tmp_path / "clear.png").read_bytes()).getpixel((3, 3)) == (255, 255, 255)
    Image.new("CMYK", (16, 16), (0, 255, 255, 0)).save(tmp_path / "ink.jpg")
    red, green, blue = read_image(tmp_path / "ink.jpg").getpixel((3, 3))  # type: ignore[misc]
    assert red > 200 > 60 > max(green, blue)


def test_ordinary_photographs_are_what_a_plain_decode_gives(shared_data: Path, tmp_path: Path) -> None:
    """What models were trained on stays what they see: every byte."""
    for path in sorted((shared_data / "images").rglob("*.jpg"))[::150]:
        with Image.open(path) as image:
            plain = image.convert("RGB")
        assert read_image(path).tobytes() == plain.tobytes(), path
        plain.save(tmp_path / "a.png")
        assert read_image(tmp_path / "a.png").tobytes() == plain.tobytes(), path


def test_sixteen_bits_are_scaled_and_what_has_no_range_is_refused(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
    Image.fromarray(ramp).save(tmp_path / "deep.png")
    found = np.asarray(read_image(tmp_path / "deep.png"))[..., 0]
    assert np.abs(found - ramp / 257).max() <= 1
    Image.fromarray((ramp / 65535).astype(np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(UnreadableImage, match="mode F"):
        read_image(tmp_path / "float.tif")


@pytest.mark.parametrize("fmt", ["PNG", "TIFF", "WEBP", "GIF", "JPEG", "BMP", "AVIF", "DDS"])
def test_damaged_bytes_of_any_format_are_an_image_or_a_reason(fmt: str) -> None:
    rng = np.random.default_rng(0)
    stream = io.BytesIO()
    Image.fromarray(rng.integers(0, 255, (40, 40, 3), np.uint8)).save(stream, fmt)
    whole = stream.getvalue()
    for _ in range(150):
        content = bytearray(whole[: rng.integers(1, len(whole) + 1)])
        for place in rng.integers(0, min(len(content), 200), 4):
            content[place] = rng.integers(0, 256)
        with contextlib.suppress(UnreadableImage):
            assert read_image(bytes(content)).mode == "RGB"


@pytest.mark.parametrize("content", [b"", b"%PDF-1.7", b"\x89PNG\r\n\x1a\n" + b"0" * 40])
def test_what_is_no_image_says_so(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(UnreadableImage, match=r"decoded|no picture"):
        read_image(content)
    path = tmp_path / "file.jpg"
    path.write_bytes(content)
    with pytest.raises(UnreadableImage, match=r"file\.jpg"):
        read_image(path)


def test_missing_truncated_tiny_and_huge_images_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnreadableImage, match="does not exist"):
        read_image(tmp_path / "none.jpg")
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(tmp_path / "a.jpg")
    with pytest.raises(UnreadableImage, match="decoded"):
        read_image((tmp_path / "a.jpg").read_bytes()[:900])
    Image.new("L", (40, 2)).save(tmp_path / "line.png")
    with pytest.raises(UnreadableImage, match="40x2"):
        read_image(tmp_path / "line.png")
    monkeypatch.setattr(reader, "MAX_PIXELS", 1000)
    with pytest.raises(UnreadableImage, match="64x64"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
        ("HEIC", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
        ("JPEG XL", b"\xff\x0a"),
        ("JPEG XL", b"\0\0\0\x0cJXL \r\n\x87\n"),
        ("JPEG 2000", b"\0\0\0\x0cjP  \r\n\x87\n"),
        ("SVG", b'<?xml version="1.0"?>\n<!-- made -->\n<svg xmlns="http://www.w3.org/2000/svg">'),
        ("HTML", b"<!DOCTYPE html><html><title>404</title>"),
    ],
)
def test_formats_that_are_not_read_are_named(name: str, start: bytes) -> None:
    with pytest.raises(UnreadableImage, match=f"^image is {name}, which is not read; save it as JPEG or PNG$"):
        read_image(start + bytes(64))


def test_a_tiff_of_sixteen_bits_whose_zero_is_white_is_no_negative() -> None:
    grey = np.linspace(0, 65535, 16 * 20).astype(np.uint16).reshape(16, 20)
    for photometric, wanted in ((0, 255 - grey // 257), (1, grey // 257)):
        entries = [(256, 20), (257, 16), (258, 16), (259, 1), (262, photometric), (273, 8), (277, 1), (278, 16)]
        body = grey.astype("<u2").tobytes()
        table = b"".join(struct.pack("<HHII", tag, 3, 1, value) for tag, value in [*entries, (279, len(body))])
        data = b"II*\0" + struct.pack("<I", 8 + len(body)) + body + struct.pack("<H", 9) + table + bytes(4)
        assert np.abs(np.asarray(read_image(data))[..., 0].astype(int) - wanted).max() <= 1


def test_a_bitmap_whose_fourth_bytes_are_zero_is_opaque() -> None:
    """As programs for Windows leave them; such an image is shown by every viewer and was all white here."""
    height, width = 12, 20
    pixels = np.random.default_rng(3).integers(0, 256, (height, width, 3), np.uint8)
    for fourth, shown in ((0, pixels), (255, pixels)):
        body = np.dstack([pixels[::-1, :, ::-1], np.full((height, width), fourth, np.uint8)]).tobytes()
        head = struct.pack("<IiiHHIIiiII", 124, width, height, 1, 32, 3, len(body), 2835, 2835, 0, 0)
        head += struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000) + b"BGRs" + bytes(48) + bytes(16)
        data = b"BM" + struct.pack("<IHHI", 138 + len(body), 0, 0, 138) + head + body
        assert np.array_equal(np.asarray(read_image(data)), shown)


@pytest.mark.parametrize(
    ("fmt", "mode", "options"),
    [(fmt, "RGB", {}) for fmt in reader.FORMATS] + [("WEBP", "RGB", {"lossless": True}), ("WEBP", "RGBA", {})],
)
@pytest.mark.parametrize("pillows", [2000, 1000, 500, 100])
def test_an_image_over_any_limit_says_its_size(
    fmt: str, mode: str, options: dict[str, object], pillows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pillow warns at a limit of its own and raises at twice that; both limits are scaled down here."""
    image = photo(60, 40).convert(mode)
    image.putpixel((0, 0), (0,) * len(mode))
    data = saved(image, fmt, **options)
    monkeypatch.setattr(reader, "MAX_PIXELS", 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", pillows)
    with pytest.raises(UnreadableImage, match=r"^image declares 60x40 px; 1000 pixels are the limit$"):
        read_image(data)
