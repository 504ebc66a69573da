"""The verbs that make weights: pack, train and release."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jobs.cli.text import progress_bar, table
from jobs.cli.verbs import AddVerb


def add_verbs(verb: AddVerb) -> None:
    """Add pack, train and release."""
    v = verb("pack", pack)
    v.add_argument("sources", type=Path, nargs="+", metavar="SOURCE", help="a folder with manifest.csv; a pairs file")
    v.add_argument("out", type=Path, metavar="OUT")
    v.add_argument("--mib", type=float, metavar="N", help="at most N MiB, variety first (default: everything)")
    v.add_argument("--size", type=int, default=256, metavar="PX", help="longest side of an image (default: 256)")
    v.add_argument("--val", type=Path, metavar="PAIRS.csv", help="default: the first SOURCE/pairs/val.csv")

    v = verb("train", train)
    v.add_argument("config", type=Path, metavar="CONFIG.yaml")
    v.add_argument("overrides", nargs="*", metavar="key=value")
    v.add_argument("--pack", type=Path, metavar="FILE", help="of `scott pack` (default: the configuration's data)")
    v.add_argument("--minutes", type=float, metavar="N", help="stop after N minutes; the same command goes on")
    instead = v.add_mutually_exclusive_group()
    instead.add_argument("--overfit-one-batch", action="store_true", help="every step on one batch; keeps nothing")
    instead.add_argument("--time-steps", type=int, metavar="N", help="how fast N steps are, and why; keeps nothing")

    v = verb("release", release)
    v.add_argument("weights", type=Path, metavar="FILE.safetensors", help="of `scott train`")
    v.add_argument("data", type=Path, metavar="DATA", help="a folder with pairs/val.csv and pairs/test.csv")
    v.add_argument("notes", type=Path, metavar="NOTES.yaml", help="what no program knows: data, licences, failures")


def pack(arguments: argparse.Namespace) -> int:
    """Pack training images, masks and validation pairs into one small file."""
    from jobs.outputs import check_output
    from scott_core.data.pack import write_pack

    check_output(arguments.out)
    with progress_bar("pack", "image") as bar:
        packed = write_pack(
            arguments.sources,
            arguments.out,
            mib=arguments.mib,
            size=arguments.size,
            val=arguments.val,
            progress=bar.update,
        )
    print(table(("family, split", "images"), sorted(packed.images.items())))
    for tier, n in packed.left_out.items():
        print(f"left out for want of room: {n} {tier}")
    print(f"\n{packed.val_pairs} validation pairs, {packed.bytes / 2**20:.2f} MiB: {arguments.out}")
    if not packed.val_pairs:
        print("scott: training needs validation pairs: name some with --val PAIRS.csv", file=sys.stderr)
    return 0


def train(arguments: argparse.Namespace) -> int:
    """Train a model from a configuration; print the card of its weights."""
    from scott_core.training import trainer as training
    from scott_core.training.timing import time_steps

    what = (arguments.config, arguments.overrides)
    found: Mapping[str, Any]
    if arguments.overfit_one_batch:
        found = training.overfit_one_batch(*what, pack=arguments.pack)
    elif arguments.time_steps:
        found = time_steps(*what, arguments.time_steps, pack=arguments.pack)
    else:
        found = training.train(*what, pack=arguments.pack, minutes=arguments.minutes)
    print(json.dumps(found, indent=1))
    return 0


def release(arguments: argparse.Namespace) -> int:
    """Measure weights beside the baselines and put them, with their full card, among the shipped ones."""
    import yaml

    from scott_core.evaluation.release import release as release_weights

    card = release_weights(arguments.weights, arguments.data, arguments.notes)
    print(yaml.safe_dump(card, sort_keys=False), end="")
    return 0
