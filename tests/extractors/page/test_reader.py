"""The pixels and places of images are those that were put in; test_traps.py compares with another reader."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pymupdf
import pytest

from extractors import Extraction, Limits, Placement, extract_document
from extractors.page import paint
from extractors.page.painted import PaintedImage
from extractors.page.reader import PageReader, Shared
from tests.extractors import pdfs

PHOTO = pdfs.photograph(2)  # 200 x 240
HEIGHT, WIDTH = PHOTO.shape[:2]
PLACE = b"q 240 0 0 200 60 562 cm /I Do Q"  # at (60, 80) from the top, one point a pixel
BOX = (60.0, 80.0, 300.0, 280.0)


def _only(extraction: Extraction) -> Placement:
    assert extraction.status == "ok", extraction.detail
    (image,) = extraction.images
    return image


def _written(image: Placement, out: Path) -> pdfs.Pixels:
    assert image.file is not None
    pixels = pdfs.read(out / image.file)
    assert pixels.shape == (image.height, image.width, 3)
    return pixels


def test_a_plain_image_is_written_pixel_for_pixel(tmp_path: Path) -> None:
    pdf = pdfs.with_images(tmp_path / "a.pdf", [((60, 80), PHOTO)])
    image = _only(extract_document(pdf, tmp_path))
    assert (image.page, image.kind, image.image_class, image.used) == (1, "embedded", "photo", True)
    assert image.bbox == pytest.approx(BOX, abs=0.1)
    assert (_written(image, tmp_path) == PHOTO).all()


def test_an_inline_image(tmp_path: Path) -> None:
    data = zlib.compress(PHOTO.tobytes()).hex().encode() + b">"
    head = f"BI /W {WIDTH} /H {HEIGHT} /CS /RGB /BPC 8 /F [/AHx /Fl] ID ".encode()
    content = b"q 240 0 0 200 60 562 cm " + head + data + b" EI Q"
    image = _only(extract_document(pdfs.raw_page(tmp_path / "a.pdf", content, {}), tmp_path))
    assert image.kind == "inline"
    assert image.bbox == pytest.approx(BOX, abs=0.1)
    assert (_written(image, tmp_path) == PHOTO).all()


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_rotated_page_is_read_as_it_is_shown(tmp_path: Path, turn: int) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    pdf = pdfs.raw_page(tmp_path / "a.pdf", PLACE, objects, "/XObject<</I {i}>>", rotate=turn)
    image = _only(extract_document(pdf, tmp_path))
    assert (_written(image, tmp_path) == np.rot90(PHOTO, -turn // 90)).all()


def test_an_image_turned_on_the_page(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    content = b"q 0 240 -200 0 300 400 cm /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    image = _only(extract_document(pdf, tmp_path))
    assert (_written(image, tmp_path) == np.rot90(PHOTO, 1)).all()


def test_an_image_partly_off_the_page_and_one_clipped(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    content = b"q 240 0 0 200 -60 562 cm /I Do Q q 100 300 150 120 re W n 240 0 0 200 60 250 cm /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    off, clipped = extract_document(pdf, tmp_path).images
    assert off.bbox == pytest.approx((0, 80, 180, 280), abs=0.1)
    assert (_written(off, tmp_path) == PHOTO[:, 60:]).all()
    assert clipped.bbox == pytest.approx((100, 422, 250, 542), abs=0.1)
    assert (_written(clipped, tmp_path) == PHOTO[30:150, 40:190]).all()


def test_an_image_that_is_painted_over_is_excluded_and_said(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    content = PLACE + b" 1 g 50 550 260 220 re f"
    image = _only(extract_document(pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>"), tmp_path))
    assert (image.image_class, image.used, image.reason) == ("hidden", False, "hidden: painted over")
    assert image.bbox == pytest.approx(BOX, abs=0.1)


def test_a_repeat_has_the_same_digest_and_two_placements(tmp_path: Path) -> None:
    other = pdfs.photograph(3)
    pages = [[((60.0, 80.0), PHOTO)], [((200.0, 400.0), PHOTO), ((60.0, 80.0), other)]]
    extraction = extract_document(pdfs.with_images(tmp_path / "a.pdf", *pages), tmp_path / "out")
    first, second, third = extraction.images
    assert (first.page, second.page, third.page) == (1, 2, 2)
    assert first.digest == second.digest != third.digest
    assert first.used
    assert second.used
    assert len(list((tmp_path / "out").iterdir())) == 2


def test_an_image_painted_again_is_read_once_and_one_painted_otherwise_is_not(tmp_path: Path) -> None:
    ways = {  # matrix: what is shown
        "120 0 0 100 {x} {y}": PHOTO,
        "-120 0 0 100 {right} {y}": PHOTO[:, ::-1],
        "120 0 0 -100 {x} {top}": PHOTO[::-1],
        "0 120 -100 0 {turned} {y}": np.rot90(PHOTO, 1),
    }
    content = b""
    for row, matrix in enumerate(ways):
        for x in (40, 220, 400):
            y = 40 + 150 * row
            content += f"q {matrix.format(x=x, y=y, right=x + 120, top=y + 100, turned=x + 100)} cm /I Do Q ".encode()
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    with pymupdf.open(pdf) as document:
        shared = Shared(document)
        images = [
            found
            for found in PageReader(document[0], tmp_path, Limits(), shared).placements()
            if isinstance(found, Placement)
        ]
    assert len(shared.read) == 4
    assert len({image.bbox for image in images}) == 12
    for group, shown in zip(range(0, 12, 3), ways.values(), strict=True):
        for image in images[group : group + 3]:
            assert (_written(image, tmp_path) == shown).all()


def test_the_images_of_a_page_are_listed_once_for_all_its_regions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is translucent and lies on a colour, so that the page is rendered with it alone."""
    count, calls, place = 24, list[PaintedImage](), paint._place
    monkeypatch.setattr(paint, "_place", lambda image: calls.append(image) or place(image))
    objects, content = {}, b".8 g 0 0 595 842 re f /G gs "
    for number in range(count):
        pixels = pdfs.photograph(number, 40, 40)
        objects[f"i{number}"] = (pdfs.image_dictionary(pixels, "DeviceRGB"), pixels.tobytes())
        content += b"q 40 0 0 40 %d %d cm /I%d Do Q " % (40 + 90 * (number % 6), 60 + 90 * (number // 6), number)
    names = "".join(f"/I{number} {{i{number}}}" for number in range(count))
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, f"/XObject<<{names}>>/ExtGState<</G<</ca .5>>>>")
    with pymupdf.open(pdf) as document:
        found = list(PageReader(document[0], tmp_path, Limits(), Shared(document)).placements())
    assert len(found) == count
    assert 0 < len(calls) <= 4 * count


@pytest.mark.parametrize("down", [True, False])
def test_strips_become_one_image(tmp_path: Path, down: bool) -> None:
    photo = pdfs.photograph(4, 240, 240)
    images = []
    for start in range(0, 240, 60):
        piece = photo[start : start + 60] if down else photo[:, start : start + 60]
        images.append(((60.0, 80.0 + start) if down else (60.0 + start, 80.0), np.ascontiguousarray(piece)))
    image = _only(extract_document(pdfs.with_images(tmp_path / "a.pdf", images), tmp_path))
    assert image.bbox == pytest.approx((60, 80, 300, 320), abs=0.1)
    assert (_written(image, tmp_path) == photo).all()


def test_tiles_become_one_image_and_touching_photographs_do_not(tmp_path: Path) -> None:
    smooth = np.asarray(cv2.GaussianBlur(pdfs.photograph(5, 200, 200), (0, 0), 3), np.uint8)
    quarters = [
        ((60.0 + x, 80.0 + y), np.ascontiguousarray(smooth[y : y + 100, x : x + 100]))
        for y in (0, 100)
        for x in (0, 100)
    ]
    image = _only(extract_document(pdfs.with_images(tmp_path / "tiles.pdf", quarters), tmp_path))
    assert (_written(image, tmp_path) == smooth).all()
    touching = [((60.0, 80.0), PHOTO // 2), ((300.0, 80.0), 255 - PHOTO // 2)]
    extraction = extract_document(pdfs.with_images(tmp_path / "two.pdf", touching), tmp_path)
    assert len(extraction.images) == 2


def test_the_documents_images_are_looked_up_only_for_a_page_that_paints_one(tmp_path: Path) -> None:
    with pymupdf.open(pdfs.with_images(tmp_path / "a.pdf", [], [((60, 80), PHOTO)])) as document:
        document[0].insert_text((60, 80), "a page of text")
        shared = Shared(document)
        assert list(PageReader(document[0], tmp_path, Limits(), shared).placements()) == []
        assert "embedded_sizes" not in vars(shared)
        assert len(list(PageReader(document[1], tmp_path, Limits(), shared).placements())) == 1
        assert shared.embedded_sizes == {(WIDTH, HEIGHT)}


def test_json_is_the_designs_object(tmp_path: Path) -> None:
    found = extract_document(pdfs.with_images(tmp_path / "a.pdf", [((60, 80), PHOTO)]), tmp_path).to_json()
    assert list(found) == ["status", "detail", "pages", "images"]
    keys = {"file", "page", "bbox", "width", "height", "digest", "kind", "class", "used", "reason", "photo_probability"}
    assert set(found["images"][0]) == keys
    assert isinstance(found["images"][0]["bbox"], list)


def test_pymupdf_agrees_on_the_number_of_pages(tmp_path: Path) -> None:
    pdf = pdfs.with_images(tmp_path / "a.pdf", [], [((60, 80), PHOTO)], [])
    with pymupdf.open(pdf) as document:
        assert extract_document(pdf, tmp_path).pages == document.page_count == 3


def test_a_full_page_background_under_text_is_no_scan(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = document.new_page(width=595, height=842)
    page.insert_image(page.rect, stream=pdfs.png(pdfs.photograph(9, 842, 595)))
    for line in range(30):
        page.insert_text((50, 60 + 20 * line), "The sample was conditioned at 23 degrees.")
    extraction = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    assert [(image.image_class, image.used) for image in extraction.images] == [("background", False)]
