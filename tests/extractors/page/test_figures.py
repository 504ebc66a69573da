"""Figures are found where they are and never used, and a page that only has furniture has none."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pymupdf
import pytest
from pymupdf import mupdf

from extractors import Placement, extract_document
from extractors.geometry import iou
from extractors.model import Box
from extractors.page.reader import FIGURE_DPI
from extractors.page.strokes import SEGMENTS
from tests.extractors import pdfs

WORDS = "the sample was conditioned before it was tested according to the standard"


def _kettle(shape: pymupdf.Shape, left: float, top: float, size: float = 160) -> Box:
    """Draw a kettle in lines (body, lid, spout, handle, hatching, a dimension line); returns its box."""

    def at(x: float, y: float) -> pymupdf.Point:
        return pymupdf.Point(left + x * size, top + y * size)

    shape.draw_bezier(at(0.2, 1), at(0.1, 0.6), at(0.2, 0.3), at(0.35, 0.25))
    shape.draw_bezier(at(0.8, 1), at(0.9, 0.6), at(0.8, 0.3), at(0.65, 0.25))
    shape.draw_line(at(0.2, 1), at(0.8, 1))
    shape.draw_oval(pymupdf.Rect(at(0.35, 0.2), at(0.65, 0.3)))
    shape.draw_circle(at(0.5, 0.15), 0.05 * size)
    shape.draw_polyline([at(0.2, 0.7), at(0, 0.45), at(0.06, 0.4), at(0.2, 0.5)])
    shape.draw_bezier(at(0.75, 0.35), at(1.05, 0.3), at(1.05, 0.9), at(0.82, 0.85))
    for step in range(12):
        shape.draw_line(at(0.3 + 0.03 * step, 0.9), at(0.35 + 0.03 * step, 0.8))
    shape.draw_line(at(0, 1.1), at(1, 1.1))
    shape.finish(width=0.8)
    return (left, top + 0.1 * size, left + 0.98 * size, top + 1.1 * size)


def _chart(page: pymupdf.Page, box: Box) -> None:
    """Draw a chart: a curve over two axes with ticks and numbers."""
    x0, y0, x1, y1 = box
    shape = page.new_shape()
    shape.draw_line((x0, y0), (x0, y1))
    shape.draw_line((x0, y1), (x1, y1))
    for step in range(7):
        x, y = x0 + step * (x1 - x0) / 6, y0 + step * (y1 - y0) / 6
        shape.draw_line((x, y1), (x, y1 + 4))
        shape.draw_line((x0 - 4, y), (x0, y))
        page.insert_text((x - 3, y1 + 12), str(10 * step), fontsize=7)
        page.insert_text((x0 - 16, y + 3), str(60 - 10 * step), fontsize=7)
    shape.finish(width=0.6)
    curve = [
        (x0 + share * (x1 - x0), y1 - (0.5 + 0.4 * math.sin(9 * share)) * (y1 - y0)) for share in np.linspace(0, 1, 60)
    ]
    shape.draw_polyline(curve)
    shape.finish(color=(0.8, 0.1, 0.1))
    shape.commit()


def _furniture(page: pymupdf.Page) -> None:
    """Draw the furniture of a declaration: a bar with a badge, rules, a ruled table, round form boxes, bullets."""
    shape = page.new_shape()
    shape.draw_rect((40, 30, 555, 48))
    shape.finish(fill=(0.1, 0.2, 0.5))
    shape.draw_circle((60, 70), 14)
    shape.draw_circle((60, 70), 9)
    shape.finish(fill=(0.8, 0.2, 0.2))
    shape.draw_line((40, 92), (555, 92))
    for row in range(9):
        shape.draw_line((60, 110 + 18 * row), (535, 110 + 18 * row))
    for column in range(6):
        shape.draw_line((60 + 95 * column, 110), (60 + 95 * column, 254))
    shape.finish(width=0.5)
    for row in range(8):
        for column in range(5):
            page.insert_text((64 + 95 * column, 122 + 18 * row), f"value {row}.{column}", fontsize=8)
    for row in range(5):
        shape.draw_rect((60, 640 + 26 * row, 535, 660 + 26 * row), radius=0.3)
        page.insert_text((80, 654 + 26 * row), WORDS, fontsize=8)
        shape.draw_circle((50, 650 + 26 * row), 2.5)
    shape.finish(width=0.5)
    shape.commit()


def _page(document: pymupdf.Document) -> pymupdf.Page:
    return document.new_page(width=595, height=842)


def _figures(pdf: Path, out: Path) -> list[Placement]:
    extraction = extract_document(pdf, out)
    assert extraction.status == "ok", extraction.detail
    figures = [image for image in extraction.images if image.kind == "figure"]
    assert not any(image.used for image in figures)
    return figures


def _draw(page: pymupdf.Page, *places: tuple[float, float]) -> list[Box]:
    shape = page.new_shape()
    boxes = [_kettle(shape, *place) for place in places]
    shape.commit()
    return boxes


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_a_drawing_in_a_declaration_is_one_figure(tmp_path: Path, turn: int) -> None:
    document = pymupdf.open()
    page = _page(document)
    _furniture(page)
    (box,) = _draw(page, (200, 300))
    page.insert_text((210, 520), "Figure 1: the kettle, front view", fontsize=9)
    page.set_rotation(turn)
    rectangle = pymupdf.Rect(box) * page.rotation_matrix
    shown = (rectangle.x0, rectangle.y0, rectangle.x1, rectangle.y1)
    pdf = pdfs.save(document, tmp_path / "a.pdf")
    (figure,) = _figures(pdf, tmp_path)
    assert (figure.page, figure.image_class) == (1, "drawing")
    assert "vector paths" in str(figure.reason)
    assert iou(figure.bbox, shown) > 0.85
    assert figure.file is not None
    pixels = pdfs.read(tmp_path / figure.file)
    x0, y0, x1, y1 = (round(value * FIGURE_DPI / 72) for value in figure.bbox)
    other = pdfs.poppler(pdf, dpi=FIGURE_DPI)[y0:y1, x0:x1]
    assert np.abs(np.subtract(pixels.shape, other.shape)).max() <= 2
    height, width = np.minimum(pixels.shape[:2], other.shape[:2]) // 8 * 8
    inks = [(255 - p[:height, :width].astype(float)).mean(axis=2) for p in (pixels, other)]
    blocks = [ink.reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3)).ravel() for ink in inks]
    assert np.corrcoef(*blocks)[0, 1] > 0.95  # two renderers set thin lines a pixel apart


def test_a_figure_on_every_page_is_a_letterhead(tmp_path: Path) -> None:
    document = pymupdf.open()
    for _ in range(3):
        _draw(_page(document), (400, 20))
    _draw(document[1], (100, 400))
    figures = _figures(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    assert [(figure.page, figure.image_class) for figure in figures] == [
        (1, "letterhead"),
        (2, "letterhead"),
        (2, "drawing"),
        (3, "letterhead"),
    ]


def test_two_drawings_side_by_side_are_two_figures(tmp_path: Path) -> None:
    document = pymupdf.open()
    boxes = _draw(_page(document), (80, 300), (330, 300))
    figures = _figures(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    assert len(figures) == 2
    for figure, box in zip(figures, boxes, strict=True):
        assert iou(figure.bbox, box) > 0.85


def test_a_drawing_in_a_cell_of_a_table_is_without_the_table(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = _page(document)
    (box,) = _draw(page, (330, 310))
    shape = page.new_shape()
    for y in (300, 500, 530, 560, 590, 620, 650):
        shape.draw_line((60, y), (535, y))
    for x in (60, 300, 535):
        shape.draw_line((x, 300), (x, 650))
    shape.finish()
    shape.commit()
    for row in range(5):
        page.insert_text((70, 520 + 30 * row), WORDS[:45], fontsize=9)
        page.insert_text((310, 520 + 30 * row), WORDS[:45], fontsize=9)
    (figure,) = _figures(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    assert iou(figure.bbox, box) > 0.7


def test_a_chart_has_its_axes_and_its_name(tmp_path: Path) -> None:
    document = pymupdf.open()
    page = _page(document)
    _chart(page, (150, 200, 420, 360))
    (figure,) = _figures(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    assert figure.image_class == "chart"
    x0, y0, x1, y1 = figure.bbox
    assert x0 < 146
    assert y0 < 201
    assert x1 > 419
    assert y1 > 364


def test_pages_of_text_and_furniture_have_no_figure(tmp_path: Path) -> None:
    document = pymupdf.open()
    _furniture(_page(document))
    page = _page(document)
    for line in range(40):
        page.insert_text((60, 80 + 17 * line), WORDS, fontsize=10)
        page.draw_line((60, 82 + 17 * line), (300, 82 + 17 * line))
    shape = _page(document).new_shape()
    for bar in range(80):
        shape.draw_rect((100 + 4 * bar, 100, 101.5 + 4 * bar + bar % 3, 180))
    shape.finish(fill=(0, 0, 0))
    shape.draw_rect((5, 5, 590, 837), radius=0.05)  # a round frame about the page
    shape.finish()
    shape.commit()
    pdf = pdfs.save(document, tmp_path / "a.pdf")
    assert _figures(pdf, tmp_path) == []


class _Outline(mupdf.FzPathWalker2):  # type: ignore[misc]
    """A glyph's outline as operators of a content stream."""

    def __init__(self) -> None:
        super().__init__()
        for event in ("moveto", "lineto", "curveto", "closepath"):
            getattr(self, f"use_virtual_{event}")()
        self.operators: list[str] = []

    def moveto(self, ctx: object, x: float, y: float) -> None:
        self.operators.append(f"{x:.2f} {y:.2f} m")

    def lineto(self, ctx: object, x: float, y: float) -> None:
        self.operators.append(f"{x:.2f} {y:.2f} l")

    def curveto(self, ctx: object, *points: float) -> None:
        self.operators.append(" ".join(f"{value:.2f}" for value in points) + " c")

    def closepath(self, ctx: object) -> None:
        self.operators.append("h")


