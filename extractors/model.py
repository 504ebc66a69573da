"""What an extraction gives: the document's status and every placement of a picture found on its pages.

A *placement* is one picture painted at one place of one page. The same picture on two pages is two
placements with equal digests. Boxes are in points of the page as shown (rotation applied), origin top left.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Status = Literal[
    "ok",  # every page and every picture was read
    "partial",  # some of it was: `detail` says what is missing
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
Kind = Literal["embedded", "inline", "region", "scan_region", "figure"]  # a figure is painted by paths, not an image
Box = tuple[float, float, float, float]  # x0, y0, x1, y1


@dataclass(frozen=True)
class Limits:
    """What one document may cost. A document over a limit is given up with a typed status."""

    file_bytes: int = 200 << 20  # larger files are not opened: `too_large`
    pages: int = 400  # longer documents are not read: `too_many_pages`
    seconds: float = 120.0  # wall clock of the process that reads it; its CPU time is held to the same
    memory_bytes: int = 2 << 30  # address space of that process
    output_bytes: int = 1 << 30  # pictures written; what follows is not read
    image_pixels: int = 120_000_000  # declared width x height of one image, checked before decoding
    images_per_page: int = 4000  # painted images; a page with more fails
    min_side: int = 32  # px; pictures narrower or lower than this are set aside as `too_small`
    max_side: int = 2048  # px; larger pictures are written at this size


@dataclass(frozen=True)
class Placement:
    """One picture on one page. `file` is None where no picture was written; `reason` says why one is unused."""

    file: str | None
    page: int
    bbox: Box
    width: int
    height: int
    digest: str
    kind: Kind
    image_class: str
    used: bool
    reason: str | None

    def to_json(self) -> dict[str, Any]:
        """The placement as `scott extract --json` prints it."""
        fields = asdict(self)
        fields["class"] = fields.pop("image_class")
        fields["bbox"] = list(self.bbox)
        return fields


@dataclass(frozen=True)
class Extraction:
    """All that was found in one document, in page order."""

    status: Status
    detail: str
    pages: int
    images: tuple[Placement, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The object that `scott extract --json` prints."""
        images = [placement.to_json() for placement in self.images]
        return {"status": self.status, "detail": self.detail, "pages": self.pages, "images": images}


Pixels = npt.NDArray[np.uint8]
