"""Geometry of augmentation: where each pixel of a training image comes from, on the device that trains.

Coordinates are (x, y). A point of the training image is in [-1/2, 1/2] on both axes, a point of the object in units of
its longer side, from the centre of its box; a placement maps the first to the second:

    q = M (p - c) + bend(p) + fold(p)

M is the inverse of turn, shear, stretch, flip and scale. `bend` is a thin-plate spline (Bookstein 1989) of random
displacements at GRID x GRID control points, `fold` a strip of cloth that goes out of sight. One grid samples the image
and its mask, so that they cannot come apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

GRID = 4


@dataclass(frozen=True)
class Placement:
    """Where n objects lie in n training images."""

    matrix: Tensor  # float32 [n, 2, 2]: M
    centre: Tensor  # float32 [n, 2]: c
    bend: Tensor  # float32 [n, GRID * GRID, 2]: displacements, in units of the object
    fold_normal: Tensor  # float32 [n, 2], unit: across the fold
    fold_offset: Tensor  # float32 [n]: where it runs, in units of the object
    fold_depth: Tensor  # float32 [n]: how much of the object it hides, 0 for none


@lru_cache(maxsize=8)
def plane(size: int, device: torch.device) -> Tensor:
    """The pixel centres of a training image of `size`, float32 [size * size, 2] in [-1/2, 1/2], row by row."""
    line = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size - 0.5
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).flatten(0, 1)


def points(placement: Placement, size: int) -> Tensor:
    """The object's point under each pixel, float32 [n, 2, size, size]: x, then y."""
    device = placement.matrix.device
    n = len(placement.matrix)
    offset = placement.matrix @ placement.centre[:, :, None]  # [n, 2, 1]
    q = placement.matrix @ plane(size, device).T - offset
    bend = placement.bend.transpose(1, 2).reshape(2 * n, GRID**2) @ thin_plate(size, device).T
    q += bend.view(n, 2, -1)
    across = (placement.fold_normal[:, None] @ q)[:, 0] - placement.fold_offset[:, None]  # [n, size * size]
    hidden = across.mul_(FOLD_SHARPNESS).sigmoid_().mul_(placement.fold_depth[:, None])
    q += placement.fold_normal[:, :, None] * hidden[:, None]
    return q.view(n, 2, size, size)


FOLD_SHARPNESS = 60.0  # the fold's edge takes about 1/15 of the object
FOLD_SHADE = 0.35  # how much darker the cloth is in it


def shade(placement: Placement, q: Tensor) -> Tensor:
    """The light that a fold leaves at the object's points q [n, 2, S, S]: float32 [n, 1, S, S], 1 far from it."""
    depth = placement.fold_depth[:, None, None]
    across = placement.fold_normal[:, None] @ q.flatten(2) - (placement.fold_offset[:, None, None] + depth / 2)
    dark = across.mul_(FOLD_SHARPNESS / 4).square_().neg_().exp_().mul_(FOLD_SHADE * (depth > 0))
    return dark.neg_().add_(1).view(len(q), 1, q.shape[2], q.shape[3])


def longer_side(box: Tensor) -> Tensor:
    """The longer side of boxes [n, 4], [n]."""
    return (box[:, 2:] - box[:, :2]).amax(1)


def sample(images: Tensor, box: Tensor, q: Tensor, *, stays_inside: Tensor) -> Tensor:
    """Read images [n, C, H, H] at the object's points q [n, 2, S, S]: float32 [n, C, S, S].

    `box` [n, 4], x0, y0, x1, y1 in pixels, is the object's. Outside an image there is zero, or, where `stays_inside`
    (bool [n]), its edge goes on.
    """
    longer = longer_side(box).view(-1, 1, 1, 1)
    centre = (box[:, :2] + box[:, 2:]).view(-1, 2, 1, 1) / 2
    unit = 2 / images.shape[3]
    grid = (q * (longer * unit)).add_(centre * unit - 1)
    edge = torch.where(stays_inside, 1 - unit / 2, torch.inf).view(-1, 1, 1, 1)
    grid = grid.clamp_(-edge, edge).permute(0, 2, 3, 1)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


@lru_cache(maxsize=8)
def thin_plate(size: int, device: torch.device) -> Tensor:
    """The thin-plate spline's weights, float32 [size * size, GRID * GRID].

    Times the values at the control points, GRID x GRID over the image, they are the spline's value at each pixel: the
    interpolant of least bending energy, with kernel r^2 log r and an affine part (Bookstein 1989, equations 1 to 4).
    """
    line = torch.linspace(-0.5, 0.5, GRID, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    control = torch.stack([x.flatten(), y.flatten()], 1)
    n = len(control)
    system = torch.zeros(n + 3, n + 3, dtype=torch.float64)
    system[:n, :n] = _kernel(torch.cdist(control, control))
    system[:n, n] = system[n, :n] = 1
    system[:n, n + 1 :], system[n + 1 :, :n] = control, control.T
    at = plane(size, torch.device("cpu")).double()
    rows = torch.cat([_kernel(torch.cdist(at, control)), torch.ones(len(at), 1, dtype=torch.float64), at], 1)
    weights: Tensor = rows @ torch.linalg.inv(system)[:, :n]
    return weights.float().to(device)


def _kernel(r: Tensor) -> Tensor:
    return torch.where(r > 0, r**2 * torch.log(r.clamp(min=1e-12)), 0.0)
