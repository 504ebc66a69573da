"""Release a training: measure it beside the baselines on held-out pairs, and write weights with their full card.

    python -m scott_core.release runs/scott-lite0/best.safetensors DATA notes.yaml

DATA is a folder with manifest.csv, pairs/val.csv and pairs/test.csv; the notes hold what no program knows (data,
licences, command, intended use, known failures). Everything was chosen on val; test is only measured.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

from scott_core.checkpoints import WEIGHTS, load_checkpoint, save_checkpoint
from scott_core.evaluation import mask_ious, masked_pairs, read_manifest_masks, summarise_ious
from scott_core.methods import PairScorer, load_scorer
from scott_core.metrics import evaluate_scores
from scott_core.predictor import Predictor, Progress
from scott_core.validation import ValidationSet

MEASURES = ("precision", "recall", "f1", "average_precision", "roc_auc")


def release(weights: Path, data: Path, notes: Path) -> dict[str, Any]:
    """Write WEIGHTS/<name>.safetensors and .json from a training's best weights; returns the card."""
    checkpoint = load_checkpoint(weights)
    predictor = Predictor(checkpoint)
    scorers: dict[str, PairScorer] = {
        checkpoint.card["name"]: predictor,
        "orb": load_scorer("orb"),
        "embedding": load_scorer("embedding"),
    }
    tables: dict[str, Any] = {}
    for split in ("validation", "test"):
        on = ValidationSet(data / "pairs" / f"{'val' if split == 'validation' else split}.csv")
        tables[split] = {}
        for name, scorer in scorers.items():
            with tqdm(total=len(on.index), desc=f"{name}, {split}", unit="pair") as bar:
                tables[split][name] = _by_family(scorer, on, bar.update)
        tables[split]["mask_iou"] = _mask_iou(predictor, on, data)
    card = {**checkpoint.card, **yaml.safe_load(notes.read_text(encoding="utf-8")), **tables}
    save_checkpoint(checkpoint.model, card, WEIGHTS / f"{card['name']}.safetensors")
    return card


def _by_family(scorer: PairScorer, on: ValidationSet, progress: Progress) -> dict[str, dict[str, float]]:
    score = scorer.score_pairs(on.images_a, on.images_b, on.index, progress=progress).score
    family = np.array([pair.family for pair in on.pairs])
    chosen = {"all": family == family, **{str(name): family == name for name in np.unique(family)}}
    table = {}
    for name, rows in chosen.items():
        measured = evaluate_scores(on.label[rows], score[rows], scorer.threshold)
        table[name] = {"n": measured["n"]} | {measure: round(measured[measure], 4) for measure in MEASURES}
    return table


def _mask_iou(predictor: Predictor, on: ValidationSet, data: Path) -> dict[str, Any]:
    """Mean IoU of both regions over matching pairs whose true masks are exact, with 95% intervals, to 4 digits."""
    masked = masked_pairs(on.pairs, read_manifest_masks(data / "manifest.csv"))
    found = summarise_ious(mask_ious(predictor, masked))
    intervals = {side: [round(end, 4) for end in ends] for side, ends in found.pop("intervals", {}).items()}
    return {name: round(value, 4) for name, value in found.items()} | {"intervals": intervals}


if __name__ == "__main__":
    yaml.safe_dump(release(*map(Path, sys.argv[1:4])), sys.stdout, sort_keys=False)
