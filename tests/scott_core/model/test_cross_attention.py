"""Cross-attention against its formula, cell by cell."""

import pytest
import torch
import torch.nn.functional as F

from scott_core.model.cross_attention import CorrelationAttention, CrossAttention, amax


def test_attention_starts_as_the_identity_and_then_sees_the_other_image() -> None:
    attention = CrossAttention(8)
    a, b = torch.randn(2, 2, 8, 3, 3)
    torch.testing.assert_close(attention(attention.prepare(a), attention.prepare(b)), (a, b))
    torch.nn.init.eye_(attention.out.weight)
    rows = [attention.norm(x[0].flatten(1).T) for x in (a, b)]
    weights = torch.softmax(attention.query(rows[0]) @ attention.key(rows[1]).T / 8**0.5, dim=1)
    wanted = a[0].flatten(1).T + weights @ attention.value(rows[1])
    found = attention(attention.prepare(a), attention.prepare(b))[0]
    torch.testing.assert_close(found[0].flatten(1).T, wanted)


def test_correlation_starts_as_the_identity_and_then_says_where_a_cell_is_found_again() -> None:
    attention = CorrelationAttention(8, heads=2)
    a, b = torch.randn(2, 2, 8, 3, 3)
    torch.testing.assert_close(attention(attention.prepare(a), attention.prepare(b)), (a, b))
    b[0, :, 1, 2] = a[0, :, 0, 1]  # one cell of a stands in b, elsewhere
    torch.nn.init.eye_(attention.match.weight)
    torch.nn.init.eye_(attention.evidence.weight[:2, :2])
    found_a, found_b = attention(attention.prepare(a), attention.prepare(b))
    best = [(found - own)[0, :2].flatten(1) for found, own in ((found_a, a), (found_b, b))]  # [heads, cells]
    torch.testing.assert_close(best[0][:, 1], torch.ones(2))
    torch.testing.assert_close(best[1][:, 5], torch.ones(2))
    rows = [F.normalize(attention.norm(x[0].flatten(1).T)[:, :4], dim=1) for x in (a, b)]
    torch.testing.assert_close(best[0][0], (rows[0] @ rows[1].T).amax(1))


@pytest.mark.parametrize("dim", [1, 2])
def test_the_maximum_of_bfloat16_whatever_its_signs(dim: int) -> None:
    x = torch.randn(64, 30, 30, generator=torch.Generator().manual_seed(0)).bfloat16()
    x[::2] -= 4  # nearly all are negative
    x[5], x[6, :, 3], x[7, 3] = -0.0, -1e-38, torch.inf
    with torch.inference_mode():
        assert torch.equal(amax(x, dim), x.float().amax(dim).bfloat16())
