"""PhotoTourism: co-visible images of a scene match, and their masks are the hull of the points that both see."""

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scott_core.data.readers import phototourism
from scott_core.errors import PairsError

POSE = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
Seen = dict[str, list[tuple[float, float, int]]]
# Points 1 to 4 are seen by a and b, at the corners of 10..40 x 20..60 of a; c shares point 1 alone with them.
SEEN: Seen = {
    "a.jpg": [(10, 20, 1), (40, 20, 2), (90, 90, 9), (40, 60, 3), (10, 60, 4), (70, 70, -1)],
    "b.jpg": [(50, 50, 4), (60, 50, 3), (60, 70, 2), (50, 70, 1), (5, 5, -1)],
    "c.jpg": [(1, 1, 1)],
    "d.jpg": [],
}


def as_text(seen: Seen) -> bytes:
    lines = ["# Image list with two lines of data per image:"]
    for number, (name, points) in enumerate(seen.items()):
        lines += [f"{number} 1 0 0 0 0 0 0 1 {name}", " ".join(f"{x} {y} {i}" for x, y, i in points)]
    return ("\n".join(lines) + "\n").encode()


def as_binary(seen: Seen) -> bytes:
    data = struct.pack("<Q", len(seen))
    for number, (name, points) in enumerate(seen.items()):
        data += struct.pack("<I7dI", number, *POSE, 1) + name.encode() + b"\0" + struct.pack("<Q", len(points))
        data += b"".join(struct.pack("<ddq", *point) for point in points)
    return data


def build(
    folder: Path, images: str = "dense/images", model: str = "dense/sparse/images.bin", seen: Seen = SEEN
) -> None:
    (folder / images).mkdir(parents=True)
    for name in seen:
        Image.new("RGB", (100, 100)).save(folder / images / name)
    if model:
        path = folder / model
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_text(seen) if path.suffix == ".txt" else as_binary(seen))


@pytest.mark.parametrize("model", ["dense/sparse/images.bin", "dense/sparse/images.txt", "sparse/0/images.bin"])
def test_covisible_images_match(tmp_path: Path, model: str) -> None:
    build(tmp_path / "trevi_fountain", model=model)
    build(tmp_path / "taj_mahal", model=model)
    build(tmp_path / "reichstag", model=model)
    pairs = phototourism.read(tmp_path, "train", min_points=4)
    assert [pair.kind for pair in sorted(pairs, key=lambda pair: pair.kind)] == ["hard", "hard", "match", "match"]
    for pair in pairs:
        scenes = {path.relative_to(tmp_path).parts[0] for path in (pair.path_a, pair.path_b)}
        assert "reichstag" not in scenes
        assert len(scenes) == (1 if pair.label else 2)
        assert pair.label == 0 or {pair.path_a.name, pair.path_b.name} == {"a.jpg", "b.jpg"}
        assert (pair.mask_a, pair.mask_b) == (None, None)
    loose = phototourism.read(tmp_path, "train", min_points=1)
    assert sum(bool(pair.label) for pair in loose) == 6  # a, b and c share point 1


def test_masks_are_the_hull_of_shared_points(tmp_path: Path) -> None:
    build(tmp_path / "trevi_fountain")
    build(tmp_path / "taj_mahal")
    pairs = phototourism.read(tmp_path, "train", min_points=4, work=tmp_path / "work")
    for pair in (pair for pair in pairs if pair.label):
        masks = {pair.path_a.name: pair.mask_a, pair.path_b.name: pair.mask_b}
        for name, (left, top, right, bottom) in {"a.jpg": (10, 20, 40, 60), "b.jpg": (50, 50, 60, 70)}.items():
            assert masks[name] is not None
            mask = np.asarray(Image.open(masks[name]))  # type: ignore[arg-type]
            assert (mask.shape, mask.dtype) == ((100, 100), np.dtype(bool))
            rows, columns = np.nonzero(mask)
            box = (columns.min() + 2, rows.min() + 2, columns.max() - 2, rows.max() - 2)  # dilated by 2 of 100 pixels
            assert box == (left, top, right, bottom)
            assert mask[top : bottom + 1, left : right + 1].all()
    assert all((pair.mask_a, pair.mask_b) == (None, None) for pair in pairs if not pair.label)


def test_masks_given_come_first(tmp_path: Path) -> None:
    build(tmp_path / "trevi_fountain")
    build(tmp_path / "taj_mahal")
    given = tmp_path / "drawn/taj_mahal/a.png"
    given.parent.mkdir(parents=True)
    Image.new("1", (100, 100), 1).save(given)
    pairs = phototourism.read(tmp_path, "train", min_points=4, masks=tmp_path / "drawn", work=tmp_path / "work")
    for path, mask in ((p, m) for pair in pairs for p, m in ((pair.path_a, pair.mask_a), (pair.path_b, pair.mask_b))):
        if path.match("taj_mahal/dense/images/a.jpg"):
            assert mask == given
        else:
            assert mask is None or mask.is_relative_to(tmp_path / "work")


def test_a_validation_scene_without_a_model_has_its_list_of_pairs(tmp_path: Path) -> None:
    for scene in ("reichstag", "sacre_coeur"):
        build(tmp_path / scene, "set_100/images", model="")
        keys = tmp_path / scene / "set_100/new-vis-pairs/keys-th-0.1.npy"
        keys.parent.mkdir()
        np.save(keys, np.array(["a-b", "d-c"]))
    pairs = phototourism.read(tmp_path, "val", work=tmp_path / "work")
    matches = [{pair.path_a.stem, pair.path_b.stem} for pair in pairs if pair.label]
    assert sorted(map(sorted, matches)) == [["a", "b"], ["a", "b"], ["c", "d"], ["c", "d"]]
    assert all(pair.mask_a is None for pair in pairs)


def test_the_challenges_scenes_make_the_splits(tmp_path: Path) -> None:
    for scene in ("brandenburg_gate", "st_peters_square", "london_bridge"):
        build(tmp_path / scene)
    for split, scene in (("train", "brandenburg_gate"), ("val", "st_peters_square"), ("test", "london_bridge")):
        (pair,) = phototourism.read(tmp_path, split, min_points=4)
        assert pair.path_a.is_relative_to(tmp_path / scene)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="none is no folder"):
        phototourism.read(tmp_path / "none", "train")
    with pytest.raises(PairsError, match="holds no train scene"):
        phototourism.read(tmp_path, "train")
    build(tmp_path / "trevi_fountain", model="")
    with pytest.raises(PairsError, match="trevi_fountain has neither a COLMAP model"):
        phototourism.read(tmp_path, "train")
    build(tmp_path / "reichstag")
    (tmp_path / "reichstag/dense/sparse/images.bin").write_bytes(as_binary(SEEN)[:-9])
    with pytest.raises(PairsError, match=r"images\.bin cannot be read as a COLMAP model"):
        phototourism.read(tmp_path, "val")
