"""Tables 2, 3 and 4 of the paper, measured on our own pairs, as Markdown.

    python -m scott_core.evaluation.tables DATA RUNS

DATA is as for `scott_core.evaluation.release`. RUNS holds the training runs of scott_core/configs/tables; missing ones
are left out. Threshold and alpha of each row were chosen on val, and the row is measured on test. Baselines and shipped
weights were measured at their release: their rows come from the cards.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scott_core.card import read_card, shipped
from scott_core.checkpoint import load_checkpoint
from scott_core.evaluation.release import SPLITS, measure, measure_groups
from scott_core.evaluation.validation import ValidationSet
from scott_core.predictor import Predictor

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
    """One row for each method of the cards of shipped weights, then one for each training run of a table."""
    for name in shipped():
        card = read_card(name).raw
        for method, measured in card["test"].items():
            yield _row(method, measured, card["validation"][method])
    sets = {split: ValidationSet(data / "pairs" / file) for split, file in SPLITS.items()}
    for path in sorted(runs.glob("table[24]-*/best.safetensors")):
        predictor = Predictor(load_checkpoint(path))
        test, validation = measure(predictor, sets["test"], data), measure_groups(predictor, sets["validation"])
        yield _row(path.parent.name, test, validation)


def _row(name: str, test: dict[str, Any], validation: dict[str, Any]) -> list[str]:
    values = [test["all"][each] for each in ("precision", "recall", "f1", "average_precision", "roc_auc")]
    values += [validation["all"]["f1"], validation["all"]["roc_auc"]]
    values += [test["mask_iou"][side] for side in ("a", "b", "both") if "mask_iou" in test]
    return [name, *(f"{value:.3f}" for value in values), *[""] * (len(COLUMNS) - 1 - len(values))]


if __name__ == "__main__":
    for cells in itertools.chain((list(COLUMNS), ["---"] * len(COLUMNS)), rows(Path(sys.argv[1]), Path(sys.argv[2]))):
        sys.stdout.write(f"| {' | '.join(cells)} |\n")
        sys.stdout.flush()
