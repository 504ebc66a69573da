"""Images whose data say otherwise than their dictionaries are read by their data, wherever the page has them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from extractors import Extractor
from tests.extractors import pdfs

PHOTO = pdfs.photograph(2)
HEIGHT, WIDTH = PHOTO.shape[:2]
SIZE = f"/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}"
PLACE = b"q 240 0 0 200 60 562 cm /I Do Q"
Objects = Mapping[str, tuple[str, bytes | None]]


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as one:
        yield one


def _shown(extractor: Extractor, pdf: Path, out: Path) -> pdfs.Pixels:
    """The only image of a document."""
    extraction = extractor.extract(pdf, out)
    assert (extraction.status, extraction.detail) == ("ok", "")
    (image,) = extraction.images
    assert image.file is not None
    return pdfs.read(out / image.file)


def _file(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("said", ["DeviceRGB", "DeviceGray"])
@pytest.mark.parametrize("decode", ["", "/Decode[1 0 1 0 1 0 1 0]", "/Decode[0 1 0 1 0 1]"])
def test_a_jpeg_of_four_inks_is_read_as_such(said: str, decode: str, extractor: Extractor, tmp_path: Path) -> None:
    """Its Decode array counts where it has a pair for each ink."""
    inks = Image.fromarray(np.dstack([255 - PHOTO, np.full((HEIGHT, WIDTH), 40, np.uint8)]), "CMYK")
    data = _file(inks, "jpeg", quality=95)

    def shown(name: str, space: str, decode: str) -> pdfs.Pixels:
        dictionary = f"{SIZE}/BitsPerComponent 8/ColorSpace/{space}/Filter/DCTDecode{decode}"
        pdf = pdfs.raw_page(tmp_path / f"{name}.pdf", PLACE, {"i": (dictionary, data)}, "/XObject<</I {i}>>")
        return _shown(extractor, pdf, tmp_path / name)

    truth = shown("true", "DeviceCMYK", decode if decode.count("0") == 4 else "")
    assert (shown("said", said, decode) == truth).all()


@pytest.mark.parametrize("more", [(0, 2), (0, -2), (2, 0), (-2, 0), (WIDTH, HEIGHT)], ids=str)
def test_a_jpeg_has_the_size_of_its_data(more: tuple[int, int], extractor: Extractor, tmp_path: Path) -> None:
    """Rows that the dictionary alone has would be black, and other columns would shear the image."""
    data = _file(Image.fromarray(PHOTO), "jpeg", quality=95)

    def shown(name: str, across: int, down: int) -> pdfs.Pixels:
        size = f"/Type/XObject/Subtype/Image/Width {WIDTH + across}/Height {HEIGHT + down}"
        dictionary = f"{size}/BitsPerComponent 8/ColorSpace/DeviceRGB/Filter/DCTDecode"
        pdf = pdfs.raw_page(tmp_path / f"{name}.pdf", PLACE, {"i": (dictionary, data)}, "/XObject<</I {i}>>")
        return _shown(extractor, pdf, tmp_path / name)

    assert (shown("said", *more) == shown("true", 0, 0)).all()


OVAL = np.zeros((HEIGHT, WIDTH), np.uint8)
cv2.ellipse(OVAL, (WIDTH // 2, HEIGHT // 2), (WIDTH // 2, HEIGHT // 2), 0, 0, 360, 255, -1)
CUT_OUT = _file(Image.fromarray(np.dstack([PHOTO, OVAL])), "jpeg2000")  # lossless; its alpha is not announced
ODD = (f"{SIZE}/ColorSpace/DeviceRGB/BitsPerComponent 8/Filter/JPXDecode", CUT_OUT)
NAMED = "/Resources<</XObject<</I {i}>>>>"
FORM = f"/Type/XObject/Subtype/Form/BBox[0 0 595 842]{NAMED}"
PATTERN = f"/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 595 842]/XStep 900/YStep 900{NAMED}"
FONT = (
    "/Type/Font/Subtype/Type3/FontBBox[0 0 595 842]/FontMatrix[1 0 0 1 0 0]/CharProcs<</a {glyph}>>"
    f"/Encoding<</Type/Encoding/Differences[97/a]>>/FirstChar 97/LastChar 97/Widths[595]{NAMED}"
)
PLACES: dict[str, tuple[bytes, str, Objects, str]] = {  # content, resources, objects, entries of the page
    "page": (PLACE, "/XObject<</I {i}>>", {}, ""),
    "form": (b"/F Do", "/XObject<</F {form}>>", {"form": (FORM, PLACE)}, ""),
    "appearance": (
        b"",
        "",
        {"look": (FORM, PLACE), "note": ("/Type/Annot/Subtype/Stamp/F 4/Rect[0 0 595 842]/AP<</N {look}>>", None)},
        "/Annots[{note}]",
    ),
    "pattern": (
        b"/Pattern cs /P scn 60 562 240 200 re f",
        "/Pattern<</P {pattern}>>",
        {"pattern": (PATTERN, PLACE)},
        "",
    ),
    "glyph": (
        b"BT /F 1 Tf (a) Tj ET",
        "/Font<</F {font}>>",
        {"glyph": ("", b"595 0 d0 " + PLACE), "font": (FONT, None)},
        "",
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_an_alpha_channel_that_is_not_announced_is_not_used(place: str, extractor: Extractor, tmp_path: Path) -> None:
    content, resources, objects, entries = PLACES[place]
    pages = [(content, f"/MediaBox[0 0 595 842]{entries}")]
    pdf = pdfs.raw_document(tmp_path / "a.pdf", pages, {"i": ODD, **objects}, resources)
    shown = _shown(extractor, pdf, tmp_path / "out")
    assert shown.shape == PHOTO.shape
    assert np.abs(shown.astype(int) - PHOTO).mean() < 2
