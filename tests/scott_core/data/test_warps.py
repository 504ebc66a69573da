"""The geometry of augmentation, held against SciPy's splines, OpenCV's warps and numpy's affine maps."""

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.interpolate import RBFInterpolator
from torch import Tensor

from scott_core.data import warps
from scott_core.data.warps import GRID, Placement, points, sample, shade, thin_plate

CPU = torch.device("cpu")
LINE = np.linspace(-0.5, 0.5, GRID)
CONTROL = np.array([(x, y) for y in LINE for x in LINE])  # row by row, as `bend` has its displacements


def pixels(size: int) -> NDArray[np.float64]:
    """The centres of the pixels as (x, y), [size, size, 2], of an image that spans [-1/2, 1/2]."""
    line = [(2 * k + 1 - size) / (2 * size) for k in range(size)]
    return np.array([[(x, y) for x in line] for y in line])


def placed(
    matrix: NDArray[np.float64],
    centre: tuple[float, float] = (0.0, 0.0),
    *,
    towards: float = 0.0,
    offset: float = 0.0,
    depth: float = 0.0,
) -> Placement:
    """One object without a bend; its fold, if any, is crossed in the direction `towards`, in radians."""
    return Placement(
        matrix=torch.tensor(matrix, dtype=torch.float32)[None],
        centre=torch.tensor(np.array([centre]), dtype=torch.float32),
        bend=torch.zeros(1, GRID**2, 2),
        fold_normal=torch.tensor([[np.cos(towards), np.sin(towards)]], dtype=torch.float32),
        fold_offset=torch.tensor([offset]),
        fold_depth=torch.tensor([depth]),
    )


def bent(placements: list[Placement], bends: NDArray[np.float64]) -> Placement:
    """The placements as one, with `bends` [n, GRID * GRID, 2]."""
    parts = {name: torch.cat([getattr(p, name) for p in placements]) for name in Placement.__dataclass_fields__}
    return Placement(**{**parts, "bend": torch.tensor(bends, dtype=torch.float32)})


def some_matrix(seed: int) -> NDArray[np.float64]:
    """A turn by any angle, a stretch of each axis, a shear, and now and then a mirror."""
    rng = np.random.default_rng(seed)
    angle = rng.uniform(-np.pi, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    mirror = rng.choice([-1.0, 1.0])
    return np.array([[mirror, rng.normal(0, 0.2)], [0, 1]]) @ np.diag(rng.uniform(0.7, 2.0, 2)) @ turn


def smooth(size: int, seed: int) -> NDArray[np.float32]:
    """A random image in [0, 1] that changes by little from pixel to pixel, [size, size, 3]."""
    noise = np.random.default_rng(seed).normal(size=(size, size, 3))
    blurred = cv2.GaussianBlur(noise, (0, 0), 5)
    span = blurred.max() - blurred.min()
    return ((blurred - blurred.min()) / span).astype(np.float32)


def batch(*images: NDArray[np.float32]) -> Tensor:
    return torch.from_numpy(np.stack(images).transpose(0, 3, 1, 2).copy())


@pytest.mark.parametrize("size", [16, 33])
def test_thin_plate_is_scipys_spline(size: int) -> None:
    values = np.random.default_rng(size).normal(size=(GRID**2, 5))
    expected = RBFInterpolator(CONTROL, values, kernel="thin_plate_spline", degree=1)(pixels(size).reshape(-1, 2))
    found = thin_plate(size, CPU) @ torch.tensor(values, dtype=torch.float32)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_thin_plate_goes_through_its_control_points() -> None:
    size = 480
    values = np.random.default_rng(0).normal(size=GRID**2)
    found = (thin_plate(size, CPU) @ torch.tensor(values, dtype=torch.float32)).view(size, size)
    at = np.clip(np.round((CONTROL + 0.5) * size - 0.5).astype(int), 0, size - 1)  # at most half a pixel away
    np.testing.assert_allclose(found.numpy()[at[:, 1], at[:, 0]], values, atol=0.03)


def test_thin_plate_reproduces_what_is_constant_or_linear() -> None:
    size = 24
    at = pixels(size).reshape(-1, 2)
    for values, expected in (
        (np.full(GRID**2, 0.7), np.full(size**2, 0.7)),
        (3 * CONTROL[:, 0] - 2 * CONTROL[:, 1] + 0.5, 3 * at[:, 0] - 2 * at[:, 1] + 0.5),
    ):
        found = thin_plate(size, CPU) @ torch.tensor(values, dtype=torch.float32)
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-4)


