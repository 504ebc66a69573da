"""MATCHER: the literal form against plain loops, the fast form against the literal one."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scott_core.model import matcher
from scott_core.model.embedding_heads import ImageEmbedding, RegionEmbedding
from scott_core.model.matcher import EMPTY_LOGIT, Matcher, adaptive_bins, gather_foreground, pooled_pairs
from scott_core.model.similarity import SIMILARITIES
from scott_core.reference import pooled_pairs_reference


def by_hand(r_a: np.ndarray, r_b: np.ndarray, k: int) -> np.ndarray:
    """Algorithm 1 up to the pooling, one scalar at a time, in float64."""
    p, d = r_a.shape
    q = r_b.shape[0]
    out = np.full((2 * d, k, k), -np.inf)
    for u in range(k):
        for v in range(k):
            for i in range(u * p // k, -(-(u + 1) * p // k)):
                for j in range(v * q // k, -(-(v + 1) * q // k)):
                    s = r_a[i] @ r_b[j] / (np.linalg.norm(r_a[i]) * np.linalg.norm(r_b[j]))
                    out[:, u, v] = np.maximum(out[:, u, v], s * np.concatenate([r_a[i], r_b[j]]))
    return out


@pytest.mark.parametrize(("p", "q", "k"), [(1, 1, 3), (5, 2, 3), (7, 9, 4), (2, 3, 5)])
def test_the_literal_matcher_is_algorithm_1(p: int, q: int, k: int) -> None:
    rng = np.random.default_rng(p + q)
    r_a, r_b = rng.normal(size=(p, 6)), rng.normal(size=(q, 6))
    found = pooled_pairs_reference(torch.tensor(r_a), torch.tensor(r_b), k, SIMILARITIES["cosine"])
    np.testing.assert_allclose(found.numpy(), by_hand(r_a, r_b, k), rtol=1e-12)


@pytest.mark.parametrize("name", sorted(SIMILARITIES))
@pytest.mark.parametrize("k", [1, 3, 8, 64])
def test_the_fast_matcher_equals_the_literal_one_on_ragged_pairs(name: str, k: int) -> None:
    generator = torch.Generator().manual_seed(k)
    counts_a = torch.tensor([0, 1, 1, 20, 7, 3, 19])
    counts_b = torch.tensor([5, 0, 1, 30, 1, 29, 8])
    r_a = torch.randn(7, 20, 6, generator=generator, dtype=torch.float64)
    r_b = torch.randn(7, 30, 6, generator=generator, dtype=torch.float64)
    fast = pooled_pairs(r_a, counts_a, r_b, counts_b, k, SIMILARITIES[name])
    for n, (p, q) in enumerate(zip(counts_a, counts_b, strict=True)):
        literal = pooled_pairs_reference(r_a[n, :p], r_b[n, :q], k, SIMILARITIES[name])
        torch.testing.assert_close(fast[n], literal, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-5), (torch.bfloat16, 1e-2)]
)
@pytest.mark.parametrize("bound", [1, 1 << 30])
@pytest.mark.parametrize("k", [3, 64])
def test_so_it_does_for_inference_however_little_is_made_at_once(
    monkeypatch: pytest.MonkeyPatch, k: int, bound: int, dtype: torch.dtype, tolerance: float
) -> None:
    monkeypatch.setitem(matcher.LARGEST_BYTES, "cpu", bound)
    generator = torch.Generator().manual_seed(k)
    counts_a, counts_b = torch.tensor([0, 1, 20, 7]), torch.tensor([5, 0, 30, 29])
    r_a, r_b = (torch.randn(4, n, 6, generator=generator).to(dtype) for n in (20, 30))
    with torch.inference_mode():
        s = SIMILARITIES["cosine"](r_a, r_b)
        fast = pooled_pairs(r_a, counts_a, r_b, counts_b, k, lambda a, b: s)
        assert fast.dtype == dtype
        for n, (p, q) in enumerate(zip(counts_a, counts_b, strict=True)):
            exact = s[n, :p, :q].double()
            literal = pooled_pairs_reference(r_a[n, :p].double(), r_b[n, :q].double(), k, lambda a, b: exact)  # noqa: B023
            torch.testing.assert_close(fast[n].double(), literal, rtol=tolerance, atol=1e-14)


def test_their_gradients_are_equal_too() -> None:
    r_a = torch.randn(1, 9, 4, dtype=torch.float64, requires_grad=True)
    r_b = torch.randn(1, 5, 4, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(8, 3, 3, dtype=torch.float64)
    fast = pooled_pairs(r_a, torch.tensor([9]), r_b, torch.tensor([5]), 3, SIMILARITIES["cosine"])[0]
    wanted = torch.autograd.grad(
        (pooled_pairs_reference(r_a[0], r_b[0], 3, SIMILARITIES["cosine"]) * weight).sum(), (r_a, r_b)
    )
    found = torch.autograd.grad((fast * weight).sum(), (r_a, r_b))
    torch.testing.assert_close(found, wanted)


@pytest.mark.parametrize("n", [1, 2, 5, 16, 17, 100])
def test_bins_are_those_of_torch_adaptive_pooling(n: int) -> None:
    x = torch.randn(n)
    for k in (1, 4, 16):
        pooled = x[adaptive_bins(torch.tensor([n]), k)[0]].amax(-1)
        torch.testing.assert_close(pooled, F.adaptive_max_pool1d(x[None, None], k)[0, 0])


def test_foreground_keeps_raster_order() -> None:
    features = torch.arange(2 * 3 * 2 * 3.0).view(2, 3, 2, 3)
    region = torch.tensor([[[0, 1, 0], [1, 0, 1]], [[0, 0, 0], [0, 0, 1]]], dtype=torch.bool)
    r, counts = gather_foreground(features, region)
    assert counts.tolist() == [3, 1]
    torch.testing.assert_close(r[0, :3], features[0].flatten(1).T[[1, 3, 5]])
    torch.testing.assert_close(r[1, 0], features[1].flatten(1).T[5])


def test_regions_of_many_sizes_ask_for_few_shapes() -> None:
    """oneDNN keeps what it compiled for a product of matrices, once for each shape: memory grew with the pairs."""
    features = torch.randn(1, 4, 20, 20)
    shapes = set()
    for size in range(401):
        region = (torch.arange(400) < size).view(1, 20, 20)
        r, counts = gather_foreground(features, region)
        assert r.shape[1] >= counts.item() == size
        shapes.add(r.shape)
    assert len(shapes) <= 5


@pytest.mark.parametrize("head", [Matcher(8, k=4), RegionEmbedding(8)])
def test_an_empty_foreground_is_no_match(head: torch.nn.Module) -> None:
    features = torch.randn(3, 8, 4, 4)
    nothing, something = torch.zeros(4, 4, dtype=torch.bool), torch.ones(4, 4, dtype=torch.bool)
    region_a, region_b = torch.stack([nothing, something, something]), torch.stack([something, nothing, something])
    logits = head(features, region_a, features, region_b)
    assert logits[:2].tolist() == [EMPTY_LOGIT, EMPTY_LOGIT]
    assert logits[2] != EMPTY_LOGIT
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("head", [Matcher(8, k=4), RegionEmbedding(8), ImageEmbedding(8)])
def test_a_pair_scores_the_same_alone_and_in_a_batch(head: torch.nn.Module) -> None:
    generator = torch.Generator().manual_seed(0)
    f_a, f_b = (torch.randn(5, 8, 6, 6, generator=generator) for _ in range(2))
    region_a, region_b = (torch.rand(5, 6, 6, generator=generator) > t for t in (0.3, 0.8))
    together = head(f_a, region_a, f_b, region_b)
    alone = torch.cat([head(*(x[n : n + 1] for x in (f_a, region_a, f_b, region_b))) for n in range(5)])
    torch.testing.assert_close(together, alone)


def test_memory_is_bounded_and_the_logits_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    head = Matcher(4, k=3).eval()
    f_a, f_b = torch.randn(7, 4, 5, 5), torch.randn(7, 4, 5, 5)
    region_a, region_b = torch.rand(7, 5, 5) > 0.4, torch.rand(7, 5, 5) > 0.4
    region_a[3] = False
    at_once = head(f_a, region_a, f_b, region_b)
    sizes: list[int] = []
    head.phi.register_forward_pre_hook(lambda _, given: sizes.append(len(given[0])))
    pair = 2 * 4 * 3 * 3 * 4  # bytes of its pooled tensor
    for bound, expected in ((3 * pair, [3, 3, 1]), (1, [1] * 7)):
        monkeypatch.setitem(matcher.POOLED_BYTES, "cpu", bound)
        sizes.clear()
        torch.testing.assert_close(head(f_a, region_a, f_b, region_b), at_once)
        assert sizes == expected


def test_only_foreground_reaches_the_heads_of_regions() -> None:
    features, other = torch.randn(1, 8, 4, 4), torch.randn(1, 8, 4, 4)
    region = torch.zeros(1, 4, 4, dtype=torch.bool)
    region[:, 1:3, 1:3] = True
    changed = torch.where(region[:, None], features, other)
    for head in (Matcher(8, k=4), RegionEmbedding(8)):
        torch.testing.assert_close(head(features, region, other, region), head(changed, region, other, region))
    whole = ImageEmbedding(8)
    assert not torch.allclose(whole(features, region, other, region), whole(changed, region, other, region))
