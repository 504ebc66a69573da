"""Training objects: every instance with its views, read from a manifest and a folder of rendered toys.

An instance is one object; its views are photographs or renderings of it, each with its mask where one is known.
Instances of one `group` are each other's hard negatives: they share family and category.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from scott_core.data.pairs import read_pairs
from scott_core.errors import PairsError

# How a data set's pictures may be used: cut out by their mask and composited, or only as the photographs they are.
_CUTOUT = {"clothing5k", "ccp", "magento_men", "magento_men_single"}
_FAMILY = {
    "clothing5k": "garment",
    "ccp": "garment",
    "davis": "scene",
    "magento_men": "apparel",
    "magento_men_single": "apparel",
    "grocery": "package",
}
# Whose photographs may stand behind an object: full of other things, some of them as salient.
# A picture counts as often as is said here.
_SCENES = {"grocery": 4, "ccp": 4, "davis": 8, "clothing5k": 1}
# Fruit and vegetables are classes, not products: two apples do not match. They serve as backgrounds.
PRODUCE = frozenset(
    """
    Apple Asparagus Aubergine Avocado Banana Cabbage Carrots Cucumber Garlic Ginger Kiwi Leek Lemon Lime Mango Melon
    Mushroom Nectarine Onion Orange Papaya Passion-Fruit Peach Pear Pepper Pineapple Plum Pomegranate Potato Red-Beet
    Red-Grapefruit Satsumas Tomato Zucchini
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True)
class View:
    """One picture of an instance. `mask` is None where it lies in the picture's own alpha, or is not known."""

    image: Path
    mask: Path | None
    cutout: bool


@dataclass
class Instance:
    """One object and its views."""

    name: str
    family: str
    group: str
    views: list[View] = field(default_factory=list)


def read_instances(data: Path) -> tuple[list[Instance], list[Path]]:
    """Training instances and backgrounds: of a folder with manifest.csv, or of a pairs file in any domain."""
    return (read_pair_instances(data), []) if data.suffix == ".csv" else read_manifest(data)


def read_pair_instances(path: Path) -> list[Instance]:
    """Instances from a pairs file: pictures that match are views of one object, used as the photographs they are.

    Objects joined by hard negatives are one group, and those that have none form a group together. Pairs without a
    label say nothing here.
    """
    pairs = [pair for pair in read_pairs(path) if pair.label is not None]
    objects, groups = _Union(), _Union()
    views: dict[Path, View] = {}
    family: dict[Path, str] = {}
    for pair in pairs:
        for image, mask in ((pair.path_a, pair.mask_a), (pair.path_b, pair.mask_b)):
            if image not in views or mask is not None:
                views[image] = View(image, mask, False)
            family.setdefault(image, pair.family or "photo")
        if pair.label == 1:
            objects.join(pair.path_a, pair.path_b)
    for pair in pairs:
        if pair.kind == "hard":
            groups.join(objects.root(pair.path_a), objects.root(pair.path_b))
    instances: dict[Path, Instance] = {}
    for image, view in views.items():
        root = objects.root(image)
        shelf = groups.root(root) if root in groups else "others"
        instance = instances.setdefault(root, Instance(str(root), family[root], f"{family[root]}/{shelf}"))
        instance.views.append(view)
    return list(instances.values())


class _Union:
    """Disjoint sets of paths."""

    def __init__(self) -> None:
        self.parent: dict[Path, Path] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self.parent

    def root(self, path: Path) -> Path:
        while (above := self.parent.get(path, path)) != path:
            path = above
        return path

    def join(self, a: Path, b: Path) -> None:
        for path in (a, b):
            self.parent.setdefault(path, path)
        self.parent[self.root(b)] = self.root(a)


def read_manifest(root: Path, *, split: str = "train") -> tuple[list[Instance], list[Path]]:
    """Instances of `split` from root/manifest.csv, and pictures that serve as backgrounds.

    Raises PairsError where the manifest is missing.
    """
    path = root / "manifest.csv"
    if not path.is_file():
        raise PairsError(f"{path} does not exist; `data` must name a folder with manifest.csv")
    instances: dict[str, Instance] = {}
    scenes: dict[str, list[Path]] = {dataset: [] for dataset in _SCENES}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            dataset = row["dataset"]
            if row["split"] != split or dataset not in _FAMILY:
                continue
            image = root / row["image"]
            if dataset == "grocery" and row["category"] in PRODUCE:
                scenes[dataset].append(image)
                continue
            mask = root / row["mask"] if row["mask"] else None
            cutout = mask is not None and (dataset in _CUTOUT or row["role"] == "catalogue")
            family = _FAMILY[dataset]
            instance = instances.setdefault(
                row["instance"], Instance(row["instance"], family, f"{family}/{dataset}/{row['category']}")
            )
            instance.views.append(View(image, mask, cutout))
            if dataset in _SCENES:
                scenes[dataset].append(image)
    for instance in instances.values():
        instance.group = _shelf(instance.group)
    backgrounds = [image for dataset, often in _SCENES.items() for image in scenes[dataset] * often]
    return [i for i in instances.values() if i.family != "scene"], backgrounds


def _shelf(group: str) -> str:
    """Where hard negatives are found: cartons on one shelf, one shop's colour variants with its other garments."""
    if group.startswith("package/"):
        return "package"
    return group.replace("magento_men_single", "magento_men")


def read_toys(folder: Path) -> list[Instance]:
    """Toys as `scott_core.data.toys` writes them: folder/<seed>/<view>.png, the mask in the alpha channel."""
    from scott_core.data.toys import TOY_KINDS

    toys = []
    for directory in sorted(path for path in folder.glob("*") if path.is_dir()):
        kind = TOY_KINDS[int(directory.name) % len(TOY_KINDS)]
        views = [View(image, None, True) for image in sorted(directory.glob("*.png"))]
        toys.append(Instance(f"toy_{directory.name}", "toy", f"toy/{kind}", views))
    if not toys:
        raise PairsError(f"{folder} holds no toys; run `python -m scott_core.data.toys --out {folder}`")
    return toys


def by_group(instances: list[Instance]) -> dict[str, list[Instance]]:
    """Instances by group, only groups of two or more."""
    groups: dict[str, list[Instance]] = defaultdict(list)
    for instance in instances:
        groups[instance.group].append(instance)
    return {name: members for name, members in groups.items() if len(members) > 1}