def test_points_without_bend_and_fold_are_the_affine_map() -> None:
    size = 9
    for seed in range(5):
        matrix = some_matrix(seed)
        centre = np.random.default_rng(seed).uniform(-0.3, 0.3, 2)
        found = points(placed(matrix, tuple(centre)), size)[0].numpy()
        for row in range(size):
            for column in range(size):
                p = np.array([(column + 0.5) / size - 0.5, (row + 0.5) / size - 0.5])
                np.testing.assert_allclose(found[:, row, column], matrix @ (p - centre), atol=1e-5)


def test_each_object_of_a_batch_has_its_own_bend() -> None:
    size, rng = 12, np.random.default_rng(3)
    matrices, bends = [some_matrix(seed) for seed in range(3)], rng.normal(0, 0.1, (3, GRID**2, 2))
    found = points(bent([placed(matrix, (0.1, -0.2)) for matrix in matrices], bends), size).numpy()
    at = pixels(size).reshape(-1, 2)
    for n in range(3):
        spline = RBFInterpolator(CONTROL, bends[n], kernel="thin_plate_spline", degree=1)(at)
        expected = (at - (0.1, -0.2)) @ matrices[n].T + spline
        np.testing.assert_allclose(found[n].reshape(2, -1).T, expected, atol=1e-4)


@pytest.mark.parametrize("towards", [0.0, 0.8, 3.7])
def test_a_fold_hides_a_strip_of_its_depth(towards: float) -> None:
    size, offset, depth = 64, 0.1, 0.15
    normal = np.array([np.cos(towards), np.sin(towards)])
    matrix = some_matrix(7)
    flat = points(placed(matrix), size)[0].numpy()
    folded = points(placed(matrix, towards=towards, offset=offset, depth=depth), size)[0].numpy()
    moved = folded - flat
    across = np.tensordot(normal, flat, 1) - offset
    near, far = across < -0.2, across > 0.2
    assert near.sum() > 100
    assert far.sum() > 100
    np.testing.assert_allclose(moved[:, near], 0, atol=1e-5)
    np.testing.assert_allclose(moved[:, far], np.broadcast_to(depth * normal[:, None], (2, far.sum())), atol=1e-5)
    # In between it goes up, across the fold alone, and half of the strip is hidden where the fold runs.
    share = np.tensordot(normal, moved, 1) / depth
    np.testing.assert_allclose(moved, normal[:, None, None] * share * depth, atol=1e-6)
    order = np.argsort(across, axis=None)
    assert (np.diff(share.flatten()[order]) > -1e-5).all()
    assert np.interp(0.0, across.flatten()[order], share.flatten()[order]) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("seed", range(4))
def test_sampling_an_affine_placement_is_opencvs_warp(seed: int) -> None:
    side, size = 80, 64
    rng = np.random.default_rng(seed)
    image, matrix, centre = smooth(side, seed), some_matrix(seed), rng.uniform(-0.2, 0.2, 2)
    box = np.array([10, 20, 50 + seed, 75]) if seed % 2 else np.array([3, 11, 70 + seed, 41])
    longer, middle = max(box[2:] - box[:2]), (box[:2] + box[2:]) / 2
    # Pixel (column, row) of the training image is the point (column + 1/2) / size - 1/2; the same holds in the source.
    linear = longer * matrix / size
    shift = longer * matrix @ (np.full(2, 0.5 / size - 0.5) - centre) + middle - 0.5
    expected = cv2.warpAffine(
        image,
        np.hstack([linear, shift[:, None]]),
        (size, size),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=0,
    )
    q = points(placed(matrix, tuple(centre)), size)
    boxes = torch.tensor(box[None], dtype=torch.float32)
    found = sample(batch(image), boxes, q, stays_inside=torch.tensor([False]))[0].permute(1, 2, 0).numpy()
    at = np.indices((size, size))[::-1].reshape(2, -1)
    source = linear @ at + shift[:, None]
    to_border = np.minimum(source + 1, side - source).min(0).reshape(size, size)  # negative outside
    inside, outside = to_border > 1.1, to_border < -0.1
    assert inside.mean() > 0.2
    np.testing.assert_allclose(found[inside], expected[inside], atol=1 / 255)
    assert not found[outside].any()
    np.testing.assert_allclose(found, expected, atol=0.05)  # OpenCV rounds to 1/32 of a pixel, which shows at borders


