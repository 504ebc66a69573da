"""TODO."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from scott_core.errors import WeightsError

WEIGHTS = Path(__file__).parent / "weights"
CONFIGS = Path(__file__).parent / "configs"
DEFAULT = "scott-lite0"
_REQUIRED = ("name", "architecture", "image_size", "threshold", "slope", "bias", "sha256")


def shipped() -> list[str]:
    """Names of the weights inside the package."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def resolve(weights: str | Path) -> Path:
    """`default`, a shipped name, or the path of a .safetensors file -> that file's path.

    Raises WeightsError where there is no such file: it names what is shipped and, for weights that a configuration of
    the package trains, the command.
    """
    name = DEFAULT if str(weights) == "default" else str(weights)
    path = Path(name) if name.endswith(".safetensors") else WEIGHTS / f"{name}.safetensors"
    if not path.is_file():
        raise WeightsError(
            f"no weights {name!r}: shipped are {', '.join(shipped()) or 'none'}, or give a .safetensors file"
            + _how_to_train(path)
        )
    return path


def _how_to_train(path: Path) -> str:
    """The command for weights named as a configuration, or as its training names them: runs/NAME/best.safetensors."""
    name = path.parent.name if path.stem == "best" else path.stem
    for config in CONFIGS.rglob("*.yaml"):
        if config.stem == name:
            return f"; `scott train {config}` makes runs/{name}/best.safetensors"
    return ""


def read_card(weights: str | Path) -> dict[str, Any]:
    """The card beside the weights. Raises WeightsError where it is missing, no JSON, or lacks a field."""
    path = resolve(weights).with_suffix(".json")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing; weights come with their card") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} is no JSON card: {error}") from error
    absent = [field for field in _REQUIRED if field not in card]
    if absent:
        raise WeightsError(f"{path} lacks {', '.join(absent)}")
    return dict(card)


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
