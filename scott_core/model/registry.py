"""The one place where names become objects: `build(config)` makes a Scott from a card's `architecture`.

encoder     {name: coder | twin_lite0 | twin_resnet50, d, exchange: none | attention | correlation, fine, colour}
            `exchange` names the cross-attention of twin_lite0, a siamese encoder; `fine` (false | true) adds its maps
            at 1/8, and `colour` (false | true) the colour histograms of its cells
merge       {name: matcher | region_embedding | image_embedding | matcher+region_embedding, k, similarity}
            the matching head; `k` and `similarity` are options of matcher only
alpha       the foreground threshold, a probability (section 4.1)
head_width  channels of the segmentation heads; the encoder's d where it is not given
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import nn

from scott_core.errors import WeightsError
from scott_core.model.coder import Coder
from scott_core.model.cross_attention import CorrelationAttention, CrossAttention
from scott_core.model.embedding_heads import HeadSum, ImageEmbedding, RegionEmbedding
from scott_core.model.encoder import Encoder
from scott_core.model.matcher import Matcher
from scott_core.model.scott import Scott
from scott_core.model.segmentation import SegmentationHead
from scott_core.model.siamese import SiameseLite, SiameseResNet50


def _twin_lite0(d: int, exchange: str = "none", fine: bool = False, colour: bool = False) -> Encoder:
    return SiameseLite(d=d, fine=fine, colour=colour, cross_attention=_named("exchange", exchange, CROSS_ATTENTIONS)(d))


CROSS_ATTENTIONS: dict[str, Callable[[int], CrossAttention | None]] = {
    "none": lambda d: None,
    "attention": CrossAttention,
    "correlation": CorrelationAttention,
}
ENCODERS: dict[str, Callable[..., Encoder]] = {
    "coder": lambda d: Coder(d=d),
    "twin_lite0": _twin_lite0,
    "twin_resnet50": lambda d: SiameseResNet50(d=d),
}
MATCHING_HEADS: dict[str, Callable[..., nn.Module]] = {
    "matcher": Matcher,
    "region_embedding": RegionEmbedding,
    "image_embedding": ImageEmbedding,
    "matcher+region_embedding": lambda d, **options: HeadSum([Matcher(d, **options), RegionEmbedding(d)]),
}


def _named(what: str, name: str, table: dict[str, Any]) -> Any:
    """table[name]. Raises WeightsError, which says what kind of thing it is a name of and which names are known."""
    if name not in table:
        raise WeightsError(f"unknown {what} {name!r}; known: {', '.join(sorted(table))}")
    return table[name]


def build(architecture: Mapping[str, Any]) -> Scott:
    """A Scott with fresh weights. Raises WeightsError for an unknown name or an option that does not fit."""
    try:
        encoder_options = dict(architecture["encoder"])
        head_options = dict(architecture["merge"])
        encoder = _named("encoder", encoder_options.pop("name"), ENCODERS)(**encoder_options)
        matching_head = _named("merge", head_options.pop("name"), MATCHING_HEADS)(encoder.d, **head_options)
        alpha = float(architecture["alpha"])
    except (KeyError, TypeError) as error:
        raise WeightsError(f"architecture {architecture} does not fit: {error}") from error
    width = int(architecture.get("head_width", encoder.d))
    return Scott(
        encoder=encoder,
        sigma_a=SegmentationHead(encoder.d, width=width),
        sigma_b=SegmentationHead(encoder.d, width=width),
        merge=matching_head,
        alpha=alpha,
    )
