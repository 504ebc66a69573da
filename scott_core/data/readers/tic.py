"""TIC, Toys In Catalogue: the paper's own data set (sections 3 and 5.1, table 1).

It has 16,313 images of 2,653 products for children. Annotators labelled pairs of one product's images as matching or
not and drew masks on the matching ones. There are 13,172 pairs, half of them matching; 1,753 ambiguous ones were
excluded.

Source: the paper names no download; ask its authors. Terms: theirs; the images belong to the shops they come from. The
paper gives no layout on disk, so this one is ours, and a catalogue of your own fits it as well:

    ROOT/products/<product>/<any name>.jpg
    ROOT/annotations.csv      image_a,image_b,label[,kind][,family][,mask_a][,mask_b][,split]

annotations.csv is a pairs file (`scott_core.pairs`) whose paths are relative to ROOT, whose label is 1, 0 or
`ambiguous`, and which may name each row's split. Both images of a row lie in the folder of one product. An ambiguous
row is excluded. A non-matching row is `hard` unless it says otherwise: it was labelled within one product.

Without a column `split`, rows are dealt in the paper's proportions, 9,221 train, 658 val, 3,293 test, by whole
products: no product is in two splits, and a split's size is right to within a product's pairs. The paper does not say
whether its split keeps products whole. The balance of labels is the annotators'.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

from scott_core.data.readers.layout import check_split, need_folder
from scott_core.data.sources import SPLITS
from scott_core.errors import PairsError
from scott_core.pairs import CsvRow, Pair, csv_rows, parse_row

SIZES = {"train": 9221, "val": 658, "test": 3293}  # pairs, of the paper
_SPLIT_SEED = 13172  # fixed, so that the split is the same for everybody


def read(root: Path, split: str, *, sizes: dict[str, int] | None = None) -> list[Pair]:
    """The pairs of `split` in the order of annotations.csv; `sizes` are proportions, by default the paper's SIZES.

    Raises PairsError naming the missing file, or the file and line of a row that does not fit.
    """
    check_split(split)
    need_folder(root / "products", "TIC keeps its pictures as products/<product>/<picture>")
    path = root / "annotations.csv"
    rows = [  # pair, product, split or nothing
        _annotated(path, line, row)
        for line, row in csv_rows(path, ("image_a", "image_b", "label"))
        if (row["label"] or "").strip() != "ambiguous"
    ]
    if not any(named for _, _, named in rows):
        dealt = _deal([product for _, product, _ in rows], sizes or SIZES)
        rows = [(pair, product, dealt[product]) for pair, product, _ in rows]
    return [pair for pair, _, named in rows if named == split]


def _annotated(path: Path, line: int, row: CsvRow) -> tuple[Pair, str, str]:
    """Pair, product, and split or nothing, of one row. Raises PairsError naming file and line."""
    pair = parse_row(path, line, row)
    if pair.label is None:
        raise PairsError(f"{path}:{line}: no label; 1, 0 or ambiguous is expected")
    named = row.get("split") or ""
    if named and named not in SPLITS:
        raise PairsError(f"{path}:{line}: split is {named!r}; one of {', '.join(SPLITS)} is expected")
    product, other = (_product(path, line, image) for image in (pair.image_a, pair.image_b))
    if product != other:
        raise PairsError(f"{path}:{line}: pictures of two products, {product} and {other}; pairs are of one product")
    return replace(pair, kind=pair.kind or ("match" if pair.label else "hard")), product, named


def _product(path: Path, line: int, image: str) -> str:
    match Path(image).parts:
        case ("products", product, _, *_):
            return product
    raise PairsError(f"{path}:{line}: {image} is not products/<product>/<picture>")


def _deal(products: list[str], sizes: dict[str, int]) -> dict[str, str]:
    """The split of each product: of test, val, train the first with room for all its pairs, in a fixed random order."""
    pairs_of = Counter(products)
    room = {name: round(len(products) * sizes[name] / sum(sizes.values())) for name in ("test", "val", "train")}
    order = sorted(pairs_of)
    random.Random(_SPLIT_SEED).shuffle(order)
    dealt = {}
    for product in order:
        dealt[product] = next((name for name in room if room[name] >= pairs_of[product]), "train")
        room[dealt[product]] -= pairs_of[product]
    return dealt
