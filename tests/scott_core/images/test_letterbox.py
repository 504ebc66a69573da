"""The way of an image into the model's square and back."""

import pytest
import torch
from PIL import Image

from scott_core.images import Letterbox


@pytest.mark.parametrize("size", [(300, 200), (50, 400), (64, 64), (2, 90)])
def test_letterbox_centres_on_white_and_crops_back(size: tuple[int, int]) -> None:
    image = Image.new("RGB", size, "black")
    box = Letterbox.of(image, 64)
    square = box.apply(image)
    assert square.shape == (64, 64, 3)
    inside = box.crop(torch.from_numpy(square).permute(2, 0, 1))
    assert inside.max() == 0
    assert (square == 0).sum() == inside.numel()
    assert max(inside.shape[1:]) == 64
