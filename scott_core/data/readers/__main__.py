"""`python -m scott_core.data.readers NAME ROOT --split SPLIT --out PAIRS.csv`."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from scott_core.data.readers import human36m, manifest, market1501, phototourism, tic
from scott_core.data.sources import SPLITS
from scott_core.errors import ScottError
from scott_core.pairs import Pair, write_pairs

READERS: dict[str, Callable[..., list[Pair]]] = {
    "human36m": human36m.read,
    "manifest": manifest.read,
    "market1501": market1501.read,
    "phototourism": phototourism.read,
    "tic": tic.read,
}


def main(arguments: list[str] | None = None) -> None:
    """Reads one split of one data set and writes its pairs file; exits with a message where it cannot."""
    parser = argparse.ArgumentParser(
        prog="python -m scott_core.data.readers", description="Write the pairs file of a data set."
    )
    parser.add_argument("name", choices=sorted(READERS))
    parser.add_argument("root", type=Path, help="the data set's folder (docs/data.md shows each layout)")
    parser.add_argument("--split", choices=SPLITS, required=True)
    parser.add_argument("--out", type=Path, required=True, help="the pairs file to write")
    parser.add_argument("--size", type=int, help="number of pairs; the paper's where it says one")
    parser.add_argument("--seed", type=int, help="another choice of pairs; the split stays the same")
    parser.add_argument("--masks", type=Path, help="folder of masks, named as their pictures but .png")
    parser.add_argument("--work", type=Path, help="folder for what is derived: frames of videos, masks from points")
    options = vars(parser.parse_args(arguments))
    name, root, split, out = (options.pop(key) for key in ("name", "root", "split", "out"))
    given = {key: value for key, value in options.items() if value is not None}
    for key in given.keys() - inspect.signature(READERS[name]).parameters.keys():
        parser.error(f"{name} takes no --{key}")
    try:
        pairs = READERS[name](root, split, **given)
    except ScottError as error:
        sys.exit(f"{name}: {error}")
    write_pairs(out, pairs)
    kinds = ", ".join(f"{count} {kind}" for kind, count in sorted(Counter(pair.kind for pair in pairs).items()))
    sys.stdout.write(f"{out}: {len(pairs)} pairs ({kinds})\n")


if __name__ == "__main__":
    main()
