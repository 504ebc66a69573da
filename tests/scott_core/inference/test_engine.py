"""The engine against the literal Scott: one encoding for each image, one shape of batch, bounded memory."""

import threading
from typing import Any

import numpy as np
import pytest
import torch

from scott_core.checkpoint import Checkpoint
from scott_core.inference.engine import BatchSizes
from scott_core.inference.precision import available
from scott_core.predictor import Predictor
from scott_core.reference import Reference
from tests.scott_core.inference.small import CPU, ENCODERS, IMAGES_A, IMAGES_B, PAIRS, small_checkpoint


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    return small_checkpoint(ENCODERS[3])


@pytest.mark.parametrize("merge", ["matcher", "region_embedding", "image_embedding", "matcher+region_embedding"])
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: "-".join(map(str, encoder.values())))
def test_the_engine_is_the_literal_scott(encoder: dict[str, Any], merge: str) -> None:
    made = small_checkpoint(encoder, merge)
    found = Predictor(made, device="cpu", precision="float32").score_pairs(IMAGES_A, IMAGES_B, PAIRS).score
    literal = Reference(made).score_pairs(IMAGES_A, IMAGES_B, PAIRS)
    np.testing.assert_allclose(found, literal, atol=2e-5)
    if merge != "image_embedding":
        assert len(np.unique(literal.round(4))) > 1, "nothing was compared"


@pytest.mark.parametrize(("encoder", "has_roles"), [(0, True), (1, True), (2, False), (3, False), (4, True)])
def test_an_image_is_encoded_once_in_all_calls_and_products_for_each_role_that_differs(
    encoder: int, has_roles: bool
) -> None:
    predictor = Predictor(small_checkpoint(ENCODERS[encoder]), device="cpu")
    encoded: list[tuple[int, str]] = []
    encode = predictor.engine.model.encode_image

    def counting(images: torch.Tensor, role: Any) -> Any:
        encoded.append((len({bytes(image.numpy().tobytes()) for image in images}), role))
        return encode(images, role)

    predictor.engine.model.encode_image = counting  # type: ignore[method-assign]
    copies = [image.copy() for image in IMAGES_B]
    predictor.score_pairs(IMAGES_A, [*IMAGES_B, *copies], [(i, j) for i in range(3) for j in range(8)])
    predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS)
    predictor.match(IMAGES_A[0], IMAGES_B[0])
    count = {role: sum(n for n, its in encoded if its == role) for role in "ab"}
    assert count == ({"a": 3, "b": 4} if has_roles else {"a": 7, "b": 0})
    encoded.clear()
    score = predictor.score_pairs(IMAGES_B[:1], IMAGES_A[:1], [(0, 0)]).score
    assert sum(n for n, _ in encoded) == (2 if has_roles else 0), "in the other role"
    predictor.engine.forget()
    np.testing.assert_array_equal(predictor.score_pairs(IMAGES_B[:1], IMAGES_A[:1], [(0, 0)]).score, score)


@pytest.mark.parametrize("precision", available(CPU))
def test_a_score_does_not_depend_on_its_batch(small: Checkpoint, precision: str) -> None:
    predictor = Predictor(small, device="cpu", precision=precision)
    together = predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score
    for n, (i, j) in enumerate(PAIRS):
        predictor.engine.forget()
        assert predictor.score_pairs([IMAGES_A[i]], [IMAGES_B[j]], [(0, 0)]).score[0] == together[n]


@pytest.mark.parametrize("side", ["encode", "pair"])
def test_out_of_memory_halves_the_batch_and_goes_on(
    small: Checkpoint, side: str, caplog: pytest.LogCaptureFixture
) -> None:
    predictor = Predictor(small, device="cpu")
    wanted = predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score
    predictor.engine.forget()
    predictor.engine.batch_sizes = BatchSizes(4, 8, 1 << 20)
    name = "encode_image" if side == "encode" else "score_pairs"
    run = getattr(predictor.engine.model, name)

    def limited(first: Any, *rest: Any) -> Any:
        if len(first if side == "encode" else first[0]) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return run(first, *rest)

    setattr(predictor.engine.model, name, limited)
    np.testing.assert_allclose(predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score, wanted, atol=1e-5)
    assert getattr(predictor.engine.batch_sizes, side) == 2
    assert "out of memory" in caplog.text


def test_what_does_not_fit_at_all_and_other_errors_are_raised(small: Checkpoint) -> None:
    predictor = Predictor(small, device="cpu")
    for error in (torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("shapes differ")):

        def fail(*_: Any, error: RuntimeError = error) -> Any:
            raise error

        predictor.engine.model.score_pairs = fail  # type: ignore[method-assign]
        with pytest.raises(RuntimeError, match=str(error)):
            predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS)


def test_workers_have_one_core_each_and_how_many_there_are_changes_no_bit(small: Checkpoint) -> None:
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = Predictor(small, device="cpu")
        alone.engine.batch_sizes = BatchSizes(2, 3, 1 << 20)
        wanted = alone.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score
        torch.set_num_threads(3)
        predictor = Predictor(small, device="cpu")
        predictor.engine.batch_sizes = alone.engine.batch_sizes
        np.testing.assert_array_equal(predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score, wanted)
        engine = predictor.engine
        together = threading.Barrier(3)

        def worker(_: int) -> int:
            together.wait(10)  # none of them can have two of the tasks
            return torch.get_num_threads()

        assert list(engine.map(worker, range(3))) == [1, 1, 1]
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(threads)


def test_likelier_pairs_are_those_of_the_same_image(small: Checkpoint) -> None:
    predictor = Predictor(small, device="cpu")
    likeness = predictor.likeness(IMAGES_A, IMAGES_A, [(0, 1), (0, 0), (2, 1), (2, 2)])
    assert likeness[1] == pytest.approx(1, abs=1e-5)
    assert likeness[3] == pytest.approx(1, abs=1e-5)
    assert max(likeness[0], likeness[2]) < 1 - 1e-4
    coder = Predictor(small_checkpoint(ENCODERS[0]), device="cpu")
    assert not coder.likeness(IMAGES_A, IMAGES_B, PAIRS).any()
