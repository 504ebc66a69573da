"""Measures extraction against a catalogue whose placements are known: `python -m extractors.evaluate ROOT`.

ROOT holds catalogue/<product_id>/documents/*.pdf and truth/placements.csv (product_id, document, page, x0, y0, x1,
y1 in points, how). A true placement is found where a used placement of its page overlaps it with IoU >= HIT.
A photograph on white that is scanned with white paper has no border to see. `visible` counts it as found also where
the overlap is with its visible part, which is the part that differs from the paper around the true box.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pymupdf

from extractors.geometry import iou
from extractors.isolation.extractor import Extractor
from extractors.model import Box, Placement
from extractors.page.paint import ShownPage

HIT = 0.7  # intersection over union from which on two boxes are the same placement
INK = 32  # grey levels from the paper above which a pixel is visible


@dataclass
class Evaluation:
    """Counts over all documents, by the way in which a photograph was embedded where they are Counters."""

    true: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    visible: Counter[str] = field(default_factory=Counter)  # true placements that are found, or whose visible part is
    statuses: Counter[str] = field(default_factory=Counter)
    used: int = 0  # used placements
    hits: int = 0  # used placements that match a true one
    visible_hits: int = 0  # used placements that match a true one or its visible part
    seconds: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)  # a line for each true placement that is not found
    false: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The lines of the report."""
        total = max(sum(self.true.values()), 1)
        found, visible, used = sum(self.found.values()), sum(self.visible.values()), max(self.used, 1)
        times = sorted(self.seconds)
        return [
            f"{'how':14} true found visible",
            *(f"{how:14} {n:4} {self.found[how]:5} {self.visible[how]:7}" for how, n in sorted(self.true.items())),
            f"recall    {found / total:.3f} ({found} of {total}), visible {visible / total:.3f}",
            f"precision {self.hits / used:.3f} ({self.hits} of {used} used), visible {self.visible_hits / used:.3f}",
            f"seconds a document: median {times[len(times) // 2]:.2f}, most {times[-1]:.2f}",
            f"status: {dict(self.statuses)}",
        ]


@dataclass(frozen=True)
class Truth:
    """A true placement: its page counted from 1, its box in points, and how the photograph was embedded."""

    page: int
    box: Box
    how: str


def read_truth(root: Path) -> dict[tuple[str, str], list[Truth]]:
    """The true placements by (product, name of the document); an empty list for a document that has none."""
    truth: dict[tuple[str, str], list[Truth]] = defaultdict(list)
    with (root / "truth" / "placements.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            box = (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
            truth[row["product_id"], row["document"]].append(Truth(int(row["page"]), box, row["how"]))
    return truth


def evaluate(root: Path, keep: Path | None = None) -> Evaluation:
    """Extract every document under `root` and count; the images are kept under `keep` where it is given."""
    truth = read_truth(root)
    result = Evaluation()
    with tempfile.TemporaryDirectory(prefix="scott-evaluate-") as scratch, Extractor() as extractor:
        for pdf in sorted((root / "catalogue").glob("*/documents/*.pdf")):
            product = pdf.parts[-3]
            started = time.perf_counter()
            extraction = extractor.extract(pdf, (keep or Path(scratch)) / product)
            result.seconds.append(time.perf_counter() - started)
            result.statuses[extraction.status] += 1
            _compare(result, pdf, truth[product, pdf.name], extraction.images)
    return result


def visible_box(page: pymupdf.Page, box: Box) -> Box:
    """The part of `box` (points) that differs from the paper around it; `box` itself where nothing does."""
    ring = 4
    outer = (box[0] - ring, box[1] - ring, box[2] + ring, box[3] + ring)
    shown = ShownPage(page).region(outer, 1.0, 4096).astype(np.int16)
    paper = np.median(np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]]), axis=0)
    ink = np.abs(shown - paper).max(axis=2)[ring:-ring, ring:-ring] > INK
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    if not rows.size:
        return box
    left, top = float(columns[0]), float(rows[0])
    return (box[0] + left, box[1] + top, box[0] + float(columns[-1]) + 1, box[1] + float(rows[-1]) + 1)


def _compare(result: Evaluation, pdf: Path, truth: list[Truth], images: tuple[Placement, ...]) -> None:
    """Add the placements of one document to the counts."""
    used = [placement for placement in images if placement.used]
    seen = _visible(pdf, truth)
    result.used += len(used)
    for true, visible in zip(truth, seen, strict=True):
        there = [placement for placement in used if placement.page == true.page]
        found = any(iou(true.box, placement.bbox) >= HIT for placement in there)
        shown = found or any(iou(visible, placement.bbox) >= HIT for placement in there)
        result.true[true.how] += 1
        result.found[true.how] += found
        result.visible[true.how] += shown
        if not found:
            nearest = max(images, key=lambda each: iou(true.box, each.bbox) * (each.page == true.page), default=None)
            told = f"{nearest.reason or 'used'}, IoU {iou(true.box, nearest.bbox):.2f}" if nearest else "nothing"
            told += ", its visible part is found" if shown else ""
            result.missed.append(f"{pdf.parts[-3]}/{pdf.name} page {true.page} {true.how} {true.box}: {told}")
    for placement in used:
        pairs = [pair for pair in zip(truth, seen, strict=True) if pair[0].page == placement.page]
        hit = any(iou(true.box, placement.bbox) >= HIT for true, _ in pairs)
        shown = hit or any(iou(visible, placement.bbox) >= HIT for _, visible in pairs)
        result.hits += hit
        result.visible_hits += shown
        if not shown:
            where = f"{pdf.parts[-3]}/{pdf.name} page {placement.page} {placement.bbox}"
            result.false.append(f"{where} {placement.kind} {placement.file}")


def _visible(pdf: Path, truth: list[Truth]) -> list[Box]:
    """The visible part of each true placement of a document."""
    if not truth:
        return []
    with pymupdf.open(pdf) as document:
        return [visible_box(document[true.page - 1], true.box) for true in truth]


def main(argv: Sequence[str] | None = None) -> None:
    """Print the measures, and with --errors each error."""
    parser = argparse.ArgumentParser(prog="python -m extractors.evaluate", description=__doc__)
    parser.add_argument("root", type=Path, help="folder of catalogue/ and truth/")
    parser.add_argument("--keep", type=Path, help="folder in which the images are kept")
    parser.add_argument("--errors", action="store_true", help="name each missed and each false placement")
    arguments = parser.parse_args(argv)
    result = evaluate(arguments.root, arguments.keep)
    lines = result.lines()
    if arguments.errors:
        lines += [f"missed: {line}" for line in result.missed] + [f"false: {line}" for line in result.false]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
