"""Products of val: what their catalogues and their documents show, and whether that is the same.

Each is drawn from the photographed instances of a manifest: some photographs of one are the catalogue's. Those of the
documents show the same instance, another of its category, or any other, and are degraded as documents degrade images.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from scott_core.data.chance import Chance
from scott_core.data.light import degrade_
from scott_core.data.recipe import Recipe
from scott_core.data.sources import Row, read_manifest
from scott_core.errors import InputError
from scott_core.images import read_image
from scott_core.product import MOST_CATALOGUE_IMAGES, MOST_DOCUMENT_IMAGES, features
from scott_core.progress import Progress
from scott_core.scorers import PairScorer

PRODUCTS = 1200
SHOWN = 0.5  # share of products whose documents show them
MOST_SHOWN = 4  # images of the object in the documents
SAME_CATEGORY = 0.8  # share of the others whose documents show another instance of the category
BESIDE = 0.4  # share of products whose documents show something else besides
MOST_BESIDE = MOST_DOCUMENT_IMAGES - MOST_SHOWN  # images of that; their number is log-uniform from 1
DEGRADED = replace(Recipe(), grey=0.2)  # documents have more grey scans than training images
SIDE = 320  # px, a document image's longer side
PRODUCTS_AT_ONCE = 50  # whose images are in memory
AT_ONCE = 40  # images degraded together: the recipe's shares are of them
FAMILIES = ("package", "apparel", "object")  # drawn alike

Key = tuple[str, str]


@dataclass(frozen=True)
class KnownProduct:
    """The image files of a product's catalogue and documents, and whether these show it."""

    catalogue: tuple[Path, ...]
    documents: tuple[Path, ...]
    is_shown: bool
    instance: Key


def draw_products(data: Path, *, n: int = PRODUCTS, seed: int = 0) -> list[KnownProduct]:
    """`n` products of the instances of val in DATA/manifest.csv; equal arguments give equal products.

    Raises PairsError for a manifest that cannot be read, and InputError where a family of it has an instance without
    another of another category to tell it from.
    """
    views: dict[Key, list[Row]] = defaultdict(list)
    for row in read_manifest(data / "manifest.csv"):
        if row.split == "val" and row.is_object and row.family in FAMILIES:
            views[row.key].append(row)
    line_up = _LineUp({key: rows for key, rows in sorted(views.items()) if len(rows) > 1})
    if len(line_up.categories) < 2:
        raise InputError(f"{data / 'manifest.csv'}: val has no two categories of objects with two images each")
    rng = random.Random(seed)
    return [line_up.draw(rng) for _ in range(n)]


class _LineUp:
    """Instances by family and by category."""

    def __init__(self, instances: Mapping[Key, Sequence[Row]]) -> None:
        self.instances = instances
        self.families: dict[str, list[Key]] = defaultdict(list)
        self.categories: dict[Key, list[Key]] = defaultdict(list)
        for key, rows in instances.items():
            self.families[rows[0].family].append(key)
            self.categories[self._category(key)].append(key)

    def draw(self, rng: random.Random) -> KnownProduct:
        """One random product."""
        own = rng.choice(self.families[rng.choice(sorted(self.families))])
        images = self._images(own, rng)
        n_catalogue = rng.randint(1, min(MOST_CATALOGUE_IMAGES, len(images) - 1))
        n_documents = rng.randint(1, min(MOST_SHOWN, len(images) - n_catalogue))  # whatever they show
        is_shown = rng.random() < SHOWN
        shown = images[n_catalogue:] if is_shown else self._images(self._other(own, rng), rng)
        shown = shown[:n_documents]
        if rng.random() < BESIDE:
            n_beside = round(math.exp(rng.uniform(0, math.log(MOST_BESIDE))))
            beside = [self._images(self._of_other_category(own, rng), rng)[0] for _ in range(n_beside)]
            shown = list(dict.fromkeys([*shown, *beside]))
        return KnownProduct(tuple(images[:n_catalogue]), tuple(shown), is_shown, own)

    def _other(self, own: Key, rng: random.Random) -> Key:
        alike = [key for key in self.categories[self._category(own)] if key != own]
        return rng.choice(alike) if alike and rng.random() < SAME_CATEGORY else self._of_other_category(own, rng)

    def _of_other_category(self, own: Key, rng: random.Random) -> Key:
        return rng.choice([key for key in self.instances if self._category(key) != self._category(own)])

    def _images(self, key: Key, rng: random.Random) -> list[Path]:
        """The image files of an instance, in random order."""
        return [row.image for row in rng.sample(self.instances[key], len(self.instances[key]))]

    def _category(self, key: Key) -> Key:
        row = self.instances[key][0]
        return row.family, row.category


def score_products(
    scorer: PairScorer, products: Sequence[KnownProduct], progress: Progress | None = None
) -> list[tuple[float, ...]]:
    """The features of each product, from the scores of all its pairs. Raises UnreadableImage."""
    found = []
    for start in range(0, len(products), PRODUCTS_AT_ONCE):
        found += _score(scorer, products[start : start + PRODUCTS_AT_ONCE], start, progress)
    return found


def _score(
    scorer: PairScorer, products: Sequence[KnownProduct], seed: int, progress: Progress | None
) -> list[tuple[float, ...]]:
    names = list(dict.fromkeys(path for product in products for path in product.catalogue))
    place = {path: n for n, path in enumerate(names)}
    documents = [path for product in products for path in product.documents]
    index: list[tuple[int, int]] = []
    spans: list[range] = []
    first = 0
    for product in products:
        shown = range(first, first + len(product.documents))
        first = shown.stop
        start = len(index)
        index += [(place[path], b) for path in product.catalogue for b in shown]
        spans.append(range(start, len(index)))
    images_a, images_b = [read_image(path) for path in names], list(as_in_documents(documents, seed))
    score = scorer.score_pairs(images_a, images_b, index, progress=progress).score
    return [features((*index[n], float(score[n])) for n in span) for span in spans]


def as_in_documents(files: Sequence[Path], seed: int = 0) -> Iterator[Image.Image]:
    """The images as documents have them: small, of low resolution, blurred, grey scans, JPEG; the share of each is
    DEGRADED's. Raises UnreadableImage.
    """
    for start in range(0, len(files), AT_ONCE):
        images = [read_image(path) for path in files[start : start + AT_ONCE]]
        for image in images:
            image.thumbnail((SIDE, SIDE))
        squares = np.full((len(images), SIDE, SIDE, 3), 255, np.uint8)
        for square, image in zip(squares, images, strict=True):
            square[: image.height, : image.width] = np.asarray(image)
        pixels = torch.from_numpy(squares).permute(0, 3, 1, 2).contiguous().float().div_(255)
        degraded = degrade_(pixels, DEGRADED, Chance(seed, start, pixels.device))
        found = degraded.permute(0, 2, 3, 1).mul(255).round().clamp(0, 255).byte().numpy()
        for square, image in zip(found, images, strict=True):
            yield Image.fromarray(square[: image.height, : image.width])
