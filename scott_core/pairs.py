"""The pairs file, on which everything is trained, scored and measured. It is CSV with one pair a row:

    image_a,image_b[,label][,kind][,family][,mask_a][,mask_b][,instance_a][,instance_b]

Paths are relative to the file's folder. label is 1 for a match, else 0. kind is `match`, `hard` (another instance of
the same category) or `easy`. family is the group that the pair is reported in. A mask is a file of its image's size,
white on the object. An instance is the name of the object that the image shows: images of one name match, whether a row
pairs them or not. An empty field or a missing column means unknown.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from scott_core.errors import PairsError

COLUMNS = ("image_a", "image_b", "label", "kind", "family", "mask_a", "mask_b", "instance_a", "instance_b")
REQUIRED = ("image_a", "image_b")
CsvRow = dict[str, str | None]


@dataclass(frozen=True)
class Pair:
    """One row. `image_*` are as written in the file; `path_*` and `mask_*` are joined to its folder."""

    image_a: str
    image_b: str
    label: int | None  # 1, 0, or None where it is not known
    kind: str  # may be empty
    family: str  # may be empty
    path_a: Path
    path_b: Path
    mask_a: Path | None = None
    mask_b: Path | None = None
    instance_a: str = ""  # may be empty
    instance_b: str = ""


def read_pairs(path: Path) -> list[Pair]:
    """Every row, in order. Raises PairsError for an unreadable file, and as `parse_row` for its first bad row."""
    rows = csv_rows(path, REQUIRED, hint="; the header is image_a,image_b[,label]")
    return [parse_row(path, line, row) for line, row in rows]


def csv_rows(path: Path, required: Collection[str], *, hint: str = "") -> Iterator[tuple[int, CsvRow]]:
    """The line number and fields of each row of a CSV file, as csv.DictReader gives them.

    Raises PairsError for an unreadable file and, ending with `hint`, for a header without a `required` column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, strict=True)
            if missing := set(required) - set(reader.fieldnames or []):
                raise PairsError(f"{path}: no column {', '.join(sorted(missing))}{hint}")
            for row in reader:
                yield reader.line_num, row
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PairsError(f"{path} cannot be read: {error}") from error


def write_pairs(path: Path, pairs: Iterable[Pair]) -> None:
    """Writes `pairs` with all columns and with paths relative to the file's folder, which is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def relative(target: Path | None) -> str:
        return "" if target is None else Path(os.path.relpath(target, path.parent)).as_posix()

    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for pair in pairs:
            label = "" if pair.label is None else pair.label
            images, masks = (pair.path_a, pair.path_b), (pair.mask_a, pair.mask_b)
            about = [label, pair.kind, pair.family, *map(relative, masks), pair.instance_a, pair.instance_b]
            writer.writerow([*map(relative, images), *about])


def parse_row(path: Path, line: int, row: CsvRow) -> Pair:
    """The pair of one row of `path`, as csv.DictReader gives it. Raises PairsError naming file and line."""
    if None in row:  # csv puts fields beyond the header there
        raise PairsError(f"{path}:{line}: more fields than the header has columns")
    image_a, image_b = row["image_a"], row["image_b"]
    if not image_a or not image_b:
        raise PairsError(f"{path}:{line}: image_a and image_b must both be given")
    label = (row.get("label") or "").strip()
    if label not in ("", "0", "1"):
        raise PairsError(f"{path}:{line}: label is {label!r}; 0, 1 or nothing is expected")
    mask_a, mask_b = row.get("mask_a"), row.get("mask_b")
    return Pair(
        image_a=image_a,
        image_b=image_b,
        label=int(label) if label else None,
        kind=row.get("kind") or "",
        family=row.get("family") or "",
        path_a=path.parent / image_a,
        path_b=path.parent / image_b,
        mask_a=path.parent / mask_a if mask_a else None,
        mask_b=path.parent / mask_b if mask_b else None,
        instance_a=row.get("instance_a") or "",
        instance_b=row.get("instance_b") or "",
    )
