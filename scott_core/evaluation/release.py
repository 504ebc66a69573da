"""The release of a training run: its weights are measured beside the baselines and written with their full card.

    scott release runs/scott-lite0/best.safetensors DATA NOTES.yaml

DATA is a folder with manifest.csv, pairs/val.csv and pairs/test.csv. The notes are fields of the card that a person
writes: data, licences, command, intended use, known failures. All choices are made on val; test is only measured. The
card of the default weights has the baselines' measures, too.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray
from tqdm import tqdm

from scott_core.card import DEFAULT, WEIGHTS
from scott_core.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from scott_core.errors import InputError
from scott_core.evaluation.metrics import bootstrap_intervals, evaluate_scores
from scott_core.evaluation.product_fit import product_fields
from scott_core.evaluation.regions import (
    group_rows,
    mask_ious,
    masked_pairs,
    read_manifest_masks,
    summarise_ious,
)
from scott_core.evaluation.validation import ValidationSet
from scott_core.inference.precision import PRECISIONS, available, flips
from scott_core.predictor import Predictor
from scott_core.progress import Progress
from scott_core.scorers import PairScorer, installed_baselines

log = logging.getLogger("scott")
MEASURES = ("precision", "recall", "f1", "average_precision", "roc_auc", "ece")
SPLITS = {"validation": "val.csv", "test": "test.csv"}  # files in DATA/pairs, by the card's name of their table


def release(weights: Path, data: Path, notes: Path) -> dict[str, Any]:
    """Writes WEIGHTS/<name>.safetensors and .json from the best weights of a training run; returns the card.

    Baselines that are not installed are left out. Raises InputError for notes that cannot be read, and as
    `load_checkpoint` and `ValidationSet` do.
    """
    checkpoint = load_checkpoint(weights)
    card = {**checkpoint.card.raw, **_read_notes(notes)}
    scorers: dict[str, PairScorer] = {card["name"]: Predictor(checkpoint, precision="float32")}
    if card["name"] == DEFAULT:
        scorers |= installed_baselines()
    tables: dict[str, Any] = {}
    for split, file in SPLITS.items():
        on = ValidationSet(data / "pairs" / file)
        if split == "validation":
            card["precision"] = choose_precision(checkpoint, on)
        tables[split] = {}
        for name, scorer in scorers.items():
            with tqdm(total=len(on.index), desc=f"{name}, {split}", unit="pair") as bar:
                tables[split][name] = measure(scorer, on, data, bar.update)
    with tqdm(desc="pairs of products", unit="pair") as bar:
        card["product"] = product_fields(scorers[card["name"]], data, bar.update)
    card |= tables
    save_checkpoint(checkpoint.model, card, WEIGHTS / f"{card['name']}.safetensors")
    return card


def _read_notes(path: Path) -> dict[str, Any]:
    """The card's fields in a YAML file. Raises InputError where it cannot be read or has no `name`."""
    try:
        notes = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(notes, dict) or not notes.get("name"):
        raise InputError(f"{path} holds no notes: fields of a card, `name` among them")
    return notes


def choose_precision(checkpoint: Checkpoint, on: ValidationSet) -> str:
    """The cheapest precision of this machine with float32's verdicts on all pairs but those that float32 is unsure of.

    The log warns of precisions that this machine does not compute in.
    """

    def score(precision: str) -> NDArray[np.float32]:
        return Predictor(checkpoint, precision=precision).score_pairs(on.images_a, on.images_b, on.index).score

    names = available(Predictor(checkpoint).device)
    if missing := PRECISIONS.keys() - names:
        log.warning("this machine does not compute in %s: the card will not name it", ", ".join(missing))
    exact, threshold = score("float32"), checkpoint.card.threshold
    for name in names:
        if not flips(score(name), exact, threshold)[1].any():
            return name
    raise AssertionError("float32 agrees with itself")


def measure(scorer: PairScorer, on: ValidationSet, data: Path, progress: Progress | None = None) -> dict[str, Any]:
    """`measure_groups` and, for a scorer that finds regions, `mask_iou` by side with 95% intervals."""
    table = measure_groups(scorer, on, progress)
    if not scorer.finds_regions:
        return table
    masked = masked_pairs(on.pairs, read_manifest_masks(data / "manifest.csv"))
    found = summarise_ious(mask_ious(scorer, masked))
    intervals = {side: [round(end, 4) for end in ends] for side, ends in found.get("intervals", {}).items()}
    means = {name: round(value, 4) for name, value in found.items() if isinstance(value, int | float)}
    return {**table, "mask_iou": {**means, "intervals": intervals}}


def measure_groups(scorer: PairScorer, on: ValidationSet, progress: Progress | None = None) -> dict[str, Any]:
    """MEASURES at the scorer's threshold, to 4 digits: of all pairs (with 95% intervals) and of each group."""
    score = scorer.score_pairs(on.images_a, on.images_b, on.index, progress=progress).score
    table: dict[str, Any] = {}
    for name, rows in group_rows(on.pairs).items():
        if len(set(on.label[rows])) < 2:
            continue
        measured = evaluate_scores(on.label[rows], score[rows], scorer.threshold)
        table[name] = {"n": int(measured["n"])} | {measure: round(measured[measure], 4) for measure in MEASURES}
    intervals = bootstrap_intervals(on.label, score, scorer.threshold)
    table["all"]["intervals"] = {measure: [round(end, 4) for end in intervals[measure]] for measure in MEASURES}
    return table
