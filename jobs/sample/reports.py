"""Compliance reports for the sample: PDFs that look like an invented laboratory's, made with PyMuPDF.

Each report has a letterhead with the laboratory's logo on every page, text, a table of results, a bar code and a
signature, and a page "Photos of the sample". EMBEDDINGS has the ways to embed a photograph that an extractor has to
read. Output bytes are determined by the arguments.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image, ImageDraw, ImageFilter

A4 = pymupdf.paper_rect("a4")
MARGIN = 56.0
TEAL, GREY = (0.05, 0.38, 0.42), (0.35, 0.35, 0.38)
LABORATORY = "Nordkap Test House"
ADDRESS = "12 Lighthouse Road, Port Example  |  an invented laboratory"
CLAUSES = (
    ("4.1", "Sharp edges and points", "EN 71-1"),
    ("4.7", "Small parts cylinder", "EN 71-1"),
    ("5.2", "Migration of elements", "EN 71-3"),
    ("6.1", "Flammability of surfaces", "EN 71-2"),
    ("7.3", "Tension and torque of joints", "EN 71-1"),
    ("9.0", "Marking and instructions", "2009/48/EC"),
)


def _encoded(image: Image.Image, form: str = "JPEG") -> bytes:
    stream = io.BytesIO()
    image.save(stream, form, quality=86)
    return stream.getvalue()


def _logo() -> Image.Image:
    """The laboratory's emblem: a lighthouse in a ring."""
    image = Image.new("RGB", (180, 180), "white")
    draw = ImageDraw.Draw(image)
    draw.ellipse((6, 6, 174, 174), outline=(12, 96, 108), width=12)
    draw.polygon([(74, 140), (106, 140), (100, 66), (80, 66)], fill=(12, 96, 108))
    draw.rectangle((76, 48, 104, 64), fill=(235, 160, 30))
    draw.polygon([(104, 50), (150, 36), (150, 72), (104, 60)], fill=(250, 215, 130))
    return image


def _signature(rng: np.random.Generator) -> Image.Image:
    """A scrawl in blue ink."""
    image = Image.new("RGB", (260, 90), "white")
    t = np.linspace(0, 1, 160)
    x = 15 + 225 * t + 14 * np.sin(23 * t + rng.uniform(0, 6))
    y = 48 + 26 * np.sin(31 * t + rng.uniform(0, 6)) * (1 - 0.7 * t) + 8 * np.sin(9 * t)
    points = [(float(a), float(b)) for a, b in zip(x, y, strict=True)]
    ImageDraw.Draw(image).line(points, fill=(28, 40, 130), width=3, joint="curve")
    return image


def _barcode(text: str) -> Image.Image:
    """Bars that encode a text, in no real symbology."""
    bits = np.unpackbits(np.frombuffer(text.encode() + zlib.crc32(text.encode()).to_bytes(4, "big"), np.uint8))
    row = np.repeat(np.where(bits == 1, 0, 255).astype(np.uint8), 2)
    return Image.fromarray(np.tile(row, (50, 1)))


def _place_jpeg(page: pymupdf.Page, box: pymupdf.Rect, photo: Image.Image) -> None:
    page.insert_image(box, stream=_encoded(photo.convert("RGB")))


def _place_soft_mask(page: pymupdf.Page, box: pymupdf.Rect, photo: Image.Image) -> None:
    """RGBA as colour image and soft mask, over a tinted panel."""
    page.draw_rect(box, color=None, fill=(0.9, 0.93, 0.95))
    page.insert_image(box, stream=_encoded(photo.convert("RGBA"), "PNG"))


def _place_cmyk(page: pymupdf.Page, box: pymupdf.Rect, photo: Image.Image) -> None:
    page.insert_image(box, stream=_encoded(photo.convert("RGB").convert("CMYK")))


