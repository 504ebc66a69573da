"""What is odd in an image's data and costs no pixel is no damage; what costs pixels is."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from extractors import Extraction, Extractor
from tests.extractors import pdfs

PHOTO = pdfs.photograph(2)
HEIGHT, WIDTH = PHOTO.shape[:2]
RAW = PHOTO.tobytes()
ZIP = zlib.compress(RAW)
JPEG = pdfs.encoded(PHOTO, "jpeg", quality=95)
PROGRESSIVE = pdfs.encoded(PHOTO, "jpeg", quality=95, progressive=True)
GREY = PHOTO[..., 1]
RGB = "/ColorSpace/DeviceRGB/BitsPerComponent 8"
FLATE, DCT, JPX = (RGB + f"/Filter/{name}Decode" for name in ("Flate", "DCT", "JPX"))
LEFT = np.diff(PHOTO, axis=1, prepend=np.uint8(0)).tobytes()  # each sample less the one left of it, modulo 256
PREDICTOR = f"/DecodeParms<</Colors 3/Columns {WIDTH}/Predictor 2>>"
PLACE = b"q 240 0 0 200 60 562 cm /I Do Q"
CLIP = b"q 60 562 m 60 762 l 200 780 l 300 762 l 300 562 l h W n "


@pytest.fixture(scope="module")
def extractor() -> Iterator[Extractor]:
    with Extractor() as one:
        yield one


def _page(
    path: Path, data: bytes, coding: str, mask: tuple[bytes, str] | None = None, height: int = HEIGHT, clip: bytes = b""
) -> Path:
    """A page of one image; its soft mask is given as data and coding."""
    size = f"/Type/XObject/Subtype/Image/Width {WIDTH}/Height "
    objects = {"i": (f"{size}{height}{coding}" + ("/SMask {m}" if mask else ""), data)}
    if mask:
        objects["m"] = (f"{size}{HEIGHT}/ColorSpace/DeviceGray/BitsPerComponent 8{mask[1]}", mask[0])
    return pdfs.raw_page(path, clip + PLACE + (b" Q" if clip else b""), objects, "/XObject<</I {i}>>")


def _difference(extraction: Extraction, out: Path) -> float:
    """The mean difference of the only image from PHOTO, in grey levels, over their common rows."""
    (image,) = extraction.images
    assert image.used
    assert image.file is not None
    pixels = np.asarray(Image.fromarray(pdfs.read(out / image.file)).resize((WIDTH, HEIGHT)), np.float64)
    return float(np.abs(pixels - PHOTO).mean())


def _box(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data) + 8) + name + data


def _with_palette() -> tuple[bytes, str]:
    """JPEG 2000 whose own boxes hold a palette (ISO/IEC 15444-1, I.5.3.4), and the same palette as a colour space."""
    image = Image.fromarray(PHOTO).quantize(256)
    palette = bytes(image.getpalette() or b"").ljust(768, b"\0")
    coded = io.BytesIO()
    Image.fromarray(np.asarray(image)).save(coded, "JPEG2000", irreversible=False, no_jp2=True)
    head = _box(b"ihdr", struct.pack(">IIHBBBB", HEIGHT, WIDTH, 1, 7, 7, 0, 0))
    head += _box(b"colr", b"\1\2\1" + struct.pack(">I", 16)) + _box(
        b"pclr", struct.pack(">HB", 256, 3) + b"\7\7\7" + palette
    )
    head += _box(b"cmap", b"".join(struct.pack(">HBB", 0, 1, channel) for channel in range(3)))
    file = _box(b"jP  ", b"\r\n\x87\n") + _box(b"ftyp", b"jp2 \0\0\0\0jp2 ") + _box(b"jp2h", head)
    return file + _box(b"jp2c", coded.getvalue()), f"[/Indexed/DeviceRGB 255<{palette.hex()}>]"


PALETTE, INDEXED = _with_palette()
ODD = {
    "zlib without its checksum": (ZIP[:-4], FLATE),
    "zlib with another checksum": (ZIP[:-4] + b"abcd", FLATE),
    "zlib, a byte short": (zlib.compress(RAW[:-1]), FLATE),
    "zlib, a row short": (zlib.compress(RAW[: -WIDTH * 3]), FLATE),
    "zlib, rows too many": (zlib.compress(RAW + bytes(WIDTH * 9)), FLATE),
    "zlib after an empty line": (b"\r\n" + ZIP, FLATE),
    "zlib after an empty line, with a predictor": (b"\r\n" + zlib.compress(LEFT), FLATE + PREDICTOR),
    "JPEG without its end": (JPEG[:-2], DCT),
    "JPEG with more after its end": (JPEG + b"\r\n" + bytes(40), DCT),
    "progressive JPEG without its end": (PROGRESSIVE[:-2], DCT),
    "base 85 without its end": (base64.a85encode(RAW), RGB + "/Filter/ASCII85Decode"),
    "JPEG 2000 with a palette": (PALETTE, "/Filter/JPXDecode"),
    "JPEG 2000 with a palette, and an index": (PALETTE, f"/ColorSpace{INDEXED}/BitsPerComponent 8/Filter/JPXDecode"),
    "JPEG 2000 with a palette, and RGB": (PALETTE, JPX),
}


@pytest.mark.parametrize("name", ODD)
@pytest.mark.parametrize("clip", [b"", CLIP], ids=["alone", "region"])
def test_what_costs_no_pixel_is_no_damage(name: str, clip: bytes, extractor: Extractor, tmp_path: Path) -> None:
    extraction = extractor.extract(_page(tmp_path / "a.pdf", *ODD[name], clip=clip), tmp_path / "out")
    assert (extraction.status, extraction.detail) == ("ok", "")
    assert _difference(extraction, tmp_path / "out") < 8  # a palette of 256 colours, the last row


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_a_jpeg_that_ends_in_grey_is_damaged_only_where_it_is_cut(
    mode: str, progressive: bool, extractor: Extractor, tmp_path: Path
) -> None:
    """The grey is the one that libjpeg fills up with."""
    pixels = PHOTO.copy()
    pixels[HEIGHT * 3 // 4 :] = 128
    data, space = io.BytesIO(), {"L": "DeviceGray", "RGB": "DeviceRGB", "CMYK": "DeviceCMYK"}[mode]
    Image.fromarray(pixels).convert(mode).save(data, "jpeg", quality=95, progressive=progressive)
    whole, coding = data.getvalue(), f"/ColorSpace/{space}/BitsPerComponent 8/Filter/DCTDecode"
    for name, part, status in (("whole", whole[:-2], "ok"), ("cut", whole[: len(whole) * 2 // 3], "partial")):
        extraction = extractor.extract(_page(tmp_path / f"{name}.pdf", part, coding), tmp_path / "out")
        assert extraction.status == status


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize(("form", "coding"), [("jpeg2000", "/Filter/JPXDecode"), ("jpeg", "/Filter/DCTDecode")])
def test_a_coded_soft_mask_is_no_damage(
    form: str, coding: str, mode: str, extractor: Extractor, tmp_path: Path
) -> None:
    mask = io.BytesIO()
    Image.new(mode, (WIDTH, HEIGHT), "white").save(mask, form)
    extraction = extractor.extract(_page(tmp_path / "a.pdf", JPEG, DCT, (mask.getvalue(), coding)), tmp_path / "out")
    assert (extraction.status, extraction.detail) == ("ok", "")
    assert _difference(extraction, tmp_path / "out") < 4


def test_a_jpeg_of_fewer_rows_than_announced_is_no_damage(extractor: Extractor, tmp_path: Path) -> None:
    extraction = extractor.extract(_page(tmp_path / "a.pdf", JPEG, DCT, height=HEIGHT + 1), tmp_path / "out")
    assert extraction.status == "ok"


CUT = {
    "zlib": (ZIP[: len(ZIP) * 9 // 10], FLATE),
    "samples": (RAW[: len(RAW) * 9 // 10], RGB),
    "JPEG": (JPEG[: len(JPEG) * 9 // 10], DCT),
    "progressive JPEG": (PROGRESSIVE[: len(PROGRESSIVE) // 4], DCT),
    "JPEG 2000": (pdfs.encoded(PHOTO, "jpeg2000")[:-9000], JPX),
}


@pytest.mark.parametrize("name", CUT)
@pytest.mark.parametrize("clip", [b"", CLIP], ids=["alone", "region"])
def test_an_image_that_breaks_off_is_damage(name: str, clip: bytes, extractor: Extractor, tmp_path: Path) -> None:
    extraction = extractor.extract(_page(tmp_path / "a.pdf", *CUT[name], clip=clip), tmp_path / "out")
    assert extraction.status in ("partial", "damaged")
    assert "damaged: page 1: " in extraction.detail


@pytest.mark.parametrize("form", ["/Luminosity", "/Alpha"])
def test_an_image_that_breaks_off_in_a_mask_is_damage(form: str, extractor: Extractor, tmp_path: Path) -> None:
    group = "/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Group<</S/Transparency/CS/DeviceGray>>"
    objects = {
        "i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), RAW),
        "j": (pdfs.image_dictionary(GREY, "DeviceGray"), GREY.tobytes()[: GREY.size // 2]),
        "g": (group + "/Resources<</XObject<</I {j}>>>>", PLACE),
    }
    resources = f"/XObject<</I {{i}}>>/ExtGState<</G<</SMask<</S{form}/G {{g}}>>>>>>"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", b"/G gs " + PLACE, objects, resources)
    assert extractor.extract(pdf, tmp_path / "out").status == "partial"


def test_a_broken_image_leaves_one_that_is_read_in_another_way(extractor: Extractor, tmp_path: Path) -> None:
    size = f"/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}"
    objects = {"b": (size + JPX, b"no image"), "i": (size + FLATE, b"\n" + ZIP), "c": (size + JPX, b"no image")}
    content = PLACE + b" q 240 0 0 200 60 300 cm /B Do /C Do Q"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, objects, "/XObject<</B {b}/I {i}/C {c}>>")
    extraction = extractor.extract(pdf, tmp_path / "out")
    assert extraction.status == "partial"
    assert _difference(extraction, tmp_path / "out") == 0
