"""The robustness set: malformed documents, and small valid ones cut off at every kilobyte or with flipped bytes."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pymupdf
from PIL import Image

from tests.extractors import pdfs
from tests.extractors.isolation.malformed import content as malformed_content
from tests.extractors.isolation.malformed import images as malformed_images
from tests.extractors.isolation.malformed import structure as malformed_structure
from tests.extractors.isolation.malformed.document import ANY, Malformed
from tests.extractors.rawpdf import EXTRA, PHOTO, packed, two_pages, write

CASES: list[Malformed] = [*malformed_structure.CASES, *malformed_images.CASES, *malformed_content.CASES]
KILOBYTE = 1024
NEVER_OK = tuple(status for status in ANY if status != "ok")
PLACE = pymupdf.Rect(60, 80, 300, 260)


def _library(path: Path, *images: bytes, mask: bytes | None = None, **saving: object) -> None:
    """A page for each image, as PyMuPDF writes it."""
    document = pymupdf.open()
    for image in images:
        document.new_page(width=595, height=842).insert_image(PLACE, stream=image, mask=mask)
    pdfs.save(document, path, **saving)


def _strips(path: Path) -> None:
    pieces = [((60.0, 80.0 + top), PHOTO[top : top + 15]) for top in range(0, 90, 15)]
    pdfs.with_images(path, pieces)


def _inline(path: Path) -> None:
    small = pdfs.photograph(4, 45, 60)
    inline = b"q 240 0 0 180 60 562 cm BI /W 60 /H 45 /CS /RGB /BPC 8 ID " + small.tobytes() + b" EI Q"
    write(path, two_pages(inline))


def _patterned(path: Path) -> None:
    cell = (
        "/PatternType 1/PaintType 1/TilingType 1/BBox[0 0 120 90]/XStep 120/YStep 90/Resources<</XObject<</P 7 0 R>>>>"
    )
    content = b"/Pattern cs /T scn 0 0 595 842 re f /S sh"
    function = "<</FunctionType 2/N 1/Domain[0 1]/C0[0 0 0]/C1[1 1 1]>>"
    shading = f"/Shading<</S<</ShadingType 2/ColorSpace/DeviceRGB/Coords[0 0 9 9]/Function{function}>>>>"
    write(
        path, two_pages(content, f"/Pattern<</T {EXTRA} 0 R>>{shading}", [packed(cell, b"q 120 0 0 90 0 0 cm /P Do Q")])
    )


def _scan(path: Path) -> None:
    page = np.full((842, 595, 3), 240, np.uint8)
    page[100:280, 80:320] = pdfs.photograph(5, 180, 240)
    page += np.random.default_rng(0).integers(0, 5, page.shape, np.uint8)
    document, buffer = pymupdf.open(), io.BytesIO()
    Image.fromarray(page).save(buffer, "JPEG", quality=70)
    document.new_page(width=595, height=842).insert_image(pymupdf.Rect(0, 0, 595, 842), stream=buffer.getvalue())
    pdfs.save(document, path)


SEEDS: dict[str, Callable[[Path], object]] = {
    "png": lambda path: _library(path, pdfs.png(PHOTO), pdfs.png(255 - PHOTO)),
    "jpeg": lambda path: _library(path, pdfs.encoded(PHOTO, "JPEG"), pdfs.encoded(PHOTO, "JPEG", quality=30)),
    "jpx": lambda path: _library(path, pdfs.encoded(PHOTO, "JPEG2000")),
    "smask": lambda path: _library(path, pdfs.encoded(PHOTO, "JPEG"), mask=pdfs.png(PHOTO[..., 0])),
    "objstm": lambda path: _library(path, pdfs.encoded(PHOTO, "JPEG"), pdfs.encoded(PHOTO, "JPEG"), use_objstms=1),
    "encrypted": lambda path: _library(
        path, pdfs.encoded(PHOTO, "JPEG"), encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="", owner_pw="o"
    ),
    "strips": _strips,
    "inline": _inline,
    "pattern": _patterned,
    "scan": _scan,
}


def seeds(folder: Path) -> dict[str, bytes]:
    """The valid documents, by name; each shows a photograph at least."""
    contents = {}
    for name, build in SEEDS.items():
        build(folder / f"{name}.pdf")
        contents[name] = (folder / f"{name}.pdf").read_bytes()
        (folder / f"{name}.pdf").unlink()
    return contents


def _writes(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def truncated(contents: dict[str, bytes]) -> Iterator[Malformed]:
    """Each document cut off at each kilobyte."""
    for name, whole in contents.items():
        for length in range(0, len(whole), KILOBYTE):
            yield Malformed(f"cut-{name}-{length}", _writes(whole[:length]), NEVER_OK, 0)


def flipped(contents: dict[str, bytes], seed: int, count: int) -> Iterator[Malformed]:
    """`count` documents with 1 to 16 bytes changed, in every other round only outside streams, where the structure is.

    Each flip has its own random numbers, so that one alone can be repeated from `seed` and its number.
    """
    names = sorted(contents)
    structure = {name: _outside_streams(whole) for name, whole in contents.items()}
    for number in range(count):
        numbers = random.Random(f"{seed}/{number}")
        name = names[number % len(names)]
        mutant = bytearray(contents[name])
        places = structure[name] if number // len(names) % 2 else range(len(mutant))
        for _ in range(numbers.randint(1, 16)):
            mutant[numbers.choice(places)] ^= numbers.randint(1, 255)
        yield Malformed(f"flip-{seed}-{number}-{name}", _writes(bytes(mutant)), ANY, 0)


def _outside_streams(whole: bytes) -> list[int]:
    inside = {at for found in re.finditer(rb"stream\r?\n.*?endstream", whole, re.S) for at in range(*found.span())}
    return [at for at in range(len(whole)) if at not in inside]
