"""The engine against the literal Scott, and its promises: never twice, one shape, memory that is bounded."""

import threading
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from scott_core.card import Card
from scott_core.checkpoint import Checkpoint, load_checkpoint
from scott_core.data.synthetic.cartons import carton_on_white
from scott_core.errors import InputError
from scott_core.images import to_batch
from scott_core.inference.engine import BatchSizes
from scott_core.inference.feature_cache import FeatureCache
from scott_core.inference.optimise import fold_batch_norms, for_inference
from scott_core.inference.precision import available, resolve
from scott_core.inference.prepared import Prepared
from scott_core.model.registry import build
from scott_core.model.siamese import SiameseResNet50
from scott_core.predictor import Predictor
from scott_core.reference import Reference

CPU = torch.device("cpu")
IMAGES_A = [carton_on_white(seed, 0, size=96) for seed in range(3)]
IMAGES_B = [carton_on_white(seed, 1, size=64 + 32 * seed) for seed in range(4)]
PAIRS = [(i, j) for i in range(3) for j in range(4)]
ENCODERS = [
    {"name": "coder", "d": 16},
    {"name": "twin_lite0", "d": 16},
    {"name": "twin_lite0", "d": 16, "fine": True, "exchange": "attention"},
    {"name": "twin_lite0", "d": 16, "exchange": "correlation"},
    {"name": "twin_resnet50", "d": 16},
]


