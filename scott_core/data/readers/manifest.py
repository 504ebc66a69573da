"""A manifest: images of your own with one row for each, manifest.csv as in `scott_core.data.sources`.

Image a is a catalogue image and image b is not, in matching and other pairs alike. A catalogue image has the role
`catalogue` or `main`; in an instance without any, the first row is the catalogue image. Half of the pairs match; half
of the others are `hard`, of another instance of the same category, as far as there are any. An instance with a single
image is only a hard negative. Backgrounds are excluded. Terms: as each row's `licence` says.
"""

from __future__ import annotations

from pathlib import Path

from scott_core.data.instances import Instance, View
from scott_core.data.readers.layout import check_split
from scott_core.data.sampling import sample_pairs
from scott_core.data.sources import read_manifest
from scott_core.pairs import Pair

SIZE = 2000  # pairs, by default
_CATALOGUE = ("catalogue", "main")  # roles


def read(root: Path, split: str, *, size: int = SIZE, seed: int = 0) -> list[Pair]:
    """`size` pairs of the instances of `split`, or as many as there are.

    Raises PairsError where the manifest or a column is missing, and, naming file and line, where a row does not fit.
    """
    check_split(split)
    instances: dict[tuple[str, str], Instance] = {}
    catalogue: dict[str, set[Path]] = {}
    for row in read_manifest(root / "manifest.csv"):
        if row.split != split or not row.is_object:
            continue
        instance = instances.setdefault(
            row.key, Instance("/".join(row.key), row.family, f"{row.family}/{row.category}")
        )
        instance.views.append(View(row.image, row.mask))
        if row.role in _CATALOGUE:
            catalogue.setdefault(instance.name, set()).add(row.image)
    several = [instance for instance in instances.values() if len(instance.views) > 1]
    groups = {instance.group for instance in several}
    shown = {image for instance in several for image in catalogue.get(instance.name) or {instance.views[0].image}}
    return sample_pairs(
        [instance for instance in instances.values() if instance.group in groups],
        size=size,
        seed=seed,
        suits=lambda a, b: a.image in shown and b.image not in shown,
    )
