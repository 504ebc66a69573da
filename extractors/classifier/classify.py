"""The class of an image: one small network over measured features (features.py), and two definitions.

A network with one hidden layer gives each of CLASSES a probability; an image that is blank, or a long line and no
photograph, is named without it. There are two sets of weights, for images as embedded and for parts of a scanned
page, because the grain that tells a photograph from a drawing is everywhere on a scan. The weights (classes.json) are
fitted and measured by `python -m extractors.classifier.training`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from extractors.blank import shows_nothing
from extractors.classifier.features import FEATURES, Features, Origin, measure
from extractors.model import Pixels

CLASSES = (
    "photo",
    "logo",  # also certification marks and banners
    "icon",  # one small sign: warning, recycling, care, arrow
    "barcode",
    "qr_code",  # also DataMatrix
    "signature",
    "stamp",
    "chart",  # also spectra on the screens of analysers, heat maps
    "table",
    "text",
    "diagram",  # and every other graphic that explains: drawing, rendering, map, cartoon, window of software
)
WEIGHTS = Path(__file__).with_name("classes.json")
# Probability from which on an image may be a photograph. It is low, for a lost photograph can cost a verdict; doubt.py
# excludes the unlikely ones where a document shows no likely one. Recall 0.99 of photographs that are spoilt worse than
# those of reports, at precision 0.89 and 0.87 (`python -m extractors.classifier.training DATA --measure`).
THRESHOLD = 0.08
LINE = 12  # longer side / shorter side from which on an image that is no photograph is a line

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """The class of an image, one of CLASSES, "blank" or "line", and the numbers that decided it."""

    image_class: str
    why: str
    photo_probability: float


@dataclass(frozen=True)
class Network:
    """Standardisation and weights; F features in the order of FEATURES, H hidden units, C classes as in CLASSES."""

    mean: Values  # [F]
    scale: Values  # [F]
    hidden: Values  # [F, H]
    hidden_bias: Values  # [H]
    output: Values  # [H, C]
    output_bias: Values  # [C]

    def probabilities(self, features: Features) -> Values:
        """The probability of each class [..., C], summing to one, for features [..., F]."""
        active = np.maximum((features - self.mean) / self.scale @ self.hidden + self.hidden_bias, 0)
        logits = active @ self.output + self.output_bias
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)


@cache
def load_network(origin: Origin) -> Network:
    """The shipped weights for images of this origin.

    Raises ValueError where they were fitted to other features or classes, or to these in another order.
    """
    shipped = json.loads(WEIGHTS.read_text())
    for name, ours in (("features", FEATURES), ("classes", CLASSES)):
        if tuple(shipped[name]) != ours:
            raise ValueError(f"{WEIGHTS.name} is of other {name} than the code: {shipped[name]}")
    return Network(**{name: np.asarray(shipped[origin][name], np.float64) for name in Network.__dataclass_fields__})


def classify(pixels: Pixels, origin: Origin) -> Judgement:
    """The class of an RGB image [H, W, 3]: photo from THRESHOLD on, else the likeliest of the other classes."""
    nothing = shows_nothing(pixels)
    if nothing is not None:
        return Judgement("blank", nothing, 0.0)
    chance = dict(zip(CLASSES, load_network(origin).probabilities(measure(pixels, origin)).tolist(), strict=True))
    photo = chance.pop("photo")
    if photo >= THRESHOLD:
        return Judgement("photo", f"probability {photo:.2f}; at least {THRESHOLD} is needed", photo)
    height, width = pixels.shape[:2]
    if max(height, width) >= LINE * min(height, width):
        return Judgement("line", f"{width}x{height} px; photo {photo:.2f}", photo)
    name = max(chance, key=lambda each: chance[each])
    return Judgement(name, f"probability {chance[name]:.2f}; photo {photo:.2f}", photo)