def test_sampling_bent_and_folded_objects_is_opencvs_remap() -> None:
    side, size = 64, 48
    images = [smooth(side, seed) for seed in range(3)]
    boxes = np.array([[5, 9, 60, 50], [0, 0, 64, 64], [20, 2, 41, 61]])
    matrices, rng = [some_matrix(seed) for seed in range(3)], np.random.default_rng(1)
    placements = [placed(0.6 * matrix, towards=matrix[0, 0], depth=0.15) for matrix in matrices]
    q = points(bent(placements, rng.normal(0, 0.05, (3, GRID**2, 2))), size)
    found = sample(
        batch(*images),
        torch.tensor(boxes, dtype=torch.float32),
        q,
        stays_inside=torch.zeros(len(images), dtype=torch.bool),
    )
    for n, (image, (x0, y0, x1, y1)) in enumerate(zip(images, boxes, strict=True)):
        longer = max(x1 - x0, y1 - y0)
        x, y = (q[n].numpy() * longer) + np.array([x0 + x1, y0 + y1])[:, None, None] / 2 - 0.5
        expected = cv2.remap(image, np.float32(x), np.float32(y), cv2.INTER_LINEAR, borderValue=0)
        inside = (np.minimum(x, y) > 0.1) & (np.maximum(x, y) < side - 1.1)
        assert inside.mean() > 0.5
        np.testing.assert_allclose(found[n].permute(1, 2, 0).numpy()[inside], expected[inside], atol=1.5 / 255)


def test_an_object_as_it_is_in_a_full_square_is_the_image_itself() -> None:
    size = 40
    image = np.random.default_rng(2).random((size, size, 3), np.float32)
    found = sample(
        batch(image),
        torch.tensor([[0.0, 0.0, size, size]]),
        points(placed(np.eye(2)), size),
        stays_inside=torch.tensor([False]),
    )
    np.testing.assert_allclose(found[0].permute(1, 2, 0).numpy(), image, atol=1e-4)


def test_light_is_whole_without_a_fold_and_far_from_one() -> None:
    size = 32
    flat, folded = placed(some_matrix(4), offset=0.1), placed(np.eye(2), offset=-0.1, depth=0.1)
    assert (shade(flat, points(flat, size)) == 1).all()
    light = shade(folded, points(folded, size))[0, 0]
    assert (light[:, -4:] > 0.999).all()  # the fold runs upright at x = -0.1, and the strip ends at 0


@pytest.mark.parametrize("towards", [0.0, 1.9])
def test_light_is_least_where_the_cloth_goes_out_of_sight(towards: float) -> None:
    size, offset, depth = 96, 0.05, 0.14
    placement = placed(np.eye(2), towards=towards, offset=offset, depth=depth)
    light = shade(placement, points(placement, size))[0, 0].numpy()
    flat = pixels(size) @ (np.cos(towards), np.sin(towards)) - offset  # where each pixel would be with no fold
    darkest = np.unravel_index(light.argmin(), light.shape)
    assert abs(flat[darkest]) < 1 / size
    assert light[darkest] == pytest.approx(1 - warps.FOLD_SHADE, abs=0.01)
    assert light[np.abs(flat) < 0.01].max() < light[np.abs(flat) > 0.06].min()
    assert light.max() <= 1
