"""Makes PDF files for these tests, and reads pages with poppler, an independent implementation of PDF."""

from __future__ import annotations

import io
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pymupdf
import pytest
from PIL import Image

Pixels = npt.NDArray[np.uint8]


def photograph(seed: int, height: int = 200, width: int = 240) -> Pixels:
    """An image with the statistics of a photograph: smooth shapes, texture and grain; RGB [H, W, 3]."""
    rng = np.random.default_rng(seed)
    layers = np.zeros((height, width, 3))
    for cells, weight in ((3, 60), (9, 30), (40, 12)):
        layers += weight * cv2.resize(
            rng.normal(size=(cells, cells, 3)), (width, height), interpolation=cv2.INTER_CUBIC
        )
    return np.clip(120 + layers + rng.normal(0, 3, layers.shape), 0, 235).astype(np.uint8)


def logo(height: int = 80, width: int = 220) -> Pixels:
    """Two solid shapes on white."""
    pixels = np.full((height, width, 3), 255, np.uint8)
    cv2.circle(pixels, (height // 2, height // 2), height // 3, (20, 60, 140), -1)
    cv2.rectangle(pixels, (height, height // 3), (width - 10, height // 2), (20, 60, 140), -1)
    return pixels


def encoded(pixels: Pixels, form: str, **options: int) -> bytes:
    """The pixels as a file of a format of Pillow, "JPEG" for example."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form, **options)
    return buffer.getvalue()


def png(pixels: Pixels) -> bytes:
    """The pixels as a PNG file."""
    return encoded(pixels, "png")


def save(document: pymupdf.Document, path: Path, **options: object) -> Path:
    """Write the document and close it."""
    document.save(path, **options)
    document.close()
    return path


def with_images(path: Path, *pages: list[tuple[tuple[float, float], Pixels]]) -> Path:
    """A document with, on each page, images at (left, top) at one point a pixel."""
    document = pymupdf.open()
    for images in pages:
        page = document.new_page(width=595, height=842)
        for (left, top), pixels in images:
            height, width = pixels.shape[:2]
            page.insert_image(pymupdf.Rect(left, top, left + width, top + height), stream=png(pixels))
    return save(document, path)


def one_photograph(path: Path) -> Path:
    """A document of one page that shows photograph(1) at (60, 80)."""
    return with_images(path, [((60, 80), photograph(1))])


def raw_document(
    path: Path,
    pages: Sequence[tuple[bytes, str]],
    objects: Mapping[str, tuple[str, bytes | None]],
    resources: str = "",
    catalog: str = "",
) -> Path:
    """A file that is written byte by byte.

    `pages` are (content stream, entries of the page's dictionary), all with the same `resources`; `objects` maps
    names to (dictionary without brackets, stream or None); `catalog` are entries of the document's. All text may
    refer to objects, "catalog" and "page0", "page1", ... as {name}, which becomes "12 0 R".
    """
    bodies: dict[str, tuple[str, bytes | None]] = {
        "catalog": ("/Type/Catalog/Pages {pages}" + catalog, None),
        "pages": (f"/Type/Pages/Count {len(pages)}/Kids[{''.join(f'{{page{n}}}' for n in range(len(pages)))}]", None),
    }
    for number, (content, entries) in enumerate(pages):
        more = f"/Contents {{content{number}}}/Resources<<{resources}>>{entries}"
        bodies[f"page{number}"] = ("/Type/Page/Parent {pages}" + more, None)
        bodies[f"content{number}"] = ("", content)
    bodies |= objects
    references = {name: f" {number} 0 R " for number, name in enumerate(bodies, 1)}
    file = bytearray(b"%PDF-1.7\n")
    offsets = []
    for number, (dictionary, stream) in enumerate(bodies.values(), 1):
        offsets.append(len(file))
        length = "" if stream is None else f"/Length {len(stream)}"
        file += f"{number} 0 obj\n<<{dictionary.format(**references)}{length}>>\n".encode()
        file += b"" if stream is None else b"stream\n" + stream + b"\nendstream\n"
        file += b"endobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = f"trailer\n<</Size {len(offsets) + 1}/Root 1 0 R>>\nstartxref\n{len(file)}\n%%EOF\n"
    path.write_bytes(file + f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n{table}{end}".encode())
    return path


def raw_page(
    path: Path, content: bytes, objects: Mapping[str, tuple[str, bytes | None]], resources: str = "", rotate: int = 0
) -> Path:
    """A raw_document() of one A4 page."""
    return raw_document(path, [(content, f"/MediaBox[0 0 595 842]/Rotate {rotate}")], objects, resources)


def image_dictionary(pixels: npt.NDArray[np.uint8], space: str, more: str = "") -> str:
    """The dictionary of an image XObject with 8-bit samples."""
    return (
        f"/Type/XObject/Subtype/Image/Width {pixels.shape[1]}/Height {pixels.shape[0]}"
        f"/ColorSpace/{space}/BitsPerComponent 8{more}"
    )


def scanned(
    path: Path, images: list[tuple[tuple[int, int], Pixels]], seed: int = 0, dpi: int = 150, askew: float = 0
) -> Path:
    """One page that is one raster: grey paper with grain, lines of print, a rule, and images at (left, top) px.

    The page lies `askew` degrees clockwise on the scanner.
    """
    rng = np.random.default_rng(seed)
    height, width = round(842 * dpi / 72), round(595 * dpi / 72)
    page = np.full((height, width, 3), 238, np.uint8)
    for line in range(12):
        cv2.putText(
            page, "the sample was conditioned", (100, 80 + 24 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (40,) * 3, 2
        )
    cv2.line(page, (80, 380), (width - 80, 380), (30, 30, 30), 3)
    for (left, top), pixels in images:
        page[top : top + pixels.shape[0], left : left + pixels.shape[1]] = pixels
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -askew, 1)
    page = cv2.warpAffine(page, turn, (width, height), borderValue=(238,) * 3)
    shade = np.linspace(1, 0.95, width)[None, :, None]
    noisy = np.clip(page * shade + rng.normal(0, 2, page.shape), 0, 255).astype(np.uint8)
    document = pymupdf.open()
    document.new_page(width=595, height=842).insert_image(pymupdf.Rect(0, 0, 595, 842), stream=png(noisy))
    return save(document, path)


def poppler(pdf: Path, page: int = 1, dpi: int = 72) -> Pixels:
    """The page as poppler's pdftoppm shows it, RGB [H, W, 3]; skips the test where there is none."""
    if shutil.which("pdftoppm") is None:
        pytest.skip("no pdftoppm here (Debian package poppler-utils)")
    command = ["pdftoppm", "-cropbox", "-r", str(dpi), "-f", str(page), "-l", str(page), "-png", str(pdf)]
    rendered = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    return np.asarray(Image.open(io.BytesIO(rendered)).convert("RGB"))


def read(path: Path) -> Pixels:
    """The pixels of a written image, RGB [H, W, 3]."""
    return np.asarray(Image.open(path).convert("RGB"))
