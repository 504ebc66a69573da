"""Geometry of augmentation, on the device that trains: the point of the source under each pixel of a training image.

Coordinates are (x, y). A point p of the training image is in [-1/2, 1/2] on both axes; a point q of the object is in
units of its longer side, from the centre of its box. A placement maps p to q:

    q = M (p - c) + bend(p) + fold(p)

M is the inverse of turn, shear, stretch, flip and scale, and c the centre. `bend` is a thin-plate spline (Bookstein
1989) of random displacements at GRID x GRID control points; `fold` hides a strip of cloth. One grid samples the image
and its mask, so that they stay aligned.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

GRID = 4  # control points of the bend on each axis
FOLD_SHARPNESS = 60.0  # of the sigmoid across a fold, in 1 / longer side: its edge takes about 1/15 of the object
FOLD_SHADE = 0.35  # share of the light that is missing in a fold; both by eye on docs/augmentation.jpg


@dataclass(frozen=True)
class Placement:
    """The placements of n objects in n training images."""

    matrix: Tensor  # float32 [n, 2, 2]: M
    centre: Tensor  # float32 [n, 2]: c
    bend: Tensor  # float32 [n, GRID * GRID, 2]: displacements, in units of the object
    fold_normal: Tensor  # float32 [n, 2], unit: across the fold
    fold_offset: Tensor  # float32 [n]: its distance from the centre, in units of the object
    fold_depth: Tensor  # float32 [n]: width of the hidden strip, in units of the object; 0 for no fold


@lru_cache(maxsize=8)
def plane(size: int, device: torch.device) -> Tensor:
    """The pixel centres (x, y) of a training image, float32 [size * size, 2] in [-1/2, 1/2], row by row."""
    line = (torch.arange(size, device=device, dtype=torch.float32) + 0.5) / size - 0.5
    y, x = torch.meshgrid(line, line, indexing="ij")
    return torch.stack([x, y], -1).flatten(0, 1)


def points(placement: Placement, size: int) -> Tensor:
    """The object's point q under each pixel, float32 [n, 2, size, size]: x, then y."""
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


def shade(placement: Placement, q: Tensor) -> Tensor:
    """The light in and about a fold at the object's points q [n, 2, S, S], float32 [n, 1, S, S]; 1 far from it."""
    depth = placement.fold_depth[:, None, None]
    across = placement.fold_normal[:, None] @ q.flatten(2) - (placement.fold_offset[:, None, None] + depth / 2)
    dark = across.mul_(FOLD_SHARPNESS / 4).square_().neg_().exp_().mul_(FOLD_SHADE * (depth > 0))
    return dark.neg_().add_(1).view(len(q), 1, q.shape[2], q.shape[3])


def longer_side(box: Tensor) -> Tensor:
    """The longer sides of boxes [n, 4] (x0, y0, x1, y1), [n]."""
    return (box[:, 2:] - box[:, :2]).amax(1)


def sample(images: Tensor, box: Tensor, q: Tensor, *, stays_inside: Tensor) -> Tensor:
    """Images [n, C, H, H] sampled bilinearly at the object's points q [n, 2, S, S], float32 [n, C, S, S].

    `box` [n, 4], x0, y0, x1, y1 in pixels, is the object's. A point outside the image reads 0, or the nearest edge
    where `stays_inside` (bool [n]).
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
    """The thin-plate spline as a matrix, float32 [size * size, GRID * GRID].

    Multiplied with values at the GRID x GRID control points it gives the spline's value at each pixel: the interpolant
    of least bending energy, with kernel r^2 log r and an affine part (Bookstein 1989, equations 1 to 4).
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
    """The thin-plate spline's kernel r^2 log r, 0 at r = 0."""
    return torch.where(r > 0, r**2 * torch.log(r.clamp(min=1e-12)), 0.0)
