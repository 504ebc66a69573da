"""Fit and measure the classifier's weights: `python -m extractors.classifier.training DATA`.

DATA is the folder of manifest.csv, images/ and objects3d/. The networks are fitted on the samples of split `train` and
measured on those of split `val` (samples.py), and classes.json is written. With `--measure` the shipped weights are
measured and nothing is written. Fitting needs scikit-learn.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import cv2
import numpy as np

from extractors.classifier.classify import CLASSES, THRESHOLD, WEIGHTS, Network, load_network
from extractors.classifier.features import FEATURES, Features
from extractors.classifier.training.samples import DRAWINGS, ORIGINS, PHOTOGRAPHS, RENDERINGS, Labels, samples

# Units of the hidden layer. With 32, 46 and 79 of 1,000 drawings (embedded, scanned) pass for photographs, not 31
# and 49, at a recall of photographs of 0.99 (measured on split val by this command).
HIDDEN = 64
DECAY = 30.0  # L2 penalty of the weights; a smaller one measures better on drawings, worse on crops of real reports
ROUNDS = 300  # iterations of L-BFGS, at most


class Measures(TypedDict):
    """The measures of one class, which has `n` samples."""

    precision: float
    recall: float
    n: int


def fit(features: Features, labels: Labels) -> Network:
    """The network fitted on features [N, F] and labels [N]; weights are rounded to four decimals."""
    from sklearn.neural_network import MLPClassifier

    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    model = MLPClassifier((HIDDEN,), alpha=DECAY, solver="lbfgs", max_iter=ROUNDS, random_state=0)
    model.fit((features - mean) / scale, labels)
    (hidden, output), (hidden_bias, output_bias) = model.coefs_, model.intercepts_
    return Network(*(values.round(4) for values in (mean, scale, hidden, hidden_bias, output, output_bias)))


def decided(probabilities: Features) -> Labels:
    """The class [N], an index into CLASSES, that classify() gives for probabilities [N, C]."""
    others = 1 + probabilities[:, 1:].argmax(axis=1)
    return np.where(probabilities[:, 0] >= THRESHOLD, 0, others)


def measured(network: Network, features: Features, labels: Labels) -> dict[str, Measures]:
    """Precision, recall and number of samples of each class; precision depends on the numbers of the others."""
    given = decided(network.probabilities(features))
    result: dict[str, Measures] = {}
    for index, name in enumerate(CLASSES):
        right = int(((given == index) & (labels == index)).sum())
        n = int((labels == index).sum())
        result[name] = {
            "precision": round(right / max(int((given == index).sum()), 1), 3),
            "recall": round(right / max(n, 1), 3),
            "n": n,
        }
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Fit and write the weights, or only measure them, and print the measures of each class as a table."""
    parser = argparse.ArgumentParser(prog="python -m extractors.classifier.training", description=__doc__)
    parser.add_argument("data", type=Path, help="folder of manifest.csv and images/")
    parser.add_argument("--measure", action="store_true", help="measure the shipped weights and write nothing")
    arguments = parser.parse_args(argv)
    cv2.setNumThreads(1)
    card: dict[str, Any] = {  # the JSON of classes.json
        "features": FEATURES,
        "classes": CLASSES,
        "made_by": "python -m extractors.classifier.training DATA",
        "trained_on": f"{PHOTOGRAPHS['train']} photographs and {RENDERINGS['train']} renderings of split train, "
        f"{DRAWINGS['train']} drawings a class",
    }
    for origin in ORIGINS:
        network = load_network(origin) if arguments.measure else fit(*samples(arguments.data, "train", origin))
        measures = measured(network, *samples(arguments.data, "val", origin))
        card[origin] = {name: getattr(network, name).tolist() for name in Network.__dataclass_fields__}
        card[origin]["measured_on_val"] = measures
        sys.stdout.write(f"| {origin} | precision | recall | n |\n|---|---|---|---|\n")
        for name, row in measures.items():
            sys.stdout.write(f"| {name} | {row['precision']:.3f} | {row['recall']:.3f} | {row['n']} |\n")
    if not arguments.measure:
        WEIGHTS.write_text(
            json.dumps(card, separators=(",", ":")).replace('},"', '},\n"').replace('],"', '],\n"') + "\n"
        )


if __name__ == "__main__":
    main()
