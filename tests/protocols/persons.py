"""Human3.6M and Market-1501 in small, in their own layouts: drawn figures in clothes of their own colours."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

SUBJECTS = (*range(1, 10), 11)  # of Human3.6M; the images of S10 are withheld
VIDEOS = ("Directions 1.54138969", "Directions 1.60457274", "Eating.54138969")
FRAMES = 65  # of a video: the reader keeps the first and the last
PERSONS = 751  # in the train folder of Market-1501
CAMERAS = (1, 4)
Pixels = NDArray[np.uint8]


def draw_person(person: int, step: float, ground: tuple[int, int, int], size: tuple[int, int]) -> tuple[Pixels, Pixels]:
    """A standing figure, uint8 [h, w, 3], and its mask, uint8 [h, w], 255 on the person.

    Skin, shirt and trousers have the person's colours; `step` in [-1, 1] swings the limbs; `size` is (h, w).
    """
    h, w = size
    image, mask = np.full((h, w, 3), ground, np.uint8), np.zeros((h, w), np.uint8)
    skin, shirt, trousers = np.random.default_rng(person).integers(30, 226, (3, 3)).tolist()
    swing, limb = step * w / 8, max(2, w // 10)
    for canvas, colours in ((image, (skin, shirt, trousers)), (mask, (255, 255, 255))):
        for side in (-1, 1):
            foot, hand = (
                (round(w / 2 + side * swing), round(h * 0.95)),
                (round(w / 2 - side * swing * 2), round(h * 0.6)),
            )
            cv2.line(canvas, (w // 2, round(h * 0.6)), foot, colours[2], limb)
            cv2.line(canvas, (w // 2, round(h * 0.3)), hand, colours[1], limb)
        cv2.rectangle(canvas, (round(w * 0.4), round(h * 0.25)), (round(w * 0.6), round(h * 0.6)), colours[1], -1)
        cv2.circle(canvas, (w // 2, round(h * 0.16)), round(w * 0.09), colours[0], -1)
    return image, mask


def stride(frame: int) -> float:
    """The step of a walking figure in a video's frame."""
    return float(np.sin(frame / 9))


def write_human36m(root: Path) -> None:
    """Videos of every subject beside their segments, as downloaded; each video has a ground of its own."""
    for subject in SUBJECTS:
        for number, name in enumerate(VIDEOS):
            drawn = [draw_person(subject, stride(i), (40, 90, 60 + 60 * number), (96, 96)) for i in range(FRAMES)]
            _film(root / f"S{subject}/Videos/{name}.mp4", [image for image, _ in drawn])
            segments = root / f"S{subject}/MySegmentsMat/ground_truth_bs/{name}.mp4"
            _film(segments, [np.repeat(mask[..., None], 3, axis=2) for _, mask in drawn])


def write_market1501(root: Path) -> None:
    """The train folder with one detection of each person before each of two cameras, which differ in their ground."""
    folder = root / "bounding_box_train"
    folder.mkdir(parents=True)
    for person in range(2, 2 + 2 * PERSONS, 2):  # the real numbers have gaps, too
        for camera in CAMERAS:
            image, _ = draw_person(person, camera / 5, (160, 40 * camera, 90), (128, 64))
            Image.fromarray(image).save(folder / f"{person:04}_c{camera}s1_000451_03.jpg")


def _film(path: Path, frames: list[Pixels]) -> None:
    """A video at 50 frames a second."""
    path.parent.mkdir(parents=True, exist_ok=True)
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), 50, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
