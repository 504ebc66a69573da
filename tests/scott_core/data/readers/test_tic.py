"""TIC: annotated pairs, ambiguous ones excluded, whole products to each split in the paper's proportions."""

from pathlib import Path

import pytest

from scott_core.data.readers import tic
from scott_core.errors import PairsError
from scott_core.pairs import Pair

HEADER = "image_a,image_b,label,mask_a,mask_b"


def annotate(root: Path, *rows: str, header: str = HEADER) -> Path:
    (root / "products").mkdir(exist_ok=True)
    (root / "annotations.csv").write_text("\n".join([header, *rows]) + "\n")
    return root


def product(pair: Pair) -> str:
    return pair.path_a.parent.name


def test_rows_of_a_named_split_in_their_order(tmp_path: Path) -> None:
    annotate(
        tmp_path,
        "products/bear/front.jpg,products/bear/side.jpg,1,masks/bear/front.png,masks/bear/side.png,train",
        "products/bear/front.jpg,products/bear/logo.jpg,0,,,train",
        "products/bear/front.jpg,products/bear/worn.jpg,ambiguous,,,train",
        "products/lego/box.jpg,products/lego/built.jpg,1,,,test",
        header=HEADER + ",split",
    )
    match, other = tic.read(tmp_path, "train")
    assert (match.path_a, match.path_b) == tuple(tmp_path / "products/bear" / n for n in ("front.jpg", "side.jpg"))
    assert (match.mask_a, match.mask_b) == tuple(tmp_path / "masks/bear" / n for n in ("front.png", "side.png"))
    assert [(pair.label, pair.kind) for pair in (match, other)] == [(1, "match"), (0, "hard")]
    assert [product(pair) for pair in tic.read(tmp_path, "test")] == ["lego"]
    assert tic.read(tmp_path, "val") == []


def test_split_has_the_papers_sizes_and_no_product_twice(tmp_path: Path) -> None:
    """The paper's 13,172 pairs, here of 2,635 products, beside 1,753 ambiguous ones."""
    counts = [4, 5, 6] * 878 + [2]
    rows = [f"products/{p}/a.jpg,products/{p}/{i}.jpg,{i % 2},," for p, n in enumerate(counts) for i in range(n)]
    ambiguous = [f"products/{p}/a.jpg,products/{p}/b.jpg,ambiguous,," for p in range(1753)]
    annotate(tmp_path, *rows, *ambiguous)
    splits = {name: tic.read(tmp_path, name) for name in ("train", "val", "test")}
    for name, size in (("train", 9221), ("val", 658), ("test", 3293)):
        assert abs(len(splits[name]) - size) < 2 * 6  # products are whole: what is left of val and test goes to train
    assert sum(map(len, splits.values())) == 13172
    products = [{product(pair) for pair in pairs} for pairs in splits.values()]
    assert sum(map(len, products)) == len(set.union(*products))


def test_smaller_sets_are_split_in_proportion(tmp_path: Path) -> None:
    annotate(tmp_path, *(f"products/{p}/a.jpg,products/{p}/b.jpg,1,," for p in range(20)))
    sizes = {"train": 2, "val": 1, "test": 1}
    assert [len(tic.read(tmp_path, name, sizes=sizes)) for name in ("train", "val", "test")] == [10, 5, 5]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("products/x/a.jpg,products/x/b.jpg,maybe,,", ":2: label is 'maybe'"),
        ("products/x/a.jpg,products/x/b.jpg,,,", ":2: no label"),
        ("products/x/a.jpg,products/y/b.jpg,0,,", ":2: pictures of two products, x and y"),
        ("x/a.jpg,x/b.jpg,1,,", ":2: x/a.jpg is not products/"),
    ],
)
def test_a_row_that_does_not_fit_is_named(tmp_path: Path, row: str, said: str) -> None:
    with pytest.raises(PairsError, match=said):
        tic.read(annotate(tmp_path, row), "train")


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PairsError, match="products is no folder"):
        tic.read(tmp_path, "train")
    (tmp_path / "products").mkdir()
    with pytest.raises(PairsError, match=r"annotations\.csv cannot be read"):
        tic.read(tmp_path, "train")
    with pytest.raises(PairsError, match="no column label"):
        tic.read(annotate(tmp_path, header="image_a,image_b"), "train")
    with pytest.raises(PairsError, match="split is 'dev'"):
        tic.read(tmp_path, "dev")
