"""What goes over a limit is not read and said so; it is no damage, and the rest of the document is read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pymupdf
import pytest

from extractors import Limits, extract_document
from tests.extractors import pdfs

PHOTO = pdfs.photograph(2)
HEIGHT, WIDTH = PHOTO.shape[:2]
SIZE = f"/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}/BitsPerComponent 1"
BITS = np.packbits(PHOTO[..., 1] > np.random.default_rng(1).integers(60, 180, (HEIGHT, WIDTH)), axis=1).tobytes()
PLACE = b"q 240 0 0 200 60 562 cm /I Do Q"


def _page(path: Path, dictionary: str, data: bytes, place: bytes = PLACE) -> Path:
    return pdfs.raw_page(path, place, {"i": (dictionary, data)}, "/XObject<</I {i}>>")


def test_an_image_over_the_limit_is_too_large(tmp_path: Path) -> None:
    small = pdfs.photograph(3, 100, 120)
    limits = Limits(image_pixels=20_000)
    alone = pdfs.with_images(tmp_path / "alone.pdf", [((60, 80), PHOTO)])
    extraction = extract_document(alone, tmp_path, limits=limits)
    assert (extraction.status, extraction.images) == ("too_large", ())
    assert extraction.detail == "too_large: page 1: an image is 240x200 px; at most 20000 pixels are read"
    both = pdfs.with_images(tmp_path / "both.pdf", [((60, 80), PHOTO), ((60, 400), small)])
    extraction = extract_document(both, tmp_path, limits=limits)
    assert (extraction.status, [image.used for image in extraction.images]) == ("partial", [True])
    assert extraction.detail.startswith("too_large: page 1: ")


def test_a_soft_mask_over_the_limit_is_too_large(tmp_path: Path) -> None:
    mask = np.full((400, 480), 255, np.uint8)
    objects = {
        "m": (pdfs.image_dictionary(mask, "DeviceGray"), mask.tobytes()),
        "i": (pdfs.image_dictionary(PHOTO, "DeviceRGB", "/SMask {m}"), PHOTO.tobytes()),
    }
    pdf = pdfs.raw_page(tmp_path / "a.pdf", PLACE, objects, "/XObject<</I {i}>>")
    extraction = extract_document(pdf, tmp_path, limits=Limits(image_pixels=100_000))
    assert (extraction.status, extraction.images) == ("too_large", ())


def test_a_page_of_too_many_images_is_too_large(tmp_path: Path) -> None:
    places: list[tuple[float, float]] = [(60, 80), (60, 300), (320, 80), (320, 300)]
    photos = [(place, pdfs.photograph(seed)) for seed, place in enumerate(places)]
    pdf = pdfs.with_images(tmp_path / "a.pdf", photos, [((60, 80), PHOTO)])
    extraction = extract_document(pdf, tmp_path, limits=Limits(images_per_page=3))
    assert extraction.status == "partial"
    assert extraction.detail == "too_large: page 1: more than 3 images are painted on it; the page is not read"
    assert [(image.page, image.used) for image in extraction.images] == [(2, True)]
    assert extract_document(pdf, tmp_path, limits=Limits(images_per_page=4)).status == "ok"
    document = pymupdf.open(pdf)
    document.delete_page(1)
    alone = pdfs.save(document, tmp_path / "alone.pdf")
    assert extract_document(alone, tmp_path, limits=Limits(images_per_page=3)).status == "too_large"


@pytest.mark.parametrize("kind", ["/ColorSpace/DeviceGray", "/ImageMask true"])
def test_an_image_of_one_bit_a_pixel_has_a_limit_of_its_own(tmp_path: Path, kind: str) -> None:
    pdf = _page(tmp_path / "a.pdf", SIZE + kind, BITS)
    extraction = extract_document(pdf, tmp_path, limits=Limits(image_pixels=20_000))
    assert (extraction.status, len(extraction.images)) == ("ok", 1)
    extraction = extract_document(pdf, tmp_path, limits=Limits(image_pixels=20_000, bilevel_pixels=40_000))
    assert (extraction.status, extraction.images) == ("too_large", ())


def test_an_index_of_one_bit_a_pixel_is_an_image_like_others(tmp_path: Path) -> None:
    """MuPDF does not reduce it while it decodes it."""
    pdf = _page(tmp_path / "a.pdf", SIZE + "/ColorSpace[/Indexed/DeviceRGB 1<000000ffffff>]", BITS)
    assert extract_document(pdf, tmp_path, limits=Limits(image_pixels=20_000)).status == "too_large"


def test_a_plan_of_600_megapixels_is_read_in_the_memory_of_other_pages(tmp_path: Path) -> None:
    """Fax coding, group 4 (ITU-T T.6): a first row of white and black runs of 2,560 px, then rows like it."""
    runs, height = 8, 30_000
    width = 2560 * runs
    run = {0: "000000011111" + "00110101", 1: "000000011111" + "0000110111"}  # 2,560 px, then none more: white, black
    first = ("001" + run[0] + run[1]) * (runs // 2)
    bits = first + "1" + ("1" * runs + "1") * (height - 1) + "000000000001" * 2
    data = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    dictionary = (
        f"/Type/XObject/Subtype/Image/Width {width}/Height {height}/ColorSpace/DeviceGray/BitsPerComponent 1"
        f"/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {width}/Rows {height}>>"
    )
    pdf = _page(tmp_path / "a.pdf", dictionary, data, b"q 400 0 0 600 60 60 cm /I Do Q")
    (image,) = (found := extract_document(pdf, tmp_path, limits=Limits(memory_bytes=1 << 30))).images
    assert (found.status, image.height) == ("ok", 2048)
    assert image.file is not None
    pixels = pdfs.read(tmp_path / image.file)
    columns = np.repeat([255, 0] * (runs // 2), image.width / runs + 1)[: image.width]
    assert np.abs(pixels[..., 0].mean(axis=0) - columns).mean() < 3
