"""Photographs of toys for the sample: a rendered toy before a procedural background, with shadow and grain.

Each image is determined by its arguments. Backgrounds are numpy noise; nobody's photographs are used. A background
is a float64 array [size, size, 3] in 0 to 255. Its numbers were chosen by eye.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from scott_core.data.synthetic.toys import render_toy

Array = npt.NDArray[np.float64]


def _noise(rng: np.random.Generator, size: int, cells_y: int, cells_x: int) -> Array:
    """Smooth noise [size, size] of a standard deviation of about 1."""
    coarse = rng.normal(size=(cells_y, cells_x))
    return np.asarray(cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC), dtype=np.float64)


def studio(rng: np.random.Generator, size: int) -> Array:
    """White seamless paper, a little darker towards the bottom."""
    fall = np.linspace(0, 1, size)[:, None, None] ** 2
    return np.asarray(253 - 10 * rng.random() * fall * np.ones((1, size, 3)), dtype=np.float64)


def gradient(rng: np.random.Generator, size: int) -> Array:
    """Coloured paper lit from one side."""
    first, second = rng.uniform(95, 235, 3), rng.uniform(70, 215, 3)
    y, x = np.mgrid[0 : 1 : size * 1j, 0 : 1 : size * 1j]
    angle = rng.uniform(0, np.pi)
    ramp = (np.cos(angle) * x + np.sin(angle) * y)[..., None]
    return np.asarray(first + (second - first) * (ramp - ramp.min()) / np.ptp(ramp), dtype=np.float64)


def wood(rng: np.random.Generator, size: int) -> Array:
    """Boards with grain."""
    light, dark = np.array([205.0, 165.0, 115.0]), np.array([120.0, 78.0, 45.0])
    y = np.linspace(0, 1, size)[:, None] * np.ones((1, size))
    boards = int(rng.integers(3, 6))
    shade = rng.uniform(-0.15, 0.15, boards)[np.minimum((y * boards).astype(int), boards - 1)]
    rings = np.sin(60 * (y + 0.05 * _noise(rng, size, 6, 3)) + 3 * _noise(rng, size, 10, 3))
    mix = np.clip(0.45 + 0.22 * rings + shade + 0.08 * _noise(rng, size, size // 2, 12), 0, 1)
    seam = np.abs((y * boards) % 1.0) < 0.012
    return np.asarray(
        (light + (dark - light) * mix[..., None]) * np.where(seam, 0.55, 1.0)[..., None], dtype=np.float64
    )


def fabric(rng: np.random.Generator, size: int) -> Array:
    """Woven cloth with soft folds."""
    colour = rng.uniform(70, 200, 3)
    y, x = np.mgrid[0:size, 0:size]
    weave = np.sin(x * 1.7) * np.cos(y * 1.5)
    folds = _noise(rng, size, 5, 4)
    light = 1 + 0.07 * weave + 0.09 * folds + 0.03 * rng.normal(size=(size, size))
    return np.asarray(colour * light[..., None], dtype=np.float64)


def room(rng: np.random.Generator, size: int) -> Array:
    """A table before a plain wall, out of focus."""
    horizon = int(size * rng.uniform(0.35, 0.55))
    image = gradient(rng, size)
    image[horizon:] = wood(rng, size)[horizon:]
    return np.asarray(cv2.GaussianBlur(image, (0, 0), size / 150), dtype=np.float64)


BACKGROUNDS: dict[str, Callable[[np.random.Generator, int], Array]] = {
    "studio": studio,
    "gradient": gradient,
    "wood": wood,
    "fabric": fabric,
    "room": room,
}


def photograph(seed: int, view: int, background: str, size: int = 400) -> Image.Image:
    """RGB image [size, size] of toy `seed` in view `view` before a background of `BACKGROUNDS`.

    Raises InputError where pybullet is not installed.
    """
    rng = np.random.default_rng([seed, view, 17])
    toy_size = int(size * rng.uniform(0.78, 0.92))
    toy = render_toy(seed, view, toy_size).astype(np.float64)
    top, left = int((size - toy_size) * rng.uniform(0.4, 0.8)), int((size - toy_size) * rng.uniform(0.3, 0.7))
    colour, alpha = np.zeros((size, size, 3)), np.zeros((size, size))
    inside = np.s_[top : top + toy_size, left : left + toy_size]
    colour[inside], alpha[inside] = toy[..., :3], toy[..., 3] / 255
    ground = BACKGROUNDS[background](rng, size) * (1 - 0.38 * _shadow(alpha, size))[..., None]
    image = ground + (colour - ground) * alpha[..., None]
    image = cv2.GaussianBlur(image, (0, 0), 0.6) + rng.normal(0, 2.0, image.shape)
    return Image.fromarray(np.clip(image, 0, 255).round().astype(np.uint8))


def cut_out(seed: int, view: int, size: int = 400) -> Image.Image:
    """RGBA image [size, size] of a toy alone, for an image with a soft mask. Raises InputError as `photograph` does."""
    return Image.fromarray(render_toy(seed, view, size))


def _shadow(alpha: Array, size: int) -> Array:
    """Contact shadow [size, size] in [0, 1]: the outline pressed flat on its lowest row, blurred."""
    rows = np.nonzero(alpha.max(1) > 0.5)[0]
    bottom, height = int(rows[-1]), int(np.ptp(rows)) + 1
    pressed = cv2.resize(
        alpha[bottom - height + 1 : bottom + 1], (size, max(height // 5, 2)), interpolation=cv2.INTER_AREA
    )
    shadow = np.zeros((size, size))
    start = max(bottom - len(pressed) // 2, 0)
    stop = min(start + len(pressed), size)
    shadow[start:stop] = pressed[: stop - start]
    return np.asarray(cv2.GaussianBlur(shadow, (0, 0), size / 45), dtype=np.float64)
