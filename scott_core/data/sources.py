"""Sources of training images: folders with a manifest, and pairs files, read as one list of rows.

A folder holds `manifest.csv`, or has folders directly below it that do (../shared/data has both). Its columns:

    image       required   path relative to the manifest's folder
    instance    required   images of one instance show one object
    category    required   instances of one category (and family) are each other's hard negatives
    split       required   train, val or test
    dataset     required   the source's name; the licence list of a card goes by it
    mask        optional   path of a mask, white on the object; empty: the image's alpha channel, if it has one
    role        optional   `catalogue` or `main`; `frame`: of a video; `natural`: photographed in use (see below)
    family      optional   what a training configuration weighs; by default the column `kind`, else FAMILIES' entry of
                           the data set, else its name
    licence     optional   as its source states it

A row is an object, unless its role is `frame` (the background would tell a match) or, in the data set grocery, its
category is in PRODUCE (a class and not a product: two apples do not match). Those rows are backgrounds only. An object
with a mask may be cut out, unless its role is `natural`: such masks are predicted in cluttered photographs and are not
clean enough.

A pairs file (`scott_core.pairs`) gives objects, too: images that match show one object, and objects that hard negatives
join are of one category.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from scott_core.data.instances import read_pair_instances
from scott_core.errors import PairsError
from scott_core.pairs import CsvRow, csv_rows

SPLITS = ("train", "val", "test")
REQUIRED = frozenset({"image", "instance", "category", "split", "dataset"})
FAMILIES = {  # of the data sets in ../shared/data
    "clothing5k": "garment",
    "ccp": "garment",
    "magento_men": "apparel",
    "magento_men_single": "apparel",
    "grocery": "package",
    "eth80c": "object",
    "davis": "scene",
}
PHOTOGRAPH = "photograph"  # role of the images of a pairs file, which are not cut out
CUTOUT = "cutout"  # role, in a pack, of an image with nothing beside its object
PRODUCE = frozenset(  # categories of grocery
    """
    Apple Asparagus Aubergine Avocado Banana Cabbage Carrots Cucumber Garlic Ginger Kiwi Leek Lemon Lime Mango Melon
    Mushroom Nectarine Onion Orange Papaya Passion-Fruit Peach Pear Pepper Pineapple Plum Pomegranate Potato Red-Beet
    Red-Grapefruit Satsumas Tomato Zucchini
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class Row:
    """One image of a source."""

    image: Path
    mask: Path | None  # None: the alpha channel, or not known
    dataset: str
    category: str
    instance: str
    split: str
    family: str
    role: str
    licence: str

    @property
    def key(self) -> tuple[str, str]:
        """The data set and the instance: names of instances are unique within a data set only."""
        return self.dataset, self.instance

    @property
    def is_object(self) -> bool:
        """Whether it shows a product; if not, it is a background."""
        return self.role != "frame" and not (self.dataset == "grocery" and self.category in PRODUCE)

    @property
    def may_cut(self) -> bool:
        """Whether its object may be cut out, where its mask is known."""
        return self.role not in ("natural", PHOTOGRAPH)


def read_sources(sources: Sequence[Path]) -> list[Row]:
    """Every row of every source, in order.

    Raises PairsError where a source holds no manifest, a manifest lacks a column, a row does not fit, or an instance of
    a data set has two categories, families or splits; the message names file and line, or the instance. Every row is
    returned or is an error.
    """
    rows = [row for source in sources for row in _read_source(source)]
    seen: dict[tuple[str, str], tuple[str, str, str]] = {}
    for row in rows:
        what = (row.family, row.category, row.split)
        if (first := seen.setdefault(row.key, what)) != what:
            raise PairsError(f"{row.dataset}: instance {row.instance} is {'/'.join(first)} and {'/'.join(what)}")
    return rows


def _read_source(source: Path) -> Iterator[Row]:
    if source.suffix == ".csv":
        return _read_pairs(source)
    manifests = [path for path in (source / "manifest.csv", *sorted(source.glob("*/manifest.csv"))) if path.is_file()]
    if not manifests:
        raise PairsError(f"{source} holds no manifest.csv; a source is a folder that does, or a pairs file")
    return (row for path in manifests for row in read_manifest(path))


def read_manifest(path: Path) -> Iterator[Row]:
    """The rows of one manifest.csv. Raises PairsError as `read_sources` does."""
    for line, row in csv_rows(path, REQUIRED):
        yield parse_manifest_row(path, line, row)


def parse_manifest_row(path: Path, line: int, row: CsvRow) -> Row:
    """One row of the manifest `path`, as csv.DictReader gives it. Raises PairsError naming file and line."""
    if None in row:  # where csv puts fields beyond the header
        raise PairsError(f"{path}:{line}: more fields than the header has columns")
    field = {name: (value or "").strip() for name, value in row.items()}
    empty = sorted(name for name in REQUIRED if not field[name])
    if empty:
        raise PairsError(f"{path}:{line}: no {', '.join(empty)}")
    if field["split"] not in SPLITS:
        raise PairsError(f"{path}:{line}: split is {field['split']!r}; one of {', '.join(SPLITS)} is expected")
    dataset = field["dataset"]
    return Row(
        image=path.parent / field["image"],
        mask=path.parent / field["mask"] if field.get("mask") else None,
        dataset=dataset,
        category=field["category"],
        instance=field["instance"],
        split=field["split"],
        family=field.get("family") or field.get("kind") or FAMILIES.get(dataset, dataset),
        role=field.get("role", ""),
        licence=field.get("licence", ""),
    )


def write_manifest(folder: Path, rows: Sequence[tuple[str, str, str]], *, dataset: str, split: str) -> None:
    """Writes folder/manifest.csv of images of our own; a row is (image, instance, category)."""
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["image", "instance", "category", "dataset", "split", "licence"])
        table.writerows([*row, dataset, split, "our own"] for row in rows)


def _read_pairs(path: Path) -> Iterator[Row]:
    """The images of a pairs file as photographs, which are not cut out, with or without masks."""
    for instance in read_pair_instances(path):
        for view in instance.views:
            yield Row(
                image=view.image,
                mask=view.mask,
                dataset=path.stem,
                category=instance.group,
                instance=instance.name,
                split="train",
                family=instance.family,
                role=PHOTOGRAPH,
                licence="",
            )
