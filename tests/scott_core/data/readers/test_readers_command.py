"""The command writes a pairs file that read_pairs reads, and says in one line what is wrong."""

from pathlib import Path

import pytest
from PIL import Image

from scott_core.data.readers.__main__ import main
from scott_core.pairs import read_pairs


def test_a_data_set_becomes_a_pairs_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for subject in (2, 3, 4):
        for video in ("Eating.54138969", "Eating.60457274"):
            for folder, suffix in (("images", "jpg"), ("masks", "png")):
                path = tmp_path / "h36m" / folder / f"S{subject}" / video / f"000000.{suffix}"
                path.parent.mkdir(parents=True)
                Image.new("RGB", (16, 16)).save(path)
    out = tmp_path / "lists" / "test.csv"
    main(["human36m", str(tmp_path / "h36m"), "--split", "test", "--out", str(out), "--seed", "3", "--size", "4"])
    assert capsys.readouterr().out == f"{out}: 4 pairs (2 hard, 2 match)\n"
    pairs = read_pairs(out)
    assert [pair.kind for pair in pairs].count("match") == 2
    for pair in pairs:
        assert pair.path_a.is_file()
        assert pair.mask_b is not None
        assert pair.mask_b.is_file()
        assert pair.mask_b.parts[-3:-1] == pair.path_b.parts[-3:-1]


def test_what_is_wrong_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--split", "val", "--out", str(tmp_path / "p.csv")]
    with pytest.raises(SystemExit, match=r"market1501: .*bounding_box_train is no folder"):
        main(["market1501", str(tmp_path), *common])
    with pytest.raises(SystemExit):
        main(["tic", str(tmp_path), *common, "--work", "w"])
    assert "tic takes no --work" in capsys.readouterr().err
    assert not (tmp_path / "p.csv").exists()
