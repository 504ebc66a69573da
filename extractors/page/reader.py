"""Reads one page: joins its painted images, classifies and writes them, and gives a placement for each."""

from __future__ import annotations

import contextlib
import hashlib
from collections import Counter
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pymupdf
from pymupdf import mupdf

from extractors.classifier.classify import classify
from extractors.geometry import area, enclose, intersect, shrunk
from extractors.model import Box, Kind, Limits, Pixels, Placement
from extractors.page.amend import drop_broken_masks
from extractors.page.figures import Word, find_figures
from extractors.page.jpeg.shown import Raster, paint_alone
from extractors.page.messages import forget, painting_faults
from extractors.page.missing import MISSING, missing_share
from extractors.page.occluders import is_seen_alone, visible_part
from extractors.page.paint import ShownPage, native_scale, paint_key
from extractors.page.painted import PageTrace, PaintedImage
from extractors.page.pieces import join_pieces
from extractors.page.recode import OddImages, is_odd
from extractors.page.strokes import SEGMENTS, painted_strokes
from extractors.page.trace import TooLarge, trace_page
from extractors.scan.fades import is_one_photograph
from extractors.scan.photographs import read_scan

PAGE_WIDE = 0.7  # share of the page from which on an image is a raster of the page: a scan or a background
TEXT_OVER = 100  # number of glyphs over a page-wide raster from which on it is a background
FIGURE_DPI = 200  # dots per inch at which figures are rendered
SCAN_SIDE = 2400  # px: scanned pages are read at their own resolution up to this longer side (A4 at 200 dpi)
WHOLE = 0.8  # share of a page-wide raster from which on an image found on it is the raster itself

_NOTHING = Raster(np.full((1, 1, 3), 255, np.uint8))

READ_ERRORS = (  # what the libraries raise on a broken or hostile document
    *(mupdf.FzErrorBase, cv2.error, RuntimeError, ValueError, LookupError, ArithmeticError, MemoryError),
    TypeError,  # raised inside PyMuPDF where a name or a message is no text
)


class Shared:
    """Results that the pages of one document share, so that each is computed once."""

    def __init__(self, document: pymupdf.Document) -> None:
        self.document = document
        # By paint_key(): the group, kept because the key holds addresses of its images, and its first placement
        self.read: dict[Hashable, tuple[list[PaintedImage], Placement]] = {}

    @cached_property
    def has_layers(self) -> bool:
        """Whether the document has optional content, parts of which may not be shown."""
        catalog = self.document.pdf_catalog()
        return bool(self.document.xref_get_key(catalog, "OCProperties")[0] != "null")

    @cached_property
    def image_objects(self) -> list[int]:
        """The numbers of the document's image objects."""
        found = []
        for xref in range(1, self.document.xref_length()):
            with contextlib.suppress(*READ_ERRORS):  # the number has no object, or a broken one
                if self.document.xref_is_image(xref):
                    found.append(xref)
        return found

    @cached_property
    def embedded_sizes(self) -> set[tuple[int, int]]:
        """Width and height of every image object of the document; a painted image of another size is an inline one."""
        sizes = set()
        for xref in self.image_objects:
            with contextlib.suppress(*READ_ERRORS):  # a size in a missing object
                sizes.add((self._number(xref, "Width"), self._number(xref, "Height")))
        return sizes

    @cached_property
    def odd_images(self) -> OddImages:
        """The document's image objects that have to be changed."""
        return OddImages(self.document, self.image_objects)

    def _number(self, xref: int, key: str) -> int:
        """A whole number of an object's dictionary, also where it is a reference; 0 where it is none."""
        kind, value = self.document.xref_get_key(xref, key)
        if kind == "xref":
            value = self.document.xref_object(int(value.split()[0]))
        return int(value) if value.isdigit() else 0


