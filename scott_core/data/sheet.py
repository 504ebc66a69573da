"""A sheet of augmented pairs to look at: 100 matching pairs, with the edge of each mask in red.

    python -m scott_core.data.sheet PACK OUT.jpg [--seed 0] [field=value ...]

Fields are those of `scott_core.data.recipe`. A row has five pairs, a beside b; four pairs in succession are a group of
look-alikes. An image without a red edge has no mask, or its object lies outside.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from PIL import Image
from torch import Tensor

from scott_core.data.batches import Batches
from scott_core.data.pack import read_rows
from scott_core.data.recipe import recipe_of
from scott_core.data.store import load_store

GROUPS = 25  # of look-alikes
GROUP_SIZE = 4  # instances in a group
LOOK_ALIKES = 0.7  # share of groups of instances nearest in colour, as in scott_core/configs/scott-lite0.yaml
COLUMNS = 5  # pairs in a row
SIZE = 112  # px, side of an image
QUALITY = 85  # of the JPEG file
RED = (1.0, 0.1, 0.1)  # RGB in [0, 1]


def draw_sheet(batches: Batches, number: int) -> Image.Image:
    """The pairs of one batch, COLUMNS in a row."""
    batch = batches[number]
    pairs = torch.cat([_outlined(batch.images_a, batch.mask_a), _outlined(batch.images_b, batch.mask_b)], 3)
    framed = F.pad(pairs, (2, 2, 1, 1), value=1.0)  # [n, 3, S + 2, 2 S + 4]
    rows = [torch.cat(list(row), 2) for row in torch.split(framed, COLUMNS)]
    pixels = torch.cat(rows, 1).mul(255).byte().permute(1, 2, 0).contiguous()
    return Image.fromarray(pixels.numpy())


def _outlined(images: Tensor, masks: Tensor) -> Tensor:
    """Images [n, 3, S, S] in [0, 1] of uint8 ones, with the inner edge of their masks [n, 1, S, S] in red."""
    inside = (masks > 0.5).float()
    edge = inside + F.max_pool2d(-inside, 3, 1, 1)  # the mask less its erosion
    return torch.where(edge > 0, torch.tensor(RED).view(1, 3, 1, 1), images / 255)


def main(argv: Sequence[str] | None = None) -> int:
    """Draws one sheet."""
    parser = argparse.ArgumentParser(prog="python -m scott_core.data.sheet", description=main.__doc__)
    parser.add_argument("pack", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("fields", nargs="*", metavar="field=value")
    options = parser.parse_args(argv)
    fields = {name: yaml.safe_load(value) for name, _, value in (each.partition("=") for each in options.fields)}
    _, rows = read_rows(options.pack)
    families = dict.fromkeys((row.family for row in rows), 1.0)
    store = load_store(options.pack, families, group_size=GROUP_SIZE)
    batches = Batches(
        store,
        recipe_of(fields),
        families=families,
        groups=GROUPS,
        group_size=GROUP_SIZE,
        look_alikes=LOOK_ALIKES,
        size=SIZE,
        seed=options.seed,
    )
    draw_sheet(batches, 0).save(options.out, quality=QUALITY)
    return 0


if __name__ == "__main__":
    sys.exit(main())
