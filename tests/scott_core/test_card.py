"""Cards are read without torch, and an error says what a card lacks or how missing weights are made."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from scott_core import card as card_module
from scott_core.card import Card, read_card
from scott_core.errors import WeightsError
from scott_core.training.config import read_config
from tests import ROOT

ARCHITECTURE = {"encoder": {"name": "coder", "d": 16}, "merge": {"name": "matcher", "k": 4}, "alpha": 0.4}
CARD: dict[str, Any] = {
    "name": "small", "architecture": ARCHITECTURE, "image_size": 64, "threshold": 0.5, "slope": 1.0, "bias": 0.0,
    "sha256": "0" * 64,
}  # fmt: skip


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    """An empty file of weights with its card: a card is read without them."""
    (tmp_path / "small.safetensors").touch()
    (tmp_path / "small.json").write_text(json.dumps(CARD))
    return tmp_path / "small.safetensors"


def test_cards_and_errors_load_no_torch() -> None:
    code = "import sys, scott_core.card, scott_core.errors; scott_core.card.read_card('default').version; "
    code += "sys.exit(sorted(name for name in sys.modules if name.split('.')[0] in ('torch', 'numpy', 'PIL')) or 0)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True)


def test_a_card_holds_what_the_file_says_and_float32_where_it_names_no_precision(weights: Path) -> None:
    card = read_card(weights)
    assert (card.name, card.image_size, card.threshold, card.slope, card.bias) == ("small", 64, 0.5, 1.0, 0.0)
    assert (card.architecture, card.precision) == (ARCHITECTURE, "float32")
    assert card.raw == CARD
    assert Card.of({**CARD, "precision": "bfloat16"}).precision == "bfloat16"


@pytest.mark.parametrize(
    ("field", "value"),
    [("sha256", "1" * 64), ("architecture", {}), ("image_size", 96), ("slope", 2.0), ("bias", 0.5)],
)
def test_the_version_names_all_that_a_score_depends_on(field: str, value: object) -> None:
    """A card calibrated anew, over the same weights, gives other scores: it must not pass for the version planned."""
    before = Card.of(CARD).version
    assert before.startswith("small+")
    assert Card.of({**CARD, field: value}).version != before
    assert Card.of({**CARD, "intended_use": "words only"}).version == before


def test_missing_weights_name_what_is_shipped(tmp_path: Path) -> None:
    for name in ("nothing", str(tmp_path / "nothing.safetensors")):
        with pytest.raises(WeightsError, match=r"nothing.*shipped"):
            read_card(name)


@pytest.mark.parametrize(
    "name", ["scott-coder", "runs/scott-coder/best.safetensors", "runs/table5-h36m-matcher/best.safetensors"]
)
def test_weights_that_are_not_shipped_come_with_their_command(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last two are what configurations of the tables start from."""
    monkeypatch.setattr(card_module, "WEIGHTS", tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WeightsError, match=f"no weights '{name}'") as raised:
        read_card(name)
    command = re.search(r"`scott train (.+)`", str(raised.value))
    assert command
    made = read_config(Path(command[1]), [])
    assert str(raised.value).endswith(f" makes {made.runs}/{made.name}/best.safetensors")
    assert made.name in name


def test_a_card_must_be_there_and_whole(weights: Path) -> None:
    card = weights.with_suffix(".json")
    values = json.loads(card.read_text())
    del values["threshold"]
    card.write_text(json.dumps(values))
    with pytest.raises(WeightsError, match="lacks threshold"):
        read_card(weights)
    card.write_text("{")
    with pytest.raises(WeightsError, match="no JSON"):
        read_card(weights)
    card.unlink()
    with pytest.raises(WeightsError, match="missing"):
        read_card(weights)
