"""Procedural toys: rendered images of our own with exact masks, to train on and to build samples from.

A toy is an instance that its seed determines (kind, proportions, colours, prints). A view is determined by a seed of
its own (viewpoint, light and the pose of the joints). The same seed with another view shows the same object,
and another seed of the same kind (`seed + k * len(TOY_KINDS)`) a hard negative. pybullet's software renderer draws them
(extra `toys`; it has wheels for Python 3.11); no model that pybullet carries is used.

    python -m scott_core.data.synthetic.toys --out DIR --instances N --views V [--start SEED] [--size 192]

writes RGBA images DIR/<seed:06d>/<view>.png and DIR/manifest.csv, which `scott pack` reads. pybullet keeps about 1 MB
of each image until its process ends, so the command renews its processes.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import multiprocessing
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from tqdm import tqdm

from scott_core.data.sources import write_manifest
from scott_core.data.synthetic.toy_kinds import ANIMALS, BUILDERS
from scott_core.data.synthetic.toy_meshes import Array, Mesh, turn
from scott_core.data.synthetic.toy_textures import paint_atlas
from scott_core.errors import InputError

TOY_KINDS = tuple(BUILDERS)
SUPERSAMPLING = 2  # pixels rendered for one of the image, on each axis
TOYS_PER_PROCESS = 60  # of 8 views at about 1 MB each: half a GB


def toy_kind(seed: int) -> str:
    """Name of the kind of toy that `seed` makes."""
    return TOY_KINDS[seed % len(TOY_KINDS)]


@dataclass(frozen=True)
class _Shot:
    """A camera at the origin looking along -z at vertices [n, 3], its frustum, and the renderer's light."""

    mesh: Mesh
    projection: list[float]
    light: dict[str, Any]


def render_toy(seed: int, view_seed: int, size: int = 256) -> npt.NDArray[np.uint8]:
    """One image of one toy, RGBA uint8 [size, size, 4]; alpha is the object's exact, anti-aliased mask.

    Equal arguments give equal pixels. The toy fills most of the image and is never cut off. Raises InputError where
    pybullet is not installed.
    """
    shape = np.random.default_rng([seed, 1])
    view = np.random.default_rng([seed, 2, view_seed])
    kind = toy_kind(seed)
    mesh = BUILDERS[kind](shape, np.random.default_rng([seed, 3, view_seed])).merged()
    atlas = paint_atlas(np.random.default_rng([seed, 4]), animal=kind in ANIMALS)
    rgb, mask = _rasterise(_compose(mesh, view), atlas, size * SUPERSAMPLING)
    return _downscale(rgb, mask)


def _compose(mesh: Mesh, view: np.random.Generator) -> _Shot:
    """Turns the toy before the camera and fits an off-axis frustum around it."""
    azimuth, elevation, roll = view.uniform(0, 360), view.uniform(-5, 60), view.normal(0, 5)
    rotation = turn("z", roll) @ turn("x", elevation - 90) @ turn("z", azimuth)
    rotation3 = rotation[:3, :3]
    centre = (mesh.vertices.min(0) + mesh.vertices.max(0)) / 2
    radius = float(np.linalg.norm(mesh.vertices - centre, axis=1).max())
    distance = radius * view.uniform(2.2, 6.0)
    vertices = (mesh.vertices - centre) @ rotation3.T - [0, 0, distance]
    seen = vertices[:, :2] / -vertices[:, 2:]
    low, high = seen.min(0), seen.max(0)
    half = float((high - low).max()) / 2 / view.uniform(0.78, 0.96)
    slack = half - (high - low) / 2
    middle = (low + high) / 2 + slack * view.uniform(-0.7, 0.7, 2)
    near, far = distance - 1.05 * radius, distance + 1.05 * radius
    (left, bottom), (right, top) = (middle - half) * near, (middle + half) * near
    projection = [
        *(2 * near / (right - left), 0.0, 0.0, 0.0),
        *(0.0, 2 * near / (top - bottom), 0.0, 0.0),
        *(
            (right + left) / (right - left),
            (top + bottom) / (top - bottom),
            -(far + near) / (far - near),
            -1.0,
        ),
        *(0.0, 0.0, -2 * far * near / (far - near), 0.0),
    ]
    placed = Mesh(vertices, mesh.normals @ rotation3.T, mesh.uvs, mesh.faces)
    return _Shot(placed, projection, _light(view))


def _light(view: np.random.Generator) -> dict[str, Any]:
    """A key light from above and from the camera's side, neutral to slightly warm or cool."""
    direction: Array = np.array([view.uniform(-1.0, 1.0), view.uniform(0.3, 1.2), view.uniform(0.5, 1.3)])
    ambient = view.uniform(0.42, 0.62)
    warmth = view.normal(0, 0.035)
    return {
        "lightDirection": (10 * direction).tolist(),
        "lightColor": [1.0 + warmth, 1.0, 1.0 - warmth],
        "lightDistance": 20.0,
        "lightAmbientCoeff": ambient,
        "lightDiffuseCoeff": view.uniform(0.95, 1.15) - ambient,
        "lightSpecularCoeff": view.uniform(0.0, 0.25),
    }


