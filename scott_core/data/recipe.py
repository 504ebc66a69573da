"""The augmentation recipe: the numbers by which a view becomes a training image.

A training configuration may give any of them in its section `augment`. Shares are of the images of a batch. A length is
in units of the object's longer side, or of the training image's side where the field says so. The defaults were chosen
by eye on docs/augmentation.jpg.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from scott_core.errors import InputError


@dataclass(frozen=True)
class Recipe:
    """The numbers that `scott_core.data.compose` and, for the last two groups, `scott_core.data.light` draw by."""

    as_photographed: float = 0.4  # share of views with a ground that are cropped and not cut out
    crop_loss: float = 0.12  # share of the object's box that such a crop cuts off each side, at most

    smallest: float = 0.25  # least longer side of a cut-out, in image sides; log-uniform up to `largest`
    largest: float = 1.0  # largest longer side of a cut-out, in image sides
    close_up: float = 0.15  # share of cut-outs larger than the image, as shops show a cuff or a print
    close_up_largest: float = 2.0  # largest longer side of these, in image sides; uniform from 1
    off_centre: float = 0.06  # image sides that an object may be moved beyond the frame
    upright: float = 0.8  # share of objects that are turned a little; the others are turned by any angle
    turn: float = 0.25  # radians, standard deviation of the little turn
    shear: float = 0.08  # standard deviation of the shift of x per unit of y
    stretch: float = 0.08  # standard deviation of the logarithm of each axis
    flip: float = 0.5  # share of mirrored objects, of families that are not in `printed`
    printed: tuple[str, ...] = ("package", "carton")  # families whose print must not be mirrored
    bend: float = 0.05  # longer sides, standard deviation of a control point of the thin-plate warp
    bend_rigid: float = 0.01  # longer sides, the same for families in `rigid`
    fold: float = 0.2  # share of objects with a fold, of families that are not in `rigid`
    fold_depth: float = 0.15  # longer sides, width of the strip that a fold hides, at most
    # families that keep their shape
    rigid: tuple[str, ...] = ("package", "carton", "scan", "cad", "cad_textured", "lowpoly", "toy")

    plain: float = 0.3  # share of cut-outs on white or on a soft gradient; the others stand before a scene
    scenes: int = 4  # number of photographs that the images of one group stand before
    distractor: float = 0.2  # share of images with another object on their ground
    occluder: float = 0.25  # share of images with a rectangle before their object
    occluder_side: float = 0.35  # image sides, longest side of that rectangle

    light: float = 1.0  # factor on the five standard deviations that follow
    gamma: float = 0.18  # standard deviation of the logarithm of gamma
    exposure: float = 0.12  # standard deviation of the logarithm of the gain
    temperature: float = 0.05  # standard deviation of the logarithm of red, and of that of blue the other way
    saturation: float = 0.15  # standard deviation of the logarithm of saturation
    gradient: float = 0.3  # standard deviation of the slope of the light's logarithm, per image side

    low_resolution: float = 0.25  # share of images scaled down and up again
    blur: float = 0.15  # share of images out of focus
    blur_sigma: float = 1.3  # px, largest sigma
    grey: float = 0.08  # share of images as a grey scan: luma, contrast and grain of a copier
    jpeg: float = 0.4  # share of images quantised as JPEG does
    jpeg_lowest: int = 35  # lowest JPEG quality, 1 to 100
    jpeg_highest: int = 95  # highest JPEG quality


def recipe_of(values: Mapping[str, Any]) -> Recipe:
    """The recipe with `values` in place of its defaults. Raises InputError for an unknown field and a wrong type."""
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
