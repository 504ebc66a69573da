"""A manifest: any pictures of yours, with one row for each (the form of the project's own training photographs).

    ROOT/manifest.csv      image,mask,dataset,category,instance,role,split[,mask_kind][,licence]

image and mask are relative to ROOT; mask may be empty. Rows of one `instance` show one object. `role` tells catalogue
pictures (`catalogue` or `main`; of an instance without any, its first row) from the others. Terms: as `licence` says.

Image a is a catalogue picture, image b is none, in matching and other pairs alike. Half of the pairs match; half of the
others are `hard`, of another instance of the same category, as far as there are any. An instance with a single
picture is only ever a hard negative. Left out: rows of role `frame` (frames of one video share their background, which
would give the match away), and categories that are kinds rather than products (PRODUCE: two apples do not match).
"""

from __future__ import annotations

import csv
from collections.abc import Collection
from pathlib import Path

from scott_core.data.instances import PRODUCE, Instance, View
from scott_core.data.pairs import Pair
from scott_core.data.readers.layout import check_split
from scott_core.data.sampling import sample_pairs
from scott_core.errors import PairsError

SIZE = 2000
_COLUMNS = {"image", "mask", "dataset", "category", "instance", "role", "split"}
_CATALOGUE = ("catalogue", "main")
_FAMILY = {"grocery": "package", "magento_men": "apparel", "magento_men_single": "apparel", "eth80c": "object"}


def read(root: Path, split: str, *, size: int = SIZE, seed: int = 0, kinds: Collection[str] = PRODUCE) -> list[Pair]:
    """`size` pairs of the instances of `split`, or as many as there are; categories in `kinds` are left out.

    Raises PairsError where the manifest or its columns are missing, naming file and line where a row does not fit.
    """
    check_split(split)
    path = root / "manifest.csv"
    instances: dict[str, Instance] = {}
    catalogue: dict[str, set[Path]] = {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = _COLUMNS - set(reader.fieldnames or [])
            if missing:
                raise PairsError(f"{path}: no column {', '.join(sorted(missing))}")
            for row in reader:
                if not row["image"] or not row["instance"]:
                    raise PairsError(f"{path}:{reader.line_num}: image and instance must both be given")
                if row["split"] != split or row["role"] == "frame" or row["category"] in kinds:
                    continue
                name, image = row["instance"], root / row["image"]
                family = _FAMILY.get(row["dataset"], row["dataset"])
                instance = instances.setdefault(name, Instance(name, family, row["category"]))
                instance.views.append(View(image, root / row["mask"] if row["mask"] else None, cutout=False))
                if row["role"] in _CATALOGUE:
                    catalogue.setdefault(name, set()).add(image)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise PairsError(f"{path} cannot be read: {error}") from error
    several = [instance for instance in instances.values() if len(instance.views) > 1]
    shelves = {instance.group for instance in several}
    shown = {
        image for instance in several for image in catalogue.get(instance.name) or {instance.views[0].image}
    }  # of an instance with one picture, none
    return sample_pairs(
        [instance for instance in instances.values() if instance.group in shelves],
        size=size,
        seed=seed,
        suits=lambda a, b: a.image in shown and b.image not in shown,
    )
