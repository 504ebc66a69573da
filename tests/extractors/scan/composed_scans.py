"""Measures recall and precision on composed scanned pages: `python -m tests.extractors.scan.composed_scans DATA`.

DATA is the folder of manifest.csv and images/. Photographs of split val are set on pages in 32 layouts (one to four of
them; captions flush left, centred, above or missing; drawn frames and tables or none), printed on grey paper, scanned
askew with blur, shade, grain and JPEG, and extracted from a PDF. A hit is IoU >= HIT. The layouts are not those
of the audit sample.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pymupdf
from PIL import Image, ImageDraw, ImageFont

from extractors import Extractor
from extractors.evaluate import HIT
from extractors.geometry import enclose, iou
from extractors.model import Box
from tests.extractors.pdfs import encoded

WIDTH, HEIGHT = 1240, 1754  # px: A4 at 150 dpi
POINTS = 72 / 150  # points per px
PRINT = "the sample was conditioned at 23 C and tested by clause 5 of the standard with no deviation from its limits"
TYPE, SMALL = ImageFont.load_default(size=26), ImageFont.load_default(size=20)
DARK = (35, 35, 40)
Rng = np.random.Generator


@dataclass(frozen=True)
class Layout:
    """The layout of a page: number and captions of photographs; `ruled` adds drawn frames and a table."""

    photographs: int
    caption: str  # left | centre | above | none
    ruled: bool


LAYOUTS = [
    Layout(*each) for each in itertools.product((1, 2, 3, 4), ("left", "centre", "above", "none"), (False, True))
]


class Page:
    """A page with text and photographs, set by a layout; `boxes` are the photographs' boxes in px."""

    def __init__(self, rng: Rng, layout: Layout, photographs: Sequence[Path]) -> None:
        self.rng, self.layout, self.photographs = rng, layout, photographs
        self.paper = rng.integers(225, 256) + rng.integers(-4, 1, 3)
        self.image = Image.new("RGB", (WIDTH, HEIGHT), tuple(self.paper.tolist()))
        self.draw = ImageDraw.Draw(self.image)
        self.boxes: list[Box] = []
        self.draw.text((120, 90), f"Northern Test House Ltd   Report 22-{rng.integers(9999):04}", DARK, TYPE)
        self.draw.line((110, 140, WIDTH - 110, 140), DARK, 2)
        self._set()

    def _set(self) -> None:
        """Set the photographs, the text and the table."""
        if self.layout.photographs == 1:
            self._text(120, 180, 420)
            self._photograph(int(self.rng.integers(150, 400)), 520, int(self.rng.integers(350, 650)), 700)
        elif self.layout.photographs == 3:
            for row in range(3):
                self._photograph(140, 220 + row * 480, 380, 380)
                self._text(620, 240 + row * 480, 560 + row * 480)
        else:
            for place in range(self.layout.photographs):
                self._photograph(120 + place % 2 * 540, 220 + place // 2 * 720, 440, 620)
        if self.layout.photographs < 3:
            self._text(120, 1330, 1390)
            if self.layout.ruled:
                self._table()

    def _words(self, count: int) -> str:
        """This many words of PRINT."""
        return " ".join(self.rng.choice(PRINT.split(), count))

    def _text(self, left: int, top: int, bottom: int) -> None:
        """Print full lines of words between `top` and `bottom`."""
        for y in range(top, bottom - 24, 35):
            line = self._words(30)
            while left + TYPE.getlength(line) > WIDTH - 120:
                line = line.rsplit(" ", 1)[0]
            self.draw.text((left, y), line, DARK, TYPE)

    def _table(self) -> None:
        """Rule a table at the bottom of the page."""
        for y in range(1400, 1640, 40):
            self.draw.line((120, y, WIDTH - 120, y), DARK, 2)
        for x in (120, 420, 800, WIDTH - 120):
            self.draw.line((x, 1400, x, 1600), DARK, 2)

    def _photograph(self, x: int, y: int, width: int, height: int) -> None:
        """Print a photograph with its top left at (x, y), at most this large, and its caption and frame."""
        with Image.open(self.photographs[int(self.rng.integers(len(self.photographs)))]) as opened:
            photo = opened.convert("RGB")
        scale = min(width / photo.width, height / photo.height)
        photo = photo.resize((int(photo.width * scale), int(photo.height * scale)), Image.Resampling.LANCZOS)
        printed = np.asarray(photo) * (self.paper / 255)
        self.image.paste(Image.fromarray(printed.astype(np.uint8)), (x, y))
        right, bottom = x + photo.width, y + photo.height
        self.boxes.append((x, y, right, bottom))
        if self.layout.ruled:
            self.draw.rectangle((x - 2, y - 2, right + 1, bottom + 1), outline=DARK, width=2)
        caption = f"Photo {len(self.boxes)}: {self._words(int(self.rng.integers(0, 5)))}"
        centred = x + (photo.width - SMALL.getlength(caption)) / 2
        place = {"left": (x, bottom + 10), "centre": (centred, bottom + 10), "above": (x, y - 32)}
        if self.layout.caption in place:
            self.draw.text(place[self.layout.caption], caption, DARK, SMALL)

    def scanned(self) -> tuple[bytes, list[Box]]:
        """The page as the JPEG file of a scanner, two in three level, and the boxes of its photographs in px."""
        rng = self.rng
        turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), float(rng.choice([0, 0, rng.uniform(-3, 3)])), 1)
        lid = (60, 60, 60) if rng.random() < 0.3 else (250, 250, 250)
        turned = cv2.warpAffine(np.asarray(self.image), turn, (WIDTH, HEIGHT), borderValue=lid)
        shade = np.linspace(1, rng.uniform(0.92, 1), WIDTH)[None, :, None]
        seen = cv2.GaussianBlur(turned, (0, 0), rng.uniform(0.4, 1.1)) * shade
        seen = np.clip(seen + rng.normal(0, rng.uniform(0.5, 4), seen.shape), 0, 255)
        return encoded(seen.astype(np.uint8), "JPEG", quality=int(rng.integers(55, 92))), [
            _turned(box, turn) for box in self.boxes
        ]


