"""Writes PDF files byte by byte: malformed files have what no library would write."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.extractors import pdfs

PHOTO = pdfs.photograph(3, 90, 120)
EXTRA = 8  # object number of the first extra object of two_pages()
EVERYWHERE = "/MediaBox[0 0 595 842]"


def stream(dictionary: str, data: bytes, length: str | None = None) -> bytes:
    """A stream object; `length` is a Length that need not be true."""
    return f"<<{dictionary}/Length {length or len(data)}>>stream\n".encode() + data + b"\nendstream"


def packed(dictionary: str, data: bytes) -> bytes:
    """A stream object, Flate-compressed."""
    return stream(dictionary + "/Filter/FlateDecode", zlib.compress(data, 9))


def photo_object() -> bytes:
    """PHOTO as an image object."""
    return packed(pdfs.image_dictionary(PHOTO, "DeviceRGB"), PHOTO.tobytes())


def body(objects: Iterable[bytes | None]) -> tuple[bytes, dict[int, int]]:
    """The header and the objects, numbered from 1 (None: the number is left out), and their offsets."""
    written, offsets = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n"), {}
    for number, content in enumerate(objects, 1):
        if content is not None:
            offsets[number] = len(written)
            written += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    return bytes(written), offsets


def write(path: Path, objects: Sequence[bytes | None], trailer: str = "", size: int | None = None) -> Path:
    """A file of these objects, the first of them the catalog, with a true cross-reference table."""
    written, offsets = body(objects)
    table = b"".join(b"%d 1\n%010d 00000 n \n" % entry for entry in offsets.items())
    end = f"trailer\n<</Size {size or len(objects) + 1}/Root 1 0 R{trailer}>>\nstartxref\n{len(written)}\n%%EOF\n"
    path.write_bytes(written + b"xref\n0 1\n0000000000 65535 f \n" + table + end.encode())
    return path


def write_with_xref_stream(path: Path, objects: list[bytes], rows: dict[int, tuple[int, int, int]], more: str) -> Path:
    """A file whose cross-reference is a stream, object len(objects) + 1; `rows` overrule its true entries."""
    written, offsets = body(objects)
    offsets[len(objects) + 1] = len(written)
    entries = {0: (0, 0, 65535)} | {number: (1, offset, 0) for number, offset in offsets.items()} | rows
    table = b"".join(
        kind.to_bytes(1, "big") + field.to_bytes(4, "big") + last.to_bytes(2, "big")
        for _, (kind, field, last) in sorted(entries.items())
    )
    dictionary = f"/Type/XRef/Size {len(entries)}/W[1 4 2]/Root 1 0 R" + more.format(here=len(written))
    xref = b"%d 0 obj\n" % (len(objects) + 1) + packed(dictionary, table) + b"\nendobj\n"
    path.write_bytes(written + xref + b"startxref\n%d\n%%%%EOF\n" % len(written))
    return path


def two_pages(
    content: bytes | None, resources: str = "", extra: Iterable[bytes] = (), page: str = EVERYWHERE, catalog: str = ""
) -> list[bytes]:
    """Objects of a document: a page of this content, then a page with PHOTO (also image /P of the first).

    `resources` and `page` are parts of the first page's dictionaries; the extra objects are numbered from EXTRA.
    With no `content`, the first of them is the page's content.
    """
    contents = 4 if content is not None else EXTRA
    return [
        f"<</Type/Catalog/Pages 2 0 R{catalog}>>".encode(),
        b"<</Type/Pages/Kids[3 0 R 5 0 R]/Count 2>>",
        f"<</Type/Page/Parent 2 0 R{page}/Contents {contents} 0 R/Resources<<{resources}>>>>".encode(),
        stream("", content or b""),
        f"<</Type/Page/Parent 2 0 R{EVERYWHERE}/Contents 6 0 R/Resources<</XObject<</P 7 0 R>>>>>>".encode(),
        stream("", b"q 240 0 0 180 60 562 cm /P Do Q"),
        photo_object(),
        *extra,
    ]
