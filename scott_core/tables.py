"""Tables 2, 3 and 4 of the paper, measured on our own pairs, as Markdown.

    python -m scott_core.tables DATA RUNS

DATA as for `scott_core.release`; RUNS holds the trainings of scott_core/configs/tables (those that are missing are
left out). Each row's threshold and alpha were chosen on val; the rows are measured on test.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from scott_core.checkpoints import load_checkpoint, shipped
from scott_core.methods import PairScorer, installed_baselines
from scott_core.predictor import Predictor
from scott_core.release import SPLITS, measure_groups, measure_masks
from scott_core.saliency import SaliencyScorer
from scott_core.validation import ValidationSet

COLUMNS = (
    "method",
    "precision",
    "recall",
    "F1",
    "AP",
    "ROC AUC",
    "val F1",
    "val ROC AUC",
    "IoU a",
    "IoU b",
    "IoU both",
)


def rows(data: Path, runs: Path) -> Iterator[list[str]]:
    """One row for each baseline, each training of a table, and each of the shipped weights."""
    pairs = {split: ValidationSet(data / "pairs" / file) for split, file in SPLITS.items()}
    trained = [path / "best.safetensors" for path in sorted(runs.glob("table[24]-*"))]
    models: dict[str, PairScorer] = {
        path.parent.name: Predictor(load_checkpoint(path)) for path in trained if path.is_file()
    }
    models |= {name: Predictor.load(name) for name in shipped()}
    for name, scorer in (installed_baselines() | models).items():
        test, val = (measure_groups(scorer, pairs[split])["all"] for split in ("test", "validation"))
        values = [test[measure] for measure in ("precision", "recall", "f1", "average_precision", "roc_auc")]
        values += [val["f1"], val["roc_auc"]]
        if isinstance(scorer, Predictor | SaliencyScorer):
            iou = measure_masks(scorer, pairs["test"], data)
            values += [iou[side] for side in ("a", "b", "both")]
        yield [name, *(f"{value:.3f}" for value in values), *[""] * (len(COLUMNS) - 1 - len(values))]


if __name__ == "__main__":
    for cells in (list(COLUMNS), ["---"] * len(COLUMNS)):
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
    for cells in rows(Path(sys.argv[1]), Path(sys.argv[2])):
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
        sys.stdout.flush()
