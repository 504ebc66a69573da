"""Extraction beside the usual tools on a catalogue whose placements are known: `python -m extractors.baselines ROOT`.

ROOT is as in evaluate.py. The tools are ours, `pdfimages -all` (poppler) and PyMuPDF's `page.get_images()` with
`doc.extract_image()`. The latter two name the page of a picture but not its place, so one rule for all looks at
pixels alone: a picture is a true placement where it is given for that page and equals what pdftoppm or MuPDF shows
in the true box (either, as each paints some pictures wrongly). Equal means, both at 64x64 and smoothed, a mean
difference of at most 24 grey levels and a correlation of at least 0.85. Soft masks that pdfimages writes as files of
their own are not counted against it. Ours is measured by its boxes, too (IoU >= 0.7). Seconds are of the extraction,
files written, the tools one after the other on each document.
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

SIDE = 64  # px at which pictures are compared
MOST_DIFFERENCE = 24.0  # grey levels, mean over pixels and channels
LEAST_CORRELATION = 0.85  # of all pixels and channels
GRAIN = 1.5  # px at SIDE: sigma of the smoothing; two renderers place a pixel differently
DPI = 100
NO_PICTURES = ("mask", "smask", "stencil")  # types of `pdfimages -list` that are no pictures by themselves

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Picture:
    """A picture that a tool gives: the page that it names, its file, and its place where the tool says it."""

    page: int
    file: Path
    box: Box | None = None


@dataclass
class Row:
    """Counts of one tool under one rule."""

    true: int = 0
    found: int = 0
    given: int = 0
    hits: int = 0  # given pictures that are a true placement
    pages: int = 0
    seconds: float = 0.0

    def line(self, name: str) -> str:
        """The row of the table."""
        recall, precision = self.found / max(self.true, 1), self.hits / max(self.given, 1)
        return (
            f"| {name} | {recall:.3f} ({self.found} of {self.true}) | {precision:.3f} ({self.hits} of {self.given}) "
            f"| {self.seconds / max(self.pages, 1):.3f} |"
        )


def ours(extractor: Extractor, pdf: Path, out: Path) -> list[Picture]:
    """The used placements of an extraction."""
    used = [placement for placement in extractor.extract(pdf, out).images if placement.used and placement.file]
    return [Picture(placement.page, out / str(placement.file), placement.bbox) for placement in used]


def pdfimages(pdf: Path, out: Path) -> list[Picture]:
    """What `pdfimages -all` writes, without masks."""
    out.mkdir()
    subprocess.run(["pdfimages", "-all", "-p", str(pdf), str(out / "i")], capture_output=True, check=False)
    listed = subprocess.run(["pdfimages", "-list", str(pdf)], capture_output=True, text=True, check=False).stdout
    types = {fields[1]: fields[2] for line in listed.splitlines()[2:] if len(fields := line.split()) > 2}
    pictures = []
    for file in sorted(out.iterdir()):
        _, page, number = file.stem.split("-")  # i-003-012.jpg
        if types.get(str(int(number))) not in NO_PICTURES and file.suffix != ".params":
            pictures.append(Picture(int(page), file))
    return pictures


def get_images(pdf: Path, out: Path) -> list[Picture]:
    """What `page.get_images()` names, as `doc.extract_image()` gives it."""
    out.mkdir()
    pictures = []
    try:
        with pymupdf.open(pdf) as document:
            for page in document:
                for xref, *_ in page.get_images():
                    image = document.extract_image(xref)
                    file = out / f"{page.number + 1}-{xref}.{image['ext']}"
                    file.write_bytes(image["image"])
                    pictures.append(Picture(page.number + 1, file))
    except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase):  # a plain loop ends here
        return pictures
    return pictures


OURS = "scott extract"
BY_BOX = f"{OURS}, by IoU"


def compare(root: Path) -> dict[str, Row]:
    """The rows of the table, by tool; the last one is ours by its boxes."""
    with Extractor() as extractor:
        tools: dict[str, Callable[[Path, Path], list[Picture]]] = {
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
                with tempfile.TemporaryDirectory(prefix="scott-peers-") as scratch:
                    started = time.perf_counter()
                    pictures = tool(pdf, Path(scratch) / "out")
                    seconds = time.perf_counter() - started
                    _count(rows[name], _same_pictures(pictures, true, shown), pages, seconds)
                if name == OURS:
                    _count(rows[BY_BOX], _same_boxes(pictures, true), pages, seconds)
    return rows


def _count(row: Row, same: npt.NDArray[np.bool_], pages: int, seconds: float) -> None:
    """Add a document: `same` [pictures, true placements]."""
    row.given += same.shape[0]
    row.true += same.shape[1]
    row.found += int(same.any(axis=0).sum())
    row.hits += int(same.any(axis=1).sum())
    row.pages += pages
    row.seconds += seconds


def _same_pictures(
    pictures: Sequence[Picture], true: Sequence[Truth], shown: Sequence[tuple[Plane, Plane]]
) -> npt.NDArray[np.bool_]:
    """Whether a picture [n] is a true placement [m] by its pixels."""
    read = [_read(picture.file) for picture in pictures]
    same = [
        [
            each.page == picture.page and any(_same(pixels, crop) for crop in crops)
            for each, crops in zip(true, shown, strict=True)
        ]
        for picture, pixels in zip(pictures, read, strict=True)
    ]
    return np.array(same, bool).reshape(len(pictures), len(true))


def _same_boxes(pictures: Sequence[Picture], true: Sequence[Truth]) -> npt.NDArray[np.bool_]:
    overlaps = [
        [each.page == picture.page and picture.box is not None and iou(each.box, picture.box) >= HIT for each in true]
        for picture in pictures
    ]
    return np.array(overlaps, bool).reshape(len(pictures), len(true))


def _shown(pdf: Path, true: Sequence[Truth]) -> Iterator[tuple[Plane, Plane]]:
    """What pdftoppm and what MuPDF show in each true box, at SIDE."""
    for each in true:
        page = str(each.page)
        command = ["pdftoppm", "-r", str(DPI), "-f", page, "-l", page, "-png", str(pdf)]
        with Image.open(io.BytesIO(subprocess.run(command, check=True, capture_output=True).stdout)) as image:
            x0, y0, x1, y1 = (round(value * DPI / 72) for value in each.box)
            theirs = np.asarray(image.convert("RGB"))[max(y0, 0) : y1, max(x0, 0) : x1]
        with pymupdf.open(pdf) as document:
            mine = ShownPage(document[each.page - 1]).region(each.box, DPI / 72, 4096)
        yield _at_side(theirs), _at_side(mine)


def _read(file: Path) -> Plane | None:
    """The picture as a viewer opens it, at SIDE; None where it opens in none (bare fax or JBIG2 data)."""
    try:
        with Image.open(file) as image:
            return _at_side(np.asarray(image.convert("RGB")))
    except (OSError, ValueError):
        return None


def _at_side(pixels: Pixels) -> Plane:
    small = cv2.resize(pixels, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), GRAIN), np.float32)


def _same(a: Plane | None, b: Plane) -> bool:
    if a is None or float(np.abs(a - b).mean()) > MOST_DIFFERENCE:
        return False
    first, second = a.ravel() - a.mean(), b.ravel() - b.mean()
    return float(first @ second) >= LEAST_CORRELATION * float(np.linalg.norm(first) * np.linalg.norm(second))


def _page_count(pdf: Path) -> int:
    try:
        with pymupdf.open(pdf) as document:
            return 0 if document.needs_pass else document.page_count
    except (RuntimeError, pymupdf.mupdf.FzErrorBase):
        return 0


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    rows = compare(parser.parse_args().root)
    lines = ["| tool | recall | precision | seconds a page |", "|---|---|---|---|"]
    lines += [row.line(name) for name, row in rows.items()]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
