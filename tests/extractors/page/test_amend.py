"""What MuPDF reads otherwise than PDF means it: hidden objects of hybrid files, visibility expressions by reference."""

from __future__ import annotations

from pathlib import Path

import pymupdf
import pytest
from pymupdf import mupdf

from extractors import Extraction, extract_document
from extractors.page.amend import amend_layers
from tests.extractors import pdfs
from tests.extractors.rawpdf import EVERYWHERE, PHOTO, body, packed, photo_object, stream, write

PLACE = b"q 240 0 0 180 60 562 cm /P Do Q"
CATALOG, PAGES = b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[3 0 R]/Count 1>>"
PAGE = f"<</Type/Page/Parent 2 0 R{EVERYWHERE}/Contents 4 0 R/Resources<</XObject 5 0 R>>>>".encode()
RESOURCES = b"<</P 6 0 R>>"


def _is_shown(extraction: Extraction, out: Path) -> bool:
    """Whether the photograph is the only image and used; false where it is hidden or there is none."""
    assert (extraction.status, extraction.detail) == ("ok", "")
    seen = [image for image in extraction.images if image.image_class != "hidden"]
    for image in seen:
        assert image.used
        assert image.file is not None
        assert (pdfs.read(out / image.file) == PHOTO).all()
    return len(seen) == 1


def _hybrid(path: Path, objects: list[bytes], hidden: dict[int, tuple[int, int, int] | None], listed: bool) -> Path:
    """A file whose table calls the `hidden` objects free; a cross-reference stream gives them (None: at their offsets).

    Whether the stream itself is `listed` in the table is left to writers.
    """
    written, offsets = body(objects)
    xref, length = len(objects) + 1, len(written)
    rows = {number: row or (1, offsets[number], 0) for number, row in hidden.items()}
    index = " ".join(f"{number} 1" for number in rows)
    table = b"".join(
        bytes([kind]) + place.to_bytes(4, "big") + last.to_bytes(2, "big") for kind, place, last in rows.values()
    )
    dictionary = f"/Type/XRef/Size {xref + 1}/W[1 4 2]/Index[{index}]/Root 1 0 R"
    written += b"%d 0 obj\n" % xref + packed(dictionary, table) + b"\nendobj\n"
    entries = [b"0000000000 65535 f \n"]
    for number in range(1, xref + 1):
        free = number in hidden or (number == xref and not listed)
        offset = length if number == xref else offsets[number]
        entries.append(b"0000000000 00000 f \n" if free else b"%010d 00000 n \n" % offset)
    trailer = f"trailer\n<</Size {xref + 1}/Root 1 0 R/XRefStm {length}>>\nstartxref\n{len(written)}\n%%EOF\n"
    path.write_bytes(written + b"xref\n0 %d\n" % (xref + 1) + b"".join(entries) + trailer.encode())
    return path


@pytest.mark.parametrize("listed", [True, False])
def test_an_image_that_only_the_stream_of_a_hybrid_file_gives_is_found(listed: bool, tmp_path: Path) -> None:
    objects = [CATALOG, PAGES, PAGE, stream("", PLACE), RESOURCES, photo_object()]
    pdf = _hybrid(tmp_path / "a.pdf", objects, {6: None}, listed)
    assert _is_shown(extract_document(pdf, tmp_path / "out"), tmp_path / "out")


def _updated(pdf: Path, number: int, content: bytes | None, entries: str = "") -> Path:
    """The file with one more version, in which the object has this content, or is free."""
    before = pdf.read_bytes()
    last = int(before.rsplit(b"startxref", 1)[1].split()[0])
    written = before if content is None else before + b"%d 0 obj\n" % number + content + b"\nendobj\n"
    entry = b"0000000000 00001 f \n" if content is None else b"%010d 00000 n \n" % len(before)
    table = b"xref\n0 1\n0000000000 65535 f \n%d 1\n" % number + entry
    end = f"trailer\n<</Size 12/Root 1 0 R/Prev {last}{entries}>>\nstartxref\n{len(written)}\n%%EOF\n"
    pdf.write_bytes(written + table + end.encode())
    return pdf


@pytest.mark.parametrize("times", [1, 3])
def test_an_image_of_a_hybrid_file_that_was_updated_is_found(times: int, tmp_path: Path) -> None:
    objects = [CATALOG, PAGES, PAGE, stream("", b""), RESOURCES, photo_object()]
    pdf = _hybrid(tmp_path / "a.pdf", objects, {6: None}, listed=True)
    for time in range(times):
        _updated(pdf, 4, stream("", PLACE + b" " * time))
    assert _is_shown(extract_document(pdf, tmp_path / "out"), tmp_path / "out")


