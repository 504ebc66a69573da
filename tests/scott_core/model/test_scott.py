"""Scott as a whole, its losses, and the promise that sigma learns nothing from pairs that do not match."""

import pytest
import torch
import torch.nn.functional as F

from scott_core.errors import WeightsError
from scott_core.model.matcher import EMPTY_LOGIT
from scott_core.model.registry import ENCODERS, MATCHING_HEADS, build
from scott_core.model.scott import PairLogits
from scott_core.training.losses import multi_task_loss

SMALL = {"encoder": {"name": "coder", "d": 16}, "merge": {"name": "matcher", "k": 4}, "alpha": 0.5}


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize("encoder", sorted(ENCODERS))
@pytest.mark.parametrize("merge", sorted(MATCHING_HEADS))
def test_every_row_of_table_2_is_a_configuration(encoder: str, merge: str) -> None:
    model = build({"encoder": {"name": encoder, "d": 16}, "merge": {"name": merge}, "alpha": 0.1}).eval()
    with torch.no_grad():
        out = model(*(torch.rand(2, 3, 64, 64) * 255 for _ in range(2)))
    cells = 64 // model.encoder.stride
    assert out.match.shape == (2,)
    assert out.mask_a.shape == out.mask_b.shape == (2, 1, cells, cells)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"encoder": {"name": "vgg", "d": 16}}, "vgg"),
        ({"merge": {"name": "matcher", "depth": 3}}, "depth"),
        ({"merge": {"name": "mean"}}, "mean"),
    ],
)
def test_a_configuration_that_does_not_fit_is_named(change: dict[str, object], said: str) -> None:
    with pytest.raises(WeightsError, match=said):
        build({**SMALL, **change})


def test_alpha_moves_the_foreground_and_true_regions_replace_it() -> None:
    model = build(SMALL)
    logits = torch.tensor([-1.0, 0.0, 1.0]).view(1, 1, 1, 3)
    for alpha, wanted in ((0.2, [True, True, True]), (0.5, [False, False, True]), (0.9, [False, False, False])):
        model.alpha = alpha
        assert model.foreground(logits)[0, 0].tolist() == wanted


def test_the_score_depends_on_the_roles() -> None:
    """psi_a and psi_b, sigma_a and sigma_b share no weights: a is always the catalogue."""
    model = build({**SMALL, "alpha": 0.0})
    a, b = torch.rand(2, 1, 3, 64, 64) * 255
    assert not torch.allclose(model(a, b).match, model(b, a).match)


def test_the_loss_is_the_sum_of_section_4_3() -> None:
    """The third pair has no region: its constant logit teaches nothing, and stays out of the mean of the first term."""
    out = PairLogits(torch.tensor([0.4, -1.1, 2 * EMPTY_LOGIT]), torch.randn(3, 1, 2, 2), torch.randn(3, 1, 2, 2))
    label = torch.tensor([1.0, 0.0, 1.0])
    target_a, target_b = (torch.rand(3, 1, 2, 2) for _ in range(2))
    losses = multi_task_loss(out, label, target_a, target_b, torch.ones(3), torch.tensor([1.0, 1.0, 0.0]))
    seg_a = F.binary_cross_entropy(torch.sigmoid(out.mask_a[[0, 2]]), target_a[[0, 2]])
    seg_b = F.binary_cross_entropy(torch.sigmoid(out.mask_b[[0]]), target_b[[0]])
    match = F.binary_cross_entropy(torch.sigmoid(out.match[:2]), label[:2])
    torch.testing.assert_close(losses.total, match + seg_a + seg_b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("label", "learns"), [(0.0, False), (1.0, True)])
def test_sigma_gets_no_gradient_from_pairs_that_do_not_match(label: float, learns: bool) -> None:
    model = build({**SMALL, "alpha": 0.0})
    out = model(*(torch.rand(2, 3, 64, 64) * 255 for _ in range(2)))
    target, known = torch.rand(2, 1, 2, 2), torch.ones(2)
    multi_task_loss(out, torch.full((2,), label), target, target, known, known).total.backward()
    for sigma in (model.sigma_a, model.sigma_b):
        moved = any(p.grad is not None and p.grad.abs().sum() > 0 for p in sigma.parameters())
        assert moved == learns
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in model.merge.parameters())
