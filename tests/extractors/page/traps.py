"""The corpus of traps, all ways of showing an image that have caught a reader of PDFs out.

`python -m tests.extractors.page.traps OUT` writes them all under OUT, to be opened and looked at.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from tests.extractors.page.traps_of_coding import CODINGS
from tests.extractors.page.traps_of_paint import PAINTS
from tests.extractors.page.traps_of_place import PLACES

TRAPS = {**CODINGS, **PLACES, **PAINTS}


def main(argv: Sequence[str] | None = None) -> None:
    """Write each trap under its name."""
    parser = argparse.ArgumentParser(prog="python -m tests.extractors.page.traps", description=__doc__)
    parser.add_argument("out", type=Path, help="folder of the documents; made where it is not there")
    out: Path = parser.parse_args(argv).out
    out.mkdir(parents=True, exist_ok=True)
    for name, trap in TRAPS.items():
        trap.write(out / f"{name.replace(' ', '-')}.pdf")


if __name__ == "__main__":
    main()
