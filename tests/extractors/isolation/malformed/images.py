"""Images that lie about their size, refer to themselves or name what is not there; a good one follows.

The limit of pixels is that of fuzz.LIMITS, so that a size over the limit is none that would cost a library anything.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from extractors import Status
from tests.extractors import pdfs
from tests.extractors.isolation.malformed.document import LOST, READ, Malformed, collect
from tests.extractors.rawpdf import EXTRA, PHOTO, packed, stream, two_pages, write

CASES: list[Malformed] = []
PLACE = b"q 240 0 0 180 60 562 cm /I Do Q"
I = f"/XObject<</I {EXTRA} 0 R>>"  # noqa: E741 (the name in the file)
IMAGE = "/Type/XObject/Subtype/Image"
OVER = 1200  # px: a square over the limit of pixels


def _large_jpeg() -> bytes:
    """A JPEG whose frame header says OVER x OVER."""
    data = bytearray(pdfs.encoded(PHOTO, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", OVER, OVER)
    return bytes(data)


def _large_jpx() -> bytes:
    """A JPEG 2000 whose size marker says OVER x OVER, one tile."""
    data = bytearray(pdfs.encoded(PHOTO, "JPEG2000"))
    at = data.index(b"\xff\x51") + 6
    data[at : at + 8] = struct.pack(">II", OVER, OVER)
    data[at + 16 : at + 24] = struct.pack(">II", OVER, OVER)
    return bytes(data)


def _large_jbig2() -> bytes:
    """A page of OVER x OVER and a generic region of the same size with ten bytes of data."""
    page = struct.pack(">IBBI", 0, 0x30, 1, 19) + struct.pack(">IIIIBH", OVER, OVER, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", OVER, OVER, 0, 0, 0, 0) + bytes(8) + b"\x00" * 10
    return page + struct.pack(">IBBI", 1, 38, 1, len(region)) + region


def _image(width: object, height: object, space: str, more: str = "", bits: object = 8) -> str:
    return f"{IMAGE}/Width {width}/Height {height}/ColorSpace{space}/BitsPerComponent {bits}{more}"


def _add(name: str, image: bytes, *extra: bytes, ends: tuple[Status, ...] = LOST, content: bytes = PLACE) -> None:
    def build(path: Path) -> None:
        write(path, two_pages(content, I, [image, *extra]))

    CASES.append(Malformed(name, build, ends, 1))


_add("flate_over_the_limit", packed(_image(OVER, OVER, "/DeviceRGB"), b"few"))
_add("dct_over_the_limit", stream(_image(OVER, OVER, "/DeviceRGB", "/Filter/DCTDecode"), pdfs.encoded(PHOTO, "JPEG")))
_add("jpx_over_the_limit", stream(_image(OVER, OVER, "/DeviceRGB", "/Filter/JPXDecode"), _large_jpx()))
_add("jbig2_over_the_limit", stream(_image(OVER, OVER, "/DeviceGray", "/Filter/JBIG2Decode", 1), _large_jbig2()))
_add(
    "ccitt_over_the_limit",
    stream(
        _image(OVER, OVER, "/DeviceGray", f"/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {OVER}>>", 1), b"\x00\x10"
    ),
)
_add("indexed_over_the_limit", packed(_image(OVER, OVER, "[/Indexed/DeviceRGB 1(aaabbb)]", bits=1), b"few"))
_add(
    "soft_mask_over_the_limit",
    packed(_image(120, 90, "/DeviceRGB", "/SMask 9 0 R"), PHOTO.tobytes()),
    packed(_image(OVER, OVER, "/DeviceGray"), b"few"),
)
_add("stencil_over_the_limit", packed(f"{IMAGE}/ImageMask true/Width {OVER}/Height {OVER}/BitsPerComponent 1", b"few"))
_add(
    "inline_over_the_limit",
    b"null",
    content=b"q 240 0 0 180 60 562 cm BI /W 1200 /H 1200 /CS /RGB /BPC 8 ID few EI Q",
)
_add("width_beyond_integers", packed(_image(2**40, 2**40, "/DeviceRGB"), b"few"))
_add("size_negative", packed(_image(-120, 90, "/DeviceRGB"), PHOTO.tobytes()))
_add("size_zero", packed(_image(0, 0, "/DeviceRGB"), b""), ends=READ)
_add("size_missing", packed(f"{IMAGE}/ColorSpace/DeviceRGB/BitsPerComponent 8", PHOTO.tobytes()))
_add("size_is_no_number", packed(_image("/Wide", "(90)", "/DeviceRGB"), PHOTO.tobytes()))
_add("size_in_a_missing_object", packed(_image("9999 0 R", "9998 0 R", "/DeviceRGB"), PHOTO.tobytes()))
_add("size_in_itself", packed(_image("8 0 R", "8 0 R", "/DeviceRGB"), PHOTO.tobytes()))
_add("bits_33", packed(_image(120, 90, "/DeviceRGB", bits=33), PHOTO.tobytes()), ends=READ)
_add("bits_negative", packed(_image(120, 90, "/DeviceRGB", bits=-8), PHOTO.tobytes()), ends=READ)
_add(
    "jpeg_over_the_limit_said_small",
    stream(_image(120, 90, "/DeviceRGB", "/Filter/DCTDecode"), _large_jpeg()),
    ends=READ,
)
_add("jpx_over_the_limit_said_small", stream(_image(120, 90, "/DeviceRGB", "/Filter/JPXDecode"), _large_jpx()))
_add(
    "jbig2_over_the_limit_said_small", stream(_image(120, 90, "/DeviceGray", "/Filter/JBIG2Decode", 1), _large_jbig2())
)
_add(
    "fax_columns_huge",
    stream(_image(120, 90, "/DeviceGray", "/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns 2147483647>>", 1), b"\0"),
)
_add(
    "predictor_huge",
    packed(
        _image(120, 90, "/DeviceRGB", "/DecodeParms<</Predictor 15/Columns 2147483647/Colors 32>>"), PHOTO.tobytes()
    ),
)
_add(
    "jbig2_globals_are_itself",
    stream(_image(9, 9, "/DeviceGray", "/Filter/JBIG2Decode/DecodeParms<</JBIG2Globals 8 0 R>>", 1), b"x"),
    ends=READ,
)
_add("mask_is_itself", packed(_image(120, 90, "/DeviceRGB", "/SMask 8 0 R"), PHOTO.tobytes()), ends=READ)
_add(
    "masks_in_a_circle",
    packed(_image(120, 90, "/DeviceRGB", "/SMask 9 0 R"), PHOTO.tobytes()),
    packed(_image(120, 90, "/DeviceGray", "/SMask 8 0 R"), PHOTO[..., 0].tobytes()),
    ends=READ,
)
_add("space_is_itself", packed(_image(120, 90, " 9 0 R"), PHOTO.tobytes()), b"[/Indexed 9 0 R 255 8 0 R]")
_add(
    "space_nested_in_a_circle",
    packed(_image(120, 90, " 9 0 R"), PHOTO.tobytes()),
    b"[/ICCBased 10 0 R]",
    stream("/N 3/Alternate 9 0 R", b"no profile"),
    ends=READ,
)
_add("palette_huge", packed(_image(120, 90, "[/Indexed/DeviceRGB 2147483647(a)]"), PHOTO.tobytes()), ends=READ)
_add(
    "separation_of_itself",
    packed(_image(120, 90, " 9 0 R"), PHOTO.tobytes()),
    b"[/Separation/X 9 0 R<</FunctionType 2/N 1/Domain[0 1]>>]",
)
_add(
    "devicen_of_3000_inks",
    packed(_image(12, 9, " 9 0 R"), PHOTO.tobytes()),
    b"[/DeviceN[" + b"/a " * 3000 + b"]/DeviceRGB<</FunctionType 2/N 1/Domain[0 1]>>]",
)
_add(
    "function_stitched_of_itself",
    packed(_image(120, 90, "[/Separation/X/DeviceRGB 9 0 R]"), PHOTO.tobytes()),
    b"<</FunctionType 3/Domain[0 1]/Functions[9 0 R 9 0 R]/Bounds[0.5]/Encode[0 1 0 1]>>",
)
_add(
    "function_sampled_huge",
    packed(_image(120, 90, "[/Separation/X/DeviceRGB 9 0 R]"), PHOTO.tobytes()),
    stream("/FunctionType 0/Domain[0 1]/Range[0 1 0 1 0 1]/Size[2000000000]/BitsPerSample 32", b"few"),
)
_add("filter_unknown", stream(_image(120, 90, "/DeviceRGB", "/Filter/Nobody"), PHOTO.tobytes()), ends=READ)
_add(
    "decode_of_infinities",
    packed(_image(120, 90, "/DeviceRGB", f"/Decode[{'9' * 50} -{'9' * 50}]"), PHOTO.tobytes()),
    ends=READ,
)
_add("colour_key_mask_short", packed(_image(120, 90, "/DeviceRGB", "/Mask[0]"), PHOTO.tobytes()), ends=READ)


@collect(CASES, *READ)
def images_of_one_pixel_row(path: Path) -> None:
    row = np.ascontiguousarray(pdfs.photograph(1, 3, 60000)[:1])
    write(path, two_pages(PLACE, I, [packed(_image(60000, 1, "/DeviceRGB"), row.tobytes())]))
