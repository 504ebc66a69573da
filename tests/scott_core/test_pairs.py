"""The pairs file: every row in order, masks where they are known, and errors that name the line."""

from pathlib import Path

import pytest

from scott_core.errors import PairsError
from scott_core.pairs import Pair, read_pairs, write_pairs


def test_rows_come_in_order_with_paths_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image_a,image_b,label,family\nx/a.jpg,b.jpg,1,toy\nb.jpg,a.jpg,,\n")
    first, second = read_pairs(tmp_path / "p.csv")
    assert (first.path_a, first.label, first.family) == (tmp_path / "x" / "a.jpg", 1, "toy")
    assert (second.image_a, second.label) == ("b.jpg", None)
    assert (first.mask_a, first.mask_b) == (None, None)


def test_masks_are_optional_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image_a,image_b,mask_b,mask_a\na.jpg,b.jpg,m/b.png,\na.jpg,b.jpg\n")
    first, second = read_pairs(tmp_path / "p.csv")
    assert (first.mask_a, first.mask_b) == (None, tmp_path / "m" / "b.png")
    assert (second.mask_a, second.mask_b) == (None, None)


def test_what_is_written_is_read_again_from_anywhere(tmp_path: Path) -> None:
    data, out = tmp_path / "data", tmp_path / "lists" / "deep" / "p.csv"
    pairs = [
        Pair("", "", 1, "match", "toy, soft", data / "a.jpg", data / "b 1.jpg", data / "m.png", None, "bear", "bear"),
        Pair("", "", 0, "hard", "", data / "a.jpg", data / "ü.jpg", None, tmp_path / "lists" / "n.png"),
        Pair("", "", None, "", "", data / "a.jpg", data / "c.jpg"),
    ]
    write_pairs(out, pairs)
    assert out.read_text().splitlines() == [
        "image_a,image_b,label,kind,family,mask_a,mask_b,instance_a,instance_b",
        '../../data/a.jpg,../../data/b 1.jpg,1,match,"toy, soft",../../data/m.png,,bear,bear',
        "../../data/a.jpg,../../data/ü.jpg,0,hard,,,../n.png,,",
        "../../data/a.jpg,../../data/c.jpg,,,,,,,",
    ]

    def seen(pair: Pair) -> list[object]:
        paths = (pair.path_a, pair.path_b, pair.mask_a, pair.mask_b)
        about = [pair.label, pair.kind, pair.family, pair.instance_a, pair.instance_b]
        return [*about, *(path and path.resolve() for path in paths)]

    assert [seen(pair) for pair in read_pairs(out)] == [seen(pair) for pair in pairs]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "image_a"),
        ("image_a,image_b,label\na,b,2\n", ":2: label is '2'"),
        ("image_a,image_b\na\n", ":2:"),
        ("image_a,image_b\na,b\na,b,c\n", ":3: more fields"),
        ('image_a,image_b\na,"b\nc,d\n', "cannot be read: unexpected end"),
        ('image_a,image_b\n"a"x,b\n', "cannot be read"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(PairsError, match=said):
        read_pairs(tmp_path / "p.csv")
    with pytest.raises(PairsError, match="cannot be read"):
        read_pairs(tmp_path / "none.csv")
