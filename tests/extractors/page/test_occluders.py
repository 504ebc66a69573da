"""The part of an image that its occluders leave."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from extractors import extract_document
from extractors.model import Box
from extractors.page.occluders import visible_part
from tests.extractors import pdfs

BOX: Box = (0.0, 0.0, 300.0, 250.0)


@pytest.mark.parametrize(
    ("occluders", "left"),
    [
        ([], BOX),
        ([(0, 0, 300, 250)], None),
        ([(-5, -5, 305, 249.8)], None),
        ([(0, 0, 300, 100)], (0, 100, 300, 250)),
        ([(0, 0, 150, 250), (150, 0, 300, 250)], None),
        ([(0, 0, 150, 250), (160, 0, 300, 250)], (150, 0, 160, 250)),
        ([(50, 50, 250, 200)], BOX),
        ([(400, 0, 500, 250)], BOX),
        ([(0, k * 0.9, 10, k * 0.9 + 1) for k in range(280)], BOX),  # in doubt it is seen
        ([(0, k * 2, 10, k * 2 + 3) for k in range(125)], (10, 0, 300, 250)),
    ],
)
def test_what_is_left(occluders: list[Box], left: Box | None) -> None:
    assert visible_part(BOX, occluders) == (None if left is None else pytest.approx(left, abs=0.5))


def test_many_small_occluders_hide_little(tmp_path: Path) -> None:
    """A band of a hundred thin rectangles, and a thousand marks: the photograph is still to be seen."""
    rng = np.random.default_rng(1)
    photo = pdfs.photograph(2, 500, 500)
    band = b"".join(b"0 0 1 rg 40 %.1f 10 9 re f " % (300 + k * 0.9) for k in range(300))
    marks = b"".join(b"1 0 0 rg %.1f %.1f 9 9 re f " % tuple(rng.uniform((60, 310), (520, 780))) for _ in range(60))
    objects = {"i": (pdfs.image_dictionary(photo, "DeviceRGB"), photo.tobytes())}
    content = b"q 500 0 0 500 40 300 cm /I Do Q " + band + marks
    (image,) = extract_document(
        pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>"), tmp_path
    ).images
    assert image.used
    assert image.bbox == pytest.approx((40, 42, 540, 542), abs=1)


def _mark() -> pdfs.Pixels:
    """A pale ring and bar on white, as a laboratory prints it under its pages."""
    mark = np.full((360, 360, 3), 255, np.uint8)
    cv2.circle(mark, (180, 120), 85, (218, 226, 243), 30)
    cv2.rectangle(mark, (155, 220), (205, 340), (218, 226, 243), -1)
    return mark


def _backing() -> pdfs.Pixels:
    """White paper with a little grain."""
    return np.random.default_rng(5).integers(247, 256, (360, 360, 3), dtype=np.uint8)


@pytest.mark.parametrize("under", [_mark(), _backing()], ids=["watermark", "backing"])
@pytest.mark.parametrize("oval", [False, True], ids=["whole", "cut to an oval"])
def test_what_lies_under_photographs_is_read_without_them(tmp_path: Path, under: pdfs.Pixels, oval: bool) -> None:
    """In neither way is there a region that holds the photographs: nobody has placed one."""
    objects = {
        name: (pdfs.image_dictionary(pixels, "DeviceRGB"), pixels.tobytes())
        for name, pixels in {"u": under, "i": pdfs.photograph(2), "j": pdfs.photograph(11)}.items()
    }
    clip = b"300 200 m 500 300 500 500 300 600 c 100 500 100 300 300 200 c h W n " if oval else b""
    content = (
        b"q "
        + clip
        + b"400 0 0 400 100 200 cm /U Do Q q 240 0 0 200 60 350 cm /I Do Q q 240 0 0 200 310 350 cm /J Do Q"
    )
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</U {u}/I {i}/J {j}>>")
    extraction = extract_document(pdf, tmp_path / "out")
    assert extraction.status == "ok"
    assert [image.used for image in extraction.images] == [False, True, True]
    for image, photo in zip(extraction.images[1:], (pdfs.photograph(2), pdfs.photograph(11)), strict=True):
        assert image.file is not None
        assert (pdfs.read(tmp_path / "out" / image.file) == photo).all()
