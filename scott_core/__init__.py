"""SCOTT: unstructured object matching with co-salient region segmentation.

from scott_core import Predictor, read_image
match = Predictor.load("default").match(read_image("catalogue.jpg"), read_image("document.jpg"))

Names are imported when they are first used, so that scott_core.errors and scott_core.card load no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scott_core.errors import InputError, PairsError, ScottError, UnreadableImage, WeightsError
    from scott_core.images import read_image
    from scott_core.match import Match
    from scott_core.pairs import Pair, read_pairs
    from scott_core.predictor import PairScores, Predictor
    from scott_core.scorers import PairScorer, load_scorer

_HOME = {
    "errors": ("InputError", "PairsError", "ScottError", "UnreadableImage", "WeightsError"),
    "images": ("read_image",),
    "pairs": ("Pair", "read_pairs"),
    "match": ("Match",),
    "predictor": ("PairScores", "Predictor"),
    "scorers": ("PairScorer", "load_scorer"),
}
_MODULE = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "InputError",
    "Match",
    "Pair",
    "PairScorer",
    "PairScores",
    "PairsError",
    "Predictor",
    "ScottError",
    "UnreadableImage",
    "WeightsError",
    "load_scorer",
    "read_image",
    "read_pairs",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE[name]}"), name)
