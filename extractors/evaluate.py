"""Measure extraction against a catalogue whose placements are known: `python -m extractors.evaluate ROOT`.

ROOT holds catalogue/<product_id>/documents/*.pdf and truth/placements.csv (product_id, document, page, x0, y0, x1,
y1 in points, how). A true placement is found where a used placement of its page overlaps it with IoU >= 0.7.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from extractors.document import extract_document
from extractors.geometry import iou
from extractors.model import Box, Placement

HIT = 0.7


@dataclass
class Evaluation:
    """Counts over all documents; `missed` and `false` name each error."""

    true: Counter[str] = field(default_factory=Counter)
    found: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    used: int = 0
    hits: int = 0  # used placements that are a true one
    seconds: list[float] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)
    false: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """The report, a line each."""
        total, found = sum(self.true.values()), sum(self.found.values())
        shown = [f"{how:14} {self.found[how]:4} of {self.true[how]:4}" for how in sorted(self.true)]
        times = sorted(self.seconds)
        return [
            *shown,
            f"recall    {found / max(total, 1):.3f} ({found} of {total})",
            f"precision {self.hits / max(self.used, 1):.3f} ({self.hits} of {self.used} used)",
            f"seconds a document: median {times[len(times) // 2]:.2f}, most {times[-1]:.2f}",
            f"status: {dict(self.statuses)}",
        ]


def evaluate(root: Path, keep: Path | None = None) -> Evaluation:
    """Extract every document under `root` and compare; pictures are kept under `keep` if it is given."""
    truth: dict[tuple[str, str], list[tuple[int, Box, str]]] = defaultdict(list)
    with (root / "truth" / "placements.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            box = (float(row["x0"]), float(row["y0"]), float(row["x1"]), float(row["y1"]))
            truth[row["product_id"], row["document"]].append((int(row["page"]), box, row["how"]))
    result = Evaluation()
    with tempfile.TemporaryDirectory(prefix="scott-evaluate-") as scratch:
        for pdf in sorted((root / "catalogue").glob("*/documents/*.pdf")):
            product = pdf.parts[-3]
            started = time.perf_counter()
            extraction = extract_document(pdf, (keep or Path(scratch)) / product)
            result.seconds.append(time.perf_counter() - started)
            result.statuses[extraction.status] += 1
            _compare(result, f"{product}/{pdf.name}", truth[product, pdf.name], extraction.images)
    return result


def _compare(result: Evaluation, name: str, truth: list[tuple[int, Box, str]], images: tuple[Placement, ...]) -> None:
    used = [placement for placement in images if placement.used]
    result.used += len(used)
    for page, box, how in truth:
        overlaps = [(iou(box, each.bbox), each) for each in images if each.page == page]
        hit = any(overlap >= HIT and each.used for overlap, each in overlaps)
        result.true[how] += 1
        result.found[how] += hit
        if not hit:
            best, nearest = max(overlaps, key=lambda pair: pair[0], default=(0.0, None))
            seen = f"IoU {best:.2f}, {nearest.reason or 'used'}, {nearest.file}" if nearest else "nothing"
            result.missed.append(f"{name} page {page} {how} {box}: {seen}")
    for placement in used:
        hit = any(page == placement.page and iou(box, placement.bbox) >= HIT for page, box, _ in truth)
        result.hits += hit
        if not hit:
            result.false.append(f"{name} page {placement.page} {placement.bbox} {placement.kind} {placement.file}")


def main() -> None:
    """Print the figures, and each error with --errors."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", type=Path)
    parser.add_argument("--keep", type=Path, help="folder to keep the pictures in")
    parser.add_argument("--errors", action="store_true", help="name each missed and each false placement")
    arguments = parser.parse_args()
    result = evaluate(arguments.root, arguments.keep)
    lines = result.lines()
    if arguments.errors:
        lines += [f"missed: {line}" for line in result.missed] + [f"false: {line}" for line in result.false]
    sys.stdout.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
