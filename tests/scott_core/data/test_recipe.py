"""The recipe of augmentation, as a configuration's section `augment` changes it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from scott_core.data.recipe import Recipe, recipe_of
from scott_core.errors import InputError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"blurr": 1}, "blurr unknown"),
        ({"printed": "carton"}, "augment.printed is 'carton'; a list"),
        ({"blur": [1]}, r"augment.blur is \[1\]; a number"),
    ],
)
def test_a_recipe_that_does_not_fit_is_named(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError, match=said):
        recipe_of(given)


def test_a_recipes_field_can_be_overridden() -> None:
    assert recipe_of({"blur": 0.5, "printed": ["carton"]}) == replace(Recipe(), blur=0.5, printed=("carton",))
