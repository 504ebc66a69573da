"""Figure 9 of the paper: F1 by the share of each image that the found region covers.

The left heat map has F1 in bins of the foreground ratios of a and b, the right one the number of pairs in each bin.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

RATIO_BINS = 10  # of equal width over [0, 1]; each is open on its right, the last closed
FEW = 10  # pairs; the F1 of a bin with fewer is printed in grey and not coloured


def f1_by_region(
    label: ArrayLike, said: ArrayLike, region_a: ArrayLike, region_b: ArrayLike, *, bins: int = RATIO_BINS
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """F1 and number of pairs by bin of (region_a, region_b), both [bins, bins].

    All arguments are of n pairs: label, verdict, and foreground ratios in [0, 1]. F1 is NaN in a bin without a match
    and without a pair that is said to match. Pairs without a region (NaN) are in no bin.
    """
    truth, verdict = np.asarray(label) == 1, np.asarray(said, bool)
    a, b = np.asarray(region_a, float), np.asarray(region_b, float)
    seen = ~(np.isnan(a) | np.isnan(b))

    def count(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        chosen = rows & seen
        counted, _, _ = np.histogram2d(a[chosen], b[chosen], bins=bins, range=[[0, 1], [0, 1]])
        return np.asarray(counted, np.int64)

    hits, found, wanted = count(truth & verdict), count(verdict), count(truth)
    total = found + wanted
    f1 = np.where(total > 0, 2 * hits / np.maximum(total, 1), np.nan)
    return f1, count(np.ones_like(truth))


def draw_figure9(
    label: ArrayLike, said: ArrayLike, region_a: ArrayLike, region_b: ArrayLike, out: Path, *, title: str = ""
) -> None:
    """Writes figure 9 of n pairs, given as to `f1_by_region`, to the PNG file `out`; equal pairs give equal bytes."""
    f1, pairs = f1_by_region(label, said, region_a, region_b)
    figure = Figure(figsize=(13, 6.2), layout="constrained")
    left, right = figure.subplots(1, 2)
    _heat(left, np.where(pairs >= FEW, f1, np.nan), f"F1 (grey, uncoloured: fewer than {FEW} pairs)", "YlGn", 1.0)
    _heat(right, np.where(pairs > 0, pairs, np.nan), f"Pairs ({pairs.sum()} in all)", "Blues", float(pairs.max()))
    for i, j in np.argwhere(pairs > 0):
        value, n = float(f1[i, j]), int(pairs[i, j])
        if not np.isnan(value):
            few = n < FEW
            _write(left, i, j, f"{value:.2f}", "0.5" if few else _ink(value), "normal" if few else "bold")
        _write(right, i, j, str(n), _ink(n / pairs.max()), "normal")
    if title:
        figure.suptitle(title)
    figure.savefig(out, format="png", dpi=100, metadata={"Software": None})


def _heat(axes: Axes, values: NDArray[Any], title: str, colours: str, most: float) -> None:
    """Draws one square heat map: a upwards, b to the right, in percent of the image."""
    axes.imshow(values, origin="lower", cmap=colours, vmin=0.0, vmax=most)
    edges = np.arange(RATIO_BINS + 1)
    ticks = [f"{round(100 * edge / RATIO_BINS)}%" for edge in edges]
    axes.set_xticks(edges - 0.5, ticks)
    axes.set_yticks(edges - 0.5, ticks)
    axes.set_xlabel("region of b / document image")
    axes.set_ylabel("region of a / catalogue image")
    axes.set_title(title)
    axes.grid(color="0.9", linewidth=0.5)


def _write(axes: Axes, row: int, column: int, text: str, colour: str, weight: str) -> None:
    axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour, fontweight=weight)


def _ink(value: float) -> str:
    """A text colour that is readable on a colour that darkens with `value` from 0 to 1."""
    return "white" if value > 0.65 else "black"