class PageReader:
    """Reads one page; images are written under `out` as PNG or JPEG files named by their digest."""

    def __init__(self, page: pymupdf.Page, out: Path, limits: Limits, shared: Shared) -> None:
        self.page = page
        self.shown = ShownPage(page)
        self.shared = shared
        self.number: int = page.number + 1
        self.out = out
        self.limits = limits

    def placements(self) -> Iterator[Placement | Exception]:
        """The placements in painting order, figures last; for an image that cannot be read, the error that says why.

        Raises TooLarge for a page of too many images, and MuPDF's errors where the page itself is broken.
        """
        trace = trace_page(self.page, self.limits.images_per_page)
        if trace.complaints:
            yield ValueError(f"something is not painted: {'; '.join(trace.complaints[:2])}")
            if drop_broken_masks(self.page):
                trace = trace_page(self.page, self.limits.images_per_page)
        odd = [image for image in (*(each.image for each in trace.images), *trace.masks) if is_odd(image)]
        if odd and self.shared.odd_images.recode(odd, self.limits.image_pixels):
            trace = trace_page(self.page, self.limits.images_per_page)
        readable = []
        for index, image in enumerate(trace.images):
            excess = image.excess(self.limits)
            if excess is None:
                readable.append(index)
            else:
                yield TooLarge(excess)
        forget()  # the messages of the trace are judged above
        for members in join_pieces([trace.images[index] for index in readable]):
            try:
                yield from self._read_group(trace, [readable[member] for member in members])
            except READ_ERRORS as error:
                yield error
        if painting_faults():
            yield from _losses([trace.images[index] for index in readable], trace.masks)
        if self.shared.has_layers:
            yield from self._on_hidden_layers(trace)
        if trace.drawn:
            try:
                yield from self._read_figures(trace)
            except READ_ERRORS as error:
                yield error
            forget()  # a figure shows nothing whose messages are not judged above

    def _on_hidden_layers(self, trace: PageTrace) -> Iterator[Placement]:
        """The images that the page does not show because their layer is off."""
        shown = Counter(image.place for image in trace.images)
        for image in trace_page(self.page, self.limits.images_per_page, all_layers=True).images:
            if shown[image.place]:
                shown[image.place] -= 1
            else:
                yield self._excluded(image.box, _NOTHING, "embedded", "hidden", "its layer is off", write=False)
        forget()  # what is not shown costs no pixel of the page

    def _read_figures(self, trace: PageTrace) -> Iterator[Placement]:
        """The drawings and charts that the page's paths form; they are no photographs and never used."""
        strokes = painted_strokes(self.page, trace.box)
        for figure in find_figures(strokes, trace.box, [image.box for image in trace.images], self._words):
            pixels = self.shown.region(figure.box, FIGURE_DPI / 72, self.limits.max_side)
            cut = f", read up to {SEGMENTS} lines of the page" if strokes.cut else ""
            reason = f"{figure.shapes} vector paths{cut}; figures are not compared with photographs"
            yield self._excluded(figure.box, Raster(pixels), "figure", figure.name, reason)

    def _words(self) -> list[Word]:
        """The words of the page with their boxes on the page as shown."""
        turned = self.page.rotation_matrix
        words = [(pymupdf.Rect(word[:4]) * turned, word[4]) for word in self.page.get_text("words")]
        return [((box.x0, box.y0, box.x1, box.y1), text) for box, text in words]

    def _read_group(self, trace: PageTrace, members: list[int]) -> Iterator[Placement]:
        """The placements of one image of the page; `members` are its painted images in the trace, in painting order."""
        group = [trace.images[index] for index in members]
        kind: Kind = "inline" if all(image.pixels not in self.shared.embedded_sizes for image in group) else "embedded"
        whole = intersect(enclose(image.box for image in group), trace.box)
        over = trace.occluders_over(members, whole)
        opaque = [occluder.box for occluder in over if occluder.opaque and occluder.after > members[-1]]
        box = visible_part(whole, opaque)
        if box is None:
            yield self._excluded(whole, _NOTHING, kind, "hidden", "painted over", write=False)
            return
        page_wide = area(box) >= PAGE_WIDE * area(trace.box)
        max_side = SCAN_SIDE if page_wide else self.limits.max_side
        scale = native_scale(group)
        shorter, longer = sorted((scale * (box[2] - box[0]), scale * (box[3] - box[1])))
        if shorter < 1 or longer < 2:
            yield self._excluded(box, _NOTHING, kind, "too_small", "under a pixel")
            return
        plain = box == whole and all(image.plain for image in group)
        if page_wide:
            raster = paint_alone(group, max_side) if plain else self._region(group, box, scale, max_side)
            glyphs = trace.glyphs_over(members[-1])
            fading = any(image.fading for image in group)
            yield from self._read_page_raster(raster, box, kind if plain else "region", glyphs, fading=fading)
        elif plain and (
            shorter < self.limits.min_side
            or is_seen_alone(self.shown, group, over, box, scale, on_blank=trace.fills_before[members[0]] == 0)
        ):
            key = paint_key(group, max_side)
            if key not in self.shared.read:
                self.shared.read[key] = group, self._judge(paint_alone(group, max_side), box, kind)
            yield replace(self.shared.read[key][1], page=self.number, bbox=_rounded(box))
        else:
            yield self._judge(self._region(group, box, scale, max_side), box, "region")

    def _region(self, group: Sequence[PaintedImage], box: Box, scale: float, max_side: int) -> Raster:
        """A part of an image, or one that is painted over, as the page shows it at `scale` pixels per point."""
        return Raster(self.shown.region(box, scale, max_side, only=group))

    def _read_page_raster(
        self, raster: Raster, box: Box, kind: Kind, glyphs: int, *, fading: bool
    ) -> Iterator[Placement]:
        """The placements of the images on a page-wide raster, or of itself where it is one image or has none.

        `glyphs` is the number of glyphs painted over it, `fading` says that its rim does by a soft mask.
        """
        height, width = raster.pixels.shape[:2]
        scan = read_scan(raster.pixels)
        boxes = scan.boxes
        whole = any(area(found) >= WHOLE * width * height for found in boxes)
        whole = whole or is_one_photograph(scan.page, boxes, fading=fading)
        if whole and glyphs >= TEXT_OVER:
            yield self._excluded(box, raster, kind, "background", f"{glyphs} glyphs are painted over it")
        elif whole:
            yield self._judge(self._within(raster), box, kind)
        elif not boxes:
            name = "background" if glyphs >= TEXT_OVER else "scanned_page"
            yield self._excluded(box, raster, kind, name, "a page-wide raster without a picture", write=False)
        else:
            across, down = (box[2] - box[0]) / width, (box[3] - box[1]) / height
            for found in boxes:
                left, top, right, bottom = scan.page.raster_box(found)
                place = (box[0] + left * across, box[1] + top * down, box[0] + right * across, box[1] + bottom * down)
                yield self._judge(self._within(Raster(scan.page.part(found))), place, "scan_region")

    def _within(self, raster: Raster) -> Raster:
        """The image at no more than the size at which images are written."""
        pixels = shrunk(raster.pixels, self.limits.max_side)
        return raster if pixels.shape == raster.pixels.shape else Raster(pixels)

    def _judge(self, raster: Raster, box: Box, kind: Kind) -> Placement:
        """The placement of an image: used where it is large enough and a photograph, else excluded."""
        height, width = raster.pixels.shape[:2]
        least = self.limits.min_side
        if min(height, width) < least:
            reason = f"{width}x{height} px; at least {least}x{least} is needed"
            return self._excluded(box, raster, kind, "too_small", reason, write=False)
        judged = classify(raster.pixels, "scanned" if kind == "scan_region" else "embedded")
        if judged.image_class == "photo":
            placement = self._place(box, raster, kind, "photo", None, write=True)
        else:
            placement = self._excluded(box, raster, kind, judged.image_class, judged.why)
        return replace(placement, photo_probability=round(judged.photo_probability, 4))

    def _excluded(self, box: Box, raster: Raster, kind: Kind, name: str, why: str, *, write: bool = True) -> Placement:
        """The placement of an unused image of the class `name`; its file is written for review unless not `write`."""
        return self._place(box, raster, kind, name, f"{name}: {why}", write=write)

    def _place(self, box: Box, raster: Raster, kind: Kind, name: str, reason: str | None, *, write: bool) -> Placement:
        """The placement of an image, used where there is no `reason`; writes its file."""
        height, width = raster.pixels.shape[:2]
        digest = hashlib.sha256(f"{width}x{height}".encode())
        digest.update(np.ascontiguousarray(raster.pixels).data)
        file = self.out / f"{digest.hexdigest()[:20]}.{'jpg' if raster.jpeg else 'png'}"
        if write and not file.exists():
            file.write_bytes(raster.jpeg or _png(raster.pixels))
        return Placement(
            file=file.name if write else None,
            page=self.number,
            bbox=_rounded(box),
            width=width,
            height=height,
            digest=digest.hexdigest(),
            kind=kind,
            image_class=name,
            used=reason is None,
            reason=reason,
        )


def _png(pixels: Pixels) -> bytes:
    """The pixels as a PNG file."""
    return cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1].tobytes()


def _losses(images: Sequence[PaintedImage], masks: Sequence[Any]) -> Iterator[Exception]:
    """An error for each image, soft masks too, of which more is missing than a viewer would notice."""
    parts = [part for image in images for part in (image.image, image.image.mask(), image.mask) if part] + [*masks]
    for part in {part.m_internal_value(): part for part in parts if part.m_internal}.values():
        missing = missing_share(part)
        if missing > MISSING:
            size = f"{part.w()}x{part.h()} px"
            yield ValueError(f"the data of an image of {size} breaks off or is broken: {missing:.0%} is missing")


def _rounded(box: Box) -> Box:
    """The box in hundredths of a point."""
    return (round(box[0], 2), round(box[1], 2), round(box[2], 2), round(box[3], 2))
