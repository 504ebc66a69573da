"""PhotoTourism: photographs of landmarks by tourists, the unseen test of segmentation (paper, section 5.1, table 3).

Source: the data pages of the Image Matching Challenge 2020 and 2021 (UBC and UVic). Terms: the photographs are of
Flickr users (YFCC100M), each under its own Creative Commons licence; the reconstructions are the challenge's.

    ROOT/<scene>/dense/images/*.jpg, ROOT/<scene>/dense/sparse/images.bin     a training scene
    ROOT/<scene>/set_100/images/*.jpg                                         a validation scene, with
    ROOT/<scene>/set_100/new-vis-pairs/keys-th-0.1.npy                        its co-visible pairs

A COLMAP model, images.bin or images.txt, is looked for in dense/sparse, sparse/0 and sparse of the scene (and of its
set_100); images in dense/images, set_100/images and images. Splits are the challenge's scenes: VAL, TEST, and train for
the others. A scene is an instance. Two of its images match where they share MIN_POINTS 3D points, or, without a model,
where keys-th-0.1.npy lists them. Half of the pairs match; the others are of two scenes and `hard`, since landmarks are
one category.

The masks of a matching pair are the region that both images see: the convex hull of the shared points, dilated by
DILATION and written to `work`/<scene>. They are coarse and include occluders before the building. Masks of your own,
`masks`/<scene>/<image>.png, take precedence. The paper's masks of 1,000 pairs were drawn by hand and are not published.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from scott_core.data.instances import Instance, View
from scott_core.data.readers.layout import check_split, mask_of, need_folder
from scott_core.data.sampling import sample_pairs
from scott_core.errors import PairsError
from scott_core.pairs import Pair

VAL = ("reichstag", "sacre_coeur", "st_peters_square")
TEST = (
    "british_museum",
    "florence_cathedral_side",
    "lincoln_memorial_statue",
    "london_bridge",
    "milan_cathedral",
    "mount_rushmore",
    "piazza_san_marco",
    "sagrada_familia",
    "st_pauls_cathedral",
    "united_states_capitol",
)
SIZE = 2000  # pairs, half of which match: the paper labelled 1,000
MIN_POINTS = 100  # shared 3D points that make a match; ours, not tuned
DILATION = 0.02  # of the image's longer side; ours, not tuned
_IMAGES = ("dense/images", "set_100/images", "images")
_MODELS = ("dense/sparse", "sparse/0", "sparse", "set_100/sparse/0", "set_100/sparse")
_KEYS = "set_100/new-vis-pairs/keys-th-0.1.npy"


@dataclass(frozen=True)
class Points:
    """The n triangulated points of one image."""

    xy: npt.NDArray[np.float64]  # [n, 2], pixels
    ids: npt.NDArray[np.int64]  # [n], of the 3D points


@dataclass(frozen=True)
class _Scene:
    name: str
    images: Path
    points: dict[str, Points]  # by file name; empty without a model
    keys: frozenset[frozenset[str]]  # stems of co-visible images where there is no model

    def covisible(self, a: Path, b: Path, min_points: int) -> bool:
        """Whether two images of the scene match."""
        if not self.points:
            return frozenset((a.stem, b.stem)) in self.keys
        return len(np.intersect1d(self.points[a.name].ids, self.points[b.name].ids)) >= min_points


def read(
    root: Path,
    split: str,
    *,
    size: int = SIZE,
    seed: int = 0,
    masks: Path | None = None,
    work: Path | None = None,
    min_points: int = MIN_POINTS,
) -> list[Pair]:
    """`size` pairs of the scenes of `split`; without `masks` and `work` their masks are None.

    Raises PairsError where no scene of the split is there, or a scene has neither model nor list of pairs.
    """
    check_split(split)
    need_folder(root, "it should hold PhotoTourism, a folder for each scene")
    if masks is not None:
        need_folder(masks, "masks are read from there")
    scenes = {
        folder: _read_scene(path, folder)
        for path in sorted(root.iterdir())
        if _split_of(path.name) == split and (folder := _first(path, _IMAGES))
    }
    if not scenes:
        raise PairsError(f"{root} holds no {split} scene: a folder with one of {', '.join(_IMAGES)}")
    instances = [
        Instance(
            scene.name,
            "landmark",
            "landmark",
            [
                View(image, mask_of(masks, Path(scene.name, image.name)))
                for image in sorted(folder.glob("*.jpg"))
                if not scene.points or image.name in scene.points
            ],
        )
        for folder, scene in scenes.items()
    ]

    def suits(a: View, b: View) -> bool:
        folder = a.image.parent
        return folder != b.image.parent or scenes[folder].covisible(a.image, b.image, min_points)

    pairs = sample_pairs(instances, size=size, seed=seed, suits=suits)
    if work is None:
        return pairs
    return [_with_hulls(pair, scenes[pair.path_a.parent], work) if pair.label else pair for pair in pairs]


def read_points(model: Path) -> dict[str, Points]:
    """The points of each image of a COLMAP model, folder `model` with images.bin or images.txt, by file name.

    Raises PairsError where the model cannot be read.
    """
    path = model / "images.bin"
    try:
        if path.is_file():
            return _read_binary(path.read_bytes())
        path = model / "images.txt"
        return _read_text(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, IndexError, struct.error) as error:
        raise PairsError(f"{path} cannot be read as a COLMAP model: {error}") from error


def _read_binary(data: bytes) -> dict[str, Points]:
    """Reads images.bin: id, pose (7 doubles), camera, name with a zero byte, n points (x, y, id); little endian."""
    point = np.dtype([("x", "<f8"), ("y", "<f8"), ("id", "<i8")])
    found = {}
    at = 8
    for _ in range(struct.unpack_from("<Q", data)[0]):
        at += 4 + 7 * 8 + 4
        end = data.index(b"\0", at)
        name = data[at:end].decode()
        (n,) = struct.unpack_from("<Q", data, end + 1)
        points = np.frombuffer(data, point, n, end + 9)
        at = end + 9 + n * point.itemsize
        found[name] = _triangulated(np.stack([points["x"], points["y"]], axis=1), points["id"])
    return found


def _read_text(text: str) -> dict[str, Points]:
    """Reads images.txt: for each image `ID QW QX QY QZ TX TY TZ CAMERA NAME`, and `X Y POINT3D_ID ...` or empty."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    found = {}
    for header, points in zip(lines[::2], lines[1::2], strict=True):
        values = np.array(points.split(), np.float64).reshape(-1, 3)
        found[header.split(maxsplit=9)[9]] = _triangulated(values[:, :2], values[:, 2].astype(np.int64))
    return found


