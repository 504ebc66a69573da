"""The result of an extraction: the status of the document and the placements of the images found on its pages.

A *placement* is one image shown at one place of one page. The same image on two pages gives two placements with equal
digests. Boxes are in points of the page as shown (rotation applied) with the origin at the top left.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

import numpy as np
import numpy.typing as npt

Failure = Literal[  # why a document, or a part of it, was not read
    "encrypted",
    "damaged",
    "not_a_pdf",
    "empty",
    "too_large",
    "too_many_pages",
    "timeout",
    "out_of_memory",
    "crashed",
]
Status = Literal[
    "ok",  # every page and every image was read
    "partial",  # some were not: `detail` says which
    Failure,
]
Kind = Literal["embedded", "inline", "region", "scan_region", "figure"]  # a figure is drawn by paths
Box = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Limits:
    """Limits of what one document may cost; one that goes over a limit is given up with a typed status."""

    file_bytes: int = 200 << 20  # a larger file is not opened: `too_large`
    pages: int = 400  # a longer document is not read: `too_many_pages`
    seconds: float = 120.0  # wall clock of the reader's process, and its CPU time
    memory_bytes: int = 2 << 30  # address space of the reader's process
    output_bytes: int = 1 << 30  # size of the written images; the pages after that are not read
    image_pixels: int = 120_000_000  # declared width x height of one image, checked before it is decoded
    bilevel_pixels: int = 2_400_000_000  # the same of a 1-bit image, read row by row: A0 at 1,200 dpi is 2.2e9, 6 s
    images_per_page: int = 4000  # painted images; a page with more is not read: its half would pass as whole images
    min_side: int = 32  # px; an image narrower or lower than this is excluded as `too_small`
    max_side: int = 2048  # px; an image with a longer side is written at this size


PlacementJson = TypedDict(
    "PlacementJson",
    {
        "file": str | None,
        "page": int,
        "bbox": list[float],
        "width": int,
        "height": int,
        "digest": str,
        "kind": Kind,
        "used": bool,
        "reason": str | None,
        "class": str,
        "photo_probability": float | None,
    },
)


class ExtractionJson(TypedDict):
    """The object that `scott extract --json` prints."""

    status: Status
    detail: str
    pages: int
    images: list[PlacementJson]


@dataclass(frozen=True)
class Placement:
    """One image at one place of one page."""

    file: str | None  # PNG, or a JPEG of the document, under the output folder; None where none was written
    page: int  # counted from 1
    bbox: Box
    width: int  # px
    height: int  # px
    digest: str  # SHA-256 of the size and the pixels, those that `file` decodes to, hexadecimal
    kind: Kind
    image_class: str  # one of classifier.classify.CLASSES, or too_small, hidden, letterhead, doubtful, ...
    used: bool  # whether the image takes part in matching
    reason: str | None  # why it is excluded, or why a figure is no photograph
    photo_probability: float | None = None  # that it is a photograph; None where the classifier was not asked

    def to_json(self) -> PlacementJson:
        """The fields of the placement as `scott extract --json` prints them."""
        return {
            "file": self.file,
            "page": self.page,
            "bbox": list(self.bbox),
            "width": self.width,
            "height": self.height,
            "digest": self.digest,
            "kind": self.kind,
            "used": self.used,
            "reason": self.reason,
            "class": self.image_class,
            "photo_probability": self.photo_probability,
        }


@dataclass(frozen=True)
class Extraction:
    """The result for one document; its placements are in page order."""

    status: Status
    detail: str
    pages: int
    images: tuple[Placement, ...] = ()

    def to_json(self) -> ExtractionJson:
        """The object that `scott extract --json` prints."""
        images = [placement.to_json() for placement in self.images]
        return {"status": self.status, "detail": self.detail, "pages": self.pages, "images": images}


Pixels = npt.NDArray[np.uint8]  # [H, W, 3] RGB, unless a docstring says otherwise
