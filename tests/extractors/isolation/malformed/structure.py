"""Documents of a broken structure: cross-references, page trees, lengths, nesting, encryption, attachments."""

from __future__ import annotations

from pathlib import Path

from tests.extractors.isolation.malformed.document import ANY, LOST, READ, Malformed, collect
from tests.extractors.rawpdf import (
    EVERYWHERE,
    EXTRA,
    body,
    packed,
    photo_object,
    stream,
    two_pages,
    write,
    write_with_xref_stream,
)

CASES: list[Malformed] = []
PAINT = b"q 240 0 0 180 60 562 cm /P Do Q"
P = "/XObject<</P 7 0 R>>"


@collect(CASES, "too_many_pages", "damaged", photographs=0)
def one_page_51_times(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[1] = f"<</Type/Pages/Kids[{'3 0 R ' * 51}]/Count 51>>".encode()
    write(path, objects)


@collect(CASES, *READ)
def a_number_without_an_object(path: Path) -> None:
    """The cross-reference jumps over a number below its size: common in edited and signed files."""
    write(path, [*two_pages(PAINT, P), None, b"null"])


@collect(CASES, "too_many_pages", "damaged", "partial", photographs=0)
def page_count_lies(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[1] = b"<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2000000000>>"
    write(path, objects)


@collect(CASES, *READ, "damaged", "empty", photographs=0)
def page_count_negative(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[1] = b"<</Type/Pages/Kids[3 0 R 5 0 R]/Count -1>>"
    write(path, objects)


@collect(CASES, "partial", "damaged", "too_many_pages", photographs=0)
def cyclic_kids(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[1] = b"<</Type/Pages/Kids[2 0 R 3 0 R 5 0 R]/Count 3>>"
    write(path, objects)


@collect(CASES, *READ, "damaged")
def page_that_is_an_empty_tree(path: Path) -> None:
    """The count says two pages, the tree has one: the reader finds that out while it reads."""
    objects = two_pages(PAINT, P)
    objects[4] = b"<</Type/Pages/Kids[]/Count 1>>"
    write(path, objects)


@collect(CASES, *LOST)
def page_that_is_missing(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[4] = b"null"
    write(path, objects)


@collect(CASES, *READ)
def cyclic_parent(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[2] = f"<</Type/Page/Parent 3 0 R/Contents 4 0 R/Resources<<{P}>>>>".encode()
    write(path, objects)


@collect(CASES, *READ, "damaged", photographs=0)
def page_tree_500_deep(path: Path) -> None:
    objects = two_pages(PAINT, P)
    last = EXTRA + 499
    chain = [f"<</Type/Pages/Kids[{n + 1} 0 R]/Count 1/Parent {n - 1} 0 R>>".encode() for n in range(EXTRA, last)]
    objects[1] = f"<</Type/Pages/Kids[{EXTRA} 0 R 5 0 R]/Count 2>>".encode()
    write(path, [*objects, *chain, b"<</Type/Pages/Kids[3 0 R]/Count 1>>"])


@collect(CASES, *READ, photographs=2)
def xref_prev_is_itself(path: Path) -> None:
    objects = two_pages(PAINT, P)
    write(path, objects, f"/Prev {len(body(objects)[0])}")


@collect(CASES, *READ, photographs=2)
def xref_stream_prev_is_itself(path: Path) -> None:
    write_with_xref_stream(path, two_pages(PAINT, P), {}, "/Prev {here}")


@collect(CASES, *READ, photographs=1)
def object_stream_contains_itself(path: Path) -> None:
    held = packed("/Type/ObjStm/N 1/First 4", b"8 0 <</Type/ObjStm>>")
    write_with_xref_stream(path, [*two_pages(PAINT, P), held], {EXTRA: (2, EXTRA, 0), 4: (2, EXTRA, 0)}, "")


@collect(CASES, *READ, photographs=1)
def xref_stream_index_huge(path: Path) -> None:
    write_with_xref_stream(path, two_pages(PAINT, P), {}, "/Index[0 2147483647]")


@collect(CASES, *READ, photographs=2)
def xref_size_huge(path: Path) -> None:
    write(path, two_pages(PAINT, P), size=100_000)


@collect(CASES, *READ, photographs=2)
def startxref_past_the_end(path: Path) -> None:
    write(path, two_pages(PAINT, P))
    path.write_bytes(path.read_bytes().rsplit(b"startxref", 1)[0] + b"startxref\n99999999999999999999\n%%EOF\n")


@collect(CASES, "damaged", photographs=0)
def header_alone(path: Path) -> None:
    path.write_bytes(b"%PDF-1.7\n%%EOF\n")


@collect(CASES, "damaged", "empty", photographs=0)
def catalog_alone(path: Path) -> None:
    write(path, [b"<</Type/Catalog>>"])


@collect(CASES, *READ, "damaged", "empty", photographs=0)
def catalog_is_its_own_page(path: Path) -> None:
    write(path, [b"<</Type/Catalog/Pages 1 0 R/Kids[1 0 R]/Count 1>>"])


@collect(CASES, *READ)
def length_is_itself(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[3] = stream("", PAINT, "4 0 R")
    write(path, objects)


@collect(CASES, *READ)
def length_too_large(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[3] = stream("", PAINT, "2147483647")
    write(path, objects)


@collect(CASES, *READ)
def length_negative(path: Path) -> None:
    objects = two_pages(PAINT, P)
    objects[3] = stream("", PAINT, "-7")
    write(path, objects)


@collect(CASES, *READ, photographs=0)
def contents_contain_themselves(path: Path) -> None:
    write(path, two_pages(None, P, [f"[4 0 R {EXTRA} 0 R]".encode()]))


@collect(CASES, *ANY, photographs=0)
def arrays_nested_2000(path: Path) -> None:
    write(path, two_pages(PAINT, P + "/Deep" + "[" * 2000 + "]" * 2000))


@collect(CASES, *ANY, photographs=0)
def dictionaries_nested_2000(path: Path) -> None:
    write(path, two_pages(PAINT, P + "/Deep" + "<</A" * 2000 + " 1" + ">>" * 2000))


@collect(CASES, *READ, photographs=2)
def reference_chain_cycle(path: Path) -> None:
    write(path, two_pages(PAINT, P, [b"9 0 R", b"8 0 R"], page=EVERYWHERE + f"/CropBox {EXTRA} 0 R/Rotate {EXTRA} 0 R"))


BOXES = {
    "huge": "0 0 1000000000 1000000000",
    "beyond_floats": f"0 0 1{'0' * 60} 1{'0' * 60}",
    "zero": "0 0 0 0",
    "negative": "595 842 0 0",
    "nan": "0 0 nan nan",
    "thin": "0 0 0.0001 842",
    "names": "/a /b (c) null",
    "short": "0 0 595",
}


def _media_box(name: str, box: str) -> None:
    def build(path: Path) -> None:
        write(path, two_pages(PAINT, P, page=f"/MediaBox[{box}]"))

    CASES.append(Malformed(f"media_box_{name}", build, READ, 1))


for _name, _value in BOXES.items():
    _media_box(_name, _value)


@collect(CASES, *READ)
def user_unit_huge(path: Path) -> None:
    write(path, two_pages(PAINT, P, page=EVERYWHERE + "/UserUnit 1000000000/Rotate 45"))


@collect(CASES, *READ)
def crop_box_outside(path: Path) -> None:
    write(path, two_pages(PAINT, P, page=EVERYWHERE + "/CropBox[9000 9000 9001 9001]"))


@collect(CASES, "encrypted", "damaged", photographs=0)
def encrypted_with_unknown_handler(path: Path) -> None:
    write(path, two_pages(PAINT, P, [b"<</Filter/Nobody.Knows/V 9/R 9/Length 128>>"]), f"/Encrypt {EXTRA} 0 R")


@collect(CASES, "encrypted", "damaged", photographs=0)
def encrypted_with_lengths_that_lie(path: Path) -> None:
    fields = "/Filter/Standard/V 5/R 6/Length 1000000/O(x)/U(y)/OE()/UE()/P 1/Perms()"
    write(path, two_pages(PAINT, P, [f"<<{fields}>>".encode()]), f"/Encrypt {EXTRA} 0 R/ID[()()]")


@collect(CASES, "ok", photographs=2)
def portfolio(path: Path) -> None:
    catalog = f"/Collection<</View/D>>/Names<</EmbeddedFiles<</Names[(../../../etc/cron.d/x){EXTRA} 0 R]>>>>"
    attached = "/Type/Filespec/F(../../../../etc/cron.d/x)/UF(..\\\\..\\\\x)/EF<</F 9 0 R>>"
    write(path, two_pages(PAINT, P, [f"<<{attached}>>".encode(), stream("/Type/EmbeddedFile", b"x")], catalog=catalog))


@collect(CASES, "ok", photographs=2)
def javascript_and_launch(path: Path) -> None:
    act = "/OpenAction<</S/JavaScript/JS(while(1){app.alert(1)})/Next<</S/Launch/F(/bin/sh)>>>>/AA<</WC<</S/URI>>>>"
    write(path, two_pages(PAINT, P, catalog=act))


@collect(CASES, "ok", photographs=2)
def names_with_paths(path: Path) -> None:
    content = b"q 240 0 0 180 60 562 cm /..#2f..#2f..#2fetc#2fpasswd Do Q"
    write(path, two_pages(content, "/XObject<</..#2f..#2f..#2fetc#2fpasswd 7 0 R>>"))


@collect(CASES, *LOST)
def image_in_an_external_file(path: Path) -> None:
    """The image's stream is that of another file, which must not be read."""
    outside = "/Type/XObject/Subtype/Image/Width 90/Height 90/ColorSpace/DeviceGray/BitsPerComponent 8/F(/etc/passwd)"
    write(path, two_pages(b"q 240 0 0 180 60 562 cm /I Do Q", f"/XObject<</I {EXTRA} 0 R>>", [stream(outside, b"")]))


@collect(CASES, *READ, photographs=2)
def two_objects_of_one_number(path: Path) -> None:
    """No cross-reference at all, and two objects 7: a reader that repairs takes the last."""
    written, _ = body(two_pages(PAINT, P))
    again = b"7 0 obj\n" + photo_object() + b"\nendobj\n"
    path.write_bytes(written + again + b"trailer\n<</Root 1 0 R>>\n%%EOF\n")
