"""A JPEG that a page shows as it is stays the document's own, and says what the page shows; any other is painted."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pymupdf
import pytest
from PIL import Image, ImageCms

from extractors import Placement, extract_document
from extractors.page.jpeg.plain import plain_jpeg
from scott_core.images import read_image
from tests.extractors import pdfs

PHOTO = pdfs.photograph(7, 200, 240)
EXIF = Image.Exif()
EXIF[0x0112] = 6  # orientation: turned by a quarter
PLACE = b"q 240 0 0 200 100 500 cm /I Do Q"


def _jpeg(pixels: pdfs.Pixels, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", **{"quality": 90} | options)
    return buffer.getvalue()


def _profile() -> bytes:
    """A profile by which the colours of PHOTO would be others: sRGB's, with green and blue in each other's place."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    return srgb.replace(b"gXYZ", b"xxxx").replace(b"bXYZ", b"gXYZ").replace(b"xxxx", b"bXYZ")


def _only(path: Path, jpeg: bytes, content: bytes = PLACE, space: str = "DeviceRGB", more: str = "") -> Placement:
    """The only image of a page that paints `jpeg` as /I."""
    objects = {"i": (pdfs.image_dictionary(PHOTO, space, f"/Filter/DCTDecode{more}"), jpeg)}
    pdf = pdfs.raw_page(path / "a.pdf", content, objects, "/XObject<</I {i}>>/ExtGState<</G<</ca 0.5>>>>")
    extraction = extract_document(pdf, path / "out")
    assert extraction.status == "ok", extraction.detail
    (image,) = extraction.images
    return image


def _differences(path: Path, image: Placement) -> tuple[float, float]:
    """The mean difference of an image's file, as it is scored, from the page as MuPDF and as poppler show it."""
    x0, y0, x1, y1 = (round(side) for side in image.bbox)
    read = np.asarray(read_image(path / "out" / str(image.file))).astype(int)
    with pymupdf.open(path / "a.pdf") as document:
        shown = document[0].get_pixmap(clip=(x0, y0, x1, y1))
        mupdf = np.frombuffer(shown.samples, np.uint8).reshape(shown.height, shown.width, 3)
    poppler = pdfs.poppler(path / "a.pdf")[y0:y1, x0:x1]
    return float(np.abs(read - mupdf).mean()), float(np.abs(read - poppler).mean())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"subsampling": 0},
        {"progressive": True},
        {"exif": EXIF.tobytes()},
        {"icc_profile": _profile()},
        {"comment": b"by a camera"},
    ],
    ids=["plain", "whole colours", "progressive", "turned by EXIF", "with a profile", "with a comment"],
)
def test_what_the_page_shows_as_it_is_is_kept(options: dict[str, Any], tmp_path: Path) -> None:
    jpeg = _jpeg(PHOTO, **options)
    image = _only(tmp_path, jpeg)
    kept = (tmp_path / "out" / str(image.file)).read_bytes()
    assert str(image.file).endswith(".jpg")
    assert kept == plain_jpeg(jpeg)
    assert len(kept) <= len(jpeg)
    pixels = np.asarray(read_image(kept))
    assert image.digest == hashlib.sha256(b"240x200" + pixels.tobytes()).hexdigest()
    assert np.array_equal(pixels, np.asarray(Image.open(io.BytesIO(jpeg))))
    by_mupdf, by_poppler = _differences(tmp_path, image)
    assert by_mupdf < 1
    assert by_poppler < 4  # it places an image to a fraction of a pixel


def test_a_grey_one_is_kept(tmp_path: Path) -> None:
    image = _only(tmp_path, _jpeg(PHOTO[..., 1]), space="DeviceGray")
    assert str(image.file).endswith(".jpg")
    assert _differences(tmp_path, image)[0] < 1


