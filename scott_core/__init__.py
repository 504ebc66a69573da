"""SCOTT: unstructured object matching with co-salient region segmentation.

from scott_core import Predictor, read_image
match = Predictor.load("default").match(read_image("catalogue.jpg"), read_image("document.jpg"))
"""

from scott_core.errors import InputError, PairsError, ScottError, UnreadableImage, WeightsError
from scott_core.images import read_image
from scott_core.predictor import Match, PairScores, Predictor

__all__ = [
    "InputError",
    "Match",
    "PairScores",
    "PairsError",
    "Predictor",
    "ScottError",
    "UnreadableImage",
    "WeightsError",
    "read_image",
]