@pytest.mark.parametrize("content", [photo_object(), None], ids=["another", "free"])
def test_a_later_version_goes_before_what_a_hybrid_file_hides(content: bytes | None, tmp_path: Path) -> None:
    small = packed(pdfs.image_dictionary(PHOTO[:40, :40], "DeviceRGB"), PHOTO[:40, :40].tobytes())
    objects = [CATALOG, PAGES, PAGE, stream("", PLACE), RESOURCES, small]
    pdf = _updated(_hybrid(tmp_path / "a.pdf", objects, {6: None}, listed=True), 6, content)
    extraction = extract_document(pdf, tmp_path / "out")
    if content:
        assert _is_shown(extraction, tmp_path / "out")
    else:
        assert extraction.images == ()


def test_an_object_in_an_object_stream_of_a_hybrid_file_is_found(tmp_path: Path) -> None:
    """Object 5, the page's images, is in object 7, which is hidden too."""
    inside = stream("/Type/ObjStm/N 1/First 4", b"5 0 " + RESOURCES)
    objects = [CATALOG, PAGES, PAGE, stream("", PLACE), b"null", photo_object(), inside]
    pdf = _hybrid(tmp_path / "a.pdf", objects, {5: (2, 7, 0), 7: None}, listed=True)
    assert _is_shown(extract_document(pdf, tmp_path / "out"), tmp_path / "out")


@pytest.mark.parametrize("row", [(1, 10**9, 0), (2, 6, 0), (1, 0, 0)], ids=["past the end", "in no stream", "header"])
def test_a_hybrid_file_whose_stream_is_wrong_ends_in_a_reason(row: tuple[int, int, int], tmp_path: Path) -> None:
    objects = [CATALOG, PAGES, PAGE, stream("", PLACE), RESOURCES, photo_object()]
    extraction = extract_document(_hybrid(tmp_path / "a.pdf", objects, {6: row}, listed=True), tmp_path / "out")
    assert extraction.status in ("damaged", "partial", "ok")
    assert extraction.status != "ok" or _is_shown(extraction, tmp_path / "out")


@pytest.mark.parametrize(
    ("arrays", "shown"),
    [
        ([b"[/Not 7 0 R]"], False),
        ([b"[/Not 10 0 R]", b"[/Not 7 0 R]"], True),
        ([b"[/And 10 0 R 10 0 R]", b"[/Or 11 0 R 11 0 R]", b"[/Not 7 0 R]"], False),
    ],
    ids=["once", "twice", "named twice"],
)
def test_a_visibility_expression_of_arrays_by_reference(arrays: list[bytes], shown: bool, tmp_path: Path) -> None:
    layers = b"/OCProperties<</OCGs[7 0 R]/D<</ON[7 0 R]>>>>"
    image = packed(pdfs.image_dictionary(PHOTO, "DeviceRGB", "/OC 8 0 R"), PHOTO.tobytes())
    objects = [CATALOG[:-2] + layers + b">>", PAGES, PAGE, stream("", PLACE), RESOURCES, image]
    objects += [b"<</Type/OCG/Name(a)>>", b"<</Type/OCMD/OCGs 7 0 R/P/AnyOn/VE 9 0 R>>", *arrays]
    pdf = write(tmp_path / "a.pdf", objects)
    assert _is_shown(extract_document(pdf, tmp_path / "out"), tmp_path / "out") == shown


def test_an_array_of_a_visibility_expression_is_evaluated_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of five arrays names the next one twice, which would make 63 evaluations of them."""
    arrays = [b"[/And %d 0 R %d 0 R]" % (n + 1, n + 1) for n in range(6, 11)] + [b"[/Not 4 0 R]"]
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/OCProperties<</OCGs[4 0 R]/D<</ON[4 0 R]>>>>>>",
        PAGES,
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>",
        b"<</Type/OCG/Name(a)>>",
        b"<</Type/OCMD/OCGs 4 0 R/VE 6 0 R>>",
        *arrays,
    ]
    counted: list[int] = []
    count = mupdf.pdf_array_len
    monkeypatch.setattr(mupdf, "pdf_array_len", lambda array: counted.append(mupdf.pdf_to_num(array)) or count(array))
    amend_layers(pymupdf.open(write(tmp_path / "a.pdf", objects)))
    assert sorted(number for number in counted if number >= 6) == [6, 7, 8, 9, 10, 11]


def test_a_visibility_expression_that_contains_itself_is_said(tmp_path: Path) -> None:
    layers = b"/OCProperties<</OCGs[7 0 R]/D<</ON[7 0 R]>>>>"
    image = packed(pdfs.image_dictionary(PHOTO, "DeviceRGB", "/OC 8 0 R"), PHOTO.tobytes())
    objects = [CATALOG[:-2] + layers + b">>", PAGES, PAGE, stream("", PLACE), RESOURCES, image]
    objects += [b"<</Type/OCG/Name(a)>>", b"<</Type/OCMD/OCGs 7 0 R/VE 9 0 R>>", b"[/Not 9 0 R]"]
    extraction = extract_document(write(tmp_path / "a.pdf", objects), tmp_path / "out")
    assert (extraction.status, extraction.detail.startswith("damaged: its layers: ")) == ("partial", True)
