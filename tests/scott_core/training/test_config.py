"""Configurations: bases, overrides, and values that do not fit."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from scott_core.data.recipe import recipe_of
from scott_core.errors import InputError
from scott_core.model.registry import build
from scott_core.training.config import read_config
from tests.scott_core.training.small_runs import CONFIG

CONFIGS = sorted(path for path in CONFIG.parent.rglob("*.yaml") if not path.name.endswith(".card.yaml"))


def test_a_configuration_builds_on_another(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(
        f"base: {CONFIG}\nname: c\nsteps: 7\narchitecture:\n  merge: {{name: region_embedding}}\nfamilies: {{toy: 9}}\n"
    )
    config, base = read_config(tmp_path / "c.yaml", ["seed=5"]), read_config(CONFIG, [])
    assert (config.name, config.steps, config.seed) == ("c", 7, 5)
    assert config.architecture["merge"] == {"name": "region_embedding"}
    assert config.architecture["encoder"] == base.architecture["encoder"]
    assert config.families == {**base.families, "toy": 9}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_configuration_builds(path: Path) -> None:
    config = read_config(path, [])
    assert config.steps > config.steps_segmentation
    build(config.architecture)


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("stepz=3", "stepz"), ("steps", "steps"), ("architecture.encoder.depth=3", "depth"),
        ("precision=bf16-mixed", "precision is 'bf16-mixed'; bfloat16 or float32"),
        ("image_size=200", "multiple of 16"),
        ("steps=1.5", "steps is 1.5; a whole number is expected"),
        ("lr=fast", "lr is 'fast'; a number is expected"),
        ("lr=.nan", "lr is nan"),
        ("seed=true", "seed is True"),
        ("families=[carton]", "families is"),
        ("families.carton=many", "families.carton is 'many'"),
        ("augment=3", "augment is 3"),
        ("left_out=shoe", "left_out is 'shoe'"),
        ("threads=0", "threads are at least 1"),
        ("group_size=1", "2 to 17"), ("group_size=18", "2 to 17"), ("groups=0", "at least 1"),
    ],
)  # fmt: skip
def test_an_override_that_does_not_fit_is_named(override: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_config(CONFIG, [override])


def test_a_number_may_have_an_exponent() -> None:
    """YAML 1.1 reads 1e-4 as text."""
    config = read_config(CONFIG, ["lr=1e-4", "steps=2e3", "families.carton=1e0"])
    assert (config.lr, config.steps, config.families["carton"]) == (1e-4, 2000, 1.0)


def test_a_configuration_must_be_whole(tmp_path: Path) -> None:
    values = yaml.safe_load(CONFIG.read_text())
    del values["seed"]
    (tmp_path / "c.yaml").write_text(json.dumps(values))
    with pytest.raises(InputError, match="seed"):
        read_config(tmp_path / "c.yaml", [])
    with pytest.raises(InputError, match="cannot be read"):
        read_config(tmp_path / "none.yaml", [])


def test_a_field_of_the_recipe_can_be_overridden() -> None:
    config = read_config(CONFIG, ["augment.blur=0.5", "augment.printed=[carton]"])
    own = recipe_of(read_config(CONFIG, []).augment)
    assert recipe_of(config.augment) == replace(own, blur=0.5, printed=("carton",))