def _turned(box: Box, turn: np.ndarray) -> Box:
    """The box around a box under the affine map `turn` [2, 3]."""
    x0, y0, x1, y1 = box
    corners = np.array([(x0, y0, 1), (x1, y0, 1), (x1, y1, 1), (x0, y1, 1)]) @ turn.T
    return enclose([(x, y, x, y) for x, y in corners.tolist()])


def main(argv: Sequence[str] | None = None) -> None:
    """Print recall by layout, and precision."""
    parser = argparse.ArgumentParser(prog="python -m tests.extractors.scan.composed_scans", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of manifest.csv and images/")
    parser.add_argument("--pages", type=int, default=96, help="number of pages (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=6, help="seed of the pages (default: %(default)s)")
    arguments = parser.parse_args(argv)
    with (arguments.data / "manifest.csv").open(newline="") as file:
        photographs = [arguments.data / row["image"] for row in csv.DictReader(file) if row["split"] == "val"]
    rng = np.random.default_rng(arguments.seed)
    true, found = Counter[str](), Counter[str]()
    used = hits = 0
    with Extractor() as extractor, tempfile.TemporaryDirectory() as folder:
        for number in range(arguments.pages):
            layout = LAYOUTS[number % len(LAYOUTS)]
            scan, boxes = Page(rng, layout, photographs).scanned()
            pdf = Path(folder) / "scan.pdf"
            with pymupdf.open() as document:
                page = document.new_page(width=WIDTH * POINTS, height=HEIGHT * POINTS)
                page.insert_image(page.rect, stream=scan)
                document.save(pdf)
            images = extractor.extract(pdf, Path(folder) / f"{number}").images
            places: list[Box] = [
                (x0 / POINTS, y0 / POINTS, x1 / POINTS, y1 / POINTS)
                for x0, y0, x1, y1 in (image.bbox for image in images if image.used)
            ]
            name = f"caption {layout.caption}{', ruled' if layout.ruled else ''}"
            true[name] += len(boxes)
            found[name] += sum(any(iou(box, place) >= HIT for place in places) for box in boxes)
            used += len(places)
            hits += sum(any(iou(box, place) >= HIT for box in boxes) for place in places)
    for name in sorted(true):
        print(f"{name:24} {found[name]:4} of {true[name]}")
    print(f"recall    {found.total() / true.total():.3f} ({found.total()} of {true.total()})")
    print(f"precision {hits / max(used, 1):.3f} ({hits} of {used} used)")


if __name__ == "__main__":
    main()
