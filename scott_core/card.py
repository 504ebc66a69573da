"""Cards: the JSON file beside a file of weights, read without torch.

NAME.json says how to build the model of NAME.safetensors (`architecture`), how its logits become probabilities (`slope`
and `bias`), from which probability a pair is a match (`threshold`), and where the weights
come from. Planning an audit needs the version and the threshold only, so this module imports no torch.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scott_core.errors import InputError, WeightsError
from scott_core.product import ProductModel

WEIGHTS = Path(__file__).parent / "weights"
CONFIGS = Path(__file__).parent / "configs"
DEFAULT = "scott-lite0"
REQUIRED = ("name", "architecture", "image_size", "threshold", "slope", "bias", "sha256")
PRECISIONS = ("bfloat16", "float32")  # names of the arithmetic of inference, the cheapest first
DECIDING = ("sha256", "architecture", "image_size", "slope", "bias")  # the fields that a score depends on


@dataclass(frozen=True)
class Card:
    """The fields of a card that code reads; `raw` is the whole of it, as the JSON file has it.

    A pair's probability is sigmoid(slope * logit + bias), and at or over `threshold` it is a match. `image_size` is the
    side, in pixels, of the square that the model sees. `precision` names the arithmetic that the weights are meant for.
    `product` makes a product's probability of its pairs' scores; None where the card has none.
    """

    name: str
    architecture: Mapping[str, Any]
    image_size: int
    threshold: float
    slope: float
    bias: float
    sha256: str
    precision: str
    product: ProductModel | None
    raw: Mapping[str, Any]

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Card:
        """The card of a JSON object that has the fields of REQUIRED; a card without `precision` means float32.

        Raises WeightsError for a `product` that does not fit.
        """
        return cls(
            name=raw["name"],
            architecture=raw["architecture"],
            image_size=int(raw["image_size"]),
            threshold=float(raw["threshold"]),
            slope=float(raw["slope"]),
            bias=float(raw["bias"]),
            sha256=raw["sha256"],
            precision=str(raw.get("precision", "float32")),
            product=ProductModel.of(raw["product"]) if "product" in raw else None,
            raw=raw,
        )

    @property
    def version(self) -> str:
        """The name, and eight digits of a SHA-256 over DECIDING, and over `product` where there is one."""
        decides = [self.raw.get(field) for field in DECIDING]
        if self.product is not None:
            decides.append(self.raw["product"])
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()
        return f"{self.name}+{digest[:8]}"


def shipped() -> list[str]:
    """Names of the weights inside the package."""
    return sorted(path.stem for path in WEIGHTS.glob("*.safetensors"))


def resolve(weights: str | Path) -> Path:
    """The path of the .safetensors file that `weights` means: `default`, a shipped name, or a path.

    Raises WeightsError where there is no such file. The message names the shipped weights and, where a configuration of
    the package trains the missing ones, its command.
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
    """The command that trains the weights of `path`, named like a configuration: NAME or runs/NAME/best.safetensors."""
    name = path.parent.name if path.stem == "best" else path.stem
    for config in CONFIGS.rglob("*.yaml"):
        if config.stem == name:
            return f"; `scott train {config}` makes runs/{name}/best.safetensors"
    return ""


def read_card(weights: str | Path, *, verify: bool = False) -> Card:
    """The card beside the weights that `resolve` finds.

    Raises WeightsError where the card is missing, is no JSON, or lacks a field of REQUIRED, and with `verify` where the
    weights' bytes are not those that it names.
    """
    file = resolve(weights)
    path = file.with_suffix(".json")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise WeightsError(f"{path} is missing; weights come with their card") from error
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path} is no JSON card: {error}") from error
    absent = [field for field in REQUIRED if field not in raw]
    if absent:
        raise WeightsError(f"{path} lacks {', '.join(absent)}")
    if verify and sha256(file) != raw["sha256"]:
        raise WeightsError(f"{file} is not the file its card describes (SHA-256 differs); fetch both again")
    return Card.of(raw)


def write_card(card: Mapping[str, Any], weights: Path) -> None:
    """Writes `card` beside the file `weights`."""
    text = json.dumps(card, indent=1, sort_keys=True) + "\n"
    weights.with_suffix(".json").write_text(text, encoding="utf-8")


def check_precision(name: str) -> None:
    """Raises InputError for a name that is not one of PRECISIONS."""
    if name not in PRECISIONS:
        raise InputError(f"unknown precision {name!r}; known: {', '.join(PRECISIONS)}")


def sha256(path: Path) -> str:
    """Hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