def _place_inline(page: pymupdf.Page, box: pymupdf.Rect, photo: Image.Image) -> None:
    """BI ... ID ... EI in the page's content; raw RGB, deflated and in hexadecimal."""
    small = photo.convert("RGB").resize((300, 300), Image.Resampling.LANCZOS)
    data = zlib.compress(small.tobytes(), 9).hex().encode() + b">"
    low = box.transform(page.transformation_matrix)
    place = f"q {low.width:.2f} 0 0 {low.height:.2f} {low.x0:.2f} {low.y0:.2f} cm\n".encode()
    header = f"BI /W {small.width} /H {small.height} /CS /RGB /BPC 8 /F [/AHx /Fl] ID ".encode()
    document, xref = page.parent, page.parent.get_new_xref()
    document.update_object(xref, "<<>>")
    document.update_stream(xref, place + header + data + b"\nEI Q\n")
    page.set_contents(_joined(document, page, xref))


def _joined(document: pymupdf.Document, page: pymupdf.Page, xref: int) -> int:
    """One content stream of what the page has and the stream `xref`."""
    content = b"q\n" + page.read_contents() + b"\nQ\n" + document.xref_stream(xref)
    document.update_stream(xref, content)
    return xref


EMBEDDINGS: dict[str, Callable[[pymupdf.Page, pymupdf.Rect, Image.Image], None]] = {
    "jpeg": _place_jpeg,
    "soft_mask": _place_soft_mask,
    "cmyk": _place_cmyk,
    "inline": _place_inline,
}


def make_report(
    number: str, title: str, photos: list[Image.Image], embedding: str = "jpeg", rotated: bool = False
) -> pymupdf.Document:
    """A report of two pages and, where there are photographs, a third with them (turned where `rotated`)."""
    document = pymupdf.open()
    rng = np.random.default_rng(zlib.crc32(number.encode()))
    pages = 3 if photos else 2
    for index in range(pages):
        page = document.new_page(width=A4.width, height=A4.height)
        _letterhead(page, number, index + 1, pages)
        if index == 0:
            _summary(page, number, title, rng)
        elif index == 1:
            _results(page, rng)
        else:
            _photo_page(page, photos, EMBEDDINGS[embedding])
            if rotated:
                page.set_rotation(90)
    document.set_metadata({"title": f"Test report {number}", "creationDate": "D:20260105090000Z", "modDate": ""})
    return document


def scanned(document: pymupdf.Document, page_number: int, seed: int) -> None:
    """Replaces a page (from 0) by a grey-edged, slightly tilted scan of itself."""
    pixels = document[page_number].get_pixmap(dpi=150)
    page_image = Image.frombytes("RGB", (pixels.width, pixels.height), pixels.samples)
    rng = np.random.default_rng(seed)
    tilted = page_image.rotate(0.6, Image.Resampling.BICUBIC, fillcolor=(247, 246, 242))
    tilted = tilted.filter(ImageFilter.GaussianBlur(0.7))
    paper = np.asarray(tilted, np.float64) * 0.97 + rng.normal(0, 3.5, (tilted.height, tilted.width, 1))
    scan = Image.fromarray(np.clip(paper, 0, 255).astype(np.uint8))
    document.delete_page(page_number)
    page = document.new_page(page_number, width=A4.width, height=A4.height)
    page.insert_image(page.rect, stream=_encoded(scan))


def save(document: pymupdf.Document, path: Path, **options: int | str) -> None:
    """Writes a PDF whose bytes depend on its content alone."""
    document.save(path, garbage=4, deflate=True, no_new_id=True, **options)
    document.close()


def _letterhead(page: pymupdf.Page, number: str, index: int, pages: int) -> None:
    page.insert_image(pymupdf.Rect(MARGIN, 28, MARGIN + 44, 72), stream=_encoded(_logo(), "PNG"))
    page.insert_text((MARGIN + 54, 48), LABORATORY, fontsize=15, fontname="hebo", color=TEAL)
    page.insert_text((MARGIN + 54, 63), ADDRESS, fontsize=8, color=GREY)
    page.draw_line((MARGIN, 80), (A4.width - MARGIN, 80), color=TEAL, width=1.2)
    footer = f"Report {number}   page {index} of {pages}   This report may only be copied as a whole."
    page.insert_text((MARGIN, A4.height - 32), footer, fontsize=8, color=GREY)


