"""Compares extraction with the usual tools on a catalogue with known placements: `python -m extractors.baselines ROOT`.

ROOT is as in evaluate.py. The baselines are `pdfimages -all` (poppler), and PyMuPDF's `page.get_images()` with
`doc.extract_image()`. They name the page of an image but not its place, so one rule by pixels alone serves all three:
an image is a true placement where it is given for that page and equals what pdftoppm or MuPDF shows in the true box
(one of them is enough, for each paints some images wrongly). Two images are equal where, both at 64 x 64 and smoothed,
their mean difference is at most MOST_DIFFERENCE and their correlation at least LEAST_CORRELATION. Soft masks that
pdfimages writes as files are not counted against it. The last row measures our extraction by its boxes, as evaluate.py
does. Seconds are those of the extraction with its files written, one tool after the other on each document.
"""

from __future__ import annotations

import argparse
import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pymupdf
from PIL import Image

from extractors.evaluate import HIT, Truth, read_truth
from extractors.geometry import iou
from extractors.isolation.extractor import Extractor
from extractors.model import Box, Pixels
from extractors.page.paint import ShownPage

SIDE = 64  # px: width and height at which images are compared
# The tolerance of equal images, set on the documents of the audit sample
MOST_DIFFERENCE = 24.0  # grey levels, mean over pixels and channels
LEAST_CORRELATION = 0.85  # over all pixels and channels
GRAIN = 1.5  # px at SIDE: sigma of the smoothing, for two renderers place a pixel differently
DPI = 100  # dots per inch at which pages are rendered
MASKS = ("mask", "smask", "stencil")  # types in `pdfimages -list` that are no images by themselves

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ToolImage:
    """An image that a tool gives: its page counted from 1, its file, and its box in points where the tool says it."""

    page: int
    file: Path
    box: Box | None = None


@dataclass
class Row:
    """Counts of one tool under one rule."""

    true: int = 0  # true placements
    found: int = 0  # true placements that a given image equals
    given: int = 0  # images that the tool gives
    hits: int = 0  # given images that equal a true placement
    pages: int = 0
    seconds: float = 0.0

    def line(self, name: str) -> str:
        """The row as Markdown."""
        recall, precision = self.found / max(self.true, 1), self.hits / max(self.given, 1)
        return (
            f"| {name} | {recall:.3f} ({self.found} of {self.true}) | {precision:.3f} ({self.hits} of {self.given}) "
            f"| {self.seconds / max(self.pages, 1):.3f} |"
        )


def ours(extractor: Extractor, pdf: Path, out: Path) -> list[ToolImage]:
    """The used placements of our extraction."""
    used = [placement for placement in extractor.extract(pdf, out).images if placement.used and placement.file]
    return [ToolImage(placement.page, out / str(placement.file), placement.bbox) for placement in used]


def pdfimages(pdf: Path, out: Path) -> list[ToolImage]:
    """The images that `pdfimages -all` writes, without masks."""
    out.mkdir()
    subprocess.run(["pdfimages", "-all", "-p", str(pdf), str(out / "i")], capture_output=True, check=False)
    listed = subprocess.run(["pdfimages", "-list", str(pdf)], capture_output=True, text=True, check=False).stdout
    types = {fields[1]: fields[2] for line in listed.splitlines()[2:] if len(fields := line.split()) > 2}
    images = []
    for file in sorted(out.iterdir()):
        _, page, number = file.stem.split("-")  # i-003-012.jpg
        if types.get(str(int(number))) not in MASKS and file.suffix != ".params":
            images.append(ToolImage(int(page), file))
    return images


def get_images(pdf: Path, out: Path) -> list[ToolImage]:
    """The images that `page.get_images()` names, as `doc.extract_image()` gives them."""
    out.mkdir()
    images = []
    try:
        with pymupdf.open(pdf) as document:
            for page in document:
                for xref, *_ in page.get_images():
                    image = document.extract_image(xref)
                    file = out / f"{page.number + 1}-{xref}.{image['ext']}"
                    file.write_bytes(image["image"])
                    images.append(ToolImage(page.number + 1, file))
    except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase):  # the usual loop gives what it has until an error
        return images
    return images


OURS = "scott extract"
BY_BOX = f"{OURS}, by IoU"


