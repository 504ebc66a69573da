"""An image that cannot be read, or whose data breaks off, is a fault; sloppy content that costs no image is none."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest

from extractors import extract_document
from tests.extractors import pdfs

pytestmark = pytest.mark.usefixtures("scratch")

PHOTO = pdfs.photograph(1)


def test_an_image_that_cannot_be_decoded_is_said_and_the_others_are_read(tmp_path: Path) -> None:
    document = pymupdf.open(pdfs.with_images(tmp_path / "whole.pdf", [((60, 80), PHOTO)], [((60, 80), 255 - PHOTO)]))
    broken = document[1].get_images()[0][0]
    document.update_stream(broken, b"no image", compress=False)
    document.xref_set_key(broken, "Filter", "/JPXDecode")
    extraction = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path / "out")
    assert (extraction.status, extraction.pages) == ("partial", 2)
    assert "page 2" in extraction.detail
    assert [image.page for image in extraction.images] == [1]


def test_an_image_whose_data_breaks_off_is_said(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes()[: PHOTO.size // 2])}
    pdf = pdfs.raw_page(tmp_path / "a.pdf", b"q 240 0 0 200 60 562 cm /I Do Q", objects, "/XObject<</I {i}>>")
    extraction = extract_document(pdf, tmp_path / "out")
    assert (extraction.status, len(extraction.images)) == ("partial", 1)
    assert "breaks off" in extraction.detail


AS_REGION = b"60 562 m 60 762 l 200 780 l 300 762 l 300 562 l h W n "  # a clip that is no rectangle


def _filtered(path: Path, name: str, streams: list[bytes], content: bytes) -> Path:
    """A page with the streams, of one filter, as images /I0, /I1, ..."""
    dictionary = pdfs.image_dictionary(PHOTO, "DeviceRGB")
    numbers = range(len(streams))
    resources = "/XObject<<" + "".join(f"/I{number} {{i{number}}}" for number in numbers) + ">>"
    objects = {f"i{number}": (dictionary, b"") for number in numbers}
    document = pymupdf.open(pdfs.raw_page(path.with_suffix(".raw"), content, objects, resources))
    for stream, xref in zip(streams, sorted(image[0] for image in document[0].get_images()), strict=True):
        document.update_stream(xref, stream, compress=False)
        document.xref_set_key(xref, "Filter", name)
    return pdfs.save(document, path)


@pytest.mark.parametrize("clip", [b"", AS_REGION], ids=["alone", "region"])
@pytest.mark.parametrize(("form", "name"), [("JPEG", "/DCTDecode"), ("JPEG2000", "/JPXDecode")])
def test_a_compressed_image_whose_data_breaks_off_is_said(tmp_path: Path, form: str, name: str, clip: bytes) -> None:
    data = pdfs.encoded(PHOTO, form)
    content = b"q " + clip + b"240 0 0 200 60 562 cm /I0 Do Q q 240 0 0 200 60 62 cm /I1 Do Q"
    whole = _filtered(tmp_path / "whole.pdf", name, [data, data], content)
    assert extract_document(whole, tmp_path / "out").status == "ok"
    broken = _filtered(tmp_path / "a.pdf", name, [data[: len(data) // 2], data], content)
    extraction = extract_document(broken, tmp_path / "out")
    assert (extraction.status, extraction.images[-1].used) == ("partial", True)
    assert extraction.detail.startswith("damaged: page 1: ")


@pytest.mark.parametrize(("form", "name"), [("JPEG", "/DCTDecode"), ("JPEG2000", "/JPXDecode")])
def test_a_broken_image_that_touches_another_is_said(tmp_path: Path, form: str, name: str) -> None:
    """Images that touch are decoded before they are read, and MuPDF reports an image that it has decoded only once."""
    data = pdfs.encoded(PHOTO, form)
    content = b"q 240 0 0 200 60 562 cm /I0 Do Q q 240 0 0 200 60 362 cm /I1 Do Q"
    pdf = _filtered(tmp_path / "a.pdf", name, [data[: len(data) // 2], data], content)
    extraction = extract_document(pdf, tmp_path / "out")
    assert extraction.status == "partial"
    assert extraction.images[-1].used


def test_sloppy_content_around_a_region_is_ok(tmp_path: Path) -> None:
    content = b"/X gs foo q " + AS_REGION + b"240 0 0 200 60 562 cm /I0 Do Q Q Q"
    pdf = _filtered(tmp_path / "a.pdf", "/DCTDecode", [pdfs.encoded(PHOTO, "JPEG")], content)
    extraction = extract_document(pdf, tmp_path / "out")
    assert (extraction.status, [image.kind for image in extraction.images]) == ("ok", ["region"])


def test_sloppy_content_that_costs_no_image_is_ok(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    content = b"/X gs foo q 240 0 0 200 60 562 cm /I Do Q Q Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    assert extract_document(pdf, tmp_path / "out").status == "ok"
    content = b"q 240 0 0 200 60 562 cm /Lost Do /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    assert extract_document(pdf, tmp_path / "out").status == "partial"
