"""The pairs file: every row in order, and errors that name the line."""

from pathlib import Path

import pytest

from scott_core.data.pairs import read_pairs
from scott_core.errors import PairsError


def test_rows_come_in_order_with_paths_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "p.csv").write_text("image_a,image_b,label,family\nx/a.jpg,b.jpg,1,toy\nb.jpg,a.jpg,,\n")
    first, second = read_pairs(tmp_path / "p.csv")
    assert (first.path_a, first.label, first.family) == (tmp_path / "x" / "a.jpg", 1, "toy")
    assert (second.image_a, second.label) == ("b.jpg", None)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n1,2\n", "image_a"),
        ("image_a,image_b,label\na,b,2\n", ":2: label is '2'"),
        ("image_a,image_b\na\n", ":2:"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(PairsError, match=said):
        read_pairs(tmp_path / "p.csv")
    with pytest.raises(PairsError, match="cannot be read"):
        read_pairs(tmp_path / "none.csv")
