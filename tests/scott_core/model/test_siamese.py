"""Siamese encoders: their output, their roles, and how they differ from CODER."""

import pytest
import torch

from scott_core.model.coder import Coder
from scott_core.model.siamese import SiameseLite, SiameseResNet50


def test_coder_is_co_dependent_and_a_siamese_encoder_is_not() -> None:
    a, b, c = torch.rand(3, 1, 3, 64, 64) * 255
    coder, siamese = Coder(d=16), SiameseLite(d=16).eval()
    with_b = coder.encode_pair(coder.encode(a, "a"), coder.encode(b, "b"))[0]
    with_c = coder.encode_pair(coder.encode(a, "a"), coder.encode(c, "b"))[0]
    assert not torch.allclose(with_b, with_c)
    with_b = siamese.encode_pair(siamese.encode(a, "a"), siamese.encode(b, "b"))[0]
    torch.testing.assert_close(with_b, siamese.encode_pair(siamese.encode(a, "a"), siamese.encode(c, "b"))[0])


def test_roles_share_weights_in_a_siamese_encoder_only() -> None:
    a = torch.rand(1, 3, 64, 64) * 255
    coder, siamese = Coder(d=16), SiameseLite(d=16).eval()
    torch.testing.assert_close(siamese.encode(a, "a"), siamese.encode(a, "b"))
    assert not torch.allclose(coder.encode(a, "a")[0], coder.encode(a, "b")[0])


@pytest.mark.parametrize(("encoder", "stride"), [(SiameseLite(d=24), 16), (SiameseResNet50(d=24), 32)])
def test_siamese_encoders_keep_the_output_contract(encoder: torch.nn.Module, stride: int) -> None:
    a, b = torch.rand(2, 1, 3, 64, 96) * 255
    f_a, f_b = encoder.eval().encode_pair(encoder.encode(a, "a"), encoder.encode(b, "b"))
    assert f_a.shape == f_b.shape == (1, 24, 64 // stride, 96 // stride)
