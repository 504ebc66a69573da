"""Decodes image files: RGB, upright, in sRGB, transparency laid on white."""

from __future__ import annotations

import io
import re
import warnings
from pathlib import Path

from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from scott_core.errors import UnreadableImage
from scott_core.images.colour import flattened, opacity
from scott_core.images.frames import chosen_frame
from scott_core.images.jpeg_end import has_every_scan, mended, seems_cut
from scott_core.images.metadata import Parts, parted

MAX_PIXELS = 100_000_000  # 300 MB as RGB: a limit against decompression bombs
MAX_BYTES = 8 * MAX_PIXELS  # of a file: the largest image without compression, of four channels of 16 bits
MIN_SIDE = 8  # pixels
FORMATS = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")
_REFUSED = (  # formats that are known by their first bytes, and not read
    ("HEIC", rb".{4}ftyp(?:.{4}){0,8}?he[iv][cmsx1]"),
    ("JPEG XL", rb"\xff\x0a|\0\0\0\x0cJXL "),
    ("JPEG 2000", rb"\xff\x4f\xff\x51|\0\0\0\x0cjP  "),
    ("SVG", rb"[^<]*(?:<[?!][^>]*>\s*)*<svg"),
    ("HTML", rb"\s*<(?:!doctype )?html"),
)
_TURNS = {  # the value of EXIF's orientation, and what makes the image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_image(source: Path | str | bytes) -> Image.Image:
    """Decode a file or its bytes as RGB: upright (EXIF), its colour profile converted to sRGB, transparency on white.

    Of an animation the frame that frames.py chooses, of a file of pages the first. What a file holds beside its pixels
    (text, profiles, EXIF) never refuses it. Raises UnreadableImage, whose message says why, for anything that is not an
    image in one of FORMATS with sides of at least MIN_SIDE pixels and at most MAX_PIXELS pixels in all, and for a file
    that lost pixels.
    """
    name, data = _named_bytes(source)
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # some libraries set it when they are imported: half an image would pass
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's on size, which is checked below, and on bad metadata
            parts = parted(data)
            image = _decoded(parts, name)
            return flattened(image, parts.profile or image.info.get("icc_profile"))
    except UnreadableImage:
        raise
    except UnidentifiedImageError as error:  # Pillow's own message holds a memory address
        raise UnreadableImage(f"{name} {_refusal(data)}") from error
    except Exception as error:
        raise UnreadableImage(f"{name} cannot be decoded: {error}") from error


def read_alpha(path: Path) -> Image.Image | None:
    """The alpha channel of an image that `read_image` reads, upright, mode L; None where all of it is opaque."""
    name, data = _named_bytes(path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        alpha = opacity(_decoded(parted(data), name))
    return None if alpha is None or alpha.getextrema()[0] == 255 else alpha


def _named_bytes(source: Path | str | bytes) -> tuple[str, bytes]:
    """What messages call the image, and its bytes."""
    if isinstance(source, bytes):
        return "image", source
    try:
        with Path(source).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise UnreadableImage(f"{source} does not exist") from error
    except (OSError, ValueError) as error:  # ValueError: a zero byte in a path
        raise UnreadableImage(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    if len(data) > MAX_BYTES:
        raise UnreadableImage(f"{source} is over {MAX_BYTES} bytes")
    return str(source), data


def _decoded(parts: Parts, name: str) -> Image.Image:
    """The image in its own mode, loaded and upright."""
    try:
        image = _opened(parts)
    except Image.DecompressionBombError:  # Pillow's limit is higher, 179 million pixels
        _check_size(_declared_size(parts.data), name)
        raise
    _check_size(image.size, name)
    frame = chosen_frame(image, MAX_PIXELS)
    if frame is not None:
        image = _opened(parts)
        image.seek(frame)
    image = _whole_jpeg(image, parts.data, name) if image.format == "JPEG" else image
    image.load()
    return _upright(image, parts.exif or image.info.get("exif"))


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if min(width, height) < MIN_SIDE:
        raise UnreadableImage(f"{name} is {width}x{height} px; at least {MIN_SIDE}x{MIN_SIDE} is needed")
    if width * height > MAX_PIXELS:
        raise UnreadableImage(f"{name} declares {width}x{height} px; {MAX_PIXELS} pixels are the limit")


def _declared_size(data: bytes) -> tuple[int, int]:
    """Width and height of an image that Image.open refuses for its size, from its header."""
    if data[8:12] == b"WEBP":
        return _webp_size(data)
    handlers = [Image.OPEN[name] for name in FORMATS]
    make = next(make for make, accepts in handlers if accepts and accepts(data[:16]) is True)
    return make(io.BytesIO(data), "").size


def _webp_size(data: bytes) -> tuple[int, int]:
    """Width and height of a WebP (RFC 9649, 2.5-2.7): Pillow's class has none without its decoder."""
    if data[12:16] == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    is_lossless = data[12:16] == b"VP8L"
    bits = int.from_bytes(data[21:25] if is_lossless else data[26:30], "little")
    step = 14 if is_lossless else 16
    return (bits & 0x3FFF) + is_lossless, (bits >> step & 0x3FFF) + is_lossless


def _opened(parts: Parts) -> Image.Image:
    return Image.open(io.BytesIO(parts.data), formats=FORMATS)


def _whole_jpeg(image: Image.Image, data: bytes, name: str) -> Image.Image:
    """The image, loaded. UnreadableImage where some of its pixels are not in the file."""
    try:
        image.load()
    except OSError as error:
        whole = mended(data)
        if whole is None:
            raise UnreadableImage(f"{name} cannot be decoded: {error}") from error
        return whole
    if seems_cut(image, data) or (image.info.get("progressive") and not has_every_scan(data)):
        raise UnreadableImage(f"{name} cannot be decoded: its data end before its pixels do")
    return image


def _upright(image: Image.Image, exif: bytes | None) -> Image.Image:
    """The image as EXIF's orientation turns it; as stored where there is none, or none that can be read."""
    try:
        tags = Image.Exif()
        tags.load(exif or b"")
        turn = _TURNS.get(tags.get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 (odd EXIF raises errors of many types; the pixels are good)
        return image
    return image if turn is None else image.transpose(turn)


def _refusal(data: bytes) -> str:
    """What is said of bytes in none of FORMATS: the format, where it is a known one that is not read."""
    for name, start in _REFUSED:
        if re.match(start, data[:1024], re.DOTALL | re.IGNORECASE):
            return f"is {name}, which is not read; save it as JPEG or PNG"
    return "is no picture in a known format"
