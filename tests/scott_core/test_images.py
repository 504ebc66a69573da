"""Reading images, and the way into the model's square and back."""

import contextlib
import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from scott_core import UnreadableImage, read_image
from scott_core import images as images_module
from scott_core.images import Letterbox


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
    monkeypatch.setattr(images_module, "MAX_PIXELS", 1000)
    with pytest.raises(UnreadableImage, match="64x64"):
        read_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("size", [(300, 200), (50, 400), (64, 64), (2, 90)])
def test_letterbox_centres_on_white_and_crops_back(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "black")
    box = Letterbox.of(image, 64)
    square = box.apply(image)
    assert square.shape == (64, 64, 3)
    inside = box.crop(torch.from_numpy(square).permute(2, 0, 1))
    assert inside.max() == 0
    assert (square == 0).sum() == inside.numel()
    assert max(inside.shape[1:]) == 64
