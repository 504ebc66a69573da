"""The model that a training run starts from: random, with ImageNet's backbone, or trained weights to go on from."""

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
    """The configured architecture, in evaluation mode, with the weights that `start` names.

    `random` draws them from `seed`; `imagenet` adds ImageNet's backbone; anything else names trained weights. Those may
    be of a smaller architecture: parameters that they lack, and the parts named in `fresh`, keep their random values.
    The backbone's stem and its first `frozen_blocks` blocks do not train. Raises WeightsError for weights that cannot
    be read, and InputError for an unknown part in `fresh` and for an `imagenet_share` without a trained backbone.
    """
    torch.manual_seed(config.seed)
    model = build(config.architecture).eval()
    if isinstance(model.encoder, SiameseLite):
        backbone = model.encoder.trunk
        if config.start == "imagenet":
            load_imagenet(backbone)
        for part in (backbone.stem, *backbone.blocks[: config.frozen_blocks]):
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
def _pull_to_imagenet(backbone: EfficientNetLite0, share: float) -> None:
    """Moves the backbone's weights the `share` (0 to 1) of the way back to ImageNet's (Wortsman et al. 2022, WiSE-FT).

    Fine-tuning on rendered and composited images costs features of photographs, which this restores (decision 11).
    """
    imagenet = EfficientNetLite0()
    load_imagenet(imagenet)
    before = imagenet.state_dict()
    for name, value in backbone.state_dict().items():
        if value.is_floating_point():
            value.lerp_(before[name], share)
