"""Pages that paint in a circle, out of all proportion or out of order, and still end in an image or an error."""

from __future__ import annotations

from pathlib import Path

from tests.extractors.isolation.malformed.document import LOST, READ, Malformed, collect
from tests.extractors.rawpdf import EVERYWHERE, EXTRA, stream, two_pages, write

CASES: list[Malformed] = []
P = "/XObject<</P 7 0 R>>"
FORM = "/Type/XObject/Subtype/Form/BBox[0 0 595 842]"
PAINT = b"q 240 0 0 180 60 562 cm /P Do Q"
ROUND = b"60 562 m 60 740 l 200 760 l 300 740 l 300 562 l h W n "  # a clip that makes an image a region of the page


@collect(CASES, *READ)
def form_that_paints_itself(path: Path) -> None:
    form = stream(f"{FORM}/Resources<</XObject<</F {EXTRA} 0 R/P 7 0 R>>>>", b"/F Do " + PAINT)
    write(path, two_pages(b"/F Do", f"/XObject<</F {EXTRA} 0 R>>", [form]))


@collect(CASES, *READ)
def forms_in_a_circle(path: Path) -> None:
    forms = [stream(f"{FORM}/Resources<</XObject<</F {other} 0 R>>>>", b"/F Do /F Do") for other in (EXTRA + 1, EXTRA)]
    write(path, two_pages(b"/F Do", f"/XObject<</F {EXTRA} 0 R>>", forms))


@collect(CASES, *READ)
def forms_500_deep(path: Path) -> None:
    last = EXTRA + 499
    forms = [stream(f"{FORM}/Resources<</XObject<</F {n + 1} 0 R>>>>", b"q /F Do Q") for n in range(EXTRA, last)]
    write(path, two_pages(b"/F Do", f"/XObject<</F {EXTRA} 0 R>>", [*forms, stream(f"{FORM}/Resources<<{P}>>", PAINT)]))


