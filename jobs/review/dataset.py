"""A data set of the answers, in the layout of TIC (scott_core/data/readers/tic.py), which a training run reads.

Each pair that people looked at is a row, with the images as they were shown and the masks that were drawn. As in the
paper, ambiguous pairs are left out; so are pairs about which people disagree.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TypedDict

from jobs.errors import BadArgument
from jobs.outputs import check_output, writing
from jobs.storage import Storage, open_storage
from jobs.tables.images import read_stored_image
from jobs.tables.reviews import read_reviews
from jobs.tables.schemas import Review

COLUMNS = ("image_a", "image_b", "label", "mask_a", "mask_b")
LABELS = {"match": 1, "no_match": 0}


class DatasetSummary(TypedDict):
    """Counts of pairs: those that match (and of them those with both masks), that do not, and that were left out."""

    match: int
    with_masks: int
    no_match: int
    ambiguous: int
    conflicts: int


def write_dataset(root: str, out: Path) -> DatasetSummary:
    """Write OUT/annotations.csv, OUT/products/PRODUCT/ and OUT/masks/PRODUCT/ of every pair with a review.

    Raises BadArgument where OUT cannot be written, or nobody has answered yet; the errors of storage.
    """
    storage = open_storage(root)
    pairs: dict[tuple[str, str, str], list[Review]] = defaultdict(list)
    for product_id, rows in sorted(read_reviews(storage).items()):
        for row in rows:
            pairs[product_id, row["image_a_key"], row["image_b_key"]].append(row)
    if not pairs:
        raise BadArgument(f"{storage.root} has no reviews: scott review import brings them")
    check_output(out / "annotations.csv")
    found: DatasetSummary = {"match": 0, "with_masks": 0, "no_match": 0, "ambiguous": 0, "conflicts": 0}
    files = _Files(storage, out)
    table = []
    for (product_id, image_a, image_b), rows in pairs.items():
        answers = {row["reviewer"]: row["pair_answer"] for row in rows}  # the newest of each
        if len(set(answers.values())) > 1:
            found["conflicts"] += 1
            continue
        answer = rows[-1]["pair_answer"]
        found[answer] += 1
        if answer == "ambiguous":
            continue
        drawn = [row for row in rows if row["mask_a_key"] and row["mask_b_key"] and row["pair_answer"] == answer]
        masks = (drawn[-1]["mask_a_key"], drawn[-1]["mask_b_key"]) if drawn else ("", "")
        found["with_masks"] += bool(drawn)
        images = [files.write("products", product_id, key) for key in (image_a, image_b)]
        drawings = [files.write("masks", product_id, key) if key else "" for key in masks]
        table.append([*images, LABELS[answer], *drawings])
    with writing(out), (out / "annotations.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(table)
    return found


@dataclass(frozen=True)
class _Files:
    """The files of a data set, copied from storage."""

    storage: Storage
    out: Path

    def write(self, folder: str, product_id: str, key: str) -> str:
        """Copies a stored image; returns its path in the data set."""
        name = f"{folder}/{product_id}/{PurePosixPath(key).name}"
        with writing(self.out / name):
            (self.out / name).parent.mkdir(parents=True, exist_ok=True)
            (self.out / name).write_bytes(read_stored_image(self.storage, key))
        return name
