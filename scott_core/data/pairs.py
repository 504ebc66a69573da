"""The pairs format all is scored and measured on: image_a, image_b[, label][, kind, family, mask_a, mask_b].

Paths are relative to the pairs file's folder. label is 1 for a match, 0 otherwise, empty where it is not known.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from scott_core.errors import PairsError


@dataclass(frozen=True)
class Pair:
    """One row. `image_*` are as written in the file; `path_*` resolve them."""

    image_a: str
    image_b: str
    label: int | None
    kind: str
    family: str
    path_a: Path
    path_b: Path


def read_pairs(path: Path) -> list[Pair]:
    """Every row, in order. Raises PairsError naming the file and line of the first row that does not fit."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            missing = {"image_a", "image_b"} - set(reader.fieldnames or [])
            if missing:
                raise PairsError(
                    f"{path}: no column {', '.join(sorted(missing))}; the header is image_a,image_b[,label]"
                )
            return [_pair(path, reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PairsError(f"{path} cannot be read: {error}") from error


def _pair(path: Path, line: int, row: dict[str, str | None]) -> Pair:
    image_a, image_b = row["image_a"], row["image_b"]
    if not image_a or not image_b:
        raise PairsError(f"{path}:{line}: image_a and image_b must both be given")
    label = (row.get("label") or "").strip()
    if label not in ("", "0", "1"):
        raise PairsError(f"{path}:{line}: label is {label!r}; 0, 1 or nothing is expected")
    return Pair(
        image_a=image_a,
        image_b=image_b,
        label=int(label) if label else None,
        kind=row.get("kind") or "",
        family=row.get("family") or "",
        path_a=path.parent / image_a,
        path_b=path.parent / image_b,
    )