@collect(CASES, *LOST)
def inline_images_over_the_limit(path: Path) -> None:
    one = b"q 9 0 0 9 %d %d cm BI /W 2 /H 2 /CS /G /BPC 8 ID abcd EI Q\n"
    write(path, two_pages(b"".join(one % (n % 60 * 10, n // 60) for n in range(600))))


@collect(CASES, *LOST)
def strips_over_the_limit(path: Path) -> None:
    """One photograph cut into 600 strips."""
    one = b"q 240 0 0 0.00%d 60 %.4f cm /P Do Q\n"
    write(path, two_pages(b"".join(one % (n % 9 + 1, 562 + n * 0.3) for n in range(600)), P))


@collect(CASES, *READ)
def strips_200_in_one_place(path: Path) -> None:
    """Each strip is on top of all the others."""
    write(path, two_pages(b"".join(b"q 240 0 0 180 %.3f 562 cm /P Do Q\n" % (60 + n / 9000) for n in range(200)), P))


@collect(CASES, *READ)
def tiles_225_that_touch(path: Path) -> None:
    """Images beside each other: 15 x 15, each of whose seams is looked at."""
    cell = b"q 9 0 0 12 %d %d cm /P Do Q\n"
    write(path, two_pages(b"".join(cell % (9 * (n % 15), 12 * (n // 15)) for n in range(225)), P))


@collect(CASES, *READ)
def tiling_that_paints_itself(path: Path) -> None:
    cell = "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 9 9]/XStep 5/YStep 5"
    pattern = stream(f"{cell}/Resources<</Pattern<</T {EXTRA} 0 R>>>>", b"/Pattern cs /T scn 0 0 9 9 re f")
    content = b"/Pattern cs /T scn 0 0 595 842 re f q " + ROUND + PAINT + b" Q"
    write(path, two_pages(content, f"/Pattern<</T {EXTRA} 0 R>>{P}", [pattern]))


def _placed(name: str, numbers: str) -> None:
    def build(path: Path) -> None:
        write(path, two_pages(f"q {numbers} cm /P Do Q".encode(), P))

    CASES.append(Malformed(f"image_{name}", build, READ, 1))


_placed("at_1e9_points", "1000000000 0 0 1000000000 -500000000 -500000000")
_placed("at_1e38_points", f"1{'0' * 38} 0 0 1{'0' * 38} 0 0")
_placed("at_1e60_points", f"1{'0' * 60} 0 0 1{'0' * 60} -1{'0' * 59} 0")
_placed("of_no_area", "0 0 0 0 60 562")
_placed("on_a_line", "240 240 240 240 60 562")
_placed("under_a_millionth_of_a_point", "0.0000001 0 0 0.0000001 60 562")
_placed("sheared_1e9", "240 0 1000000000 180 60 562")
_placed("far_away", "240 0 0 180 1000000000 1000000000")
_placed("as_wide_as_thin", "100000 0 0 0.001 -1000 562")
_placed("at_numbers_that_are_none", "nan inf -- +-.. 60 562")


@collect(CASES, *READ, photographs=1)
def q_nested_10000(path: Path) -> None:
    write(path, two_pages(b"q " * 10_000 + PAINT, P))


@collect(CASES, *READ, photographs=1)
def restores_without_saves(path: Path) -> None:
    write(path, two_pages(b"Q " * 10_000 + PAINT, P))


@collect(CASES, *READ)
def clips_nested_300(path: Path) -> None:
    write(path, two_pages((b"q " + ROUND) * 300 + PAINT, P))


@collect(CASES, *READ, photographs=1)
def operands_without_operator(path: Path) -> None:
    write(path, two_pages(b"1 " * 10_000 + b"[" * 500 + PAINT, P))


@collect(CASES, *READ)
def groups_nested_100(path: Path) -> None:
    """Nested groups, each of which needs a raster of its own; the image in the innermost is a region of the page."""
    last = EXTRA + 99
    group = f"{FORM}/Group<</S/Transparency/I true/K true>>/Resources<</ExtGState<</G<</ca 0.9/BM/Multiply>>>>"
    forms = [stream(f"{group}/XObject<</F {n + 1} 0 R>>>>", b"/G gs /F Do") for n in range(EXTRA, last)]
    forms.append(stream(f"{FORM}/Resources<<{P}>>", PAINT))
    write(path, two_pages(b"/F Do", f"/XObject<</F {EXTRA} 0 R>>", forms))


@collect(CASES, *READ)
def soft_mask_that_uses_itself(path: Path) -> None:
    state = f"/ExtGState<</G<</SMask<</S/Luminosity/G {EXTRA} 0 R>>>>>>"
    form = stream(f"{FORM}/Group<</S/Transparency/CS/DeviceGray>>/Resources<<{state}{P}>>", b"/G gs " + PAINT)
    write(path, two_pages(b"/G gs " + PAINT, state + P, [form]))


@collect(CASES, *READ)
def glyph_that_shows_itself(path: Path) -> None:
    font = (
        f"<</Type/Font/Subtype/Type3/FontBBox[0 0 1000 1000]/FontMatrix[0.001 0 0 0.001 0 0]/FirstChar 97/LastChar 97"
        f"/Widths[1000]/Encoding<</Differences[97/a]>>/CharProcs<</a 9 0 R>>/Resources<</Font<</F {EXTRA} 0 R>>>>>>"
    )
    glyph = stream("", b"1000 0 d0 BT /F 900 Tf (aaaaaaaaaa) Tj ET")
    write(path, two_pages(b"BT /F 90 Tf (aaaa) Tj ET " + PAINT, f"/Font<</F {EXTRA} 0 R>>{P}", [font.encode(), glyph]))


@collect(CASES, *READ)
def text_of_100000_glyphs(path: Path) -> None:
    text = b"BT /F 9 Tf (" + b"a" * 100_000 + b") Tj ET " + PAINT
    font = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
    write(path, two_pages(text, f"/Font<</F {EXTRA} 0 R>>{P}", [font]))


@collect(CASES, *READ)
def annotation_that_shows_itself(path: Path) -> None:
    look = stream(f"{FORM}/Resources<</XObject<</A {EXTRA} 0 R/P 7 0 R>>>>", b"/A Do " + PAINT)
    note = f"<</Type/Annot/Subtype/Stamp/Rect[0 0 595 842]/AP<</N {EXTRA} 0 R>>/Parent 9 0 R/Popup 9 0 R>>"
    write(path, two_pages(b"", "", [look, note.encode()], page=f"{EVERYWHERE}/Annots[9 0 R 9 0 R]"))


@collect(CASES, *READ)
def layers_in_a_circle(path: Path) -> None:
    layers = f"/OCProperties<</OCGs[{EXTRA} 0 R]/D<</Order[{EXTRA} 0 R]>>>>"
    content = b"/OC /M BDC " + PAINT + b" EMC"
    membership = f"<</Type/OCMD/OCGs[{EXTRA} 0 R]/VE[/And {EXTRA} 0 R[/Not {EXTRA} 0 R]]>>".encode()
    resources = f"/Properties<</M {EXTRA} 0 R>>{P}"
    write(path, two_pages(content, resources, [membership], catalog=layers))
