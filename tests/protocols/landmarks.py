"""PhotoTourism in small, in its own layout: photographs of painted facades, and COLMAP models that fit them."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.scott_core.data.readers.test_phototourism import as_binary

SCENES = ("reichstag", "sacre_coeur", "st_peters_square")  # those of split val
PHOTOGRAPHS = 3  # of each scene; every two show the whole facade
SIZE = (320, 240)  # px, width and height of a photograph
FACADE = (200, 140)  # px, width and height of a facade
POINTS = 600  # 3D points on a facade; a photograph sees 8 of 10


def write_phototourism(root: Path) -> dict[str, NDArray[np.bool_]]:
    """Writes the scenes; returns where the facade is in each photograph, bool [h, w], by `scene/name`."""
    truth = {}
    for number, scene in enumerate(SCENES):
        rng = np.random.default_rng(number)
        facade, points = _facade(rng), rng.uniform(0, FACADE, (POINTS, 2))
        images = root / scene / "dense" / "images"
        images.mkdir(parents=True)
        seen = {}
        for photograph in range(PHOTOGRAPHS):
            name = f"{photograph:08}.jpg"
            view = _homography(rng)
            image = np.full((SIZE[1], SIZE[0], 3), rng.integers(120, 256, 3), np.uint8)
            cv2.warpPerspective(facade, view, SIZE, dst=image, borderMode=cv2.BORDER_TRANSPARENT)
            Image.fromarray(image).save(images / name)
            whole = np.full(facade.shape[:2], 255, np.uint8)
            truth[f"{scene}/{name}"] = cv2.warpPerspective(whole, view, SIZE) > 127
            ids = rng.permutation(POINTS)[: POINTS * 8 // 10]
            projected = cv2.perspectiveTransform(points[None, ids], view)[0]
            seen[name] = [(x, y, i) for (x, y), i in zip(projected.tolist(), ids.tolist(), strict=True)]
        model = root / scene / "dense" / "sparse" / "images.bin"
        model.parent.mkdir()
        model.write_bytes(as_binary(seen))
    return truth


def _facade(rng: np.random.Generator) -> NDArray[np.uint8]:
    """A wall with rows of windows, arches and stones, uint8 [h, w, 3], in colours of its own."""
    width, height = FACADE
    wall = np.full((height, width, 3), rng.integers(60, 200, 3), np.uint8)
    for _ in range(60):
        x, y = rng.integers(0, FACADE).tolist()
        w, h = rng.integers(6, 30, 2).tolist()
        cv2.rectangle(wall, (x, y), (x + w, y + h), rng.integers(0, 256, 3).tolist(), -1)
        cv2.circle(wall, (x, y), w // 3, rng.integers(0, 256, 3).tolist(), 2)
    return wall


def _homography(rng: np.random.Generator) -> NDArray[np.float64]:
    """From the facade into a photograph that shows all of it, from somewhere before it."""
    (width, height), (w, h) = FACADE, SIZE
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    margin = np.array([[0.15, 0.15], [0.85, 0.15], [0.85, 0.85], [0.15, 0.85]]) + rng.uniform(-0.12, 0.12, (4, 2))
    return cv2.getPerspectiveTransform(corners, (margin * (w, h)).astype(np.float32))
