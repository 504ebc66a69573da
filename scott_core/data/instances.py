"""Objects: every instance with its views, as pairs are drawn from them and as a pairs file gives them.

An instance is one object; its views are photographs or renderings of it, each with its mask where one is known.
Instances of one `group` are each other's hard negatives: they share family and category.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from scott_core.pairs import read_pairs


@dataclass(frozen=True)
class View:
    """One image of an instance, and its mask where one is known."""

    image: Path
    mask: Path | None


@dataclass
class Instance:
    """One object and its views."""

    name: str
    family: str
    group: str
    views: list[View] = field(default_factory=list)


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
                views[image] = View(image, mask)
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
