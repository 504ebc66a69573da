"""Traps in where an image is shown: matrices, page boxes, clips, nesting, annotations, pieces, repeats."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pymupdf

from extractors.geometry import enclose
from tests.extractors import pdfs
from tests.extractors.page.trap import (
    BOX,
    HEIGHT,
    IMAGES,
    PHOTO,
    PLACE,
    PLAIN,
    TWO,
    TWO_IMAGES,
    WIDTH,
    Box,
    Page,
    Trap,
)

SLANTED: dict[str, Any] = {"off_by": 3.5, "alike": 0.98}  # edges that cross pixels, smoothed in two ways
SECOND: Box = (60, 190, 180, 290)
PLACE_SECOND = b"q 120 0 0 100 60 10 cm /J Do Q "
FORM = "/Type/XObject/Subtype/Form"
WITH_IMAGE = "/Resources<</XObject<</I {i}>>>>"


def _painted(a: float, b: float, c: float, d: float, e: float, f: float, **how: Any) -> Trap:
    """The image under one matrix; its box is that of the unit square."""
    corners = [(e + a * x + c * y, 300 - (f + b * x + d * y)) for x in (0, 1) for y in (0, 1)]
    box = enclose((x, y, x, y) for x, y in corners)
    matrix = " ".join(f"{value:.4f}" for value in (a, b, c, d, e, f)).encode()
    return Trap((Page(b"q " + matrix + b" cm /I Do Q", (box,)),), **how)


def _turned(degrees: float) -> Trap:
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return _painted(120 * cos, 120 * sin, -100 * sin, 100 * cos, 120, 100, **SLANTED)


def _matrices() -> dict[str, Trap]:
    return {
        "turned by 90": _painted(0, 120, -100, 0, 200, 100),
        "turned by 180": _painted(-120, 0, 0, -100, 200, 220),
        "turned by 270": _painted(0, -120, 100, 0, 100, 220),
        "turned by 7": _turned(7),
        "turned by 30": _turned(30),
        "mirrored across": _painted(-120, 0, 0, 100, 200, 100),
        "upside down, as scanners write": _painted(120, 0, 0, -100, 60, 220),
        "mirrored and turned": _painted(0, 120, 100, 0, 100, 100),
        "skewed": _painted(120, 0, 40, 100, 60, 100, **SLANTED),
        "stretched": _painted(200, 0, 0, 60, 60, 100, off_by=5, alike=0.97),
        "zero size": Trap((Page(b"q 0 0 0 0 60 20 cm /I Do Q q 0 0 0 100 20 20 cm /I Do Q " + PLACE),)),
        "singular": Trap((Page(b"q 60 60 60 60 200 20 cm /I Do Q " + PLACE),)),
        "interpolated": Trap((Page(PLACE),), {"i": (PLAIN["i"][0] + "/Interpolate true", PLAIN["i"][1])}),
    }


def _pages() -> dict[str, Trap]:
    crop = "/CropBox[20 30 300 280]"
    return {
        "page turned by 90": Trap((Page(PLACE, ((120, 60, 220, 180),), "/Rotate 90"),)),
        "page turned by 180": Trap((Page(PLACE, ((140, 120, 260, 220),), "/Rotate 180"),)),
        "page turned by 270": Trap((Page(PLACE, ((80, 140, 180, 260),), "/Rotate 270"),)),
        "page turned by -90": Trap((Page(PLACE, ((80, 140, 180, 260),), "/Rotate -90"),)),
        "UserUnit": Trap(  # pdftoppm knows no UserUnit
            (Page(PLACE, ((120, 160, 360, 360),), "/UserUnit 2", ink=BOX),), truth=(PHOTO,)
        ),
        "CropBox": Trap((Page(PLACE, ((40, 60, 160, 160),), crop),)),
        "CropBox turned by 90": Trap((Page(PLACE, ((90, 40, 190, 160),), crop + "/Rotate 90"),)),
        "CropBox turned by 270": Trap((Page(PLACE, ((60, 120, 160, 240),), crop + "/Rotate 270"),)),
        "CropBox that cuts": Trap((Page(PLACE, ((0, 80, 80, 150),), "/CropBox[100 150 320 300]"),)),
        "MediaBox elsewhere": Trap(
            (Page(PLACE, ((110, 130, 230, 230),), "/CropBox[-50 -50 270 350]/MediaBox[-50 -50 270 350]"),)
        ),
        "partly off the page": Trap((Page(b"q 120 0 0 100 -30 240 cm /I Do Q", ((0, 0, 90, 60),)),)),
        "off the page": Trap((Page(b"q 120 0 0 100 400 100 cm /I Do Q q 120 0 0 100 60 -101 cm /I Do Q", ()),)),
    }


def _clips() -> dict[str, Trap]:
    oval = b"180 170 m 180 198 153 220 120 220 c 87 220 60 198 60 170 c "
    oval += b"60 142 87 120 120 120 c 153 120 180 142 180 170 c h "
    widths = f"/Widths[833{' 0' * 9} 944]/FontDescriptor {{descriptor}}"
    return {
        "clip": Trap((Page(b"q 80 140 60 50 re W n " + PLACE + b"Q", ((80, 110, 140, 160),)),)),
        "clips in each other": Trap(
            (Page(b"q 80 140 100 50 re W n q 0 0 120 300 re W n " + PLACE + b"Q Q", ((80, 110, 120, 160),)),)
        ),
        "curved clip": Trap((Page(b"q " + oval + b"W n " + PLACE + b"Q"),), **SLANTED),
        "even-odd clip": Trap((Page(b"q 60 120 120 100 re 90 145 60 50 re W* n " + PLACE + b"Q"),), off_by=3),
        "text clip": Trap(
            (Page(b"q BT /F 110 Tf 7 Tr 62 130 Td (WM) Tj ET " + PLACE + b"Q", ink=(63.4, 89.8, 180, 170)),),
            {  # the font is in the file: what a reader takes in its place is the machine's
                **PLAIN,
                "f": ("/Type/Font/Subtype/Type1/BaseFont/Bold/FirstChar 77/LastChar 87" + widths, None),
                "descriptor": ("/Type/FontDescriptor/FontName/Bold/Flags 32/FontFile3 {file}", None),
                "file": ("/Subtype/Type1C", pymupdf.Font("hebo").buffer),
            },
            IMAGES + "/Font<</F {f}>>",
            **SLANTED,
        ),
        "clip that leaves nothing": Trap((Page(b"q 200 20 50 50 re W n " + PLACE + b"Q", ()),)),
    }


def _nests() -> dict[str, Trap]:
    inner = (f"{FORM}/BBox[0 0 320 300]{WITH_IMAGE}", PLACE)
    outer = (f"{FORM}/BBox[60 120 120 220]/Matrix[.5 0 0 .5 30 40]/Resources<</XObject<</A {{a}}>>>>", b"/A Do")
    cell = "/Type/Pattern/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 120 100]/XStep 120/YStep 100"
    glyph = "/Type/Font/Subtype/Type3/FontBBox[0 0 120 100]/FontMatrix[.01 0 0 .01 0 0]/FirstChar 65/LastChar 65"
    encoding = "/Widths[120]/Encoding<</Differences[65/A]>>/CharProcs<</A {proc}>>"
    return {
        "form": Trap((Page(b"/A Do"),), {**PLAIN, "a": inner}, "/XObject<</A {a}>>"),
        "form in a form, cut by its BBox": Trap(
            (Page(b"/B Do", ((60, 150, 90, 200),)),), {**PLAIN, "a": inner, "b": outer}, "/XObject<</B {b}>>", off_by=5
        ),
        "form painted twice": Trap(
            (
                Page(
                    b"q 1 0 0 1 0 70 cm /A Do Q q 1 0 0 1 130 -100 cm /A Do Q",
                    ((60, 10, 180, 110), (190, 180, 310, 280)),
                ),
            ),
            {**PLAIN, "a": inner},
            "/XObject<</A {a}>>",
        ),
        "pattern": Trap(
            (Page(b"/Pattern cs /P scn 60 120 120 100 re f"),),
            {
                **PLAIN,
                "p": (f"{cell}/Matrix[1 0 0 1 60 120]{WITH_IMAGE}", b"q 120 0 0 100 0 0 cm /I Do Q"),
            },
            "/Pattern<</P {p}>>",
            off_by=4,
        ),
        "glyph of a Type 3 font": Trap(
            (Page(b"BT /F 100 Tf 60 120 Td (A) Tj ET"),),
            {
                **PLAIN,
                "f": (glyph + encoding + WITH_IMAGE, None),
                "proc": ("", b"120 0 d0 q 120 0 0 100 0 0 cm /I Do Q"),
            },
            "/Font<</F {f}>>",
            off_by=4,
        ),
    }


def _annotations() -> dict[str, Trap]:
    look = (f"{FORM}/BBox[0 0 60 50]{WITH_IMAGE}", b"q 60 0 0 50 0 0 cm /I Do Q")

    def note(subtype: str, flags: int = 4, boxes: tuple[Box, ...] = (BOX,), catalog: str = "") -> Trap:
        rect = "/Type/Annot/Rect[60 120 180 220]/AP<</N {look}>>"
        objects = {**PLAIN, "look": look, "note": (f"{rect}/Subtype/{subtype}/F {flags}", None)}
        return Trap((Page(b"", boxes, "/Annots[{note}]"),), objects, catalog=catalog)

    fields = "/AcroForm<</Fields[{note}]>>"
    return {
        "stamp": note("Stamp"),
        "stamp, hidden": note("Stamp", 2, ()),
        "stamp, not for viewing": note("Stamp", 32, ()),
        "widget": note("Widget/FT/Btn/Ff 65536/T(photo)", catalog=fields),
        "widget, hidden": note("Widget/FT/Btn/Ff 65536/T(photo)", 2, (), fields),
    }


def _pieces() -> dict[str, Trap]:
    smooth = np.ascontiguousarray(pdfs.photograph(5, HEIGHT, WIDTH))

    def cut(rows: int, columns: int, over: int = 0, gap: float = 0.0) -> Trap:
        """The image in pieces that overlap by `over` px, or stand `gap` points apart; top to bottom."""
        objects, content, resources = {}, b"", ""
        high, wide = HEIGHT // rows, WIDTH // columns
        for row in range(rows):
            for column in range(columns):
                piece = np.ascontiguousarray(
                    smooth[row * high : (row + 1) * high + over, column * wide : (column + 1) * wide]
                )
                name = f"i{row}x{column}"
                objects[name] = (pdfs.image_dictionary(piece, "DeviceRGB"), piece.tobytes())
                resources += f"/{name} {{{name}}}"
                width, height = piece.shape[1] / 2 - gap, piece.shape[0] / 2 - gap
                left, bottom = 60 + column * wide / 2, 220 - row * high / 2 - height
                content += f"q {width:g} 0 0 {height:g} {left:g} {bottom:g} cm /{name} Do Q ".encode()
        box = (60, 80, 180 - gap, 180 - gap)
        return Trap((Page(content, (box,)),), objects, f"/XObject<<{resources}>>", alike=0.97 if gap else 0.99)

    beside = b"q 120 0 0 100 180 120 cm /J Do Q"
    return {
        "strips": cut(10, 1),
        "columns": cut(1, 12),
        "tiles": cut(2, 2),
        "strips that overlap by a pixel": cut(10, 1, over=1),
        "strips with hairlines between": cut(10, 1, gap=0.1),
        "two images that touch": Trap((Page(PLACE + beside, (BOX, (180, 80, 300, 180))),), TWO, TWO_IMAGES),
        "two images apart": Trap((Page(PLACE + PLACE_SECOND, (BOX, SECOND)),), TWO, TWO_IMAGES),
        "the same on three pages": Trap(
            (
                Page(PLACE),
                Page(PLACE_SECOND + PLACE, (SECOND, BOX)),
                Page(b"q 120 0 0 100 9 9 cm /I Do Q", ((9, 191, 129, 291),)),
            ),
            TWO,
            TWO_IMAGES,
        ),
    }


PLACES = {**_matrices(), **_pages(), **_clips(), **_nests(), **_annotations(), **_pieces()}
