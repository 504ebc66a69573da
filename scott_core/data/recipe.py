"""The augmentation recipe: every number that says how a view becomes a training image, as a field with a word.

A training configuration may give any of them in its section `augment`. Shares are of the images of a batch; lengths are
shares of the object's longer side, or of the training image's side where a field says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from scott_core.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """How a view becomes a training image (scott_core.data.compose)."""

    as_photographed: float = 0.4  # share of views with a ground that keep it: a random crop instead of a cut-out
    crop_loss: float = 0.12  # of the object's box, at most so much of each side is cut away by such a crop

    smallest: float = 0.25  # the object's longer side, of the image's side; log-uniform between these
    largest: float = 1.0
    close_up: float = 0.15  # share of cut-outs shown larger than the image, as shops show a cuff or a print
    close_up_largest: float = 2.0
    off_centre: float = 0.06  # how far over its room an object may be moved
    upright: float = 0.8  # share of objects that are turned a little and not by any angle
    turn: float = 0.25  # radians, standard deviation of the little turn
    shear: float = 0.08  # standard deviation
    stretch: float = 0.08  # standard deviation of the logarithm, each axis
    flip: float = 0.5  # share of objects mirrored, but for families in `printed`
    printed: tuple[str, ...] = ("package", "carton")
    bend: float = 0.05  # amplitude of the thin-plate warp
    bend_rigid: float = 0.01  # the same for families in `rigid`
    fold: float = 0.2  # share of objects that are not rigid with a fold
    fold_depth: float = 0.15  # how much cloth a fold hides, at most
    rigid: tuple[str, ...] = ("package", "carton", "scan", "cad", "cad_textured", "lowpoly", "toy")

    plain: float = 0.3  # share of cut-outs on white or on a soft gradient
    scenes: int = 4  # photographs that the images of one group stand before, with and without a match
    distractor: float = 0.2  # share of images with another object beside theirs
    occluder: float = 0.25  # share of images with something before their object
    occluder_side: float = 0.35  # of the image's side, at most

    light: float = 1.0  # strength of relighting
    gamma: float = 0.18  # standard deviations of logarithms, at light 1
    exposure: float = 0.12
    temperature: float = 0.05
    saturation: float = 0.15
    gradient: float = 0.3  # of light, from one side of the image to the other

    low_resolution: float = 0.25  # share of images scaled down and up again
    blur: float = 0.15  # share of images out of focus
    blur_sigma: float = 1.3  # pixels, at most
    grey: float = 0.08  # share of images as a grey scan: luma, contrast and grain of a copier
    jpeg: float = 0.4  # share of images quantised as JPEG does
    jpeg_lowest: int = 35  # quality
    jpeg_highest: int = 95


def recipe_of(values: Mapping[str, Any]) -> Recipe:
    """The recipe with `values` in place of its defaults. Raises InputError for what is no field, or no value of one."""
    known = {each.name for each in fields(Recipe)}
    if unknown := sorted(set(values) - known):
        raise InputError(f"augment: {', '.join(unknown)} unknown; known: {', '.join(sorted(known))}")
    default = Recipe()
    for name, value in values.items():
        is_list = isinstance(getattr(default, name), tuple)
        if is_list != isinstance(value, list | tuple) or (not is_list and not isinstance(value, int | float)):
            raise InputError(f"augment.{name} is {value!r}; {'a list' if is_list else 'a number'} is expected")
    given: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
    return replace(default, **given)
