"""Make photo.json: `python -m extractors.train_photo DATA` with DATA the folder of manifest.csv and images/.

Photographs are the rows of split `train` (measured on `val`), at several sizes, in grey, cut out on a backdrop, as JPEG
and as scanned; the others are drawn (train_graphics.py) and spoilt in the same ways. Needs scikit-learn.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from extractors.paint import Pixels
from extractors.photo import FEATURES, THRESHOLD, WEIGHTS, Origin, measure
from extractors.train_graphics import GRAPHICS, Rng

Features = npt.NDArray[np.float64]
ORIGINS: tuple[Origin, ...] = ("embedded", "scanned")
SEED = 7
PER_SPLIT = {"train": 2400, "val": 400}


def spoil(rng: Rng, pixels: Pixels, origin: Origin) -> Pixels:
    """A picture as reports carry it: resized, compressed, sometimes grey; or printed and scanned."""
    scale = rng.uniform(0.3, 1.5)
    height, width = (max(int(side * scale), 40) for side in pixels.shape[:2])
    pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.1:
        pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if origin == "scanned":
        paper = rng.uniform(0.88, 1.0, 3) * rng.uniform(0.95, 1.0)
        noisy = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.2)) * paper
        pixels = np.clip(noisy + rng.normal(0, rng.uniform(0.5, 4), noisy.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))]
        encoded = cv2.imencode(".jpg", pixels[..., ::-1], quality)[1]
        pixels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8)
    return np.ascontiguousarray(pixels)


def _read(path: Path, flags: int) -> Pixels:
    pixels = cv2.imread(str(path), flags)
    if pixels is None:
        raise FileNotFoundError(path)
    return np.asarray(pixels, np.uint8)


def backdrop(rng: Rng, shape: tuple[int, ...]) -> Pixels:
    """A studio's: white, or coloured paper lit from one side, with grain."""
    if rng.random() < 0.4:
        return np.full(shape, 255, np.uint8)
    first, second = rng.uniform(60, 250, 3), rng.uniform(60, 250, 3)
    y, x = np.mgrid[0 : 1 : shape[0] * 1j, 0 : 1 : shape[1] * 1j]
    angle = rng.uniform(0, np.pi)
    ramp = (np.abs(np.cos(angle)) * x + np.sin(angle) * y)[..., None] / 1.42
    paper = first + (second - first) * ramp + rng.normal(0, rng.uniform(0, 2.5), (*shape[:2], 1))
    return np.asarray(np.clip(paper, 0, 255), np.uint8)


def photograph(rng: Rng, root: Path, row: dict[str, str]) -> Pixels:
    """One photograph, sometimes smoothed, sometimes cut out by its mask or an ellipse."""
    pixels = _read(root / row["image"], cv2.IMREAD_COLOR_RGB)
    if rng.random() < 0.2:
        pixels = np.asarray(cv2.bilateralFilter(pixels, 9, 50, 5), np.uint8)
    chance = rng.random()
    mask = np.ones(pixels.shape[:2], np.uint8)
    if chance < 0.35 and row["mask"]:
        mask = (_read(root / row["mask"], cv2.IMREAD_GRAYSCALE) > 0).astype(np.uint8)
        if mask.mean() < 0.05:
            return pixels
    elif chance < 0.45:
        height, width = pixels.shape[:2]
        mask[:] = 0
        cv2.ellipse(mask, (width // 2, height // 2), (width // 2, height // 2), 0, 0, 360, 1, -1)
    return np.asarray(np.where(mask[..., None] > 0, pixels, backdrop(rng, pixels.shape)), np.uint8)


def samples(root: Path, split: str, origin: Origin, rng: Rng) -> tuple[Features, npt.NDArray[np.int64]]:
    """Features [N, 10] and labels [N] (1: photograph) of one split, half of each."""
    with (root / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    count = PER_SPLIT[split]
    chosen = [rows[int(index)] for index in rng.integers(0, len(rows), count)]
    features = [measure(spoil(rng, photograph(rng, root, row), origin), origin) for row in chosen]
    features += [measure(spoil(rng, GRAPHICS[index % len(GRAPHICS)](rng), origin), origin) for index in range(count)]
    return np.array(features), np.repeat([1, 0], count)


def fit(root: Path, origin: Origin) -> dict[str, Any]:
    """Weights fitted on `train`, and what they reach on `val`."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    rng = np.random.default_rng(SEED)
    features, label = samples(root, "train", origin, rng)
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = LogisticRegression(C=10.0, max_iter=2000).fit((features - mean) / scale, label)
    features, label = samples(root, "val", origin, rng)
    score = model.predict_proba((features - mean) / scale)[:, 1]
    return {
        "mean": mean.round(6).tolist(),
        "scale": scale.round(6).tolist(),
        "weight": model.coef_[0].round(6).tolist(),
        "bias": round(float(model.intercept_[0]), 6),
        "measured_on_val": {
            "roc_auc": round(float(roc_auc_score(label, score)), 4),
            "recall": round(float((score[label == 1] >= THRESHOLD).mean()), 4),
            "false_alarms": round(float((score[label == 0] >= THRESHOLD).mean()), 4),
            "n": len(label),
        },
    }


def main() -> None:
    """Write photo.json and say what the weights reach."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    cv2.setNumThreads(1)
    root = parser.parse_args().data
    card: dict[str, Any] = {
        "features": FEATURES,
        "made_by": "python -m extractors.train_photo DATA",
        "trained_on": f"{PER_SPLIT['train']} photographs of split train, as many drawn graphics; seed {SEED}",
    }
    for origin in ORIGINS:
        card[origin] = fit(root, origin)
        sys.stdout.write(f"{origin}: {card[origin]['measured_on_val']}\n")
    WEIGHTS.write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