def _triangulated(xy: npt.NDArray[np.float64], ids: npt.NDArray[np.int64]) -> Points:
    known = ids >= 0  # -1: seen in no other image
    return Points(xy[known], ids[known])


def _read_scene(path: Path, images: Path) -> _Scene:
    model = next((path / m for m in _MODELS for f in ("bin", "txt") if (path / m / f"images.{f}").is_file()), None)
    if model is not None:
        return _Scene(path.name, images, read_points(model), frozenset())
    try:
        listed = np.load(path / _KEYS)
    except (OSError, ValueError) as error:
        raise PairsError(f"{path} has neither a COLMAP model ({', '.join(_MODELS)}) nor {_KEYS}: {error}") from error
    return _Scene(path.name, images, {}, frozenset(frozenset(str(key).split("-")) for key in listed))


def _split_of(scene: str) -> str:
    return "val" if scene in VAL else "test" if scene in TEST else "train"


def _first(path: Path, names: tuple[str, ...]) -> Path | None:
    return next((path / name for name in names if (path / name).is_dir()), None)


def _with_hulls(pair: Pair, scene: _Scene, work: Path) -> Pair:
    """The pair with hulls in place of masks that it lacks, where the scene has points."""
    if not scene.points:
        return pair
    a, b = scene.points[pair.path_a.name], scene.points[pair.path_b.name]
    _, in_a, in_b = np.intersect1d(a.ids, b.ids, return_indices=True)
    stem = work / scene.name / f"{pair.path_a.stem}-{pair.path_b.stem}"
    return replace(
        pair,
        mask_a=pair.mask_a or _write_hull(pair.path_a, a.xy[in_a], stem.with_name(f"{stem.name}.a.png")),
        mask_b=pair.mask_b or _write_hull(pair.path_b, b.xy[in_b], stem.with_name(f"{stem.name}.b.png")),
    )


def _write_hull(image: Path, xy: npt.NDArray[np.float64], out: Path) -> Path:
    """Writes the dilated convex hull of xy [n, 2] as a 1-bit image of the image's size; returns `out`."""
    with Image.open(image) as opened:
        width, height = opened.size
    mask = np.zeros((height, width), np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(np.round(xy).astype(np.int32)), 255)
    side = 2 * round(DILATION * max(width, height)) + 1
    mask = cv2.dilate(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))).astype(np.uint8)
    out.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).convert("1").save(out)
    return out
