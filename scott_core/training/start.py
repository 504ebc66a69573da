"""TODO."""

from __future__ import annotations

import torch

from scott_core.checkpoint import load_checkpoint
from scott_core.errors import InputError
from scott_core.model.efficientnet_lite import EfficientNetLite0, load_imagenet
from scott_core.model.registry import build
from scott_core.model.scott import Scott
from scott_core.model.siamese import SiameseLite
from scott_core.training.config import TrainingConfig


def build_for_training(config: TrainingConfig) -> Scott:
    """The configured architecture, filled as `start` says: random, imagenet (the trunk's), or weights to go on from.

    Weights may come from a smaller architecture: what they lack, and the parts in `fresh`, keep their fresh values.
    Raises WeightsError, and InputError for an `imagenet_share` of what has no trained ImageNet trunk.
    """
    torch.manual_seed(config.seed)
    model = build(config.architecture).eval()
    if isinstance(model.encoder, SiameseLite):
        trunk = model.encoder.trunk
        if config.start == "imagenet":
            load_imagenet(trunk)
        for part in (trunk.stem, *trunk.blocks[: config.frozen_blocks]):
            part.requires_grad_(False)
    if config.start not in ("random", "imagenet"):
        if unknown := set(config.fresh) - {name for name, _ in model.named_children()}:
            raise InputError(f"fresh: no part {', '.join(sorted(unknown))}; there are encoder, sigma_a, sigma_b, merge")
        trained = load_checkpoint(config.start).model.state_dict()
        kept = {name: value for name, value in trained.items() if name.split(".")[0] not in config.fresh}
        model.load_state_dict(kept, strict=False)
    if config.imagenet_share:
        if config.start in ("random", "imagenet") or not isinstance(model.encoder, SiameseLite):
            raise InputError("imagenet_share is for twin_lite0, going on from trained weights")
        _pull_to_imagenet(model.encoder.trunk, config.imagenet_share)
    return model


@torch.no_grad()
def _pull_to_imagenet(trunk: EfficientNetLite0, share: float) -> None:
    """The trunk moved this far back on the line to ImageNet's weights (Wortsman et al. 2022, WiSE-FT).

    What fine-tuning on rendered and composited pictures took from the features of photographs comes back.
    """
    imagenet = EfficientNetLite0()
    load_imagenet(imagenet)
    before = imagenet.state_dict()
    for name, value in trunk.state_dict().items():
        if value.is_floating_point():
            value.lerp_(before[name], share)
