"""Human3.6M: ten actors in one room, seen by four cameras (paper, section 5.2).

Source: vision.imar.ro/human3.6m, after registering with an academic address. Terms: its licence agreement grants
academic use only and no redistribution; train nothing that ships on it.

The paper's split is subjects 1, 5, 6, 7 for train (34,889 pairs), 8, 9, 11 for val (2,349), and 2, 3, 4 for test
(24,420). S2, S3, S4 and S10 are the set's official test subjects: they have videos and segments, but no poses, which
pairs do not need. The images of S10 are withheld, so it is in no split. The set is read as downloaded, videos beside
their segments:

    ROOT/S1/Videos/Directions 1.54138969.mp4
    ROOT/S1/MySegmentsMat/ground_truth_bs/Directions 1.54138969.mp4      the segments' MPEG4 download

Every `step`-th frame is then written to `work`/images and its mask to `work`/masks first; a video that is already there
is left as it is. Or it is read as frames, a folder for each video, under ROOT/images or ROOT itself:

    S1/Directions 1.54138969/000064.jpg                                 as this reader writes them
    S1/Directions-1/imageSequence/54138969/img_000065.jpg               h36m-fetch
    s_01_act_02_subact_01_ca_01/s_01_act_02_subact_01_ca_01_000065.jpg  3DMPPE and others

Masks of frames are files of the same relative name with .png in `masks`, by default ROOT/masks. The .mat segments are
not read. The two images of a pair are of different videos, whether they match or not. Half of the pairs match; the
others are `hard`, since there is one category only.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import cv2

from scott_core.data.instances import Instance, View
from scott_core.data.readers.layout import check_split, mask_of, need_folder
from scott_core.data.sampling import sample_pairs
from scott_core.errors import PairsError
from scott_core.pairs import Pair

SUBJECTS = {"train": (1, 5, 6, 7), "val": (8, 9, 11), "test": (2, 3, 4)}
SIZES = {"train": 34_889, "val": 2_349, "test": 24_420}  # pairs, of the paper
STEP = 64  # frames between two that are kept, at 50 a second; ours, the paper gives none
_SUBJECT = re.compile(r"(?:S|s_0?)(\d{1,2})(?:_.*)?")
_DAMAGED = ("S11/Videos/Directions.54138969.mp4",)  # not decodable as distributed


def read(
    root: Path,
    split: str,
    *,
    size: int | None = None,
    seed: int = 0,
    masks: Path | None = None,
    work: Path | None = None,
    step: int = STEP,
) -> list[Pair]:
    """`size` pairs (the paper's SIZES by default) of the subjects of `split`.

    Raises PairsError where the folder holds none of them, or holds videos and no `work` is given.
    """
    check_split(split)
    need_folder(root, "it should hold Human3.6M: S1/Videos and so on, or frames")
    if any(root.glob("S*/Videos")):
        if work is None:
            raise PairsError(f"{root} holds videos; name a folder for their frames: --work")
        extract_frames(root, work, SUBJECTS[split], step=step)
        root = work
    if masks is None:
        masks = root / "masks" if (root / "masks").is_dir() else None
    else:
        need_folder(masks, "masks are read from there")
    images = root / "images" if (root / "images").is_dir() else root
    actors = {number: Instance(f"S{number}", "person", "person") for number in SUBJECTS[split]}
    for image in sorted(images.rglob("*.jpg")):
        name = image.relative_to(images)
        subject = _SUBJECT.fullmatch(name.parts[0])
        if subject and (actor := actors.get(int(subject[1]))):
            actor.views.append(View(image, mask_of(masks, name)))
    absent = [actor.name for actor in actors.values() if not actor.views]
    if absent:
        raise PairsError(f"{images} holds no frames of {', '.join(absent)}, which {split} needs")
    return sample_pairs(
        list(actors.values()),
        size=SIZES[split] if size is None else size,
        seed=seed,
        suits=lambda a, b: a.image.parent != b.image.parent,
    )


def extract_frames(root: Path, work: Path, subjects: tuple[int, ...], *, step: int = STEP) -> None:
    """Writes every `step`-th frame of the videos to work/images/S1/<video>/000000.jpg, and its mask to work/masks.

    A video that is there already is left as it is. Raises PairsError for a subject without videos and for a damaged
    video.
    """
    for subject in (f"S{number}" for number in subjects):
        folder = need_folder(root / subject / "Videos", f"the videos of {subject} are needed")
        for video in sorted(folder.glob("*.mp4")):
            if video.name.startswith("_ALL") or (work / "images" / subject / video.stem).is_dir():
                continue
            segments = root / subject / "MySegmentsMat" / "ground_truth_bs" / video.name
            if segments.is_file():
                _write_frames(segments, work / "masks" / subject / video.stem, step, is_mask=True)
            if not _write_frames(video, work / "images" / subject / video.stem, step) and (
                video.relative_to(root).as_posix() not in _DAMAGED
            ):
                raise PairsError(f"{video}: no frame can be decoded; download it again")


def _write_frames(video: Path, out: Path, step: int, *, is_mask: bool = False) -> int:
    """Writes the frames of a video to `out`, which appears whole or not at all; returns how many there were."""
    part = out.with_name(out.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    number = 0
    for index, frame in _frames(video, step):
        if is_mask:  # compression blurs the mask's edge
            cv2.imwrite(str(part / f"{index:06d}.png"), (frame.max(axis=2) > 127) * 255)
        else:
            cv2.imwrite(str(part / f"{index:06d}.jpg"), frame)
        number += 1
    shutil.rmtree(out, ignore_errors=True)
    if number:
        os.replace(part, out)
    else:
        part.rmdir()
    return number


def _frames(video: Path, step: int) -> Iterator[tuple[int, cv2.typing.MatLike]]:
    """Number and BGR image, uint8 [h, w, 3], of every `step`-th frame."""
    capture = cv2.VideoCapture(str(video))
    try:
        index = 0
        while capture.grab():
            if index % step == 0:
                read, frame = capture.retrieve()
                if read:
                    yield index, frame
            index += 1
    finally:
        capture.release()
