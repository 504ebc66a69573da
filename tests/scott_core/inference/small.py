"""A small Scott with weights that were never trained, for the tests of inference, and the images that it scores."""

from typing import Any

import torch

from scott_core.card import Card
from scott_core.checkpoint import Checkpoint
from scott_core.data.synthetic.cartons import carton_on_white
from scott_core.images import to_batch
from scott_core.inference.prepared import Prepared
from scott_core.model.registry import build

CPU = torch.device("cpu")
IMAGES_A = [carton_on_white(seed, 0, size=96) for seed in range(3)]
IMAGES_B = [carton_on_white(seed, 1, size=64 + 32 * seed) for seed in range(4)]
PAIRS = [(i, j) for i in range(3) for j in range(4)]
ENCODERS = [
    {"name": "coder", "d": 16},
    {"name": "twin_lite0", "d": 16},
    {"name": "twin_lite0", "d": 16, "fine": True, "exchange": "attention"},
    {"name": "twin_lite0", "d": 16, "exchange": "correlation", "colour": True},
    {"name": "twin_resnet50", "d": 16},
]


def small_checkpoint(encoder: dict[str, Any], merge: str = "matcher+region_embedding") -> Checkpoint:
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
