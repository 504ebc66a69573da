"""The class of a picture: one small network over measured features (features.py), and two definitions.

A network with one hidden layer gives each of CLASSES a probability. There are two sets of weights, for pictures as
embedded and for parts of a scanned page: the grain that tells a photograph from a drawing is everywhere on a scan.
The weights (classes.json) are made by `python -m extractors.classifier.training`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt

from extractors.classifier.features import FEATURES, Features, Origin, grey_of, ink_of, measure
from extractors.model import Pixels

CLASSES = (
    "photo",
    "logo",  # also certification marks, banners
    "icon",  # one small sign: warning, recycling, care, arrow
    "barcode",
    "qr_code",  # also DataMatrix
    "signature",
    "stamp",
    "chart",  # also spectra on analysers' screens, heat maps
    "table",
    "text",
    "diagram",  # and every other graphic that explains: drawing, rendering, map, cartoon, software's window
)
WEIGHTS = Path(__file__).with_name("classes.json")
THRESHOLD = 0.15  # of the photograph's probability: a lost one can cost a verdict, a graphic too many only time
BLANK = 0.001  # share of pixels more than FAINT from the ground below which a picture is blank
FAINT = 8  # grey levels
LINE = 12  # a picture that is no photograph and this many times longer than wide is a line

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Judgement:
    """What a picture shows and why."""

    image_class: str
    why: str


@dataclass(frozen=True)
class Network:
    """Standardisation and weights, in the order of FEATURES and CLASSES."""

    mean: Values  # [F]
    scale: Values  # [F]
    hidden: Values  # [F, H]
    hidden_bias: Values  # [H]
    output: Values  # [H, C]
    output_bias: Values  # [C]

    def probabilities(self, features: Features) -> Values:
        """Of each class [..., C], summing to one, for features [..., F]."""
        active = np.maximum((features - self.mean) / self.scale @ self.hidden + self.hidden_bias, 0)
        logits = active @ self.output + self.output_bias
        powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=-1, keepdims=True), np.float64)


@cache
def load_network(origin: Origin) -> Network:
    """The shipped weights for pictures of this origin. ValueError where they are of other features or classes."""
    shipped = json.loads(WEIGHTS.read_text())
    for name, ours in (("features", FEATURES), ("classes", CLASSES)):
        if tuple(shipped[name]) != ours:
            raise ValueError(f"{WEIGHTS.name} is of other {name} than the code: {shipped[name]}")
    return Network(**{name: np.asarray(shipped[origin][name], np.float64) for name in Network.__dataclass_fields__})


def classify(pixels: Pixels, origin: Origin) -> Judgement:
    """The class of an RGB picture [H, W, 3]: photo where that is likely enough, else the likeliest other class."""
    marked = float(ink_of(grey_of(pixels), FAINT).mean())
    if marked < BLANK:
        return Judgement("blank", f"{marked:.2%} of it is marked")
    chance = dict(zip(CLASSES, load_network(origin).probabilities(measure(pixels, origin)).tolist(), strict=True))
    photo = chance.pop("photo")
    if photo >= THRESHOLD:
        return Judgement("photo", f"probability {photo:.2f}; at least {THRESHOLD} is needed")
    height, width = pixels.shape[:2]
    if max(height, width) >= LINE * min(height, width):
        return Judgement("line", f"{width}x{height} px; photo {photo:.2f}")
    name = max(chance, key=lambda each: chance[each])
    return Judgement(name, f"probability {chance[name]:.2f}; photo {photo:.2f}")
