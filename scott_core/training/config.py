"""The configuration of a training run: a YAML file, which may build on another (`base:`), and `key=value` overrides.

Field names are those of the files; `lr_trunk` and `imagenet_share` are about the backbone.
"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from scott_core.errors import InputError
from scott_core.inference.precision import PRECISIONS

SIDE = 16  # px: images are multiples of it, as the augmentation's JPEG (4:2:0) and the features of stride 16 need
MOST_OF_GROUP = 17  # instances: one and the NEAREST of `scott_core.data.store`


@dataclass(frozen=True)
class TrainingConfig:
    """All fields of a training run's YAML file; scott_core/configs/scott-lite0.yaml explains each of them."""

    name: str
    data: str | list[str]
    validation: str
    runs: str
    image_size: int
    score_size: int
    architecture: dict[str, Any]
    start: str
    fresh: list[str]
    imagenet_share: float
    frozen_blocks: int
    families: dict[str, float]
    left_out: list[str]
    groups: int
    group_size: int
    look_alikes: float
    augment: dict[str, Any]
    negatives: int
    contrast: float
    steps_segmentation: int
    steps: int
    lr: float
    lr_trunk: float
    weight_decay: float
    ema: float
    seed: int
    validate_every: int
    checkpoint_every: int
    threads: int
    precision: str


def read_config(path: Path, overrides: list[str]) -> TrainingConfig:
    """Reads the file and its bases, and applies `key=value` overrides; a key may be dotted, `architecture.alpha=0.2`.

    Raises InputError for a file that cannot be read and for keys that are missing or unknown.
    """
    values = _read(path)
    for override in overrides:
        key, sign, value = override.partition("=")
        *parents, last = key.split(".")
        place: Any = values
        for parent in parents:
            place = place.get(parent, {}) if isinstance(place, dict) else {}
        is_known = isinstance(place, dict) and (last in place or parents[:1] == ["augment"])
        if not sign or not is_known:
            raise InputError(f"{override!r} is no key=value of {path}")
        place[last] = yaml.safe_load(value)
    kinds = get_type_hints(TrainingConfig)
    if set(values) != set(kinds):
        raise InputError(f"{path}: keys {sorted(set(values) ^ set(kinds))} are missing or unknown")
    try:
        config = TrainingConfig(**{name: _of_kind(value, kinds[name], name) for name, value in values.items()})
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if wrong := _wrong(config):
        raise InputError(f"{path}: {wrong}")
    return config


def _of_kind(value: Any, kind: Any, name: str) -> Any:
    """A value of a field of that annotation. Raises ValueError.

    YAML 1.1 reads a number without a point or without a sign in its exponent, 1e-4 and 1.0e4, as text.
    """
    if kind in (int, float):
        number = _number(value)
        if number is None or (kind is int and number != int(number)):
            raise ValueError(f"{name} is {value!r}; {'a whole number' if kind is int else 'a number'} is expected")
        return kind(number)
    if get_origin(kind) is dict and isinstance(value, dict):
        of = get_args(kind)[1]
        return value if of is Any else {key: _of_kind(each, of, f"{name}.{key}") for key, each in value.items()}
    kinds = get_args(kind) if get_origin(kind) is UnionType else (kind,)
    is_list = isinstance(value, list) and all(isinstance(each, str) for each in value)
    if (str in kinds and isinstance(value, str)) or (list[str] in kinds and is_list):
        return value
    raise ValueError(f"{name} is {value!r}; {getattr(kind, '__name__', kind)} is expected")


def _number(value: Any) -> float | None:
    """A finite number, also one in words of YAML 1.1; None where it is none."""
    try:
        number = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _wrong(config: TrainingConfig) -> str:
    """Says which value is not possible; empty where all are."""
    if config.precision not in PRECISIONS:
        return f"precision is {config.precision!r}; {' or '.join(PRECISIONS)} is expected"
    if config.image_size <= 0 or config.image_size % SIDE:
        return f"image_size is {config.image_size}; a multiple of {SIDE} is expected"
    if not 2 <= config.group_size <= MOST_OF_GROUP:
        return f"group_size is {config.group_size}; 2 to {MOST_OF_GROUP} are possible"
    if min(config.groups, config.steps, config.threads) < 1:
        return "groups, steps and threads are at least 1"
    return ""


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise InputError(f"{path} holds no keys and values")
    base = values.pop("base", None)
    return _merge(_read(path.parent / base), values) if base else values


def _merge(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with the values of `over`. A mapping with a `name` (an encoder, a merge) replaces the base's whole."""
    merged = copy.deepcopy(base)
    for key, value in over.items():
        nested = isinstance(value, dict) and isinstance(merged.get(key), dict) and "name" not in value
        merged[key] = _merge(merged[key], value) if nested else value
    return merged
