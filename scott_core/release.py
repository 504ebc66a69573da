"""Release a training: measure it beside the baselines on held-out pairs, and write weights with their full card.

    python -m scott_core.release runs/scott-lite0/best.safetensors DATA notes.yaml

DATA is a folder with manifest.csv, pairs/val.csv and pairs/test.csv; the notes hold what no program knows (data,
licences, command, intended use, known failures). Everything was chosen on val; test is only measured.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tqdm import tqdm

from scott_core.checkpoints import WEIGHTS, load_checkpoint, save_checkpoint
from scott_core.images import read_image
from scott_core.methods import PairScorer, load_scorer
from scott_core.metrics import evaluate_scores, iou
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


def _mask_iou(predictor: Predictor, on: ValidationSet, data: Path) -> dict[str, float]:
    """Mean IoU of both regions over matching pairs whose true masks are exact (`ground_truth` in the manifest)."""
    with (data / "manifest.csv").open(newline="", encoding="utf-8") as file:
        truth = {
            (data / row["image"]).resolve(): data / row["mask"]
            for row in csv.DictReader(file)
            if row["mask_kind"] == "ground_truth"
        }
    found: dict[str, list[float]] = {"a": [], "b": []}
    for pair, (i, j) in zip(on.pairs, on.index, strict=True):
        paths = {"a": truth.get(pair.path_a.resolve()), "b": truth.get(pair.path_b.resolve())}
        if pair.label != 1 or None in paths.values():
            continue
        match = predictor.match(on.images_a[i], on.images_b[j])
        for side, mask in (("a", match.mask_a), ("b", match.mask_b)):
            path = paths[side]
            assert path is not None
            wanted = np.asarray(read_image(path).convert("L")) > 127
            found[side].append(iou(mask > predictor.model.alpha, wanted))
    both = [(a + b) / 2 for a, b in zip(found["a"], found["b"], strict=True)]
    means = {"a": found["a"], "b": found["b"], "both": both}
    return {"n": float(len(both))} | {side: round(float(np.mean(values)), 4) for side, values in means.items()}


if __name__ == "__main__":
    yaml.safe_dump(release(*map(Path, sys.argv[1:4])), sys.stdout, sort_keys=False)
