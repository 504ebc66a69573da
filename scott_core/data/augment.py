"""From a view to a training picture: warp, relight, cut out, composite, occlude; the mask goes where its object goes.

Non-rigid warps are what turns one masked photograph into matching pairs of an object that folds and hangs anew
(section 3 of the paper: structure changes, no transformation aligns the two). All arrays are uint8 RGB [H, W, 3] and
float32 masks [H, W] in [0, 1]; all randomness comes from the generator passed in.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Mask = NDArray[np.float32]


def crop_to_mask(image: Picture, mask: Mask, margin: float = 0.03) -> tuple[Picture, Mask]:
    """The bounding box of the mask, with a margin; the whole picture where the mask is empty."""
    ys, xs = np.nonzero(mask > 0.5)
    if len(ys) == 0:
        return image, mask
    pad = int(margin * max(image.shape[:2])) + 1
    y0, y1 = max(ys.min() - pad, 0), min(ys.max() + pad + 1, image.shape[0])
    x0, x1 = max(xs.min() - pad, 0), min(xs.max() + pad + 1, image.shape[1])
    return image[y0:y1, x0:x1], mask[y0:y1, x0:x1]


def warp(image: Picture, mask: Mask, rng: Generator, *, size: int, scale: float, bend: float) -> tuple[Picture, Mask]:
    """Lay the object in a square of `size`: its longer side takes `scale` of it, turned, sheared, bent, moved.

    `bend` is the amplitude of a smooth random displacement field, as a share of the object's size: 0 keeps it rigid,
    0.1 folds and stretches cloth.
    """
    height, width = image.shape[:2]
    zoom = scale * size / max(height, width)
    angle = rng.normal(0, 0.25) if rng.random() < 0.8 else rng.uniform(-np.pi, np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    shape = np.array([[1, rng.normal(0, 0.08)], [0, 1]]) @ np.diag(np.exp(rng.normal(0, 0.08, 2)))
    linear = np.array([[cos, -sin], [sin, cos]]) @ shape * zoom
    room = max(0.0, (1 - scale) / 2) + 0.06
    centre = size * (0.5 + rng.uniform(-room, room, 2))
    inverse = np.linalg.inv(linear)
    ys, xs = np.mgrid[0:size, 0:size].astype(np.float32)
    points = np.stack([xs - centre[0], ys - centre[1]], -1) @ inverse.T.astype(np.float32)
    if bend > 0:
        coarse = rng.normal(0, 1, (4, 4, 2)).astype(np.float32)
        points += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) * (bend * max(height, width))
    map_x = (points[..., 0] + width / 2).astype(np.float32)
    map_y = (points[..., 1] + height / 2).astype(np.float32)
    warped = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    covered = cv2.remap(mask, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return np.asarray(warped, np.uint8), np.asarray(covered, np.float32)


def relight(image: Picture, rng: Generator, strength: float = 1.0) -> Picture:
    """Exposure, contrast, temperature, saturation, a soft gradient of light; hue stays, it tells objects apart."""
    x = image.astype(np.float32) / 255.0
    x = x ** np.exp(rng.normal(0, 0.18 * strength))
    gains = np.exp(rng.normal(0, 0.12 * strength) + np.array([1, 0, -1]) * rng.normal(0, 0.05 * strength))
    x = x * gains.astype(np.float32)
    grey = x.mean(-1, keepdims=True)
    x = grey + (x - grey) * np.exp(rng.normal(0, 0.15 * strength))
    if rng.random() < 0.5:
        corners = np.exp(rng.normal(0, 0.15 * strength, (2, 2))).astype(np.float32)
        x = x * cv2.resize(corners, image.shape[1::-1])[..., None]
    return np.asarray(np.clip(x * 255.0, 0, 255), np.uint8)


def plain_background(size: int, rng: Generator) -> Picture:
    """Studio white mostly; else a soft gradient of two colours."""
    if rng.random() < 0.6:
        return np.full((size, size, 3), int(rng.integers(240, 256)), np.uint8)
    corners = rng.uniform(40, 255, (1, 1, 3)) + rng.normal(0, 25, (2, 2, 3))
    gradient = cv2.resize(corners.astype(np.float32), (size, size))
    return np.asarray(np.clip(gradient + rng.normal(0, 3, (size, size, 1)), 0, 255), np.uint8)


def photo_background(photo: Picture, size: int, rng: Generator) -> Picture:
    """A random square crop of a photograph, flipped now and then."""
    side = int(min(photo.shape[:2]) * rng.uniform(0.5, 1.0))
    y = int(rng.integers(0, photo.shape[0] - side + 1))
    x = int(rng.integers(0, photo.shape[1] - side + 1))
    crop = cv2.resize(photo[y : y + side, x : x + side], (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(crop[:, ::-1] if rng.random() < 0.5 else crop, np.uint8)


def composite(image: Picture, mask: Mask, background: Picture) -> Picture:
    """The object over the background, its mask as alpha."""
    alpha = mask[..., None]
    return np.asarray(image * alpha + background * (1 - alpha), np.uint8)


def occlude(image: Picture, mask: Mask, cover: Picture, rng: Generator) -> tuple[Picture, Mask]:
    """Something else in front: a rotated rectangle of `cover` hides part of the object, and of its mask."""
    size = image.shape[0]
    box = (rng.uniform(0, size, 2), rng.uniform(0.1, 0.35, 2) * size, rng.uniform(0, 180))
    polygon = cv2.boxPoints((tuple(box[0]), tuple(box[1]), box[2])).astype(np.int32)
    hidden = cv2.fillPoly(np.zeros(mask.shape, np.uint8), [polygon], 1).astype(bool)
    if mask[hidden].sum() > 0.5 * mask.sum():
        return image, mask
    return np.where(hidden[..., None], cover, image), np.where(hidden, np.float32(0), mask)


def photograph(image: Picture, mask: Mask | None, rng: Generator, *, size: int) -> tuple[Picture, Mask]:
    """A natural photograph as it is: a random crop that keeps most of the object, letterboxed on white."""
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.float32) if mask is None else mask
    known = mask.sum() > 0
    for _ in range(4):
        h, w = (int(side * rng.uniform(0.55 if known else 0.8, 1.0)) for side in (height, width))
        y, x = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        if not known or mask[y : y + h, x : x + w].sum() > 0.75 * mask.sum():
            image, mask = image[y : y + h, x : x + w], mask[y : y + h, x : x + w]
            break
    return letterbox(image, mask, size)


def letterbox(image: Picture, mask: Mask, size: int) -> tuple[Picture, Mask]:
    """Fit into a white square, centred, as `scott_core.images.Letterbox` does."""
    height, width = image.shape[:2]
    zoom = size / max(height, width)
    w, h = max(1, round(width * zoom)), max(1, round(height * zoom))
    out, covered = np.full((size, size, 3), 255, np.uint8), np.zeros((size, size), np.float32)
    top, left = (size - h) // 2, (size - w) // 2
    how = cv2.INTER_AREA if zoom < 1 else cv2.INTER_LINEAR
    out[top : top + h, left : left + w] = cv2.resize(image, (w, h), interpolation=how)
    covered[top : top + h, left : left + w] = cv2.resize(mask, (w, h), interpolation=how)
    return out, covered


def degrade(image: Picture, rng: Generator) -> Picture:
    """What a document does to a picture: low resolution, blur, JPEG, grey printing."""
    size = image.shape[0]
    if rng.random() < 0.25:
        small = int(size * rng.uniform(0.35, 0.8))
        image = cv2.resize(cv2.resize(image, (small, small), interpolation=cv2.INTER_AREA), (size, size))  # type: ignore[assignment]
    if rng.random() < 0.15:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.3))  # type: ignore[assignment]
    if rng.random() < 0.05:
        image = np.repeat(image.mean(-1, keepdims=True), 3, -1).astype(np.uint8)
    if rng.random() < 0.4:
        coded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(35, 95))])[1]
        image = cv2.imdecode(coded, cv2.IMREAD_COLOR)  # type: ignore[assignment]
    return image
