"""A product's probability, from the scores of its pairs: that its documents show the product.

The paper's rule takes the best of all pairs (section 5.4), which grows with the number of hopeless pairs: of twelve
wrong pairs one scores high more often than of one. Here a logistic regression over FEATURES decides. Its weights are
not negative, but for the numbers of images, whose weights are not positive, so that the probability grows with every
score and not with a hopeless image: a further one whose pairs all score lower than every pair before. It is fitted on
products of val (`scott_core.evaluation.products`), and is a part of the card.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from scott_core.errors import InputError, WeightsError

# The logit of the best pair; the mean logit of the document image that agrees best with all catalogue images; how far
# the best pair of another catalogue image, and of another document image, is over even odds; the logarithms of the
# numbers of images.
FEATURES = (
    "best",
    "best_document_image",
    "other_catalogue_image",
    "other_document_image",
    "catalogue_images",
    "document_images",
)
SIGNS = (1, 1, 1, 1, -1, -1)  # of their weights
# More images count as this many, which are the most of the products that the model is fitted on.
MOST_CATALOGUE_IMAGES, MOST_DOCUMENT_IMAGES = 6, 28
LIKELIEST = 0.999  # scores nearer to 0 or 1 count as this: a saturated score is no stronger evidence

NO_RISK: Literal["none"] = "none"
Risk = float | Literal["none"]  # the share of decided products that may be wrong, or NO_RISK for the paper's rule
RISK = 0.05  # the default

Scored = tuple[Hashable, Hashable, float]  # what tells the catalogue image and the document image, and the pair's score


@dataclass(frozen=True)
class CurvePoint:
    """What comes of deciding products whose probability, of either answer, is at least `confidence`."""

    confidence: float  # 0.5 to 1
    coverage: float  # share of the products that are decided
    risk: float  # share of products like the decided ones that would be wrong


@dataclass(frozen=True)
class ProductModel:
    """A logistic regression over FEATURES, and its risk-coverage curve on validation, by rising confidence."""

    weights: tuple[float, ...]
    bias: float
    curve: tuple[CurvePoint, ...]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> ProductModel:
        """The model that a card's `product` holds. Raises WeightsError where that does not fit."""
        try:
            weights = tuple(float(raw["weights"][name]) for name in FEATURES)
            curve = tuple(CurvePoint(**{name: float(value) for name, value in point.items()}) for point in raw["curve"])
            model = cls(weights, float(raw["bias"]), curve)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(f"the card's `product` does not fit: {error!r}") from error
        if wrong := model._wrong():
            raise WeightsError(f"the card's `product` does not fit: {wrong}")
        return model

    def _wrong(self) -> str:
        """Says what is no product model; empty where it is one."""
        if not all(map(math.isfinite, (*self.weights, self.bias))):
            return "a weight is not finite"
        if any(weight * sign < 0 for weight, sign in zip(self.weights, SIGNS, strict=True)):
            return f"a weight has the other sign than {SIGNS}"
        confidences = [point.confidence for point in self.curve]
        if confidences != sorted(set(confidences)) or not all(0.5 <= each <= 1 for each in confidences):
            return "its confidences do not rise from 0.5 to 1"
        if not all(0 <= share <= 1 for point in self.curve for share in (point.coverage, point.risk)):
            return "a share of its curve is not in [0, 1]"
        return ""

    def to_json(self) -> dict[str, Any]:
        """The fields of a card's `product`."""
        return {
            "weights": dict(zip(FEATURES, self.weights, strict=True)),
            "bias": self.bias,
            "curve": [vars(point) for point in self.curve],
        }

    def probability(self, pairs: Iterable[Scored]) -> float | None:
        """The probability that the documents show the product, in (0, 1); None where no pair was scored."""
        scored = list(pairs)
        if not scored:
            return None
        found = features(scored)
        return _sigmoid(sum(weight * value for weight, value in zip(self.weights, found, strict=True)) + self.bias)

    def confidence_for(self, risk: float) -> float:
        """The least confidence at which validation was wrong on at most the share `risk` of what it decided.

        That holds there and at every higher confidence of the curve. Raises InputError for a risk that is not in
        (0, 0.5], or that validation does not reach.
        """
        if not 0 < risk <= 0.5:
            raise InputError(f"risk {risk} is not in (0, 0.5]")
        confidence = None
        for point in reversed(self.curve):
            if point.risk > risk:
                break
            confidence = point.confidence
        if confidence is None:
            least = self.curve[-1].risk if self.curve else 1.0
            raise InputError(f"risk {risk} cannot be had: on validation the surest are wrong in a share of {least}")
        return confidence


def parse_risk(text: str) -> Risk:
    """The risk that a text says: a number, or NO_RISK. Raises ValueError."""
    return NO_RISK if text.strip().lower() == NO_RISK else float(text)


def features(pairs: Iterable[Scored]) -> tuple[float, ...]:
    """The values of FEATURES for a product's scored pairs, one or more, in any order.

    The scores are probabilities. Pairs of the same two images count once, with the best of their scores.
    """
    best: dict[tuple[Hashable, Hashable], float] = {}
    for a, b, score in pairs:
        best[a, b] = max(_logit(score), best.get((a, b), -math.inf))
    of_catalogue, of_document = defaultdict(list), defaultdict(list)
    for (a, b), logit in best.items():
        of_catalogue[a].append(logit)
        of_document[b].append(logit)
    return (
        max(best.values()),
        max(sum(logits) / len(logits) for logits in of_document.values()),
        *(max(_second_best(images.values()), 0.0) for images in (of_catalogue, of_document)),
        math.log(min(len(of_catalogue), MOST_CATALOGUE_IMAGES)),
        math.log(min(len(of_document), MOST_DOCUMENT_IMAGES)),
    )


def _second_best(images: Iterable[Iterable[float]]) -> float:
    """The best logit of all images but the one that has the best of all; minus infinity where there is one image."""
    return sorted([-math.inf, *map(max, images)])[-2]


def _logit(score: float) -> float:
    score = min(max(score, 1 - LIKELIEST), LIKELIEST)
    return math.log(score / (1 - score))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value)) if value > 0 else 1 - 1 / (1 + math.exp(value))