def compare(root: Path) -> dict[str, Row]:
    """The rows of the table by tool; the last is our extraction by its boxes."""
    with Extractor() as extractor:
        tools: dict[str, Callable[[Path, Path], list[ToolImage]]] = {
            OURS: partial(ours, extractor),
            "pdfimages -all": pdfimages,
            "page.get_images()": get_images,
        }
        truth = read_truth(root)
        rows = {name: Row() for name in (*tools, BY_BOX)}
        for pdf in sorted((root / "catalogue").glob("*/documents/*.pdf")):
            true = truth[pdf.parts[-3], pdf.name]
            shown = list(_shown(pdf, true))
            pages = _page_count(pdf)
            for name, tool in tools.items():
                with tempfile.TemporaryDirectory(prefix="scott-baselines-") as scratch:
                    started = time.perf_counter()
                    images = tool(pdf, Path(scratch) / "out")
                    seconds = time.perf_counter() - started
                    _count(rows[name], _same_by_pixels(images, true, shown), pages, seconds)
                if name == OURS:
                    _count(rows[BY_BOX], _same_by_box(images, true), pages, seconds)
    return rows


def _count(row: Row, same: npt.NDArray[np.bool_], pages: int, seconds: float) -> None:
    """Add a document to a row; `same` [images, true placements] says which are equal."""
    row.given += same.shape[0]
    row.true += same.shape[1]
    row.found += int(same.any(axis=0).sum())
    row.hits += int(same.any(axis=1).sum())
    row.pages += pages
    row.seconds += seconds


def _same_by_pixels(
    images: Sequence[ToolImage], true: Sequence[Truth], shown: Sequence[tuple[Plane, Plane]]
) -> npt.NDArray[np.bool_]:
    """Whether each image equals each true placement by its pixels, [images, true placements]."""
    read = [_read(image.file) for image in images]
    same = [
        [
            each.page == image.page and any(_same(pixels, crop) for crop in crops)
            for each, crops in zip(true, shown, strict=True)
        ]
        for image, pixels in zip(images, read, strict=True)
    ]
    return np.array(same, bool).reshape(len(images), len(true))


def _same_by_box(images: Sequence[ToolImage], true: Sequence[Truth]) -> npt.NDArray[np.bool_]:
    """Whether each image lies at each true placement, [images, true placements]."""
    overlaps = [
        [each.page == image.page and image.box is not None and iou(each.box, image.box) >= HIT for each in true]
        for image in images
    ]
    return np.array(overlaps, bool).reshape(len(images), len(true))


def _shown(pdf: Path, true: Sequence[Truth]) -> Iterator[tuple[Plane, Plane]]:
    """For each true box the pixels that pdftoppm and that MuPDF show in it, at SIDE."""
    for each in true:
        page = str(each.page)
        command = ["pdftoppm", "-r", str(DPI), "-f", page, "-l", page, "-png", str(pdf)]
        with Image.open(io.BytesIO(subprocess.run(command, check=True, capture_output=True).stdout)) as image:
            x0, y0, x1, y1 = (round(value * DPI / 72) for value in each.box)
            theirs = np.asarray(image.convert("RGB"))[max(y0, 0) : y1, max(x0, 0) : x1]
        with pymupdf.open(pdf) as document:
            mine = ShownPage(document[each.page - 1]).region(each.box, DPI / 72, 4096)
        yield _comparable(theirs), _comparable(mine)


def _read(file: Path) -> Plane | None:
    """The image as a viewer opens the file, at SIDE; None where none opens it (bare fax or JBIG2 data)."""
    try:
        with Image.open(file) as opened:
            return _comparable(np.asarray(opened.convert("RGB")))
    except (OSError, ValueError):
        return None


def _comparable(pixels: Pixels) -> Plane:
    """The image at SIDE x SIDE, smoothed, [SIDE, SIDE, 3]."""
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), GRAIN), np.float32)


def _same(a: Plane | None, b: Plane) -> bool:
    """Whether two comparable images are equal; None equals nothing."""
    if a is None or float(np.abs(a - b).mean()) > MOST_DIFFERENCE:
        return False
    first, second = a.ravel() - a.mean(), b.ravel() - b.mean()
    return float(first @ second) >= LEAST_CORRELATION * float(np.linalg.norm(first) * np.linalg.norm(second))


def _page_count(pdf: Path) -> int:
    """The number of pages that can be read."""
    try:
        with pymupdf.open(pdf) as document:
            return 0 if document.needs_pass else document.page_count
    except (RuntimeError, pymupdf.mupdf.FzErrorBase):
        return 0


def main(argv: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m extractors.baselines", description=__doc__)
    parser.add_argument("root", type=Path, help="folder of catalogue/ and truth/")
    arguments = parser.parse_args(argv)
    lines = ["| tool | recall | precision | seconds a page |", "|---|---|---|---|"]
    lines += [row.line(name) for name, row in compare(arguments.root).items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
