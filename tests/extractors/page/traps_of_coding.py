"""Traps in how an image is encoded: colour spaces, depths, masks of the image, filters."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageOps

from tests.extractors import pdfs
from tests.extractors.page.trap import HEIGHT, IMAGES, PHOTO, PLACE, SIZE, WIDTH, Page, Trap

Samples = npt.NDArray[np.uint8]

GREY = np.asarray(Image.fromarray(PHOTO).convert("L"))
DITHERED = Image.fromarray(PHOTO).convert("1")
CMYK = np.dstack([255 - PHOTO, 110 + GREY // 12])
INK: dict[str, Any] = {"off_by": 12.0, "alike": 0.97}  # two renderers, two ideas of what the four inks look like
ONE_BIT: dict[str, Any] = {"photo": False}

OVAL = np.zeros((HEIGHT, WIDTH), np.uint8)
cv2.ellipse(OVAL, (WIDTH // 2, HEIGHT // 2), (WIDTH // 2, HEIGHT // 2), 0, 0, 360, 255, -1)


def _coded(data: bytes, space: str = "/DeviceRGB", bits: int = 8, more: str = "", **how: Any) -> Trap:
    """A page with one image of these bytes; `how` are fields of Trap, further objects under `objects`."""
    coding = f"/ColorSpace {space}/BitsPerComponent {bits}" if space else ""
    objects = {"i": (SIZE + coding + more, data), **how.pop("objects", {})}
    return Trap((Page(PLACE),), objects, IMAGES, **how)


def _file(image: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _strip(image: Image.Image, compression: str) -> bytes:
    """The data of a TIFF's only strip, whose codings are those of PDF's filters."""
    data = _file(image, "tiff", compression=compression)
    tags = Image.open(io.BytesIO(data)).tag_v2  # type: ignore[attr-defined]
    (start,), (length,) = tags[273], tags[279]
    return data[start : start + length]


def _packed(samples: Samples, bits: int) -> bytes:
    """Samples [H, W] of few bits, each row filled up to whole bytes."""
    planes = (samples[..., None] >> np.arange(bits - 1, -1, -1, dtype=np.uint8)) & 1
    return np.packbits(planes.reshape(HEIGHT, -1), axis=1).tobytes()


def _masks() -> dict[str, Trap]:
    small = np.ascontiguousarray(cv2.resize(OVAL, (90, 80), interpolation=cv2.INTER_AREA))
    inside = (OVAL[..., None] / 255.0 * PHOTO + (1 - OVAL[..., None] / 255.0) * (10, 200, 30)).astype(np.uint8)
    soft = pdfs.image_dictionary(OVAL, "DeviceGray")
    keyed = PHOTO.copy()
    keyed[OVAL == 0] = (0, 0, 255)
    hole = "/Type/XObject/Subtype/Image/ImageMask true/BitsPerComponent 1" + f"/Width {WIDTH}/Height {HEIGHT}"
    white_outside = _packed(255 - OVAL >> 7, 1)
    cut_off = np.where(OVAL[..., None] > 0, PHOTO, 255).astype(np.uint8)
    cut_off[HEIGHT * 2 // 3 :] = 255  # missing samples are 0
    lost = {"mask": (soft + "/Filter/JPXDecode", b"no image")}

    def masked(data: bytes, how: str, mask: tuple[str, bytes], **more: Any) -> Trap:
        return _coded(data, more=how, objects={"mask": mask}, **more)

    photo = PHOTO.tobytes()
    return {
        "soft mask": masked(photo, "/SMask {mask}", (soft, OVAL.tobytes())),
        "soft mask of another size": masked(
            photo, "/SMask {mask}", (pdfs.image_dictionary(small, "DeviceGray"), small.tobytes()), off_by=3
        ),
        "soft mask with Matte": masked(
            inside.tobytes(), "/SMask {mask}", (soft + "/Matte[.0392 .7843 .1176]", OVAL.tobytes())
        ),
        "explicit mask": masked(photo, "/Mask {mask}", (hole, white_outside)),
        "colour-key mask": _coded(keyed.tobytes(), more="/Mask[0 0 0 0 255 255]"),
        "soft mask missing": _coded(photo, more="/SMask 999 0 R"),
        "soft mask corrupt": _coded(photo, more="/SMask {mask}", objects=lost, status="partial"),
        "soft mask breaks off": masked(
            photo, "/SMask {mask}", (soft, OVAL.tobytes()[: OVAL.size * 2 // 3]), status="partial", truth=(cut_off,)
        ),
    }


def _ycck() -> bytes:
    """CMYK as a JPEG whose first three components are YCbCr: a CMYK one whose headers are made to say so."""
    ycc = np.asarray(Image.fromarray(255 - PHOTO).convert("YCbCr"))
    uninverted = np.dstack([255 - ycc, CMYK[..., 3]])  # Pillow inverts all four
    file = bytearray(_file(Image.fromarray(uninverted, "CMYK"), "jpeg", quality=95, subsampling=0))
    file[file.index(b"Adobe") + 11] = 2  # the marker's transform
    for component in range(4):  # numbered, where Pillow's are called C, M, Y and K
        file[file.index(b"\xff\xc0") + 10 + 3 * component] = component + 1
        file[file.index(b"\xff\xda") + 5 + 2 * component] = component + 1
    return bytes(file)


def _inks() -> dict[str, Trap]:
    cmyk = Image.fromarray(CMYK, "CMYK")
    inverting = "/Decode[1 0 1 0 1 0 1 0]"
    adobe = _file(cmyk, "jpeg", quality=95)  # Pillow writes, as Photoshop does, an Adobe marker and inverted inks
    tint = "/FunctionType 2/Domain[0 1]/C0[1 1 1]/C1[.1 .3 .6]/N 1"
    program = b"{ 2 copy add 2 div 1 exch sub 3 1 roll 1 exch sub exch 1 exch sub }"
    two = np.ascontiguousarray(PHOTO[..., :2])
    four_to_rgb = "/FunctionType 4/Domain[0 1 0 1]/Range[0 1 0 1 0 1]"
    return {
        "CMYK": _coded(CMYK.tobytes(), "/DeviceCMYK", **INK),
        "CMYK inverted": _coded((255 - CMYK).tobytes(), "/DeviceCMYK", more=inverting, **INK),
        "CMYK JPEG, Adobe": _coded(adobe, "/DeviceCMYK", more="/Filter/DCTDecode" + inverting, **INK),
        "CMYK JPEG, Adobe, no Decode": _coded(adobe, "/DeviceCMYK", more="/Filter/DCTDecode", **INK),
        "YCCK JPEG": _coded(_ycck(), "/DeviceCMYK", more="/Filter/DCTDecode" + inverting, **INK),
        "Separation": _coded(
            (255 - GREY).tobytes(), "[/Separation/Spot/DeviceRGB {tint}]", objects={"tint": (tint, None)}
        ),
        "Separation Black": _coded(
            (255 - GREY).tobytes(),
            "[/Separation/Black/DeviceCMYK {tint}]",
            objects={"tint": ("/FunctionType 2/Domain[0 1]/C0[0 0 0 0]/C1[0 0 0 1]/N 1", None)},
            **INK,
        ),
        "DeviceN": _coded(
            two.tobytes(), "[/DeviceN[/Red/Green]/DeviceRGB {tint}]", objects={"tint": (four_to_rgb, program)}
        ),
    }


def _spaces() -> dict[str, Trap]:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo = PHOTO.tobytes()
    lab = np.asarray(cv2.cvtColor(PHOTO, cv2.COLOR_RGB2LAB), np.uint8)  # L * 2.55, a + 128, b + 128, as in PDF
    icc = "/N 3/Alternate/DeviceRGB"
    white = "/WhitePoint[.9505 1 1.089]"
    matrix = "/Matrix[.4124 .2126 .0193 .3576 .7152 .1192 .1805 .0722 .9505]"
    deep = PHOTO.astype(np.uint16) * 257
    return {
        "grey": _coded(GREY.tobytes(), "/DeviceGray"),
        "grey inverted": _coded((255 - GREY).tobytes(), "/DeviceGray", more="/Decode[1 0]"),
        "RGB inverted": _coded((255 - PHOTO).tobytes(), more="/Decode[1 0 1 0 1 0]"),
        "Decode that narrows": _coded(photo, more="/Decode[.2 .9 .2 .9 .2 .9]"),
        "ICC": _coded(photo, "[/ICCBased {icc}]", objects={"icc": (icc, profile)}, off_by=3),
        "ICC corrupt": _coded(photo, "[/ICCBased {icc}]", objects={"icc": (icc, b"no profile")}),
        "ICC of four inks, corrupt": _coded(
            CMYK.tobytes(), "[/ICCBased {icc}]", objects={"icc": ("/N 4/Alternate/DeviceCMYK", b"no profile")}, **INK
        ),
        "CalRGB": _coded(photo, f"[/CalRGB<<{white}/Gamma[2.2 2.2 2.2]{matrix}>>]", off_by=4),
        "CalGray": _coded(GREY.tobytes(), f"[/CalGray<<{white}/Gamma 2.2>>]", off_by=8),
        "Lab": _coded(lab.tobytes(), f"[/Lab<<{white}/Range[-128 127 -128 127]>>]", off_by=6, alike=0.95),
        "16 bits": _coded(deep.byteswap().tobytes(), bits=16),
        "4 bits of grey": _coded(_packed(GREY >> 4, 4), "/DeviceGray", 4),
        "2 bits of grey": _coded(_packed(GREY >> 6, 2), "/DeviceGray", 2, photo=False),
        "1 bit": _coded(_packed(np.asarray(DITHERED, np.uint8), 1), "/DeviceGray", 1, **ONE_BIT),
        **{f"Indexed, {bits} bits": _indexed(bits, "RGB") for bits in (1, 2, 4, 8)},
        "Indexed inverted": _indexed(4, "RGB", inverted=True),
        "Indexed CMYK": _indexed(8, "CMYK"),
    }


def _indexed(bits: int, base: str, inverted: bool = False) -> Trap:
    colours = 1 << bits
    image = Image.fromarray(PHOTO).quantize(colours, method=Image.Quantize.MEDIANCUT)
    palette = np.array(image.getpalette("RGB"), np.uint8).reshape(-1, 3)[:colours]
    if base == "CMYK":
        palette = np.hstack([255 - palette, np.zeros((len(palette), 1), np.uint8)])
    samples = np.asarray(image)
    table = palette.tobytes().hex()
    space = f"[/Indexed/Device{base} {len(palette) - 1}<{table}>]"
    more = f"/Decode[{colours - 1} 0]" if inverted else ""
    samples = colours - 1 - samples if inverted else samples
    how: dict[str, Any] = INK if base == "CMYK" else {}
    return _coded(_packed(samples, bits), space, bits, more, photo=bits > 4, **how)


def _jbig2(fax: bytes) -> bytes:
    """JBIG2 as PDF embeds it: page information, and one generic region, whose MMR coding is that of group 4."""

    def segment(number: int, kind: int, data: bytes) -> bytes:
        return struct.pack(">IBBBI", number, kind, 0, 1, len(data)) + data

    page = struct.pack(">IIIIBH", WIDTH, HEIGHT, 0, 0, 0, 0)
    region = struct.pack(">IIIIBB", WIDTH, HEIGHT, 0, 0, 0, 1) + fax
    return segment(0, 48, page) + segment(1, 38, region)


def _filters() -> dict[str, Trap]:
    image, grey, photo = Image.fromarray(PHOTO), Image.fromarray(GREY), PHOTO.tobytes()
    jpeg = _file(image, "jpeg", quality=95)
    inked = ImageOps.invert(DITHERED)  # in fax terms 1 is ink
    fax4, fax3 = _strip(inked, "group4"), _strip(inked, "group3")
    columns = f"/Columns {WIDTH}/Rows {HEIGHT}"
    chunks = io.BytesIO(_file(image, "png"))
    chunks.seek(8)
    rows = b""
    while head := chunks.read(8):
        length, kind = struct.unpack(">I4s", head)
        rows += chunks.read(length + 4)[:-4] if kind == b"IDAT" else chunks.read(length + 4)[:0]
    differences = np.diff(PHOTO.astype(np.int16), axis=1, prepend=0).astype(np.uint8).tobytes()
    predictor = f"/Filter/FlateDecode/DecodeParms<</Colors 3/Columns {WIDTH}/Predictor "
    cut_out = Image.fromarray(np.dstack([PHOTO, OVAL]))
    on_white = np.where(OVAL[..., None] > 0, PHOTO, 255).astype(np.uint8)  # poppler paints such a file as noise
    stencil = {"bits": 1, "photo": False, "space": "/DeviceGray"}
    return {
        "JPEG": _coded(jpeg, more="/Filter/DCTDecode"),
        "JPEG in Flate": _coded(zlib.compress(jpeg), more="/Filter[/FlateDecode/DCTDecode]"),
        "JPEG in ASCII85 in Flate": _coded(
            zlib.compress(base64.a85encode(jpeg) + b"~>"), more="/Filter[/FlateDecode/ASCII85Decode/DCTDecode]"
        ),
        "JPEG of grey": _coded(_file(grey, "jpeg", quality=95), "/DeviceGray", more="/Filter/DCTDecode"),
        "JPEG, progressive": _coded(_file(image, "jpeg", quality=95, progressive=True), more="/Filter/DCTDecode"),
        "JPEG 2000": _coded(_file(image, "jpeg2000"), "", more="/Filter/JPXDecode"),
        "JPEG 2000 with a colour space": _coded(_file(image, "jpeg2000"), more="/Filter/JPXDecode"),
        "JPEG 2000 of grey": _coded(_file(grey, "jpeg2000"), "", more="/Filter/JPXDecode"),
        "JPEG 2000 with its own mask": _coded(
            _file(cut_out, "jpeg2000"), "", more="/Filter/JPXDecode/SMaskInData 1", truth=(on_white,)
        ),
        "JPEG 2000 with an alpha that is not to be used": _coded(
            _file(cut_out, "jpeg2000"), "", more="/Filter/JPXDecode/SMaskInData 0", truth=(PHOTO,)
        ),
        "JPEG 2000 with an alpha that is not announced": _coded(
            _file(cut_out, "jpeg2000"), more="/Filter/JPXDecode", truth=(PHOTO,)
        ),
        "JPEG 2000, bare, with an alpha that is not announced": _coded(
            _file(cut_out, "jpeg2000", no_jp2=True), more="/Filter/JPXDecode", truth=(PHOTO,)
        ),
        "JPEG 2000 of grey with an alpha that is not announced": _coded(
            _file(Image.merge("LA", (grey, Image.fromarray(OVAL))), "jpeg2000"),
            "/DeviceGray",
            more="/Filter/JPXDecode",
            truth=(np.dstack([GREY] * 3),),
        ),
        "JPEG that is said to be grey": _coded(jpeg, "/DeviceGray", more="/Filter/DCTDecode", truth=(PHOTO,)),
        "JBIG2": _coded(_jbig2(fax4), more="/Filter/JBIG2Decode", **stencil),
        "CCITT group 4": _coded(fax4, more=f"/Filter/CCITTFaxDecode/DecodeParms<</K -1{columns}>>", **stencil),
        "CCITT group 3": _coded(fax3, more=f"/Filter/CCITTFaxDecode/DecodeParms<</K 0{columns}>>", **stencil),
        "LZW": _coded(_strip(grey, "tiff_lzw"), "/DeviceGray", more="/Filter/LZWDecode"),
        "RunLength": _coded(_strip(grey, "packbits") + b"\x80", "/DeviceGray", more="/Filter/RunLengthDecode"),
        "ASCII85": _coded(base64.a85encode(photo) + b"~>", more="/Filter/ASCII85Decode"),
        "ASCIIHex": _coded(photo.hex().encode() + b">", more="/Filter/ASCIIHexDecode"),
        "PNG predictor": _coded(rows, more=predictor + "15>>"),
        "TIFF predictor": _coded(zlib.compress(differences), more=predictor + "2>>"),
    }


def _stencils() -> dict[str, Trap]:
    more = f"{SIZE}/ImageMask true/BitsPerComponent 1"
    bits = _packed(np.asarray(DITHERED, np.uint8), 1)
    paint = b".1 .3 .6 rg " + PLACE
    inline = b"q .6 .1 .1 rg 120 0 0 100 60 120 cm BI /W %d /H %d /IM true /D [1 0] ID " % (WIDTH, HEIGHT)
    return {
        "stencil": Trap((Page(paint),), {"i": (more, bits)}, **ONE_BIT),
        "stencil inverted": Trap((Page(paint),), {"i": (more + "/Decode[1 0]", bits)}, **ONE_BIT),
        "stencil inline": Trap((Page(inline + bits + b" EI Q"),), {}, "", **ONE_BIT),
    }


def _inline() -> dict[str, Trap]:
    head = b"q 120 0 0 100 60 120 cm BI /W %d /H %d /BPC 8 " % (WIDTH, HEIGHT)
    photo = PHOTO.tobytes()
    image = Image.fromarray(PHOTO).quantize(256)
    table = bytes(image.getpalette("RGB") or b"").hex().encode()
    flate = zlib.compress(photo).hex().encode() + b">"
    samples = zlib.compress(np.asarray(image).tobytes())

    def page(data: bytes) -> Trap:
        return Trap((Page(head + data + b" EI Q"),), {}, "")

    return {
        "inline": page(b"/CS /RGB /F [/AHx /Fl] ID " + flate),
        "inline JPEG": page(b"/CS /RGB /F /DCT ID " + _file(Image.fromarray(PHOTO), "jpeg", quality=95)),
        "inline Indexed": page(b"/CS [/I /RGB 255 <" + table + b">] /F /Fl ID " + samples),
        "inline grey in ASCII85": page(b"/CS /G /F /A85 ID " + base64.a85encode(GREY.tobytes()) + b"~>"),
    }


CODINGS = {**_masks(), **_inks(), **_spaces(), **_filters(), **_stencils(), **_inline()}