def _outlines(text: str, left: float, base: float, size: float) -> list[str]:
    """The letters of `text` as closed paths of a content stream."""
    font = mupdf.FzFont("Times-Roman", *mupdf.fz_lookup_base14_font("Times-Roman"), 0, 0)
    letters = []
    for letter in text:
        glyph = mupdf.fz_encode_character(font, ord(letter))
        if letter != " ":
            walker = _Outline()
            path = mupdf.fz_outline_glyph(font, glyph, mupdf.fz_make_matrix(size, 0, 0, size, left, base))
            mupdf.fz_walk_path(path, walker, walker.m_internal)
            letters.append(" ".join(walker.operators))
        left += mupdf.fz_advance_glyph(font, glyph, 0) * size
    return letters


@pytest.mark.parametrize("by_letter", [True, False], ids=["a path a letter", "a path a line"])
@pytest.mark.parametrize("turn", [0, 90])
def test_text_in_outlines_is_no_figure(tmp_path: Path, by_letter: bool, turn: int) -> None:
    lines = [_outlines(WORDS, 60, 760 - 15 * line, 11) for line in range(30)]
    content = "\n".join((" f " if by_letter else " ").join(letters) + " f" for letters in lines)
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content.encode(), {}, rotate=turn)
    shown = pdfs.poppler(pdf)
    assert 0.02 < (shown < 128).mean() < 0.2  # the page shows text
    assert _figures(pdf, tmp_path) == []


