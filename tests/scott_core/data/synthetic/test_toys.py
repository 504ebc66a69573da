"""Procedural toys: equal arguments give equal pixels, other seeds and views do not, masks are the object."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from scott_core.data.synthetic import toys
from scott_core.errors import InputError

KINDS = range(len(toys.TOY_KINDS))


@pytest.fixture
def renders() -> None:
    """Skips where toys cannot be rendered."""
    pytest.importorskip("pybullet", reason="pybullet is not installed: toys cannot be rendered")


def _difference(a: np.ndarray, b: np.ndarray) -> float:
    """Mean absolute difference of the images over white."""
    over_white = [im[..., :3] * (im[..., 3:] / 255) + 255 - im[..., 3:] for im in (a.astype(float), b.astype(float))]
    return float(np.abs(over_white[0] - over_white[1]).mean())


@pytest.mark.usefixtures("renders")
@pytest.mark.parametrize("seed", KINDS)
def test_view_and_instance_change_the_image_and_nothing_else_does(seed: int) -> None:
    image = toys.render_toy(seed, 0, 64)
    assert image.shape == (64, 64, 4)
    assert image.dtype == np.uint8
    assert _difference(image, toys.render_toy(seed, 1, 64)) > 3
    assert _difference(image, toys.render_toy(seed + len(KINDS), 0, 64)) > 3
    np.testing.assert_array_equal(image, toys.render_toy(seed, 0, 64))


@pytest.mark.usefixtures("renders")
@pytest.mark.parametrize("seed", KINDS)
def test_mask_is_whole_and_touches_no_edge(seed: int) -> None:
    alpha = toys.render_toy(seed, 2, 96)[..., 3]
    inside = alpha > 127
    assert 0.03 < inside.mean() < 0.9
    assert not np.concatenate([inside[0], inside[-1], inside[:, 0], inside[:, -1]]).any()
    rows, columns = np.nonzero(inside)
    assert max(np.ptp(rows), np.ptp(columns)) > 0.7 * 96


@pytest.mark.usefixtures("renders")
def test_colours_belong_to_the_instance() -> None:
    """The texture of one toy must not stick to the next one (pybullet caches textures by file name)."""
    first = toys.render_toy(1, 0, 64)
    toys.render_toy(5, 0, 64)
    np.testing.assert_array_equal(first, toys.render_toy(1, 0, 64))


@pytest.mark.usefixtures("renders")
def test_command_writes_a_folder_a_toy(tmp_path: Path) -> None:
    toys.main(["--out", str(tmp_path), "--instances", "2", "--views", "2", "--start", "7", "--size", "48"])
    written = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.png"))
    assert written == ["000007/0.png", "000007/1.png", "000008/0.png", "000008/1.png"]
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "000008/1.png")), toys.render_toy(8, 1, 48))


@pytest.mark.parametrize("seed", KINDS)
def test_a_toy_is_built_without_a_renderer(seed: int) -> None:
    build = toys.BUILDERS[toys.toy_kind(seed)]
    mesh, again = (build(np.random.default_rng(seed), np.random.default_rng(1)).merged() for _ in range(2))
    assert mesh.faces.max() < len(mesh.vertices) == len(mesh.normals) == len(mesh.uvs)
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(mesh.vertices, again.vertices)


def test_without_pybullet_rendering_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "pybullet", None)  # importing it now fails as if it were not installed
    monkeypatch.setattr(toys, "_renderer", toys._renderer.__wrapped__)
    with pytest.raises(InputError, match="pip install pybullet"):
        toys.render_toy(0, 0, 16)
    with pytest.raises(SystemExit, match="toys: rendering toys needs pybullet"):
        toys.main(["--out", str(tmp_path), "--instances", "1", "--views", "1"])
    assert list(tmp_path.iterdir()) == []
