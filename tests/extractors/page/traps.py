"""The corpus of traps: every way of showing a picture in a PDF that has caught a reader of PDFs out.

python -m tests.extractors.page.traps OUT        # writes them all, to be opened and looked at
"""

from __future__ import annotations

import sys
from pathlib import Path

from tests.extractors.page.traps_of_coding import CODINGS
from tests.extractors.page.traps_of_paint import PAINTS
from tests.extractors.page.traps_of_place import PLACES

TRAPS = {**CODINGS, **PLACES, **PAINTS}


def main(out: Path) -> None:
    """Write each trap under its name."""
    out.mkdir(parents=True, exist_ok=True)
    for name, trap in TRAPS.items():
        trap.write(out / f"{name.replace(' ', '-')}.pdf")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
