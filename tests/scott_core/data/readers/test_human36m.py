"""Human3.6M: videos beside their segments as downloaded, frames as others extract them, splits by subject."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from scott_core.data.readers import human36m
from scott_core.errors import PairsError
from scott_core.pairs import Pair


def film(path: Path, *greys: int) -> None:
    """A video of plain frames; the left half is lighter by 100."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 50, (64, 64))
    for grey in greys:
        frame = np.full((64, 64, 3), grey, np.uint8)
        frame[:, :32] += 100
        writer.write(frame)
    writer.release()


def frame(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (16, 16)).save(path)


def subjects(pairs: list[Pair], root: Path) -> set[str]:
    return {path.relative_to(root).parts[0] for pair in pairs for path in (pair.path_a, pair.path_b)}


def test_videos_become_frames_and_masks(tmp_path: Path) -> None:
    root, work = tmp_path / "h36m", tmp_path / "work"
    for subject in ("S8", "S9", "S11"):
        for name in ("Directions 1.54138969", "Eating.60457274"):
            film(root / subject / "Videos" / f"{name}.mp4", 0, 20, 40, 60, 80)
        film(root / subject / "Videos/_ALL.54138969.mp4", 0)
    film(root / "S8/MySegmentsMat/ground_truth_bs/Eating.60457274.mp4", 100, 100, 100, 100, 100)
    (root / "S11/Videos/Directions.54138969.mp4").write_bytes(b"damaged as distributed")
    pairs = human36m.read(root, "val", work=work, step=2)
    written = {path.relative_to(work).as_posix() for path in work.rglob("*.*g") if "S8" in path.parts}
    assert written == {
        *(f"images/S8/{name}/{i:06d}.jpg" for name in ("Directions 1.54138969", "Eating.60457274") for i in (0, 2, 4)),
        *(f"masks/S8/Eating.60457274/{i:06d}.png" for i in (0, 2, 4)),
    }
    third = np.asarray(Image.open(work / "images/S9/Eating.60457274/000004.jpg").convert("L")).astype(int)
    assert abs(third[:, 40:].mean() - 80) < 8
    mask = np.asarray(Image.open(work / "masks/S8/Eating.60457274/000002.png"))
    assert set(np.unique(mask)) == {0, 255}
    assert 0.45 < (mask[:, :32] == 255).mean() / 2 + (mask[:, 32:] == 255).mean() / 2 < 0.55
    assert len(pairs) == 2 * 3 * 9  # 3 x 3 frames of the two videos of each subject match, and as many do not
    for pair in pairs:
        assert pair.path_a.parent != pair.path_b.parent
        assert pair.kind == ("match" if pair.path_a.parts[-3] == pair.path_b.parts[-3] else "hard")
        assert (pair.mask_a is not None) == ("S8/Eating" in pair.path_a.as_posix())
    assert human36m.read(root, "val", work=work, step=2) == pairs


def test_a_mask_follows_its_frame(tmp_path: Path) -> None:
    film(tmp_path / "S2/Videos/Eating.54138969.mp4", 0, 0)
    film(tmp_path / "S2/MySegmentsMat/ground_truth_bs/Eating.54138969.mp4", 0, 155)
    human36m.extract_frames(tmp_path, tmp_path / "work", (2,), step=1)
    masks = [np.asarray(Image.open(p)) for p in sorted((tmp_path / "work/masks/S2/Eating.54138969").iterdir())]
    assert [int(mask.mean() > 200) for mask in masks] == [0, 1]


@pytest.mark.parametrize(
    "names",
    [
        ("images/S{0}/Directions.54138969/000064.jpg", "images/S{0}/Directions.60457274/000064.jpg"),
        (
            "S{0}/Directions-1/imageSequence/54138969/img_000065.jpg",
            "S{0}/Posing/imageSequence/54138969/img_000065.jpg",
        ),
        (
            "images/s_{0:02d}_act_02_subact_01_ca_01/s_{0:02d}_act_02_subact_01_ca_01_000065.jpg",
            "images/s_{0:02d}_act_02_subact_01_ca_02/s_{0:02d}_act_02_subact_01_ca_02_000065.jpg",
        ),
    ],
)
@pytest.mark.parametrize(("split", "numbers"), [("train", {1, 5, 6, 7}), ("val", {8, 9, 11}), ("test", {2, 3, 4})])
def test_frames_as_others_extract_them(tmp_path: Path, names: tuple[str, str], split: str, numbers: set[int]) -> None:
    for subject in range(1, 12):
        for name in names:
            frame(tmp_path / name.format(subject))
    frame(tmp_path / "masks" / Path(names[0].format(8).removeprefix("images/")).with_suffix(".png"))
    pairs = human36m.read(tmp_path, split)
    root = tmp_path / "images" if names[0].startswith("images") else tmp_path
    told = {int(name.split("_")[1]) if name.startswith("s_") else int(name[1:]) for name in subjects(pairs, root)}
    assert told == numbers
    assert sum(bool(pair.label) for pair in pairs) == len(numbers)
    assert any(pair.mask_a or pair.mask_b for pair in pairs) == (split == "val")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="none is no folder"):
        human36m.read(tmp_path / "none", "train")
    with pytest.raises(PairsError, match="holds no frames of S1, S5, S6, S7"):
        human36m.read(tmp_path, "train")
    film(tmp_path / "S2/Videos/Eating.54138969.mp4", 0)
    with pytest.raises(PairsError, match="--work"):
        human36m.read(tmp_path, "test")
    with pytest.raises(PairsError, match="the videos of S3"):
        human36m.read(tmp_path, "test", work=tmp_path / "work")
    (tmp_path / "S2/Videos/Greeting.54138969.mp4").write_bytes(b"no video")
    with pytest.raises(PairsError, match=r"Greeting\.54138969\.mp4: no frame"):
        human36m.read(tmp_path, "test", work=tmp_path / "work")
