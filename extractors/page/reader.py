"""One page: its painted images put together, told apart and written, as placements."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Hashable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pymupdf
from pymupdf import mupdf

from extractors.classifier.classify import classify
from extractors.geometry import area, enclose, intersect, shrunk
from extractors.model import Box, Kind, Limits, Pixels, Placement
from extractors.page.amend import drop_broken_masks
from extractors.page.figures import Word, find_figures
from extractors.page.occluders import is_seen_alone, visible_part
from extractors.page.paint import ShownPage, native_scale, paint_group, paint_key
from extractors.page.pieces import join_pieces
from extractors.page.strokes import SEGMENTS, painted_strokes
from extractors.page.trace import PageTrace, PaintedImage, painting_faults, trace_page, warnings
from extractors.scan.photographs import read_scan

PAGE_WIDE = 0.7  # share of the page from which on a raster is the page itself: a scan, or a background
TEXT_OVER = 100  # glyphs painted over a page-wide raster that make it a background
FIGURE_DPI = 200  # at which drawings are rendered
SCAN_SIDE = 2400  # px: scanned pages are read at their own resolution, up to this on the longer side
WHOLE = 0.8  # share of a page-wide raster from which on a picture found on it is the raster itself

_NOTHING: Pixels = np.full((1, 1, 3), 255, np.uint8)

READ_ERRORS = (  # what a broken or hostile document raises from the libraries that read it
    *(mupdf.FzErrorBase, cv2.error, RuntimeError, ValueError, LookupError, ArithmeticError, MemoryError),
    TypeError,  # PyMuPDF's own, where a name or a message is no text
)


class Shared:
    """What the pages of a document share: it is found out once."""

    def __init__(self, document: pymupdf.Document) -> None:
        self.document = document
        self.read: dict[Hashable, tuple[list[PaintedImage], Placement]] = {}  # groups by paint_key, and theirs

    @cached_property
    def embedded_sizes(self) -> set[tuple[int, int]]:
        """Width and height of every image object; a painted image of another size is an inline one."""
        sizes = set()
        for xref in range(1, self.document.xref_length()):
            with contextlib.suppress(*READ_ERRORS):  # a number without an object, or a broken one
                if self.document.xref_is_image(xref):
                    sizes.add((self._number(xref, "Width"), self._number(xref, "Height")))
        return sizes

    def _number(self, xref: int, key: str) -> int:
        kind, value = self.document.xref_get_key(xref, key)
        if kind == "xref":
            value = self.document.xref_object(int(value.split()[0]))
        return int(value) if value.isdigit() else 0


class PageReader:
    """Reads one page; pictures go to `out` as PNG named by their digest."""

    def __init__(self, page: pymupdf.Page, out: Path, limits: Limits, shared: Shared) -> None:
        self.page = page
        self.shown = ShownPage(page)
        self.shared = shared
        self.number: int = page.number + 1
        self.out = out
        self.limits = limits

    def placements(self) -> Iterator[Placement | Exception]:
        """Each placement in painting order; in place of a picture that cannot be read, the error that says why.

        Raises TooManyImages, or MuPDF's errors where the page itself is broken.
        """
        trace = trace_page(self.page, self.limits.images_per_page)
        if trace.complaints:
            yield ValueError(f"something is not painted: {'; '.join(trace.complaints[:2])}")
            if drop_broken_masks(self.page):
                trace = trace_page(self.page, self.limits.images_per_page)
        readable = []
        for index, image in enumerate(trace.images):
            width, height = image.largest
            if width * height <= self.limits.image_pixels:
                readable.append(index)
            else:
                yield ValueError(f"an image is {width}x{height} px; {self.limits.image_pixels} pixels are allowed")
        warnings()  # the trace has judged its own
        groups = join_pieces([trace.images[index] for index in readable])  # decodes some: no second warning then
        yield from _faults()
        for members in groups:
            try:
                yield from self._read_group(trace, [readable[member] for member in members])
            except READ_ERRORS as error:
                yield error
            yield from _faults()
        if trace.drawn:
            try:
                yield from self._read_figures(trace)
            except READ_ERRORS as error:
                yield error
            warnings()  # nothing is painted that was not judged above

    def _read_figures(self, trace: PageTrace) -> Iterator[Placement]:
        """The drawings and charts that the page's paths form; never used, they are no photographs."""
        strokes = painted_strokes(self.page, trace.box)
        for figure in find_figures(strokes, trace.box, [image.box for image in trace.images], self._words):
            pixels = self.shown.region(figure.box, FIGURE_DPI / 72, self.limits.max_side)
            cut = f", read up to {SEGMENTS} lines of the page" if strokes.cut else ""
            reason = f"{figure.shapes} vector paths{cut}; figures are not compared with photographs"
            yield self._set_aside(figure.box, pixels, "figure", figure.name, reason)

    def _words(self) -> list[Word]:
        """The page's words and where they are shown."""
        turned = self.page.rotation_matrix
        words = [(pymupdf.Rect(word[:4]) * turned, word[4]) for word in self.page.get_text("words")]
        return [((box.x0, box.y0, box.x1, box.y1), text) for box, text in words]

    def _read_group(self, trace: PageTrace, members: list[int]) -> Iterator[Placement]:
        """The placement or placements of images that are one picture; `members` of the trace's, in painting order."""
        group = [trace.images[index] for index in members]
        kind: Kind = "inline" if all(image.pixels not in self.shared.embedded_sizes for image in group) else "embedded"
        whole = intersect(enclose(image.box for image in group), trace.box)
        over = trace.covers_over(members, whole)
        opaque = [cover.box for cover in over if cover.opaque and cover.after > members[-1]]
        box = visible_part(whole, opaque)
        if box is None:
            yield self._set_aside(whole, _NOTHING, kind, "hidden", "painted over", write=False)
            return
        page_wide = area(box) >= PAGE_WIDE * area(trace.box)
        max_side = SCAN_SIDE if page_wide else self.limits.max_side
        scale = native_scale(group)
        shorter, longer = sorted((scale * (box[2] - box[0]), scale * (box[3] - box[1])))
        if shorter < 1 or longer < 2:
            yield self._set_aside(box, _NOTHING, kind, "too_small", "under a pixel")
            return
        plain = box == whole and all(image.plain for image in group)
        if page_wide:
            pixels = paint_group(group, max_side) if plain else self.shown.region(box, scale, max_side)
            glyphs = trace.glyphs_over(members[-1])
            yield from self._read_page_raster(pixels, box, kind if plain else "region", glyphs)
        elif plain and (
            shorter < self.limits.min_side
            or is_seen_alone(self.shown, group, over, box, scale, on_blank=trace.fills_before[members[0]] == 0)
        ):
            key = paint_key(group, max_side)
            if key not in self.shared.read:
                self.shared.read[key] = group, self._judge(paint_group(group, max_side), box, kind)
            yield replace(self.shared.read[key][1], page=self.number, bbox=_rounded(box))
        else:
            yield self._judge(self.shown.region(box, scale, max_side), box, "region")

    def _read_page_raster(self, pixels: Pixels, box: Box, kind: Kind, glyphs: int) -> Iterator[Placement]:
        """A raster as wide as the page: the pictures on it, or itself where it is one picture or has none."""
        height, width = pixels.shape[:2]
        scan = read_scan(pixels)
        boxes = scan.boxes
        whole = [found for found in boxes if area(found) >= WHOLE * width * height]
        if whole and glyphs >= TEXT_OVER:
            yield self._set_aside(box, pixels, kind, "background", f"{glyphs} glyphs are painted over it")
        elif whole:
            yield self._judge(shrunk(pixels, self.limits.max_side), box, kind)
        elif not boxes:
            name = "background" if glyphs >= TEXT_OVER else "scanned_page"
            yield self._set_aside(box, pixels, kind, name, "a page-wide raster without a picture", write=False)
        else:
            across, down = (box[2] - box[0]) / width, (box[3] - box[1]) / height
            for x0, y0, x1, y1 in boxes:
                part = scan.page.pixels[round(y0) : round(y1), round(x0) : round(x1)]
                left, top, right, bottom = scan.page.raster_box((x0, y0, x1, y1))
                place = (box[0] + left * across, box[1] + top * down, box[0] + right * across, box[1] + bottom * down)
                yield self._judge(shrunk(part, self.limits.max_side), place, "scan_region")

    def _judge(self, pixels: Pixels, box: Box, kind: Kind) -> Placement:
        """A placement, used where its picture is large enough and a photograph."""
        height, width = pixels.shape[:2]
        least = self.limits.min_side
        if min(height, width) < least:
            reason = f"{width}x{height} px; at least {least}x{least} is needed"
            return self._set_aside(box, pixels, kind, "too_small", reason, write=False)
        judged = classify(pixels, "scanned" if kind == "scan_region" else "embedded")
        if judged.image_class != "photo":
            return self._set_aside(box, pixels, kind, judged.image_class, judged.why)
        return self._place(box, pixels, kind, "photo", None, write=True)

    def _set_aside(self, box: Box, pixels: Pixels, kind: Kind, name: str, why: str, *, write: bool = True) -> Placement:
        return self._place(box, pixels, kind, name, f"{name}: {why}", write=write)

    def _place(self, box: Box, pixels: Pixels, kind: Kind, name: str, reason: str | None, *, write: bool) -> Placement:
        height, width = pixels.shape[:2]
        digest = hashlib.sha256(f"{width}x{height}".encode() + pixels.tobytes()).hexdigest()
        file = self.out / f"{digest[:20]}.png"
        if write and not file.exists():
            encoded = cv2.imencode(".png", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))[1]
            file.write_bytes(encoded.tobytes())
        return Placement(
            file=file.name if write else None,
            page=self.number,
            bbox=_rounded(box),
            width=width,
            height=height,
            digest=digest,
            kind=kind,
            image_class=name,
            used=reason is None,
            reason=reason,
        )


def _faults() -> Iterator[Exception]:
    """What MuPDF warned of while it painted, as one error: the picture is there, in part or blank."""
    said = painting_faults()
    if said:
        yield ValueError(f"the data of an image breaks off or is broken: {'; '.join(said[:2])}")


def _rounded(box: Box) -> Box:
    return (round(box[0], 2), round(box[1], 2), round(box[2], 2), round(box[3], 2))
