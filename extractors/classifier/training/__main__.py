"""Make classes.json: `python -m extractors.classifier.training DATA` with DATA the folder of manifest.csv and images/.

Photographs are the rows of split `train` (measured on `val`) as reports show them (photographs.py); the other classes
are drawn (GRAPHICS), and all are spoilt in the same ways. `--measure` measures the shipped weights on `val` and fresh
drawings, and writes nothing. Needs scikit-learn to fit.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from extractors.classifier.classify import CLASSES, THRESHOLD, WEIGHTS, Network, load_network
from extractors.classifier.features import FEATURES, Features, Origin, measure
from extractors.classifier.training import charts, codes, diagrams, handmade, icons, logos, sheets
from extractors.classifier.training.canvas import Rng
from extractors.classifier.training.photographs import photograph, plain_object, side_by_side
from extractors.model import Pixels

Labels = npt.NDArray[np.int64]
Drawing = Callable[[Rng], Pixels]

ORIGINS: tuple[Origin, ...] = ("embedded", "scanned")
SEEDS = {"train": 7, "val": 8}
PHOTOGRAPHS = {"train": 3500, "val": 700}
DRAWINGS = {"train": 450, "val": 100}  # of each class
PLAIN_OBJECTS = 0.08  # share of the photographs that are drawn: a plain box has no look-alike in the manifest
MONTAGES = 0.08  # share of the photographs that are two in one picture
HIDDEN = 32  # no hidden layer: 12 false photographs in 100 drawings on scans in place of 5, at recall 0.99
DECAY = 30.0  # of the weights; less is better on drawings and worse on the crops of real reports
GRAPHICS: dict[str, tuple[Drawing, ...]] = {
    "logo": (
        *(logos.word_logo, logos.shapes_logo, logos.ce_mark, logos.certification_mark),
        *(logos.banner, logos.shaded_logo, logos.word_logo),
    ),
    "icon": (icons.symbol, icons.symbol, icons.app_icon),
    "barcode": (codes.barcode, codes.barcode, codes.stacked_barcode),
    "qr_code": (codes.qr_code, codes.qr_code, codes.data_matrix),
    "signature": (handmade.signature,),
    "stamp": (handmade.stamp,),
    "chart": (
        *(charts.plot, charts.plot, charts.analyser_screen, charts.analyser_screen),
        *(charts.pie, charts.heat_map, charts.polar, charts.relief),
    ),
    "table": (sheets.table,),
    "text": (sheets.paragraphs, sheets.short_text, sheets.enlarged_text),
    "diagram": (
        *(diagrams.block_diagram, diagrams.circuit, diagrams.line_drawing, diagrams.rendering, diagrams.map_sheet),
        *(diagrams.cartoon, diagrams.software_window, diagrams.phone_screen, diagrams.engraving, diagrams.decoration),
    ),
}


def spoil(rng: Rng, pixels: Pixels, origin: Origin) -> Pixels:
    """A picture as reports carry it: resized, compressed, sometimes grey; or printed and scanned."""
    scale = rng.uniform(0.3, 1.5)
    height, width = (max(int(side * scale), 40) for side in pixels.shape[:2])
    pixels = np.asarray(cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if rng.random() < 0.12:
        pixels = np.repeat(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    if rng.random() < 0.06:
        coarse = rng.uniform(0.25, 0.6)
        small = cv2.resize(
            pixels, (max(int(width * coarse), 24), max(int(height * coarse), 24)), interpolation=cv2.INTER_AREA
        )
        pixels = np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.uint8)
    if origin == "scanned":
        paper = rng.uniform(0.88, 1.0, 3) * rng.uniform(0.95, 1.0)
        noisy = cv2.GaussianBlur(pixels, (0, 0), rng.uniform(0.3, 1.2)) * paper
        pixels = np.clip(noisy + rng.normal(0, rng.uniform(0.5, 4), noisy.shape), 0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 95))]
        encoded = cv2.imencode(".jpg", pixels[..., ::-1], quality)[1]
        pixels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_COLOR_RGB), np.uint8)
    return np.ascontiguousarray(pixels)


def samples(root: Path, split: str, origin: Origin) -> tuple[Features, Labels]:
    """Features [N, F] and labels [N] (places in CLASSES) of one split."""
    with (root / "manifest.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == split]
    rng = np.random.default_rng(SEEDS[split])
    features, labels = [], []
    for index in rng.integers(0, len(rows), PHOTOGRAPHS[split]):
        pixels = plain_object(rng) if rng.random() < PLAIN_OBJECTS else photograph(rng, root, rows[int(index)])
        if rng.random() < MONTAGES:
            pixels = side_by_side(rng, pixels, photograph(rng, root, rows[int(rng.integers(len(rows)))]))
        features.append(measure(spoil(rng, pixels, origin), origin))
        labels.append(0)
    for name, drawings in GRAPHICS.items():
        for index in range(DRAWINGS[split]):
            features.append(measure(spoil(rng, drawings[index % len(drawings)](rng), origin), origin))
            labels.append(CLASSES.index(name))
    return np.array(features), np.array(labels)


def fit(features: Features, labels: Labels) -> Network:
    """The network fitted on samples."""
    from sklearn.neural_network import MLPClassifier

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = MLPClassifier((HIDDEN,), alpha=DECAY, solver="lbfgs", max_iter=300, random_state=0)
    model.fit((features - mean) / scale, labels)
    (hidden, output), (hidden_bias, output_bias) = model.coefs_, model.intercepts_
    return Network(*(values.round(4) for values in (mean, scale, hidden, hidden_bias, output, output_bias)))


def decided(probabilities: Features) -> Labels:
    """The class that each row of probabilities [N, C] is given."""
    others = 1 + probabilities[:, 1:].argmax(axis=1)
    return np.where(probabilities[:, 0] >= THRESHOLD, 0, others)


def measured(network: Network, features: Features, labels: Labels) -> dict[str, dict[str, float]]:
    """Precision and recall of each class and their number; every class counts as often as there are samples of it."""
    given = decided(network.probabilities(features))
    result = {}
    for place, name in enumerate(CLASSES):
        right = int(((given == place) & (labels == place)).sum())
        result[name] = {
            "precision": round(right / max(int((given == place).sum()), 1), 3),
            "recall": round(right / max(int((labels == place).sum()), 1), 3),
            "n": int((labels == place).sum()),
        }
    return result


def main() -> None:
    """Write classes.json, or only measure it, and print what each class reaches."""
    parser = argparse.ArgumentParser(prog="python -m extractors.classifier.training", description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--measure", action="store_true", help="measure the shipped weights and write nothing")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    card: dict[str, Any] = {
        "features": FEATURES,
        "classes": CLASSES,
        "made_by": "python -m extractors.classifier.training DATA",
        "trained_on": f"{PHOTOGRAPHS['train']} photographs of split train, {DRAWINGS['train']} drawings a class",
    }
    for origin in ORIGINS:
        network = load_network(origin) if arguments.measure else fit(*samples(arguments.data, "train", origin))
        figures = measured(network, *samples(arguments.data, "val", origin))
        card[origin] = {name: getattr(network, name).tolist() for name in Network.__dataclass_fields__}
        card[origin]["measured_on_val"] = figures
        sys.stdout.write(f"| {origin} | precision | recall | n |\n|---|---|---|---|\n")
        for name, row in figures.items():
            sys.stdout.write(f"| {name} | {row['precision']:.3f} | {row['recall']:.3f} | {row['n']} |\n")
    if not arguments.measure:
        WEIGHTS.write_text(
            json.dumps(card, separators=(",", ":")).replace('},"', '},\n"').replace('],"', '],\n"') + "\n"
        )


if __name__ == "__main__":
    main()
