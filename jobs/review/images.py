"""Images as a reviewer sees them: files that every browser shows as we do, with the sizes that masks will have."""

from __future__ import annotations

import io
from collections.abc import Sequence

from PIL import Image, ImageDraw

from scott_core.images import read_image

MAX_SIDE = 1600  # pixels: more than a screen shows of one of two images
THUMBNAIL, COLUMNS, LINE, FONT = 180, 8, 44, 24  # of the overview, in pixels but for the columns
MOST = 400  # images of either kind in an overview: 50 rows
_ORIENTATION = 0x0112  # of EXIF
_SUFFIX = {"JPEG": ".jpg", "PNG": ".png"}
_WHITE, _GREY, _RED = (255, 255, 255), (120, 120, 120), (200, 0, 0)


def as_shown(data: bytes) -> tuple[bytes, str, tuple[int, int]]:
    """The file to show for an image's file: its bytes, the end of its name, and its size (height, width).

    It is the file itself where that is a plain one. Raises UnreadableImage.
    """
    image = read_image(data)
    with Image.open(io.BytesIO(data)) as file:
        is_upright = file.getexif().get(_ORIENTATION, 1) == 1
        is_plain = file.format in _SUFFIX and file.mode in ("RGB", "L") and file.size == image.size
        if is_plain and is_upright and max(image.size) <= MAX_SIDE and getattr(file, "n_frames", 1) == 1:
            return data, _SUFFIX[file.format or ""], (image.height, image.width)
    image.thumbnail((MAX_SIDE, MAX_SIDE), Image.Resampling.LANCZOS)
    return _jpeg(image, 95), ".jpg", (image.height, image.width)


def thumbnail(data: bytes) -> Image.Image:
    """An image's file as an overview shows it. Raises UnreadableImage."""
    image = read_image(data)
    image.thumbnail((THUMBNAIL - 8, THUMBNAIL - 8))
    return image


def overview(catalogue: Sequence[Image.Image], documents: Sequence[Image.Image], n_left_out: int) -> bytes:
    """A JPEG of a product's thumbnails: the catalogue's, a line that says how many there are, the documents'."""
    above, below = (-(-len(images) // COLUMNS) for images in (catalogue, documents))  # rows
    sheet = Image.new("RGB", (COLUMNS * THUMBNAIL, (above + below) * THUMBNAIL + LINE), _WHITE)
    for images, top in ((catalogue, 0), (documents, above * THUMBNAIL + LINE)):
        for n, image in enumerate(images):
            row, column = divmod(n, COLUMNS)
            sheet.paste(image, (column * THUMBNAIL + 4, top + row * THUMBNAIL + 4))
    draw = ImageDraw.Draw(sheet)
    draw.line((0, above * THUMBNAIL + 4, sheet.width, above * THUMBNAIL + 4), _GREY, 2)
    said = f"{len(catalogue)} catalogue images above, {len(documents)} document images below"
    more = f"; {n_left_out} MORE ARE NOT SHOWN: open the catalogue and the documents" if n_left_out else ""
    draw.text((4, above * THUMBNAIL + 10), said + more, _RED if more else _GREY, font_size=FONT)
    return _jpeg(sheet, 85)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()
