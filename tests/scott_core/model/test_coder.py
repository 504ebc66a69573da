"""CODER against the equation of section 4, written out."""

import torch
import torch.nn.functional as F

from scott_core.model.coder import Coder


def test_coder_gives_d_features_at_one_thirty_second() -> None:
    coder = Coder(d=64)
    a, b = torch.rand(2, 2, 3, 96, 160) * 255
    f_a, f_b = coder.encode_pair(coder.encode(a, "a"), coder.encode(b, "b"))
    assert f_a.shape == f_b.shape == (2, 64, 3, 5)
    assert Coder().d == 512


def test_coder_is_the_equation_of_section_4() -> None:
    """F_i^A = psi_i^A([F_{i-1}^A, F_{i-1}^B]), written out with functional convolutions on the weights by name."""
    coder = Coder(d=16)
    weights = coder.state_dict()

    def psi(role: str, i: int, x: torch.Tensor, pool: int) -> torch.Tensor:
        for layer in (0, 2):
            key = f"psi_{role}.{i}.{layer}"
            x = F.relu(F.conv2d(x, weights[f"{key}.weight"], weights[f"{key}.bias"], padding=1))
        return F.max_pool2d(x, pool)

    a, b = torch.rand(2, 1, 3, 64, 64) * 255
    f_a, f_b = psi("a", 0, (a / 255 - 0.5) / 0.25, 4), psi("b", 0, (b / 255 - 0.5) / 0.25, 4)
    for i in (1, 2, 3):
        f_a, f_b = psi("a", i, torch.cat([f_a, f_b], 1), 2), psi("b", i, torch.cat([f_b, f_a], 1), 2)
    torch.testing.assert_close(coder.encode_pair(coder.encode(a, "a"), coder.encode(b, "b")), (f_a, f_b))


def test_a_fresh_coder_keeps_the_differences_of_its_images() -> None:
    """With torch's own initialisation F had a spread of 0.006, a sixth of it between images: nothing to learn from."""
    torch.manual_seed(0)
    coder = Coder()
    a, b = torch.rand(2, 4, 3, 64, 64) * 255
    f_a, _ = coder.encode_pair(coder.encode(a, "a"), coder.encode(b, "b"))
    assert 0.3 < f_a.std() < 30
    assert f_a.std(0).mean() > 0.05
