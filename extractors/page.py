"""One page: its painted images put together, told apart and written, as placements."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
import pymupdf
from pymupdf import mupdf

from extractors.figures import Word, find_figures
from extractors.geometry import area, enclose, intersect
from extractors.model import Box, Kind, Limits, Placement
from extractors.paint import Pixels, native_scale, paint_group, paint_region
from extractors.paths import SEGMENTS, painted_strokes
from extractors.photo import THRESHOLD, name_graphic, photo_score
from extractors.pieces import join_pieces
from extractors.scan import find_pictures
from extractors.trace import PageTrace, PaintedImage, painting_faults, trace_page, warnings

PAGE_WIDE = 0.7  # share of the page from which on a raster is the page itself: a scan, or a background
TEXT_OVER = 100  # glyphs painted over a page-wide raster that make it a background
FIGURE_DPI = 200  # at which drawings are rendered
SCAN_SIDE = 2400  # px: scanned pages are read at their own resolution, up to this on the longer side
WHOLE = 0.8  # share of a page-wide raster from which on a picture found on it is the raster itself

DECODE_ERRORS = (mupdf.FzErrorBase, cv2.error, ValueError, RuntimeError, MemoryError)


class EmbeddedSizes:
    """Width and height of every image object of a document; a painted image of another size is an inline one.

    Looked up where the first image is painted: it takes as long as to read the pages of a document without one.
    """

    def __init__(self, document: pymupdf.Document) -> None:
        self.document = document

    def __contains__(self, size: tuple[int, int]) -> bool:
        return size in self._sizes

    @cached_property
    def _sizes(self) -> set[tuple[int, int]]:
        document = self.document
        images = (xref for xref in range(1, document.xref_length()) if document.xref_is_image(xref))
        return {(self._number(xref, "Width"), self._number(xref, "Height")) for xref in images}

    def _number(self, xref: int, key: str) -> int:
        kind, value = self.document.xref_get_key(xref, key)
        if kind == "xref":
            value = self.document.xref_object(int(value.split()[0]))
        return int(value) if value.isdigit() else 0


class PageReader:
    """Reads one page; pictures go to `out` as PNG named by their digest."""

    def __init__(self, page: pymupdf.Page, out: Path, limits: Limits, embedded: EmbeddedSizes) -> None:
        self.page = page
        self.embedded = embedded
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
        readable = []
        for index, image in enumerate(trace.images):
            width, height = image.pixels
            if width * height <= self.limits.image_pixels:
                readable.append(index)
            else:
                yield ValueError(f"an image is {width}x{height} px; {self.limits.image_pixels} pixels are allowed")
        warnings()  # the trace has judged its own
        groups = join_pieces([trace.images[index] for index in readable])  # decodes some: no second warning then
        yield from _faults()
        for members in groups:
            group = [trace.images[readable[member]] for member in members]
            inline = all(image.pixels not in self.embedded for image in group)
            glyphs = trace.glyphs_over(readable[members[-1]])
            try:
                yield from self._read_group(trace, group, glyphs, "inline" if inline else "embedded")
            except DECODE_ERRORS as error:
                yield error
            yield from _faults()
        if trace.drawn:
            try:
                yield from self._read_figures(trace)
            except DECODE_ERRORS as error:
                yield error
            warnings()  # nothing is painted that was not judged above

    def _read_figures(self, trace: PageTrace) -> Iterator[Placement]:
        """The drawings and charts that the page's paths form; never used, they are no photographs."""
        strokes = painted_strokes(self.page, trace.box)
        for figure in find_figures(strokes, trace.box, [image.box for image in trace.images], self._words):
            pixels = paint_region(self.page, figure.box, FIGURE_DPI / 72, self.limits.max_side)
            cut = f", read up to {SEGMENTS} lines of the page" if strokes.cut else ""
            reason = f"{figure.shapes} vector paths{cut}; figures are not compared with photographs"
            yield self._set_aside(figure.box, pixels, "figure", figure.name, reason)

    def _words(self) -> list[Word]:
        """The page's words and where they are shown."""
        turned = self.page.rotation_matrix
        words = [(pymupdf.Rect(word[:4]) * turned, word[4]) for word in self.page.get_text("words")]
        return [((box.x0, box.y0, box.x1, box.y1), text) for box, text in words]

    def _read_group(self, trace: PageTrace, group: list[PaintedImage], glyphs: int, kind: Kind) -> Iterator[Placement]:
        box = intersect(enclose(image.box for image in group), trace.box)
        share = area(box) / area(trace.box)
        plain = all(image.plain for image in group)
        max_side = SCAN_SIDE if share >= PAGE_WIDE else self.limits.max_side
        scale = native_scale(group)
        longest = max(box[2] - box[0], box[3] - box[1]) * scale
        if min(box[2] - box[0], box[3] - box[1]) * scale < 1 or longest < 2:
            yield self._set_aside(box, np.full((1, 1, 3), 255, np.uint8), kind, "too_small", "under a pixel")
            return
        pixels = paint_group(group, max_side) if plain else paint_region(self.page, box, scale, max_side)
        kind = kind if plain else "region"
        if share >= PAGE_WIDE:
            yield from self._read_page_raster(pixels, box, kind, glyphs)
        else:
            yield self._judge(pixels, box, kind, share)

    def _read_page_raster(self, pixels: Pixels, box: Box, kind: Kind, glyphs: int) -> Iterator[Placement]:
        """A raster as wide as the page: the pictures on it, or itself where it is one picture or has none."""
        height, width = pixels.shape[:2]
        boxes = find_pictures(pixels)
        whole = [found for found in boxes if area(found) >= WHOLE * width * height]
        if whole and glyphs >= TEXT_OVER:
            yield self._set_aside(box, pixels, kind, "background", f"{glyphs} glyphs are painted over it")
        elif whole:
            yield self._judge(_at_most(pixels, self.limits.max_side), box, kind, 1.0)
        elif not boxes:
            name = "background" if glyphs >= TEXT_OVER else "scanned_page"
            yield self._set_aside(box, pixels, kind, name, "a page-wide raster without a picture", write=False)
        else:
            across, down = (box[2] - box[0]) / width, (box[3] - box[1]) / height
            for x0, y0, x1, y1 in boxes:
                part = pixels[round(y0) : round(y1), round(x0) : round(x1)]
                place = (box[0] + x0 * across, box[1] + y0 * down, box[0] + x1 * across, box[1] + y1 * down)
                share = (x1 - x0) * (y1 - y0) / (width * height)
                yield self._judge(_at_most(part, self.limits.max_side), place, "scan_region", share)

    def _judge(self, pixels: Pixels, box: Box, kind: Kind, share: float) -> Placement:
        """A placement, used where its picture is large enough and a photograph."""
        height, width = pixels.shape[:2]
        least = self.limits.min_side
        if min(height, width) < least:
            reason = f"{width}x{height} px; at least {least}x{least} is needed"
            return self._set_aside(box, pixels, kind, "too_small", reason, write=False)
        score = photo_score(pixels, "scanned" if kind == "scan_region" else "embedded")
        if score < THRESHOLD:
            reason = f"photo score {score:.2f}; at least {THRESHOLD} is needed"
            return self._set_aside(box, pixels, kind, name_graphic(pixels, share), reason)
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
            bbox=(round(box[0], 2), round(box[1], 2), round(box[2], 2), round(box[3], 2)),
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


def _at_most(pixels: Pixels, side: int) -> Pixels:
    longest = max(pixels.shape[:2])
    if longest <= side:
        return np.ascontiguousarray(pixels)
    height, width = (max(round(length * side / longest), 1) for length in pixels.shape[:2])
    return np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
