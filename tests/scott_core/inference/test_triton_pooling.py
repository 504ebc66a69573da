"""The Triton kernel against both forms of MATCHER: interpreted, compiled, and on a GPU where there is one."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import product

import pytest
import torch
from torch import Tensor

from scott_core.model.matcher import pooled_pairs
from scott_core.model.similarity import cosine
from scott_core.reference import pooled_pairs_reference
from tests import ROOT

triton = pytest.importorskip("triton", reason="there is no Triton for this platform")

COUNTS_A = [0, 1, 1, 7]  # and P
COUNTS_B = [5, 0, 1, 10]  # and Q
# P, Q, d, k: bins of less than one row, of many, more than are loaded at once; no power of two; several blocks of bins,
# and of channels.
SHAPES = [(13, 16, 6, 1), (9, 10, 5, 8), (7, 10, 3, 11), (95, 95, 40, 3), (13, 16, 530, 2)]
TYPES = [torch.float32, torch.bfloat16]
CASES = list(product(SHAPES, TYPES))

INTERPRETED = """
import sys, torch
from scott_core.inference.triton_pooling import pooled_pairs_fused
cases = torch.load(sys.argv[1])
torch.save([pooled_pairs_fused(*case, lambda a, b, s=s: s) for *case, s in cases], sys.argv[2])
"""


def case(shape: tuple[int, int, int, int], dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor, Tensor, int, Tensor]:
    """What `pooled_pairs` takes, and S. What is padded must not be seen: it is large."""
    p, q, d, k = shape
    generator = torch.Generator().manual_seed(p + d)
    n_a, n_b = torch.tensor([*COUNTS_A, p]), torch.tensor([*COUNTS_B, q])
    r_a, r_b = (torch.randn(len(n_a), n, d, generator=generator).to(dtype) for n in (p, q))
    s = cosine(r_a, r_b)
    outside_a, outside_b = (torch.arange(n) >= counts[:, None] for n, counts in ((p, n_a), (q, n_b)))
    s.masked_fill_(outside_a[:, :, None] | outside_b[:, None], 1e4)
    return r_a.masked_fill(outside_a[..., None], 1e4), n_a, r_b.masked_fill(outside_b[..., None], 1e4), n_b, k, s


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory: pytest.TempPathFactory) -> list[Tensor]:
    """The kernel's answers to CASES. In a process of its own: Triton decides when it is imported."""
    given, found = (tmp_path_factory.mktemp("triton") / name for name in ("given.pt", "found.pt"))
    torch.save([case(*each) for each in CASES], given)
    command = [sys.executable, "-W", "ignore", "-c", INTERPRETED, str(given), str(found)]
    root = ROOT
    subprocess.run(command, check=True, cwd=root, env={**os.environ, "TRITON_INTERPRET": "1"})
    answers: list[Tensor] = torch.load(found)
    return answers


@pytest.mark.parametrize("n", range(len(CASES)), ids=str)
def test_the_kernel_equals_both_forms(interpreted: list[Tensor], n: int) -> None:
    r_a, n_a, r_b, n_b, k, s = case(*CASES[n])
    found = interpreted[n]
    # The interpreter cuts what a GPU rounds to bfloat16: a unit in the last place.
    rtol = 2**-7 if found.dtype == torch.bfloat16 else 0
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, pooled_pairs(r_a, n_a, r_b, n_b, k, lambda a, b: s), rtol=rtol, atol=0)
    for pair, (p, q) in enumerate(zip(n_a.tolist(), n_b.tolist(), strict=True)):
        literal = pooled_pairs_reference(r_a[pair, :p], r_b[pair, :q], k, lambda a, b: s[pair, :p, :q])  # noqa: B023
        torch.testing.assert_close(found[pair], literal, rtol=rtol, atol=0)


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
@pytest.mark.parametrize(("p", "q", "d", "k"), [(400, 380, 128, 8), (64, 50, 512, 64)])
def test_the_kernel_compiles_for_a_gpu(p: int, q: int, d: int, k: int, dtype: str) -> None:
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    from scott_core.inference.triton_pooling import _pool, tile_of, warps_of

    tile = tile_of(p, q, d, k)
    pointers = dict.fromkeys(("r_a", "r_b", "s", "pooled"), f"*{dtype}") | {"n_a": "*i64", "n_b": "*i64"}
    signature = {name: {**pointers, "p": "i32", "q": "i32"}.get(name, "constexpr") for name in _pool.arg_names}
    source = ASTSource(_pool, signature, tile)
    compiled = triton.compile(source, target=GPUTarget("cuda", 90, 32), options={"num_warps": warps_of(tile)})
    assert ".target sm_90" in compiled.asm["ptx"]
    assert compiled.asm["cubin"].startswith(b"\x7fELF")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU")
@pytest.mark.parametrize(("shape", "dtype"), CASES + list(product([(400, 380, 128, 8), (64, 50, 512, 64)], TYPES)))
def test_on_a_gpu_it_equals_the_other_form_and_never_waits(
    shape: tuple[int, int, int, int], dtype: torch.dtype
) -> None:
    from scott_core.inference.triton_pooling import pooled_pairs_fused

    r_a, n_a, r_b, n_b, k, s = (x.cuda() if isinstance(x, Tensor) else x for x in case(shape, dtype))
    wanted = pooled_pairs(r_a, n_a, r_b, n_b, k, lambda a, b: s)
    torch.cuda.set_sync_debug_mode("error")
    try:
        found = pooled_pairs_fused(r_a, n_a, r_b, n_b, k, lambda a, b: s)
    finally:
        torch.cuda.set_sync_debug_mode("default")
    torch.testing.assert_close(found, wanted, rtol=0, atol=0)
