"""Pixels and places: what is written equals what was put in, and what poppler shows there."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import numpy as np
import pymupdf
import pytest

from extractors import Extraction, Limits, Placement, extract_document
from extractors.page import EmbeddedSizes, PageReader
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


def _shown(pdf: Path, image: Placement) -> pdfs.Pixels:
    """What poppler shows in the placement's box, at the placement's size."""
    x0, y0, x1, y1 = (round(value) for value in image.bbox)
    part = pdfs.poppler(pdf, image.page)[y0:y1, x0:x1]
    return np.asarray(cv2.resize(part, (image.width, image.height), interpolation=cv2.INTER_AREA), np.uint8)


def _difference(a: pdfs.Pixels, b: pdfs.Pixels) -> float:
    """Mean difference of grey levels, without the grain (the other reader may place it half a pixel off)."""
    smooth = [cv2.GaussianBlur(pixels, (0, 0), 1.5).astype(int) for pixels in (a, b)]
    return float(np.abs(smooth[0] - smooth[1]).mean())


def test_a_plain_picture_is_written_pixel_for_pixel(tmp_path: Path) -> None:
    pdf = pdfs.with_pictures(tmp_path / "a.pdf", [((60, 80), PHOTO)])
    image = _only(extract_document(pdf, tmp_path))
    assert (image.page, image.kind, image.image_class, image.used) == (1, "embedded", "photo", True)
    assert image.bbox == pytest.approx(BOX, abs=0.1)
    assert (_written(image, tmp_path) == PHOTO).all()
    assert _difference(_written(image, tmp_path), _shown(pdf, image)) < 2


def test_a_soft_mask_shows_white(tmp_path: Path) -> None:
    mask = np.zeros((HEIGHT * 2, WIDTH * 2), np.uint8)  # a mask of another size than its picture
    cv2.ellipse(mask, (WIDTH, HEIGHT), (WIDTH - 20, HEIGHT - 20), 0, 0, 360, 255, -1)
    objects = {
        "mask": (pdfs.image_dictionary(mask, "DeviceGray"), mask.tobytes()),
        "i": (pdfs.image_dictionary(PHOTO, "DeviceRGB", "/SMask {mask}"), PHOTO.tobytes()),
    }
    pdf = pdfs.raw_page(tmp_path / "a.pdf", PLACE, objects, "/XObject<</I {i}>>")
    image = _only(extract_document(pdf, tmp_path))
    pixels = _written(image, tmp_path)
    assert (pixels[:8, :8] == 255).all()
    assert (pixels[HEIGHT // 2, WIDTH // 2] == PHOTO[HEIGHT // 2, WIDTH // 2]).all()
    assert _difference(pixels, _shown(pdf, image)) < 3


def test_cmyk_comes_out_in_the_colours_of_the_page(tmp_path: Path) -> None:
    cmyk = np.dstack([255 - PHOTO, np.zeros(PHOTO.shape[:2], np.uint8)])
    objects = {"i": (pdfs.image_dictionary(cmyk, "DeviceCMYK"), cmyk.tobytes())}
    pdf = pdfs.raw_page(tmp_path / "a.pdf", PLACE, objects, "/XObject<</I {i}>>")
    image = _only(extract_document(pdf, tmp_path))
    pixels, shown = _written(image, tmp_path), _shown(pdf, image)
    assert _difference(pixels, shown) < 30  # two renderers, two CMYK profiles
    for channel in range(3):
        assert np.corrcoef(pixels[..., channel].ravel(), shown[..., channel].ravel())[0, 1] > 0.95


def test_an_inverting_decode_array(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB", "/Decode[1 0 1 0 1 0]"), (255 - PHOTO).tobytes())}
    pdf = pdfs.raw_page(tmp_path / "a.pdf", PLACE, objects, "/XObject<</I {i}>>")
    assert _difference(_written(_only(extract_document(pdf, tmp_path)), tmp_path), PHOTO) < 1


def test_an_inline_picture(tmp_path: Path) -> None:
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
    pixels = _written(image, tmp_path)
    assert (pixels == np.rot90(PHOTO, -turn // 90)).all()
    assert _difference(pixels, _shown(pdf, image)) < 2


def test_a_picture_turned_on_the_page(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    content = b"q 0 240 -200 0 300 400 cm /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    image = _only(extract_document(pdf, tmp_path))
    assert (_written(image, tmp_path) == np.rot90(PHOTO, 1)).all()


def test_a_picture_partly_off_the_page_and_one_clipped(tmp_path: Path) -> None:
    objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
    content = b"q 240 0 0 200 -60 562 cm /I Do Q q 100 300 150 120 re W n 240 0 0 200 60 250 cm /I Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</I {i}>>")
    off, clipped = extract_document(pdf, tmp_path).images
    assert off.bbox == pytest.approx((0, 80, 180, 280), abs=0.1)
    assert (_written(off, tmp_path) == PHOTO[:, 60:]).all()
    assert clipped.bbox == pytest.approx((100, 422, 250, 542), abs=0.1)
    assert (_written(clipped, tmp_path) == PHOTO[30:150, 40:190]).all()


@pytest.mark.parametrize(
    ("content", "resources"),
    [
        (b"/G gs " + PLACE, "/XObject<</I {i}>>/ExtGState<</G<</BM/Multiply>>>>"),
        (b"q 180 662 m 300 662 l 180 762 l 60 662 l 180 562 l h W n " + PLACE + b" Q", "/XObject<</I {i}>>"),
        (b"/Pattern cs /P scn 60 562 480 200 re f", "/Pattern<</P {pattern}>>"),
    ],
    ids=["blend", "curved clip", "pattern"],
)
def test_what_painting_alone_does_not_show_is_rendered(tmp_path: Path, content: bytes, resources: str) -> None:
    tile = "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 240 200]/XStep 240/YStep 200"
    objects = {
        "i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes()),
        "pattern": (
            tile + "/Matrix[1 0 0 1 60 562]/Resources<</XObject<</I {i}>>>>",
            b"q 240 0 0 200 0 0 cm /I Do Q",
        ),
    }
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, resources)
    image = _only(extract_document(pdf, tmp_path))
    assert image.kind == "region"
    assert image.bbox == pytest.approx((60, 80, 540, 280) if b"Pattern" in content else BOX, abs=1)
    assert _difference(_written(image, tmp_path), _shown(pdf, image)) < 4


def test_a_repeat_has_the_same_digest_and_two_placements(tmp_path: Path) -> None:
    other = pdfs.photograph(3)
    pages = [[((60.0, 80.0), PHOTO)], [((200.0, 400.0), PHOTO), ((60.0, 80.0), other)]]
    extraction = extract_document(pdfs.with_pictures(tmp_path / "a.pdf", *pages), tmp_path / "out")
    first, second, third = extraction.images
    assert (first.page, second.page, third.page) == (1, 2, 2)
    assert first.digest == second.digest != third.digest
    assert first.used
    assert second.used
    assert len(list((tmp_path / "out").iterdir())) == 2


@pytest.mark.parametrize("down", [True, False])
def test_strips_become_one_picture(tmp_path: Path, down: bool) -> None:
    photo = pdfs.photograph(4, 240, 240)
    pictures = []
    for start in range(0, 240, 60):
        piece = photo[start : start + 60] if down else photo[:, start : start + 60]
        pictures.append(((60.0, 80.0 + start) if down else (60.0 + start, 80.0), np.ascontiguousarray(piece)))
    image = _only(extract_document(pdfs.with_pictures(tmp_path / "a.pdf", pictures), tmp_path))
    assert image.bbox == pytest.approx((60, 80, 300, 320), abs=0.1)
    assert (_written(image, tmp_path) == photo).all()


def test_tiles_become_one_picture_and_touching_photographs_do_not(tmp_path: Path) -> None:
    smooth = np.asarray(cv2.GaussianBlur(pdfs.photograph(5, 200, 200), (0, 0), 3), np.uint8)
    quarters = [
        ((60.0 + x, 80.0 + y), np.ascontiguousarray(smooth[y : y + 100, x : x + 100]))
        for y in (0, 100)
        for x in (0, 100)
    ]
    image = _only(extract_document(pdfs.with_pictures(tmp_path / "tiles.pdf", quarters), tmp_path))
    assert (_written(image, tmp_path) == smooth).all()
    touching = [((60.0, 80.0), PHOTO // 2), ((300.0, 80.0), 255 - PHOTO // 2)]
    extraction = extract_document(pdfs.with_pictures(tmp_path / "two.pdf", touching), tmp_path)
    assert len(extraction.images) == 2


def test_the_documents_images_are_looked_up_only_for_a_page_that_paints_one(tmp_path: Path) -> None:
    with pymupdf.open(pdfs.with_pictures(tmp_path / "a.pdf", [], [((60, 80), PHOTO)])) as document:
        document[0].insert_text((60, 80), "a page of text")
        sizes = EmbeddedSizes(document)
        assert list(PageReader(document[0], tmp_path, Limits(), sizes).placements()) == []
        assert not set(vars(sizes)) - {"document"}
        assert len(list(PageReader(document[1], tmp_path, Limits(), sizes).placements())) == 1
        assert set(vars(sizes)) - {"document"}
        assert (WIDTH, HEIGHT) in sizes


def test_json_is_the_designs_object(tmp_path: Path) -> None:
    found = extract_document(pdfs.with_pictures(tmp_path / "a.pdf", [((60, 80), PHOTO)]), tmp_path).to_json()
    assert list(found) == ["status", "detail", "pages", "images"]
    keys = {"file", "page", "bbox", "width", "height", "digest", "kind", "class", "used", "reason"}
    assert set(found["images"][0]) == keys
    assert isinstance(found["images"][0]["bbox"], list)


def test_pymupdf_agrees_on_the_number_of_pages(tmp_path: Path) -> None:
    pdf = pdfs.with_pictures(tmp_path / "a.pdf", [], [((60, 80), PHOTO)], [])
    with pymupdf.open(pdf) as document:
        assert extract_document(pdf, tmp_path).pages == document.page_count == 3
