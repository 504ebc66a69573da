"""The type of a trap: a small PDF that shows an image in one of the ways that PDF has, and what is seen of it.

Pages are 320 x 300 points; the image is 240 x 200 px, at 2 px a point, at BOX unless a trap says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from extractors.geometry import enclose
from tests.extractors import pdfs

Box = tuple[float, float, float, float]
Objects = Mapping[str, tuple[str, bytes | None]]

PHOTO = pdfs.photograph(2)
OTHER = pdfs.photograph(11)
HEIGHT, WIDTH = PHOTO.shape[:2]
SIZE = f"/Type/XObject/Subtype/Image/Width {WIDTH}/Height {HEIGHT}"
PLAIN: Objects = {"i": (pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())}
TWO: Objects = {**PLAIN, "j": (pdfs.image_dictionary(OTHER, "DeviceRGB"), OTHER.tobytes())}
IMAGES = "/XObject<</I {i}>>"
TWO_IMAGES = "/XObject<</I {i}/J {j}>>"
PLACE = b"q 120 0 0 100 60 120 cm /I Do Q "
BOX: Box = (60, 80, 180, 180)
MEDIA = "/MediaBox[0 0 320 300]"


@dataclass(frozen=True)
class Page:
    """A page and the boxes (points of the page as shown) of the images that a reader sees on it."""

    content: bytes
    boxes: tuple[Box, ...] = (BOX,)
    entries: str = ""  # of the page's dictionary
    ink: Box | None = None  # where the page is not white; by default what the boxes enclose

    @property
    def inked(self) -> Box | None:
        """The box in which the page is not white; None where all of it is."""
        return self.ink or (enclose(self.boxes) if self.boxes else None)


@dataclass(frozen=True)
class Trap:
    """Pages, their objects, and the tolerance of their images against poppler's rendering."""

    pages: tuple[Page, ...]
    objects: Objects = field(default_factory=lambda: PLAIN)
    resources: str = IMAGES
    catalog: str = ""
    off_by: float = 2.5  # grey levels: largest mean difference from poppler's rendering
    alike: float = 0.99  # least correlation with it, of each channel
    photo: bool = True  # whether its images are used; those of a few colours are not asked to be
    status: str = "ok"
    truth: tuple[pdfs.Pixels, ...] = ()  # what each box shows, where poppler is wrong or shows other images there, too

    def write(self, path: Path) -> Path:
        """The trap as a file."""
        pages = [(page.content, MEDIA + page.entries) for page in self.pages]
        return pdfs.raw_document(path, pages, self.objects, self.resources, self.catalog)
