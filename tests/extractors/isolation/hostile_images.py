"""Images that lie about their size, inflate without end or refer to themselves; a good one follows."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from extractors import Status
from tests.extractors import pdfs
from tests.extractors.isolation.hostile import COSTLY, LOST, READ, Hostile, collect
from tests.extractors.rawpdf import EXTRA, PHOTO, packed, stream, two_pages, write, zeros

CASES: list[Hostile] = []
PLACE = b"q 240 0 0 180 60 562 cm /I Do Q"
I = f"/XObject<</I {EXTRA} 0 R>>"  # noqa: E741 (the name in the file)
IMAGE = "/Type/XObject/Subtype/Image"
HUGE = 100_000


def _huge_jpeg() -> bytes:
    """A JPEG whose frame header says 65,500 x 65,500."""
    data = bytearray(pdfs.encoded(PHOTO, "JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", 65500, 65500)
    return bytes(data)


def _huge_jpx() -> bytes:
    """A JPEG 2000 whose size marker says 100,000 x 100,000, one tile."""
    data = bytearray(pdfs.encoded(PHOTO, "JPEG2000"))
    at = data.index(b"\xff\x51") + 6
    data[at : at + 8] = struct.pack(">II", HUGE, HUGE)
    data[at + 16 : at + 24] = struct.pack(">II", HUGE, HUGE)
    return bytes(data)


def _huge_jbig2() -> bytes:
    """A page of 100,000 x 100,000 and a generic region of the same size with ten bytes of data."""
    page = struct.pack(">IBBI", 0, 0x30, 1, 19) + struct.pack(">IIIIBH", HUGE, HUGE, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", HUGE, HUGE, 0, 0, 0, 0) + bytes(8) + b"\x00" * 10
    return page + struct.pack(">IBBI", 1, 38, 1, len(region)) + region


def _image(width: object, height: object, space: str, more: str = "", bits: object = 8) -> str:
    return f"{IMAGE}/Width {width}/Height {height}/ColorSpace{space}/BitsPerComponent {bits}{more}"


def _add(name: str, image: bytes, *extra: bytes, ends: tuple[Status, ...] = LOST, content: bytes = PLACE) -> None:
    def build(path: Path) -> None:
        write(path, two_pages(content, I, [image, *extra]))

    CASES.append(Hostile(name, build, ends, 1))


_add("flate_100000x100000", packed(_image(HUGE, HUGE, "/DeviceRGB"), b"few"))
_add("dct_100000x100000", stream(_image(HUGE, HUGE, "/DeviceRGB", "/Filter/DCTDecode"), pdfs.encoded(PHOTO, "JPEG")))
_add("jpx_100000x100000", stream(_image(HUGE, HUGE, "/DeviceRGB", "/Filter/JPXDecode"), _huge_jpx()))
_add("jbig2_100000x100000", stream(_image(HUGE, HUGE, "/DeviceGray", "/Filter/JBIG2Decode", 1), _huge_jbig2()))
_add(
    "ccitt_100000x100000",
    stream(
        _image(HUGE, HUGE, "/DeviceGray", f"/Filter/CCITTFaxDecode/DecodeParms<</K -1/Columns {HUGE}>>", 1), b"\x00\x10"
    ),
)
_add("indexed_100000x100000", packed(_image(HUGE, HUGE, "[/Indexed/DeviceRGB 1(aaabbb)]", bits=1), b"few"))
_add(
    "soft_mask_100000x100000",
    packed(_image(120, 90, "/DeviceRGB", "/SMask 9 0 R"), PHOTO.tobytes()),
    packed(_image(HUGE, HUGE, "/DeviceGray"), b"few"),
)
_add("stencil_100000x100000", packed(f"{IMAGE}/ImageMask true/Width {HUGE}/Height {HUGE}/BitsPerComponent 1", b"few"))
_add(
    "inline_100000x100000",
    b"null",
    content=b"q 240 0 0 180 60 562 cm BI /W 100000 /H 100000 /CS /RGB /BPC 8 ID few EI Q",
)
_add("width_beyond_integers", packed(_image(2**40, 2**40, "/DeviceRGB"), b"few"))
_add("size_whose_product_overflows", packed(_image(65536, 65537, "/DeviceRGB"), b"few"))
_add("size_negative", packed(_image(-120, 90, "/DeviceRGB"), PHOTO.tobytes()))
_add("size_zero", packed(_image(0, 0, "/DeviceRGB"), b""), ends=READ)
_add("size_missing", packed(f"{IMAGE}/ColorSpace/DeviceRGB/BitsPerComponent 8", PHOTO.tobytes()))
_add("size_is_no_number", packed(_image("/Wide", "(90)", "/DeviceRGB"), PHOTO.tobytes()))
_add("size_in_a_missing_object", packed(_image("9999 0 R", "9998 0 R", "/DeviceRGB"), PHOTO.tobytes()))
_add("size_in_itself", packed(_image("8 0 R", "8 0 R", "/DeviceRGB"), PHOTO.tobytes()))
_add("bits_33", packed(_image(120, 90, "/DeviceRGB", bits=33), PHOTO.tobytes()), ends=READ)
_add("bits_negative", packed(_image(120, 90, "/DeviceRGB", bits=-8), PHOTO.tobytes()), ends=READ)
_add("jpeg_65500x65500_said_small", stream(_image(120, 90, "/DeviceRGB", "/Filter/DCTDecode"), _huge_jpeg()), ends=READ)
_add("jpx_100000x100000_said_small", stream(_image(120, 90, "/DeviceRGB", "/Filter/JPXDecode"), _huge_jpx()))
_add("jbig2_100000x100000_said_small", stream(_image(120, 90, "/DeviceGray", "/Filter/JBIG2Decode", 1), _huge_jbig2()))
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
_add("filters_1000_deep", stream(_image(120, 90, "/DeviceRGB", "/Filter[" + "/FlateDecode" * 1000 + "]"), b"x"))
_add("filter_unknown", stream(_image(120, 90, "/DeviceRGB", "/Filter/Nobody"), PHOTO.tobytes()), ends=READ)
_add(
    "decode_of_infinities",
    packed(_image(120, 90, "/DeviceRGB", f"/Decode[{'9' * 50} -{'9' * 50}]"), PHOTO.tobytes()),
    ends=READ,
)
_add("colour_key_mask_short", packed(_image(120, 90, "/DeviceRGB", "/Mask[0]"), PHOTO.tobytes()), ends=READ)


@collect(CASES, *COSTLY)
def flate_bomb_said_small(path: Path) -> None:
    write(path, two_pages(PLACE, I, [stream(_image(120, 90, "/DeviceRGB", "/Filter/FlateDecode"), zeros(2000))]))


@collect(CASES, *COSTLY)
def flate_bomb_packed_twice(path: Path) -> None:
    once = zeros(2000)
    image = packed(_image(120, 90, "/DeviceRGB"), once).replace(
        b"/Filter/FlateDecode", b"/Filter[/FlateDecode/FlateDecode]"
    )
    write(path, two_pages(PLACE, I, [image]))


@collect(CASES, *COSTLY)
def lzw_and_runs_bomb(path: Path) -> None:
    """RunLength, packed: each two bytes give 128."""
    image = packed(_image(120, 90, "/DeviceRGB"), b"\x81\x00" * (8 << 20))
    write(path, two_pages(PLACE, I, [image.replace(b"/Filter/FlateDecode", b"/Filter[/FlateDecode/RunLengthDecode]")]))


@collect(CASES, *COSTLY, "damaged", photographs=0)
def profile_bomb(path: Path) -> None:
    profile = stream("/N 3/Filter/FlateDecode", zeros(2000))
    write(path, two_pages(PLACE, I, [packed(_image(120, 90, "[/ICCBased 9 0 R]"), PHOTO.tobytes()), profile]))


@collect(CASES, *COSTLY)
def as_large_as_allowed(path: Path) -> None:
    """10,900 x 11,000 px, 120 kB: under the limit of pixels, 360 MB when decoded."""
    write(path, two_pages(PLACE, I, [stream(_image(10900, 11000, "/DeviceRGB", "/Filter/FlateDecode"), zeros(344))]))


@collect(CASES, *COSTLY, "damaged", photographs=0)
def tiles_as_large_as_allowed(path: Path) -> None:
    """Thirty different images of the largest size allowed, beside each other."""
    content = b" ".join(b"q 20 0 0 20 %d 562 cm /I%d Do Q" % (20 * n, n) for n in range(30))
    names = "".join(f"/I{n} {EXTRA + n} 0 R" for n in range(30))
    image = stream(_image(10900, 11000, "/DeviceRGB", "/Filter/FlateDecode"), zeros(344))
    write(path, two_pages(content, f"/XObject<<{names}>>", [image] * 30))


@collect(CASES, *READ)
def images_of_one_pixel_row(path: Path) -> None:
    row = np.ascontiguousarray(pdfs.photograph(1, 3, 60000)[:1])
    write(path, two_pages(PLACE, I, [packed(_image(60000, 1, "/DeviceRGB"), row.tobytes())]))
