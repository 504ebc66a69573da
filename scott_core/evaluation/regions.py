"""Groups of pairs that are measured apart, and the IoU of regions where the true masks are known.

Section 5 of the paper measures matching (F1, AP) and segmentation (IoU) apart. The IoU is of a region at its image's
own size, foreground over alpha, and a true mask: one that was drawn or rendered, not another model's prediction.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Required, TypedDict

import numpy as np
from numpy.typing import NDArray
from PIL.Image import Image

from scott_core.errors import InputError
from scott_core.evaluation.metrics import HALF, Interval, bootstrap_mean, iou, read_mask
from scott_core.images import read_image
from scott_core.match import Match
from scott_core.pairs import Pair
from scott_core.progress import Progress
from scott_core.scorers import PairScorer

AT_ONCE = 64  # pairs whose images are in memory


@dataclass(frozen=True)
class MaskedPair:
    """A matching pair of image files, and the files of their true masks, white on the object."""

    image_a: Path
    image_b: Path
    mask_a: Path
    mask_b: Path


def group_rows(pairs: Sequence[Pair]) -> dict[str, NDArray[np.bool_]]:
    """Rows, bool [n], of each group of pairs: `all`, each family, and each of these by kind of negative.

    `package/hard` has all matches of family package and its hard negatives only. Groups differ in their share of
    matches, so that precision and AP compare models and not groups; ROC AUC compares both.
    """
    family = np.array([pair.family for pair in pairs])
    kind = np.array([pair.kind if pair.label == 0 else "" for pair in pairs])
    matching = np.array([pair.label == 1 for pair in pairs], bool)
    families = {"all": np.ones(len(pairs), bool)} | {str(name): family == name for name in np.unique(family) if name}
    groups = {}
    for name, rows in families.items():
        groups[name] = rows
        for negative in np.unique(kind[rows]):
            if negative:
                groups[f"{name}/{negative}"] = rows & (matching | (kind == negative))
    return groups


def read_manifest_masks(manifest: Path) -> dict[Path, Path]:
    """The exact masks (`mask_kind` ground_truth) of a data folder's manifest.csv, by resolved path of their image."""
    with manifest.open(newline="", encoding="utf-8") as file:
        return {
            (manifest.parent / row["image"]).resolve(): manifest.parent / row["mask"]
            for row in csv.DictReader(file)
            if row["mask_kind"] == "ground_truth"
        }


def masked_pairs(pairs: Sequence[Pair], truth: Mapping[Path, Path] | None = None) -> list[MaskedPair]:
    """The matching pairs with both masks: those of `truth`, by resolved image path, or without it of the pairs file.

    A pairs file does not tell whether its masks are exact or predicted.
    """
    found = []
    for pair in pairs:
        if truth is None:
            mask_a, mask_b = pair.mask_a, pair.mask_b
        else:
            mask_a, mask_b = truth.get(pair.path_a.resolve()), truth.get(pair.path_b.resolve())
        if pair.label == 1 and mask_a and mask_b:
            found.append(MaskedPair(pair.path_a, pair.path_b, mask_a, mask_b))
    return found


def match_files(
    scorer: PairScorer, pairs: Sequence[tuple[Path, Path]], *, progress: Progress | None = None
) -> Iterator[tuple[Image, Image, Match]]:
    """Both images of each pair of files and its Match, in order, with the images of AT_ONCE pairs in memory.

    Raises UnreadableImage for the first image that cannot be read.
    """
    for start in range(0, len(pairs), AT_ONCE):
        chunk = pairs[start : start + AT_ONCE]
        files_a, files_b = (list(dict.fromkeys(side)) for side in zip(*chunk, strict=True))
        images_a, images_b = ([read_image(file) for file in files] for files in (files_a, files_b))
        index = [(files_a.index(a), files_b.index(b)) for a, b in chunk]
        for (i, j), match in zip(index, scorer.matches(images_a, images_b, index), strict=True):
            yield images_a[i], images_b[j], match
            if progress:
                progress(1)


def mask_ious(
    scorer: PairScorer, pairs: Sequence[MaskedPair], *, progress: Progress | None = None
) -> NDArray[np.float64]:
    """IoU of both regions of each pair, float64 [n, 2] (a, b), of a scorer that finds regions.

    A region is where a mask is over alpha. Raises InputError where a true mask is not of its image's size.
    """
    files = [(pair.image_a, pair.image_b) for pair in pairs]
    values = []
    for pair, (_, _, match) in zip(pairs, match_files(scorer, files, progress=progress), strict=True):
        sides = ((match.mask_a, pair.mask_a), (match.mask_b, pair.mask_b))
        values.append([iou(mask > match.alpha, _read_mask(path, mask.shape)) for mask, path in sides])
    return np.array(values, np.float64).reshape(-1, 2)


class MeanIous(TypedDict, total=False):
    """Mean IoU over `n` pairs, of image a, of image b and of the mean of both, with 95% intervals.

    Where `n` is 0, there is nothing else.
    """

    n: Required[int]
    a: float
    b: float
    both: float
    intervals: dict[str, Interval]


def summarise_ious(values: NDArray[np.float64]) -> MeanIous:
    """The means of IoUs [n, 2]."""
    if not len(values):
        return {"n": 0}
    a, b, both = values[:, 0], values[:, 1], values.mean(1)
    return {
        "n": len(values),
        "a": float(a.mean()),
        "b": float(b.mean()),
        "both": float(both.mean()),
        "intervals": {"a": bootstrap_mean(a), "b": bootstrap_mean(b), "both": bootstrap_mean(both)},
    }


def _read_mask(path: Path, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """A true mask, bool [H, W], 1 on the object. Raises InputError where it is not of `shape`."""
    mask: NDArray[np.bool_] = np.asarray(read_mask(path)) > HALF
    if mask.shape != shape:
        raise InputError(f"{path} is {mask.shape[1]}x{mask.shape[0]} px, its picture {shape[1]}x{shape[0]}")
    return mask