def test_one_image_has_one_digest_wherever_it_is_shown(tmp_path: Path) -> None:
    document = pymupdf.open()
    for width, height in ((300, 260), (595, 842)):  # a part of its page, and all of it
        document.new_page(width=width, height=height).insert_image(pymupdf.Rect(0, 0, 240, 200), stream=_jpeg(PHOTO))
    document.new_page(width=240, height=200).insert_image(pymupdf.Rect(0, 0, 240, 200), stream=_jpeg(PHOTO))
    images = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path / "out").images
    assert len(images) == 3
    assert len({(image.digest, image.file) for image in images}) == 1


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (b"q -240 0 0 200 340 500 cm /I Do Q", ""),
        (b"q 240 0 0 -200 100 700 cm /I Do Q", ""),
        (b"q 0 200 -240 0 340 500 cm /I Do Q", ""),
        (b"q 240 0 0 120 100 500 cm /I Do Q", ""),
        (b"100 500 180 200 re W n q 240 0 0 200 100 500 cm /I Do Q", ""),
        (b"/G gs q 240 0 0 200 100 500 cm /I Do Q", ""),
        (PLACE + b" 0.9 0 0 rg 100 500 100 200 re f", ""),
        (PLACE, "/Decode[1 0 1 0 1 0]"),
        (PLACE, "/DecodeParms<</ColorTransform 0>>"),
    ],
    ids=[
        *("mirrored", "upside down", "turned", "squeezed", "cut by a clip", "half transparent", "painted over"),
        *("inverted", "without a transform"),
    ],
)
def test_what_the_page_shows_otherwise_is_painted(content: bytes, more: str, tmp_path: Path) -> None:
    image = _only(tmp_path, _jpeg(PHOTO), content, more=more)
    assert str(image.file).endswith(".png")


@pytest.mark.parametrize(
    ("space", "pixels"),
    [
        ("[/CalRGB<</WhitePoint[0.95 1 1.09]/Gamma[1 1 1]>>]", PHOTO),
        (f"[/Indexed/DeviceRGB 255<{bytes(255 - n // 3 for n in range(768)).hex()}>]", PHOTO[..., 1]),
        ("[/Lab<</WhitePoint[0.95 1 1.09]>>]", PHOTO),
    ],
    ids=["linear", "palette", "Lab"],
)
def test_colours_that_its_space_moves_are_painted(space: str, pixels: pdfs.Pixels, tmp_path: Path) -> None:
    dictionary = pdfs.image_dictionary(PHOTO, "DeviceRGB", "/Filter/DCTDecode").replace("/DeviceRGB", space)
    pdf = pdfs.raw_page(tmp_path / "a.pdf", PLACE, {"i": (dictionary, _jpeg(pixels))}, "/XObject<</I {i}>>")
    (image,) = extract_document(pdf, tmp_path / "out").images
    assert str(image.file).endswith(".png")


@pytest.mark.parametrize("end", [b"", b"\xff\xd9"])
@pytest.mark.parametrize("left", [0.3, 0.9])
def test_one_that_breaks_off_is_not_kept(left: float, end: bytes, tmp_path: Path) -> None:
    jpeg = _jpeg(PHOTO)
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB", "/Filter/DCTDecode"), jpeg[: round(left * 1e4)] + end)}
    pdf = pdfs.raw_page(tmp_path / "a.pdf", PLACE, objects, "/XObject<</I {i}>>")
    assert len(jpeg) > 1e4
    assert [str(image.file)[-4:] for image in extract_document(pdf, tmp_path / "out").images] == [".png"]


def test_a_jpeg_that_readers_may_refuse_is_none() -> None:
    whole = _jpeg(PHOTO)
    scan = whole.index(b"\xff\xda")
    assert plain_jpeg(whole) is not None
    for broken in (
        whole[:-2],  # no end
        whole[:scan],  # no scan
        whole[:scan] + b"\0" + whole[scan:],  # no segment where one belongs
        whole.replace(b"\xff\xc0", b"\xff\xc9"),  # arithmetic coding
        _jpeg(PHOTO, progressive=True)[:6000] + b"\xff\xd9",  # missing scans
        b"\xff\xd8",
        b"",
    ):
        assert plain_jpeg(broken) is None
