"""The precision that is used, and the verdicts that it must not change."""

import numpy as np
import pytest
import torch
from PIL import Image

from scott_core.checkpoint import Checkpoint, load_checkpoint
from scott_core.errors import InputError
from scott_core.inference.precision import available, resolve
from scott_core.predictor import Predictor
from tests import ROOT
from tests.scott_core.inference.small import CPU, ENCODERS, small_checkpoint


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    return small_checkpoint(ENCODERS[3])


def test_precisions_are_those_of_the_card_or_of_the_caller(small: Checkpoint) -> None:
    assert Predictor(small, device="cpu").engine.precision == "float32", "of a card that names none"
    with pytest.raises(InputError, match="unknown precision 'int8'"):
        Predictor(small, precision="int8")


@pytest.mark.parametrize(("has", "names"), [(True, ["bfloat16", "float32"]), (False, ["float32"])])
def test_what_the_processor_would_emulate_is_not_used(
    monkeypatch: pytest.MonkeyPatch, has: bool, names: list[str]
) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has)
    assert available(CPU) == names
    chosen = [resolve(name, "bfloat16", CPU) for name in (None, *names)]
    assert chosen == [names[0], *names]
    if not has:
        with pytest.raises(InputError, match="cpu does not compute in bfloat16"):
            resolve("bfloat16", "float32", CPU)


def test_the_default_precision_changes_no_verdict_of_the_sample() -> None:
    made = load_checkpoint()
    images = [
        Image.open(path).convert("RGB")
        for path in sorted((ROOT / "jobs" / "sample" / "catalogue").glob("*/images/*.jpg"))
    ]
    a, b = images[::3], [image for n, image in enumerate(images) if n % 3]
    pairs = [(i, j) for i in range(len(a)) for j in range(len(b))][::3]
    default, exact = (Predictor(made, precision=name).score_pairs(a, b, pairs).score for name in (None, "float32"))
    np.testing.assert_array_equal(default >= made.card.threshold, exact >= made.card.threshold)