def _summary(page: pymupdf.Page, number: str, title: str, rng: np.random.Generator) -> None:
    page.insert_text((MARGIN, 125), "TEST REPORT", fontsize=22, fontname="hebo")
    facts = (
        ("Report number", number),
        ("Sample", title),
        ("Model", f"NK-{int(rng.integers(100, 999))}"),
        ("Applicant", "Example Toys Ltd."),
        ("Received", "5 January 2026"),
        ("Result", "PASS: the sample meets the clauses tested"),
    )
    for row, (name, value) in enumerate(facts):
        page.insert_text((MARGIN, 165 + 22 * row), name, fontsize=10, fontname="hebo", color=GREY)
        page.insert_text((MARGIN + 120, 165 + 22 * row), value, fontsize=10)
    text = (
        "The sample described above was submitted by the applicant and tested as received. The results "
        "relate only to the item tested. Photographs of the sample are found on the last page, where there "
        "are any. Measurement uncertainty was taken into account where the standard asks for it."
    )
    page.insert_textbox(pymupdf.Rect(MARGIN, 310, A4.width - MARGIN, 380), text, fontsize=10, lineheight=1.35)
    page.insert_image(pymupdf.Rect(MARGIN, 400, MARGIN + 190, 430), stream=_encoded(_barcode(number), "PNG"))
    page.insert_text((MARGIN, 600), "Authorised by", fontsize=9, color=GREY)
    page.insert_image(pymupdf.Rect(MARGIN, 606, MARGIN + 130, 651), stream=_encoded(_signature(rng), "PNG"))
    page.draw_line((MARGIN, 655), (MARGIN + 160, 655), color=GREY, width=0.6)
    page.insert_text((MARGIN, 668), "Head of toy safety", fontsize=9)


def _results(page: pymupdf.Page, rng: np.random.Generator) -> None:
    page.insert_text((MARGIN, 120), "Results", fontsize=16, fontname="hebo")
    columns = (MARGIN, MARGIN + 60, MARGIN + 260, MARGIN + 350, A4.width - MARGIN)
    header = ("Clause", "Test", "Standard", "Result")
    rows = [header] + [(*clause, f"{rng.uniform(0.1, 0.9):.2f}  pass") for clause in CLAUSES]
    for index, row in enumerate(rows):
        top = 140 + 26 * index
        if index == 0:
            page.draw_rect(pymupdf.Rect(columns[0], top, columns[-1], top + 26), color=None, fill=(0.88, 0.94, 0.94))
        for x, cell in zip(columns, row, strict=False):
            page.insert_text((x + 5, top + 17), cell, fontsize=9.5, fontname="hebo" if index == 0 else "helv")
        page.draw_line((columns[0], top + 26), (columns[-1], top + 26), color=GREY, width=0.5)
    for x in columns:
        page.draw_line((x, 140), (x, 140 + 26 * len(rows)), color=GREY, width=0.5)


def _photo_page(
    page: pymupdf.Page,
    photos: list[Image.Image],
    place: Callable[[pymupdf.Page, pymupdf.Rect, Image.Image], None],
) -> None:
    page.insert_text((MARGIN, 120), "Photos of the sample", fontsize=16, fontname="hebo")
    side = 250.0
    for index, photo in enumerate(photos):
        top = 145 + 300 * index
        place(page, pymupdf.Rect(MARGIN, top, MARGIN + side, top + side), photo)
        page.insert_text((MARGIN, top + side + 16), f"Photo {index + 1}: sample as received", fontsize=9, color=GREY)