def import_pybullet() -> Any:
    """The module pybullet, which only rendering needs. Raises InputError where it is not installed."""
    try:
        import pybullet
    except ModuleNotFoundError as error:
        raise InputError(
            "rendering toys needs pybullet, which is not installed: pip install pybullet (wheels: Python 3.11)"
        ) from error
    return pybullet


@functools.cache
def _renderer() -> tuple[Any, int, str, Iterator[int]]:
    """pybullet, a connection of this process, a folder for its textures and names for them."""
    pybullet = import_pybullet()
    folder = tempfile.mkdtemp(prefix="toys-")
    return pybullet, pybullet.connect(pybullet.DIRECT), folder, itertools.count()


def _rasterise(
    shot: _Shot, atlas: npt.NDArray[np.uint8], size: int
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.bool_]]:
    """RGB [size, size, 3] and mask [size, size] of a shot."""
    bullet, client, folder, names = _renderer()
    texture = Path(folder) / f"{next(names)}.bmp"  # a new name each time: pybullet caches textures by name
    Image.fromarray(atlas).save(texture)
    bullet.resetSimulation(physicsClientId=client)
    mesh = shot.mesh
    visual = bullet.createVisualShape(
        bullet.GEOM_MESH,
        vertices=mesh.vertices.tolist(),
        normals=mesh.normals.tolist(),
        uvs=mesh.uvs.tolist(),
        indices=mesh.faces.ravel().tolist(),
        physicsClientId=client,
    )
    body = bullet.createMultiBody(0, baseVisualShapeIndex=visual, physicsClientId=client)
    skin = bullet.loadTexture(str(texture), physicsClientId=client)
    bullet.changeVisualShape(body, -1, textureUniqueId=skin, physicsClientId=client)
    texture.unlink()
    _, _, rgba, _, segmentation = bullet.getCameraImage(
        size,
        size,
        viewMatrix=np.eye(4).ravel().tolist(),
        projectionMatrix=shot.projection,
        shadow=1,
        renderer=bullet.ER_TINY_RENDERER,
        physicsClientId=client,
        **shot.light,
    )
    rgb = np.asarray(rgba, dtype=np.uint8).reshape(size, size, 4)[..., :3]
    return rgb, np.asarray(segmentation).reshape(size, size) == body


def _downscale(rgb: npt.NDArray[np.uint8], mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.uint8]:
    """Averages blocks of pixels, [size * SUPERSAMPLING, ...] to RGBA [size, size, 4].

    Colours are weighted by the mask, so that no background enters them.
    """
    size = len(mask) // SUPERSAMPLING
    weight = mask.astype(np.float32)
    premultiplied = np.dstack([rgb * weight[..., None], 255 * weight])
    small = cv2.resize(premultiplied, (size, size), interpolation=cv2.INTER_AREA)
    alpha = small[..., 3:]
    colour = small[..., :3] * 255 / np.maximum(alpha, 1e-6)
    return np.clip(np.dstack([colour, alpha]), 0, 255).round().astype(np.uint8)


def _write_toy(seed: int, out: Path, views: int, size: int) -> int:
    """Writes the views of one toy, in a process of the pool; returns its seed."""
    folder = out / f"{seed:06d}"
    folder.mkdir(parents=True, exist_ok=True)
    for view in range(views):
        Image.fromarray(render_toy(seed, view, size)).save(folder / f"{view}.png", compress_level=3)
    return seed


def main(arguments: list[str] | None = None) -> None:
    """Writes images of many toys with two processes."""
    parser = argparse.ArgumentParser(
        prog="python -m scott_core.data.synthetic.toys", description="Render procedural toys."
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--instances", type=int, required=True)
    parser.add_argument("--views", type=int, required=True)
    parser.add_argument("--start", type=int, default=0)
    parser.add_argument("--size", type=int, default=192)
    options = parser.parse_args(arguments)
    try:
        import_pybullet()
    except InputError as error:
        sys.exit(f"toys: {error}")
    write = functools.partial(_write_toy, out=options.out, views=options.views, size=options.size)
    seeds = range(options.start, options.start + options.instances)
    with multiprocessing.get_context("spawn").Pool(2, maxtasksperchild=TOYS_PER_PROCESS) as pool:
        for _ in tqdm(pool.imap_unordered(write, seeds), total=len(seeds), unit="toy"):
            pass
    views = [(f"{seed:06d}/{view}.png", seed) for seed in seeds for view in range(options.views)]
    rows = [(path, f"toy_{seed}", toy_kind(seed)) for path, seed in views]
    write_manifest(options.out, rows, dataset="toy", split="train")


if __name__ == "__main__":
    main()
