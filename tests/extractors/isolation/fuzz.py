"""Reads every document of the robustness set and checks what it leaves: `python -m tests.extractors.isolation.fuzz`.

Whatever a document does, `Extractor.extract` returns a typed status within its limits; each image that it reports
is there and decodes; no process and no file is left; the second page's photograph is found where it can be. Exit
status 1 where anything is broken; `--only NAME` repeats what a line of the table names.
"""

from __future__ import annotations

import argparse
import itertools
import math
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args

from PIL import Image

from extractors import Extraction, Extractor, Limits, Placement, Status
from tests.extractors.isolation.malformed.document import Malformed
from tests.extractors.isolation.processes import descendants, servers
from tests.extractors.isolation.robustness import CASES, flipped, seeds, truncated

LIMITS = Limits(
    seconds=8.0, memory_bytes=1 << 30, pages=50, image_pixels=1_000_000, images_per_page=500
)  # lower: cheap to exceed
MARGIN = 4.0  # seconds beyond the limit, to end a child and gather what it left


@dataclass
class Outcome:
    """The end of reading one document; `broken` has a line for each rule that it broke."""

    name: str
    status: str = "-"
    detail: str = ""
    images: int = 0
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    def line(self) -> str:
        """A row of the table."""
        row = f"{self.name:36} {self.status:14} {self.images:4} {self.seconds:6.2f}  {self.detail[:90]}"
        return row + "".join(f"\n    BROKEN: {what}" for what in self.broken)


def examine(case: Malformed, folder: Path, extractor: Extractor) -> Outcome:
    """Build the document, read it, and check everything that is left. `folder` must exist and be empty."""
    outcome = Outcome(case.name)
    pdf, out, scratch = folder / "a.pdf", folder / "out", folder / "scratch"
    scratch.mkdir()
    case.build(pdf)
    before, limits = pdf.read_bytes(), extractor.limits
    running = descendants()
    usual, tempfile.tempdir = tempfile.tempdir, str(scratch)
    started = time.monotonic()
    try:
        extraction = extractor.extract(pdf, out)
    except Exception as error:  # noqa: BLE001 (that there is none is what is tested)
        outcome.broken.append(f"raised {error!r}")
        return outcome
    finally:
        outcome.seconds = time.monotonic() - started
        tempfile.tempdir = usual
    outcome.status, outcome.detail = extraction.status, extraction.detail
    outcome.images = sum(placement.used for placement in extraction.images)
    outcome.broken += _wrong_ending(case, extraction)
    if outcome.seconds > limits.seconds + MARGIN:
        outcome.broken.append(f"{outcome.seconds:.1f} s; the limit is {limits.seconds:g}")
    for placement in extraction.images:
        outcome.broken += _wrong_placement(placement, out)
    outcome.broken += _left_behind(extraction, folder, before)
    left = descendants() - running - servers()  # the extractor's own starts with its first document
    if left:
        outcome.broken.append(f"{len(left)} child processes are left")
    return outcome


def _wrong_ending(case: Malformed, extraction: Extraction) -> Iterator[str]:
    """The rules that the status, the detail and the number of images break."""
    used = sum(placement.used for placement in extraction.images)
    if extraction.status not in get_args(Status):
        yield f"no such status: {extraction.status}"
    if extraction.status not in case.ends:
        yield f"status {extraction.status}; {', '.join(case.ends)} would be right"
    if extraction.status == "partial" and extraction.detail.startswith("crashed"):
        yield f"the child crashed: {extraction.detail}"
    if (extraction.status == "ok") != (extraction.detail == ""):
        yield f"status {extraction.status} with the detail {extraction.detail!r}"
    if used < case.photographs and extraction.status in ("ok", "partial", "damaged"):
        yield f"{used} images; {case.photographs} can be found"


def _wrong_placement(placement: Placement, out: Path) -> Iterator[str]:
    """The rules that a placement and its file break."""
    x0, y0, x1, y1 = placement.bbox
    if not (all(map(math.isfinite, placement.bbox)) and x0 <= x1 and y0 <= y1):
        yield f"box {placement.bbox}"
    if placement.used != (placement.reason is None) or (placement.used and not placement.file):
        yield f"used {placement.used}, reason {placement.reason}, file {placement.file}"
    if placement.file:
        try:
            with Image.open(out / placement.file) as image:
                image.load()
        except OSError as error:
            yield f"{placement.file}: {error}"
            return
        if image.size != (placement.width, placement.height):
            yield f"{placement.file} is {image.size}; said {placement.width}x{placement.height}"


def _left_behind(extraction: Extraction, folder: Path, before: bytes) -> Iterator[str]:
    """The files that must not be there, and a document that is not as it was `before`."""
    left = [path for path in (folder / "scratch").rglob("*") if not path.is_dir()]
    if left:
        yield f"temporary files are left: {[path.name for path in left]}"
    if {path.name for path in folder.iterdir()} - {"a.pdf", "out", "scratch"}:
        yield f"files beside the document: {sorted(path.name for path in folder.iterdir())}"
    if (folder / "a.pdf").read_bytes() != before:
        yield "the document is changed"
    written = {path.name for path in (folder / "out").iterdir()} if (folder / "out").exists() else set()
    if written != {placement.file for placement in extraction.images if placement.file}:
        yield f"{len(written)} files written, others reported"


def run(cases: Iterable[Malformed]) -> Iterator[Outcome]:
    """Examine one document after another, each in a folder of its own."""
    with Extractor(limits=LIMITS) as extractor:
        for case in cases:
            with tempfile.TemporaryDirectory(prefix="scott-fuzz-") as folder:
                yield examine(case, Path(folder), extractor)


def robustness_set(seed: int, flips: int) -> Iterator[Malformed]:
    """The documents of the set: malformed, cut off and with flipped bytes."""
    with tempfile.TemporaryDirectory(prefix="scott-fuzz-") as folder:
        contents = seeds(Path(folder))
    return itertools.chain(CASES, truncated(contents), flipped(contents, seed, flips))


def main(argv: Sequence[str] | None = None) -> int:
    """Print the table and the closing line; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.extractors.isolation.fuzz", description=__doc__)
    parser.add_argument("--flips", type=int, default=2000, help="documents with flipped bytes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the flips (default: %(default)s)")
    parser.add_argument("--only", default="", metavar="NAME", help="documents whose name starts so")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="write the documents there, too")
    arguments = parser.parse_args(argv)
    cases = [case for case in robustness_set(arguments.seed, arguments.flips) if case.name.startswith(arguments.only)]
    if arguments.keep:
        arguments.keep.mkdir(parents=True, exist_ok=True)
        for case in cases:
            case.build(arguments.keep / f"{case.name}.pdf")
    statuses, broken, slowest = Counter[str](), 0, 0.0
    for outcome in run(cases):
        print(outcome.line(), flush=True)
        statuses[outcome.status] += 1
        broken += bool(outcome.broken)
        slowest = max(slowest, outcome.seconds)
    print(f"{len(cases)} documents, seed {arguments.seed}: {dict(statuses.most_common())}; most {slowest:.1f} s")
    print(f"{len(cases) - broken} passed, {broken} failed")
    return 1 if broken or not cases else 0


if __name__ == "__main__":
    sys.exit(main())