def checkpoint(encoder: dict[str, Any], merge: str = "matcher+region_embedding") -> Checkpoint:
    """Fresh weights, but no layer that starts at zero, and batch norms that have seen something."""
    torch.manual_seed(0)
    architecture = {"encoder": encoder, "merge": {"name": merge}, "alpha": 0.5}
    model = build(architecture)
    with torch.no_grad():
        for parameter in model.parameters():
            if not parameter.any():
                parameter.normal_(std=0.1)
        for module in model.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 1.0
        a, b = (to_batch([Prepared.of(image, 64).pixels for image in images]) for images in (IMAGES_A, IMAGES_B[:3]))
        model.train()(a, b)
        logits = model.eval()(a, b)
        for sigma, mask in ((model.sigma_a, logits.mask_a), (model.sigma_b, logits.mask_b)):
            cells = mask.flatten().sort().values
            middle = int(cells.diff()[len(cells) // 4 : -len(cells) // 4].argmax()) + len(cells) // 4
            sigma.layers[-1].bias -= cells[middle : middle + 2].mean()  # some cells are foreground, none is undecided
    card = {"name": "small", "sha256": "0" * 64, "architecture": architecture, "image_size": 64}
    return Checkpoint(model.eval(), Card.of({**card, "threshold": 0.5, "slope": 1.0, "bias": 0.0}))


@pytest.fixture(scope="module")
def small() -> Checkpoint:
    return checkpoint(ENCODERS[3])


@pytest.mark.parametrize("merge", ["matcher", "region_embedding", "image_embedding", "matcher+region_embedding"])
@pytest.mark.parametrize("encoder", ENCODERS, ids=lambda encoder: "-".join(map(str, encoder.values())))
def test_the_engine_is_the_literal_scott(encoder: dict[str, Any], merge: str) -> None:
    made = checkpoint(encoder, merge)
    found = Predictor(made, device="cpu", precision="float32").score_pairs(IMAGES_A, IMAGES_B, PAIRS).score
    literal = Reference(made).score_pairs(IMAGES_A, IMAGES_B, PAIRS)
    np.testing.assert_allclose(found, literal, atol=2e-5)
    if merge != "image_embedding":
        assert len(np.unique(literal.round(4))) > 1, "nothing was compared"


@pytest.mark.parametrize(("encoder", "has_roles"), [(0, True), (1, True), (2, False), (3, False), (4, True)])
def test_a_picture_is_encoded_once_in_all_calls_and_products_for_each_role_that_differs(
    encoder: int, has_roles: bool
) -> None:
    predictor = Predictor(checkpoint(ENCODERS[encoder]), device="cpu")
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


@pytest.mark.parametrize(
    "batches", [BatchSizes(1, 1, 0), BatchSizes(2, 5, 0), BatchSizes(3, 4, 1), BatchSizes(64, 64, 1 << 30)]
)
@pytest.mark.parametrize("encoder", [ENCODERS[0], ENCODERS[3]], ids=["roles", "no roles"])
def test_room_for_few_states_changes_no_score(encoder: dict[str, Any], batches: BatchSizes) -> None:
    made = checkpoint(encoder)
    images = [*IMAGES_A, *IMAGES_B]
    pairs = [(i, (i + 1 + turn) % 7) for turn in range(6) for i in range(0, 7, 2)]  # neighbours share no picture
    wanted = Predictor(made, device="cpu").score_pairs(images, images, pairs)
    predictor = Predictor(made, device="cpu")
    predictor.engine.batch_sizes = batches
    found = predictor.score_pairs(images, images, pairs[::-1])
    np.testing.assert_allclose(found.score[::-1], wanted.score, atol=1e-5)
    np.testing.assert_allclose(found.region_b[::-1], wanted.region_b, atol=1e-5)


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


def test_folded_batch_norms_say_the_same() -> None:
    made = [checkpoint(ENCODERS[1]).model.encoder, SiameseResNet50(d=8).eval()]
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


def test_a_state_put_twice_takes_one_place() -> None:
    states = FeatureCache()
    states.put([b"x", b"y"], (torch.tensor([1.0, 2.0]),), 3)
    states.put([b"y", b"z"], (torch.tensor([3.0, 4.0]),), 3)
    assert states.take([b"x", b"y", b"z"])[0].tolist() == [1, 3, 4]
    states.touch(b"x")
    states.put([b"w"], (torch.tensor([5.0]),), 3)
    assert b"y" not in states
    assert states.take([b"x", b"z", b"w"])[0].tolist() == [1, 4, 5]


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


def test_states_forgotten_leave_their_memory(small: Checkpoint) -> None:
    """Its new pages cost a twentieth of a product."""
    predictor = Predictor(small, device="cpu")
    wanted = predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score
    places = [part.data_ptr() for part in predictor.engine._caches["a"]._parts]
    predictor.engine.forget()
    np.testing.assert_array_equal(predictor.score_pairs(IMAGES_A, IMAGES_B, PAIRS).score, wanted)
    assert [part.data_ptr() for part in predictor.engine._caches["a"]._parts] == places


def test_the_default_precision_changes_no_verdict_of_the_sample() -> None:
    made = load_checkpoint()
    images = [Image.open(path).convert("RGB") for path in sample_images()]
    a, b = images[::3], [image for n, image in enumerate(images) if n % 3]
    pairs = [(i, j) for i in range(len(a)) for j in range(len(b))][::3]
    default, exact = (Predictor(made, precision=name).score_pairs(a, b, pairs).score for name in (None, "float32"))
    np.testing.assert_array_equal(default >= made.card.threshold, exact >= made.card.threshold)


def sample_images() -> list[Any]:
    from pathlib import Path

    import jobs.sample

    return sorted(Path(jobs.sample.__file__).parent.glob("catalogue/*/images/*.jpg"))


def test_likelier_pairs_are_those_of_the_same_picture(small: Checkpoint) -> None:
    predictor = Predictor(small, device="cpu")
    likeness = predictor.likeness(IMAGES_A, IMAGES_A, [(0, 1), (0, 0), (2, 1), (2, 2)])
    assert likeness[1] == pytest.approx(1, abs=1e-5)
    assert likeness[3] == pytest.approx(1, abs=1e-5)
    assert max(likeness[0], likeness[2]) < 1 - 1e-4
    coder = Predictor(checkpoint(ENCODERS[0]), device="cpu")
    assert not coder.likeness(IMAGES_A, IMAGES_B, PAIRS).any()