def test_a_photograph_with_a_frame_and_arrows_stays_the_photograph(tmp_path: Path) -> None:
    document = pymupdf.open(pdfs.with_images(tmp_path / "photo.pdf", [((150, 200), pdfs.photograph(6))]))
    shape = document[0].new_shape()
    shape.draw_rect((144, 194, 396, 406), radius=0.1)
    for index in range(10):
        tip = pymupdf.Point(180 + 20 * index, 250 + 10 * (index % 3))
        shape.draw_line(tip + pymupdf.Point(-25, -70), tip)
        shape.draw_polyline([tip - pymupdf.Point(6, 3), tip, tip - pymupdf.Point(0, 7)])
        shape.draw_circle(tip, 6)
    shape.finish(color=(1, 0, 0), width=2)
    shape.commit()
    extraction = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    (image,) = extraction.images
    assert (image.kind, image.used) == ("embedded", True)


def test_arrows_that_reach_out_of_a_photograph_are_no_figure(tmp_path: Path) -> None:
    small = pdfs.photograph(8, 90, 110)
    document = pymupdf.open(pdfs.with_images(tmp_path / "photo.pdf", [((250, 300), small)]))
    shape = document[0].new_shape()
    for angle in np.linspace(0, 2 * math.pi, 20, endpoint=False):
        middle, away = pymupdf.Point(305, 345), pymupdf.Point(math.cos(angle), math.sin(angle))
        shape.draw_line(middle + away * 30, middle + away * 110)
        shape.draw_circle(middle + away * 30, 4)
    shape.finish(color=(1, 0, 0))
    shape.commit()
    extraction = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    assert [(image.kind, image.used) for image in extraction.images] == [("embedded", True)]


