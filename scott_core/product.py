"""A product's probability, from the scores of its pairs: that its documents show the product.

The paper's rule takes the best of all pairs (section 5.4), which grows with the number of hopeless pairs: of twelve
wrong pairs one scores high more often than of one. Here a logistic regression over EVIDENCE decides. Its weights are
not negative, but for the number of pairs, whose weight is not positive, so that the probability grows with every score
and falls with every further pair that is worse than the best ones. It is fitted on products of val
(`scott_core.evaluation.products`), and is a part of the card.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from scott_core.errors import InputError, WeightsError

# The logit of the best pair; the mean of the MEAN_OF best; how far the best pair of another catalogue image, and of
# another document image, is over even odds; the logarithm of the number of pairs.
EVIDENCE = ("best", "mean_of_best", "other_catalogue_image", "other_document_image", "pairs")
SIGNS = (1, 1, 1, 1, -1)  # of their weights
MEAN_OF = 3  # pairs
LIKELIEST = 0.9999  # scores nearer to 0 or 1 count as this: a saturated score is no stronger evidence

NO_RISK: Literal["none"] = "none"
Risk = float | Literal["none"]  # the share of decided products that may be wrong, or NO_RISK for the paper's rule
RISK = 0.05  # the default

Scored = tuple[Hashable, Hashable, float]  # what tells the catalogue image and the document image, and the pair's score


@dataclass(frozen=True)
class CurvePoint:
    """What comes of deciding products whose probability, of either answer, is at least `confidence`."""

    confidence: float  # 0.5 to 1
    coverage: float  # share of the products that are decided
    risk: float  # share of the decided ones that are wrong


@dataclass(frozen=True)
class ProductModel:
    """A logistic regression over EVIDENCE, and its risk-coverage curve on validation, by rising confidence."""

    weights: tuple[float, ...]
    bias: float
    curve: tuple[CurvePoint, ...]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> ProductModel:
        """The model that a card's `product` holds. Raises WeightsError where that does not fit."""
        try:
            weights = tuple(float(raw["weights"][name]) for name in EVIDENCE)
            curve = tuple(CurvePoint(**{name: float(value) for name, value in point.items()}) for point in raw["curve"])
            return cls(weights, float(raw["bias"]), curve)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise WeightsError(f"the card's `product` does not fit: {error!r}") from error

    def to_json(self) -> dict[str, Any]:
        """The fields of a card's `product`."""
        return {
            "weights": dict(zip(EVIDENCE, self.weights, strict=True)),
            "bias": self.bias,
            "curve": [vars(point) for point in self.curve],
        }

    def probability(self, pairs: Iterable[Scored]) -> float | None:
        """The probability that the documents show the product, in (0, 1); None where no pair was scored."""
        found = evidence(pairs)
        if found is None:
            return None
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
            raise InputError(f"risk {risk} cannot be had: on validation the surest are wrong more often")
        return confidence


def parse_risk(text: str) -> Risk:
    """The risk that a text says: a number, or NO_RISK. Raises ValueError."""
    return NO_RISK if text.strip().lower() == NO_RISK else float(text)


def evidence(pairs: Iterable[Scored]) -> tuple[float, ...] | None:
    """The values of EVIDENCE for a product's scored pairs, in any order; None without any.

    The scores are probabilities. Pairs of the same two images count once, with the best of their scores.
    """
    best: dict[tuple[Hashable, Hashable], float] = {}
    for a, b, score in pairs:
        best[a, b] = max(_logit(score), best.get((a, b), -math.inf))
    if not best:
        return None
    logits = sorted(best.values(), reverse=True)
    sides = ([(pair[side], logit) for pair, logit in best.items()] for side in (0, 1))
    return (
        logits[0],
        sum(logits[:MEAN_OF]) / len(logits[:MEAN_OF]),
        *(max(_second_best(side), 0.0) for side in sides),
        math.log(len(logits)),
    )


def _second_best(logits: Sequence[tuple[Hashable, float]]) -> float:
    """The best logit of any image but the one that has the best of all; minus infinity where there is one image."""
    of_image: dict[Hashable, float] = {}
    for image, logit in logits:
        of_image[image] = max(logit, of_image.get(image, -math.inf))
    return sorted([-math.inf, *of_image.values()])[-2] if len(of_image) > 1 else -math.inf


def _logit(score: float) -> float:
    score = min(max(score, 1 - LIKELIEST), LIKELIEST)
    return math.log(score / (1 - score))


def _sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))
