"""Selecting cached features."""

import torch

from scott_core.model.encoder import select_cached


def test_selected_features_keep_their_layout() -> None:
    maps = torch.randn(5, 4, 3, 2)
    cached = (maps.to(memory_format=torch.channels_last), maps, maps[:, 0])
    index = torch.tensor([3, 3, 0])
    for part, taken in zip(cached, select_cached(cached, index), strict=True):
        assert torch.equal(taken, part[index])
        assert taken[0].stride() == part[0].stride()
