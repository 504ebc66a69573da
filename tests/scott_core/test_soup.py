"""A soup is the mean of weights, and one model again."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from scott_core import soup
from scott_core.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from scott_core.data.cartons import render_carton
from scott_core.errors import WeightsError
from scott_core.registry import build
from scott_core.validation import ALPHAS, ValidationSet
from tests.scott_core.test_predictor import CARD


@pytest.fixture
def val(tmp_path: Path) -> Path:
    rows = ["image_a,image_b,label,kind,family"]
    for brand in range(2):
        for view in (0, 1):
            Image.fromarray(render_carton(4 * brand, view, size=64)).convert("RGB").save(
                tmp_path / f"{brand}-{view}.png"
            )
        rows += [f"{brand}-0.png,{brand}-1.png,1,,package", f"{brand}-0.png,{1 - brand}-1.png,0,hard,package"]
    (tmp_path / "val.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "val.csv"


def fresh(seed: int, card: dict = CARD) -> Checkpoint:  # type: ignore[type-arg]
    torch.manual_seed(seed)
    return Checkpoint(build(card["architecture"]).eval(), {**card, "training": {"seed": seed}})


def test_a_soup_is_the_mean_calibrated_anew(val: Path, tmp_path: Path) -> None:
    files = []
    for seed in (1, 2, 3):
        files.append(tmp_path / f"{seed}.safetensors")
        one = fresh(seed)
        save_checkpoint(one.model, one.card, files[-1], half=False)
    soup.main(tmp_path / "soup.safetensors", val, *files)
    found = load_checkpoint(tmp_path / "soup.safetensors")
    parts = [fresh(seed).model.state_dict() for seed in (1, 2, 3)]
    for name, value in found.model.state_dict().items():
        mean = sum(part[name].double() for part in parts) / 3 if value.is_floating_point() else parts[0][name]
        torch.testing.assert_close(value.double(), mean.double(), atol=1e-3, rtol=1e-3)  # type: ignore[union-attr]
    assert sorted(each["seed"] for each in found.card["averaged"].values()) == [1, 2, 3]
    assert "training" not in found.card
    assert found.model.alpha == found.card["architecture"]["alpha"] in ALPHAS
    measured = ValidationSet(val).measure(found.model, found.card)
    assert measured["roc_auc"] == pytest.approx(found.card["validation"]["roc_auc"])


def test_another_architecture_cannot_be_averaged(val: Path) -> None:
    other = {**CARD, "architecture": {**CARD["architecture"], "encoder": {**CARD["architecture"]["encoder"], "d": 24}}}
    with pytest.raises(WeightsError, match="is of another architecture than"):
        soup.average([fresh(1), fresh(2, other)], ValidationSet(val))
