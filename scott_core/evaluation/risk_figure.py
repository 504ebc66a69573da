"""The risk-coverage curve of a card, as a figure.

python -m scott_core.evaluation.risk_figure WEIGHTS OUT.png
"""

from __future__ import annotations

import sys
from pathlib import Path

from matplotlib.figure import Figure

from scott_core.card import read_card
from scott_core.errors import InputError
from scott_core.product import RISK, ProductModel


def draw_risk_coverage(model: ProductModel, out: Path, *, title: str = "") -> None:
    """Writes the curve, with the default RISK marked, to the PNG file `out`; equal models give equal bytes.

    Raises InputError where the model does not reach RISK.
    """
    confidence = model.confidence_for(RISK)
    point = next(each for each in model.curve if each.confidence == confidence)
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot([each.coverage for each in model.curve], [each.risk for each in model.curve], color="#126b2f")
    axes.axhline(RISK, color="0.6", linewidth=1, linestyle="--")
    axes.plot(point.coverage, point.risk, "o", color="#126b2f")
    axes.annotate(
        f"risk {RISK:.0%}: {point.coverage:.0%} decided,\nfrom a probability of {confidence:.2f}",
        (point.coverage, point.risk),
        xytext=(-12, 28),
        textcoords="offset points",
        ha="right",
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("share of products that are decided")
    axes.set_ylabel("share of these that are wrong")
    axes.xaxis.set_major_formatter("{x:.0%}")
    axes.yaxis.set_major_formatter("{x:.0%}")
    axes.grid(color="0.9", linewidth=0.5)
    axes.set_title(title)
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})


def main(weights: str, out: str) -> None:
    """Draws the curve of the card of `weights`. Raises InputError where it has none."""
    card = read_card(weights)
    if card.product is None:
        raise InputError(f"the card of {card.name} has no product model")
    draw_risk_coverage(card.product, Path(out), title=f"Products of validation, {card.name}")


if __name__ == "__main__":
    main(*sys.argv[1:])
