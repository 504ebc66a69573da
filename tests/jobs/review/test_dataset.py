"""Answers as training data: read by the reader of TIC, and packed for training."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs import cli
from jobs.storage import open_storage
from scott_core.data.readers import tic
from scott_core.data.readers.__main__ import main as write_pairs_of
from scott_core.images import read_image
from scott_core.pairs import read_pairs
from tests.jobs.audit.test_carry import DAYS, audit
from tests.jobs.review.label_studio import answered, brought_back, disc, exported
from tests.jobs.small_catalogue import add_product, picture, report


def test_the_answers_train(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    storage = open_storage(str(tmp_path / "root"))
    for n, name in enumerate(("P1", "P2", "P3", "P4", "P5")):
        add_product(storage, name, [picture(n)], [report(picture(n))])
    out = tmp_path / "data"
    assert cli.main(["review", "dataset", "--root", storage.root, "--out", str(out)]) == 2
    audit(storage, DAYS[0])
    tasks = exported(storage, tmp_path / "tasks", DAYS[0])
    drawn = {mask: disc(tasks["P1"], mask) for mask in ("mask_a", "mask_b")}
    for name, choices in {
        "P1": ("match", "match"),
        "P2": ("no match",),
        "P3": ("ambiguous",),
        "P4": ("match", "match elsewhere"),
        "P5": ("match elsewhere",),
    }.items():
        for who, choice in enumerate(choices):
            masks = drawn if (name, who) == ("P1", 0) else {}
            tasks[name]["annotations"].append(answered(tasks[name], choice, who=who, number=who, masks=masks))
    assert brought_back(storage, tmp_path, list(tasks.values()))["conflicts"] == {}, "of the product, P4 is a match"
    storage.write("catalogue/P1/images/00.jpg", picture(9))
    capsys.readouterr()
    assert cli.main(["review", "dataset", "--root", storage.root, "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "1 matching pairs (1 with both masks), 2 others; left out: 1 ambiguous, 1 conflicts" in said

    pairs = {Path(pair.image_a).parts[1]: pair for split in ("train", "val", "test") for pair in tic.read(out, split)}
    assert {name: (pair.label, pair.kind) for name, pair in pairs.items()} == {
        "P1": (1, "match"),
        "P2": (0, "hard"),
        "P5": (0, "hard"),
    }
    assert pairs["P1"].path_a.read_bytes() == picture(0), "as it was looked at"
    for path, mask, image in (
        (pairs["P1"].mask_a, drawn["mask_a"], pairs["P1"].path_a),
        (pairs["P1"].mask_b, drawn["mask_b"], pairs["P1"].path_b),
    ):
        assert path is not None
        assert (np.asarray(Image.open(path)) == mask).all()
        assert read_image(image).size == mask.shape[::-1]

    write_pairs_of(["tic", str(out), "--split", "train", "--out", str(out / "train.csv")])
    assert read_pairs(out / "train.csv")
    capsys.readouterr()
    pack = [str(out / "train.csv"), str(out / "reviews.pack"), "--val", str(out / "train.csv")]
    assert cli.main(["pack", *pack]) == 0
    assert "validation pairs" in capsys.readouterr().out
