"""Photographs that writers of PDF are given, and the comparison of what they wrote with what the extractor finds.

The oracle is what was put in: the pixels of the photograph, and the place that the writer was asked for. An image may
lose by the coding that the writer chose, so pixels are compared by their mean difference.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from extractors import Extractor, Placement
from extractors.geometry import iou
from extractors.model import Box
from tests.extractors import pdfs
from tests.extractors.pdfs import Pixels

WIDTH, HEIGHT = 595, 842  # points: the page
BOX: Box = (60, 80, 300, 260)  # where a photograph of 400x300 px is asked for, in points from the top left
PHOTO = pdfs.photograph(1, 300, 400)
OFF_BY = 4.0  # levels of 255: largest mean difference of a photograph that was coded as JPEG, measured: 3.1
INKS_OFF_BY = 22.0  # of one in CMYK, as each reader has its own formula for inks: 17.3; inverted it is off by 77


@dataclass(frozen=True)
class Source:
    """A photograph as a file that a writer takes."""

    data: bytes
    suffix: str
    shown: Pixels  # as it is seen on white
    off_by: float = OFF_BY

    @property
    def media_type(self) -> str:
        """The type of the file in the web's words."""
        return {"jpg": "image/jpeg", "png": "image/png"}[self.suffix]


@dataclass(frozen=True)
class Shown:
    """A photograph at a place of a page, as it must be found."""

    pixels: Pixels
    box: Box = BOX
    page: int = 1
    off_by: float = OFF_BY

    def turned(self, degrees: int) -> Shown:
        """What is shown once the page has been turned clockwise."""
        one, (width, height) = self, (WIDTH, HEIGHT)
        for _ in range(degrees // 90):
            x0, y0, x1, y1 = one.box
            one = replace(one, pixels=np.rot90(one.pixels, -1), box=(height - y1, x0, height - y0, x1))
            width, height = height, width
        return one


def _encoded(image: Image.Image, form: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _turned() -> Source:
    """A JPEG that lies on its side, and an EXIF orientation that says so."""
    exif = Image.Exif()
    exif[0x0112] = 6
    lying = Image.fromarray(np.ascontiguousarray(np.rot90(PHOTO)))
    return Source(_encoded(lying, "JPEG", quality=90, exif=exif), "jpg", PHOTO)


def _with_alpha() -> Source:
    """A round photograph with a soft edge."""
    y, x = np.ogrid[-1:1:300j, -1:1:400j]
    alpha = np.clip((1 - np.hypot(x, y)) * 8, 0, 1)[..., None]
    data = np.dstack([PHOTO, np.rint(alpha * 255).astype(np.uint8)])
    return Source(
        _encoded(Image.fromarray(data), "PNG"), "png", np.rint(PHOTO * alpha + 255 * (1 - alpha)).astype(np.uint8)
    )


def _sources() -> dict[str, Source]:
    photo = Image.fromarray(PHOTO)
    grey = photo.convert("L")
    palette = photo.quantize(256)
    deep = PHOTO[..., ::-1].astype(np.uint16) * 257  # BGR
    deep_grey = np.asarray(grey).astype(np.uint16) * 257
    seen = np.asarray(grey.convert("RGB"))
    return {
        "jpeg": Source(_encoded(photo, "JPEG", quality=90), "jpg", PHOTO),
        "progressive jpeg": Source(_encoded(photo, "JPEG", quality=90, progressive=True), "jpg", PHOTO),
        "grey jpeg": Source(_encoded(grey, "JPEG", quality=90), "jpg", seen),
        "cmyk jpeg": Source(_encoded(photo.convert("CMYK"), "JPEG", quality=90), "jpg", PHOTO, INKS_OFF_BY),
        "turned jpeg": _turned(),
        "png": Source(_encoded(photo, "PNG"), "png", PHOTO),
        "grey png": Source(_encoded(grey, "PNG"), "png", seen),
        "palette png": Source(_encoded(palette, "PNG"), "png", np.asarray(palette.convert("RGB"))),
        "16-bit png": Source(cv2.imencode(".png", deep)[1].tobytes(), "png", PHOTO),
        "16-bit grey png": Source(cv2.imencode(".png", deep_grey)[1].tobytes(), "png", seen),
        "png with alpha": _with_alpha(),
    }


SOURCES = _sources()
Check = Callable[..., None]  # check_document() without its extractor


def crop(pixels: Pixels, left: float, top: float, right: float, bottom: float) -> Pixels:
    """The part of an image between these shares of its width and height."""
    height, width = pixels.shape[:2]
    return pixels[round(top * height) : round(bottom * height), round(left * width) : round(right * width)]


def check_document(extractor: Extractor, pdf: Path, *shown: Shown) -> None:
    """Fail unless the extractor finds exactly these photographs in the document, each at its place."""
    out = pdf.parent / f"{pdf.stem}-images"
    extraction = extractor.extract(pdf, out)
    assert (extraction.status, extraction.detail) == ("ok", "")
    used = [placement for placement in extraction.images if placement.used]
    said = [(image.page, image.bbox, image.kind, image.image_class, image.reason) for image in extraction.images]
    assert len(used) == len(shown), said
    for one in shown:
        found = max(used, key=lambda image: iou(image.bbox, one.box) if image.page == one.page else -1.0)
        assert iou(found.bbox, one.box) > 0.95, f"{one.box} is not among {said}"
        difference = off_by(found, out, one.pixels)
    assert difference <= one.off_by, f"{found.kind} at {found.bbox} is off by {difference:.1f} levels"


def off_by(found: Placement, out: Path, pixels: Pixels) -> float:
    """The mean difference of a found image from the pixels, in levels, at the smaller size of the two."""
    assert found.file is not None
    image = pdfs.read(out / found.file)
    size = min(image.shape[1], pixels.shape[1]), min(image.shape[0], pixels.shape[0])
    one, other = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (image, pixels))
    return float(np.abs(one.astype(float) - other).mean())
