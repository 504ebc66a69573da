"""Market-1501 by its file names: 550, 50 and 150 persons, two cameras a pair, junk and distractors excluded."""

from pathlib import Path

import pytest
from PIL import Image

from scott_core.data.readers import market1501
from scott_core.errors import PairsError
from scott_core.pairs import Pair

FEW = {"train": 3, "val": 1, "test": 2}


def shoot(root: Path, *names: str) -> Path:
    folder = root / "bounding_box_train"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (64, 128), "grey").save(folder / name)
    return root


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Six persons before two cameras, twice before the first, and what the detector got wrong."""
    people = ("0002", "0007", "0010", "0011", "0012", "1500")
    shots = ("c1s1_000451_03", "c1s2_000500_01", "c3s1_000001_00")
    names = [f"{person}_{shot}.jpg" for person in people for shot in shots]
    return shoot(tmp_path, *names, "-1_c1s1_000401_03.jpg", "0000_c2s1_000401_03.jpg", "0000_c1s1_000401_03.jpg")


def persons(pairs: list[Pair]) -> set[str]:
    return {path.name[:4] for pair in pairs for path in (pair.path_a, pair.path_b)}


def test_pairs_are_of_two_cameras_and_their_labels_true(few: Path) -> None:
    pairs = market1501.read(few, "train", persons=FEW)
    assert len(pairs) == 3 * 2 * 2  # each person: two suitable couples of images, and as many negatives
    for pair in pairs:
        a, b = pair.path_a.name, pair.path_b.name
        assert a[4:7] != b[4:7]
        assert (pair.label, pair.kind) == ((1, "match") if a[:4] == b[:4] else (0, "hard"))
        assert (pair.family, pair.mask_a, pair.mask_b) == ("person", None, None)
    assert len(persons(pairs)) == 3


def test_splits_share_nobody_and_do_not_hang_on_the_seed(few: Path) -> None:
    seen = [
        persons(market1501.read(few, split, persons=FEW, seed=seed)) for seed, split in enumerate(("train", "test"))
    ]
    assert [len(people) for people in seen] == [3, 2]
    assert not seen[0] & seen[1]
    assert not {"-1_c", "0000"} & (seen[0] | seen[1])
    assert persons(market1501.read(few, "test", persons=FEW, seed=9)) == seen[1]


def test_the_papers_numbers_of_persons(tmp_path: Path) -> None:
    folder = tmp_path / "bounding_box_train"
    folder.mkdir()
    for person in range(2, 2 + 2 * 751, 2):  # the real set has 751, and gaps between their numbers
        for camera in (1, 2):
            (folder / f"{person:04d}_c{camera}s1_000451_03.jpg").touch()
    seen = [persons(market1501.read(tmp_path, split)) for split in ("train", "val", "test")]
    assert [len(people) for people in seen] == [550, 50, 150]
    assert len(set.union(*seen)) == 750


def test_masks_are_those_given(few: Path, tmp_path: Path) -> None:
    masks = tmp_path / "predicted"
    masks.mkdir()
    for image in (few / "bounding_box_train").glob("*c1s1*"):
        Image.new("1", (64, 128), 1).save(masks / f"{image.stem}.png")
    for pair in market1501.read(few, "train", persons=FEW, masks=masks):
        for path, mask in ((pair.path_a, pair.mask_a), (pair.path_b, pair.mask_b)):
            assert mask == (masks / f"{path.stem}.png" if "c1s1" in path.name else None)


def test_what_is_missing_is_named(few: Path, tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="bounding_box_train is no folder"):
        market1501.read(tmp_path / "none", "train")
    with pytest.raises(PairsError, match="6 persons; 750 are needed"):
        market1501.read(few, "train")
    with pytest.raises(PairsError, match="nowhere is no folder"):
        market1501.read(few, "train", persons=FEW, masks=tmp_path / "nowhere")
    with pytest.raises(PairsError, match=r"holiday\.jpg: a name like"):
        market1501.read(shoot(few, "holiday.jpg"), "train", persons=FEW)
