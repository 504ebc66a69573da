"""Instances with their views: pairs are drawn from them, and a pairs file gives them.

An instance is one object, and its views are photographs or renderings of it, each with its mask where it is known.
Instances of one `group` share family and category: they are each other's hard negatives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from scott_core.pairs import read_pairs


@dataclass(frozen=True)
class View:
    """One image of an instance."""

    image: Path
    mask: Path | None  # None where it is not known


@dataclass
class Instance:
    """One object and its views."""

    name: str
    family: str
    group: str
    views: list[View] = field(default_factory=list)


def read_pair_instances(path: Path) -> list[Instance]:
    """The instances of a pairs file: images that match, directly or through others, are views of one object.

    So are images of one name, where the file names instances: few pairs of many images do not join them all.
    Objects that hard negatives join, directly or through others, are one group; those without hard negatives form one
    group of each family. Pairs without a label are ignored. Raises PairsError as `read_pairs` does.
    """
    pairs = [pair for pair in read_pairs(path) if pair.label is not None]
    objects, groups = _Union(), _Union()
    views: dict[Path, View] = {}
    family: dict[Path, str] = {}
    named: dict[str, Path] = {}  # the first image of each instance that the file names
    for pair in pairs:
        sides = (pair.path_a, pair.mask_a, pair.instance_a), (pair.path_b, pair.mask_b, pair.instance_b)
        for image, mask, name in sides:
            if image not in views or mask is not None:
                views[image] = View(image, mask)
            family.setdefault(image, pair.family or "photo")
            if name:
                objects.join(image, named.setdefault(name, image))
        if pair.label == 1:
            objects.join(pair.path_a, pair.path_b)
    for pair in pairs:
        if pair.kind == "hard":
            groups.join(objects.root(pair.path_a), objects.root(pair.path_b))
    instances: dict[Path, Instance] = {}
    for image, view in views.items():
        root = objects.root(image)
        group = groups.root(root) if root in groups else "others"
        instance = instances.setdefault(root, Instance(str(root), family[root], f"{family[root]}/{group}"))
        instance.views.append(view)
    return list(instances.values())


class _Union:
    """Disjoint sets of paths, each known by one of its paths, the root (union-find)."""

    def __init__(self) -> None:
        self.parent: dict[Path, Path] = {}

    def __contains__(self, path: Path) -> bool:
        return path in self.parent

    def root(self, path: Path) -> Path:
        """The root of a path's set; the way there is halved as it is gone (Tarjan and van Leeuwen 1984)."""
        while (above := self.parent.get(path, path)) != path:
            self.parent[path] = self.parent[above]
            path = self.parent[path]
        return path

    def join(self, a: Path, b: Path) -> None:
        for path in (a, b):
            self.parent.setdefault(path, path)
        self.parent[self.root(b)] = self.root(a)