@pytest.mark.parametrize("how", ["buttons", "scallops about text", "waves behind the page"])
def test_decoration_is_no_figure(tmp_path: Path, how: str) -> None:
    document = pymupdf.open()
    page = _page(document)
    shape = page.new_shape()
    if how == "buttons":
        for inset in range(4):  # bevelled: cut corners, four times
            x0, y0, x1, y1 = 100 + inset, 200 + inset, 400 - inset, 280 - inset
            corners = [(x0, y0 + 9), (x0 + 5, y0 + 2), (x0 + 9, y0), (x1 - 9, y0), (x1 - 5, y0 + 2), (x1, y0 + 9)]
            corners += [(x1, y1 - 9), (x1 - 5, y1 - 2), (x1 - 9, y1), (x0 + 9, y1), (x0 + 5, y1 - 2), (x0, y1 - 9)]
            shape.draw_polyline([*corners, corners[0]])
            shape.finish(fill=(0.2, 0.3 + 0.1 * inset, 0.8))
    elif how == "scallops about text":
        for step in range(20):
            for y in (190, 330):
                shape.draw_curve((100 + 20 * step, y), (110 + 20 * step, y - 8), (120 + 20 * step, y))
        for step in range(7):
            for x in (100, 500):
                shape.draw_curve((x, 190 + 20 * step), (x - 8, 200 + 20 * step), (x, 210 + 20 * step))
        shape.finish()
        for line in range(10):
            page.insert_text((115, 210 + 12 * line), WORDS + " " + WORDS[:10], fontsize=10)
    else:
        for wave in range(4):
            shape.draw_bezier((0, 100 + 20 * wave), (200, 10), (400, 200), (595, 80 + 20 * wave))
            shape.draw_line((595, 80 + 20 * wave), (595, 842))
            shape.draw_bezier((595, 842), (400, 800), (200, 842), (0, 820))
            for x in range(0, 90, 9):
                shape.draw_line((x, 820), (x + 9, 810 + x % 2))
            shape.finish(fill=(0.9, 0.9, 1 - 0.05 * wave))
    shape.commit()
    assert _figures(pdfs.save(document, tmp_path / "a.pdf"), tmp_path) == []


def test_a_drawing_beside_a_photograph_is_a_figure(tmp_path: Path) -> None:
    document = pymupdf.open(pdfs.with_images(tmp_path / "photo.pdf", [((60, 200), pdfs.photograph(7))]))
    (box,) = _draw(document[0], (350, 200))
    extraction = extract_document(pdfs.save(document, tmp_path / "a.pdf"), tmp_path)
    photo, figure = extraction.images
    assert (photo.kind, photo.used) == ("embedded", True)
    assert figure.kind == "figure"
    assert iou(figure.bbox, box) > 0.85


@pytest.mark.parametrize("how", ["white", "in a mask", "clipped away", "off the page"])
def test_what_is_not_seen_is_no_figure(tmp_path: Path, how: str) -> None:
    strokes = b" ".join(
        b"%d 300 m %d 320 %d 400 300 %d c" % (x, x + 9, x - 30, 420 - x // 9) for x in range(200, 400, 4)
    )
    content = {
        "white": b"1 g 1 G " + strokes + b" B",
        "in a mask": b"/G gs 0 0 9 9 re f",
        "clipped away": b"q 0 0 20 20 re W n " + strokes + b" S Q",
        "off the page": b"1 0 0 1 2000 0 cm " + strokes + b" S",
    }[how]
    form = "/Type/XObject/Subtype/Form/BBox[0 0 595 842]/Group<</S/Transparency/CS/DeviceGray>>"
    resources = "/ExtGState<</G<</SMask<</S/Luminosity/G {form}>>>>>>"
    pdf = pdfs.raw_page(tmp_path / "a.pdf", content, {"form": (form, b"0.5 G " + strokes + b" S")}, resources)
    assert _figures(pdf, tmp_path) == []
    seen = pdfs.raw_page(tmp_path / "b.pdf", strokes + b" S", {})
    assert len(_figures(seen, tmp_path)) == 1


@pytest.mark.parametrize("one_path", [False, True], ids=["paths", "lines of a path"])
def test_a_page_of_200_000_paths_is_cut_and_says_so(tmp_path: Path, one_path: bool) -> None:
    rng = np.random.default_rng(0)
    starts = rng.uniform(100, 450, (200_000, 2))
    ends = starts + rng.uniform(-9, 9, starts.shape)
    content = "\n".join(
        f"{a:.1f} {b:.1f} m {c:.1f} {d:.1f} l{' S' * (not one_path)}"
        for (a, b), (c, d) in zip(starts, ends, strict=True)
    )
    (figure,) = _figures(pdfs.raw_page(tmp_path / "a.pdf", content.encode() + b" S", {}), tmp_path)
    assert f"read up to {SEGMENTS} lines" in str(figure.reason)
    assert iou(figure.bbox, (95, 387, 455, 747)) > 0.9
