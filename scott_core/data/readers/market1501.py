"""Market-1501: persons seen by six cameras (paper, section 5.3).

Source: the project page of Zheng et al., "Scalable Person Re-identification: A Benchmark" (ICCV 2015),
Market-1501-v15.09.15.zip. Terms: the page states no licence; it is handed out for academic research. The images show
people who did not consent: publish none, and train nothing that ships on them.

    ROOT/bounding_box_train/0002_c1s1_000451_03.jpg       person 2, camera 1, sequence 1, frame 451, detection 3

The rest of the archive (bounding_box_test, query, gt_bbox) is not read. The paper splits the 750 persons of the train
folder into 550 train, 50 val and 150 test; the folder holds 751, and one of them is in no split. Persons -1 (junk) and
0000 (distractors) are excluded. The two images of a pair are of different cameras, whether they match or not. Half of
the pairs match; the others are `hard`, since there is one category only. The set has no masks; predicted ones, as in
the paper, are read from `masks`/<the image's name>.png.
"""

from __future__ import annotations

import random
import re
from pathlib import Path

from scott_core.data.instances import Instance, View
from scott_core.data.readers.layout import check_split, mask_of, need_folder
from scott_core.data.sampling import sample_pairs
from scott_core.data.sources import SPLITS
from scott_core.errors import PairsError
from scott_core.pairs import Pair

PERSONS = {"train": 550, "val": 50, "test": 150}  # of the paper
SIZES = {"train": 10_000, "val": 1_000, "test": 3_000}  # pairs; ours, the paper gives none
_NAME = re.compile(r"(?P<person>-1|\d{4})_c(?P<camera>\d)s\d_\d{6}_\d\d\.jpg")
_EXCLUDED = ("-1", "0000")
_SPLIT_SEED = 1501  # fixed, so that the split is the same for everybody


def read(
    root: Path,
    split: str,
    *,
    size: int | None = None,
    seed: int = 0,
    masks: Path | None = None,
    persons: dict[str, int] | None = None,
) -> list[Pair]:
    """`size` pairs (SIZES by default) of the persons of `split`; `persons` is the number of persons of each split.

    The split depends on the names alone, not on `seed`. Raises PairsError where the folder or persons are missing.
    """
    check_split(split)
    folder = need_folder(root / "bounding_box_train", "Market-1501 is unpacked so that ROOT holds bounding_box_train")
    if masks is not None:
        need_folder(masks, "masks are read from there")
    people: dict[str, Instance] = {}
    for image in sorted(folder.glob("*.jpg")):
        name = _NAME.fullmatch(image.name)
        if name is None:
            raise PairsError(f"{image}: a name like 0002_c1s1_000451_03.jpg is expected")
        if name["person"] not in _EXCLUDED:
            person = people.setdefault(name["person"], Instance(name["person"], "person", "person"))
            person.views.append(View(image, mask_of(masks, Path(image.name))))
    chosen = _deal(sorted(people), persons or PERSONS, folder)[split]
    return sample_pairs(
        [people[name] for name in chosen],
        size=SIZES[split] if size is None else size,
        seed=seed,
        suits=lambda a, b: _camera(a) != _camera(b),
    )


def _camera(view: View) -> str:
    """The camera of an image, as in c1."""
    return view.image.name.split("_")[1][:2]


def _deal(names: list[str], persons: dict[str, int], folder: Path) -> dict[str, list[str]]:
    """The names of each split, in a fixed random order."""
    if len(names) < sum(persons.values()):
        raise PairsError(f"{folder} holds {len(names)} persons; {sum(persons.values())} are needed for the split")
    random.Random(_SPLIT_SEED).shuffle(names)
    left = iter(names)
    return {split: [next(left) for _ in range(persons[split])] for split in SPLITS}
