"""A model made for inference is the one that was given, but for rounding."""

import pytest
import torch

from scott_core.checkpoint import Checkpoint
from scott_core.inference.optimise import fold_batch_norms, for_inference
from scott_core.model.siamese import SiameseResNet50
from tests.scott_core.inference.small import CPU, ENCODERS, small_checkpoint


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    return small_checkpoint(ENCODERS[3])


def test_folded_batch_norms_say_the_same() -> None:
    made = [small_checkpoint(ENCODERS[1]).model.encoder, SiameseResNet50(d=8).eval()]
    images = torch.rand(2, 3, 64, 64) * 255
    with torch.no_grad():
        for encoder in made:
            wanted = encoder.encode(images, "a")[0]
            fold_batch_norms(encoder)
            assert not any(isinstance(each, torch.nn.BatchNorm2d) for each in encoder.modules())
            torch.testing.assert_close(encoder.encode(images, "a")[0], wanted, rtol=1e-3, atol=1e-3)


def test_the_given_model_stays_as_it_is_and_delicate_layers_stay_exact(small: Checkpoint) -> None:
    before = {name: value.clone() for name, value in small.model.state_dict().items()}
    exact, rounded = (for_inference(small.model, dtype, CPU) for dtype in (torch.float32, torch.bfloat16))
    for name, value in small.model.state_dict().items():
        assert torch.equal(value, before[name])
    name = "trunk.stem.0.convolution.weight"
    assert torch.equal(exact.encoder.get_parameter(name), rounded.encoder.get_parameter(name))
    assert torch.equal(exact.encoder.mean, rounded.encoder.mean)
    assert next(rounded.sigma_a.parameters()).dtype == torch.bfloat16
