"""`scott score` and `scott evaluate`: rows in the order of the input, honest nulls, measures by another hand."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.metrics import f1_score, roc_auc_score

from jobs.errors import BadArgument
from jobs.evaluate import evaluate_file
from jobs.outputs import check_output
from jobs.scoring.pairs_file import SCORES, score_pairs_file
from scott_core import PairsError, Predictor, read_image, read_pairs
from tests.jobs.small_catalogue import picture

ROWS = [
    ("one.jpg", "sub/one.jpg", 1),
    ("two.jpg", "sub/three.jpg", 0),
    ("gone.jpg", "sub/one.jpg", 0),
    ("one.jpg", "broken.jpg", 1),
    ("one.jpg", "sub/three.jpg", 0),
    ("three.jpg", "sub/three.jpg", 1),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures and a PAIRS.csv beside them."""
    top = tmp_path_factory.mktemp("pairs")
    (top / "sub").mkdir()
    for seed, name in enumerate(("one", "two", "three"), 1):
        (top / f"{name}.jpg").write_bytes(picture(seed))
        (top / "sub" / f"{name}.jpg").write_bytes(picture(seed, 300, 300) if seed == 2 else picture(seed))
    (top / "broken.jpg").write_bytes(b"no picture")
    write_csv(top / "pairs.csv", ["image_a", "image_b", "label"], ROWS)
    return top


def write_csv(path: Path, header: list[str], rows: Any) -> Path:
    with path.open("w", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def score(path: Path, out: Path, **options: Any) -> pd.DataFrame:
    score_pairs_file(read_pairs(path), out, **options)
    return pd.read_parquet(out)


def test_one_row_for_each_input_row_in_its_order(folder: Path, tmp_path: Path) -> None:
    done: list[int] = []
    frame = score(folder / "pairs.csv", tmp_path / "deep" / "s.parquet", method="orb", progress=done.append)
    assert list(frame.columns) == SCORES.names
    assert list(zip(frame["image_a"], frame["image_b"], frame["label"], strict=True)) == ROWS
    assert sum(done) == len(ROWS)
    failed = [2, 3]
    assert list(np.flatnonzero(frame["score"].isna())) == failed
    for name in ("region_a", "region_b", "is_match"):
        assert list(np.flatnonzero(frame[name].isna())) == failed
    assert list(np.flatnonzero(frame["error"].notna())) == failed
    assert "image_a: " in frame["error"][2]
    assert "does not exist" in frame["error"][2]
    assert "image_b: " in frame["error"][3]
    assert frame["score"].dtype == np.float32
    assert frame["score"].dropna().between(0, 1).all()
    assert min(frame["score"][0], frame["score"][5]) > max(frame["score"][1], frame["score"][4])


def test_a_pair_with_an_image_that_shows_nothing_has_no_score(folder: Path, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(folder / "white.png")
    rows = [(ROWS[0][0], "white.png", 0), ("white.png", ROWS[0][1], 0)]
    pairs = write_csv(folder / "blank.csv", ["image_a", "image_b", "label"], rows)
    frame = score(pairs, tmp_path / "s.parquet", method="orb")
    assert frame["score"].isna().all()
    for side, error in zip(("image_b", "image_a"), frame["error"], strict=True):
        assert error.startswith(f"{side}: ")
        assert "white.png of 64x48 px shows nothing" in error


@pytest.mark.parametrize("at_once", [1, 3, 512])
def test_scores_are_those_of_each_pair_alone(
    folder: Path, tmp_path: Path, tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    """However the pairs are cut into blocks, each row has the score its two pictures get by themselves."""
    monkeypatch.setattr(Predictor, "images_at_once", at_once)
    frame = score(folder / "pairs.csv", tmp_path / "s.parquet", weights=str(tiny_weights))
    predictor = Predictor.load(tiny_weights)
    for row in frame[frame["error"].isna()].itertuples():
        found = predictor.score_pairs(
            [read_image(folder / str(row.image_a))], [read_image(folder / str(row.image_b))], [(0, 0)]
        )
        assert row.score == pytest.approx(float(found.score[0]), abs=1e-5)
        assert row.region_b == pytest.approx(float(found.region_b[0]), abs=1e-3)
        assert row.is_match == (row.score >= predictor.threshold)


def test_a_file_without_labels_and_one_without_a_readable_picture(folder: Path, tmp_path: Path) -> None:
    path = write_csv(folder / "plain.csv", ["image_a", "image_b"], [("one.jpg", "two.jpg"), ("x", "y")])
    frame = score(path, tmp_path / "s.parquet", method="orb")
    assert frame["label"].isna().all()
    assert list(frame["score"].isna()) == [False, True]
    with pytest.raises(BadArgument, match="no labelled pair"):
        evaluate_file(tmp_path / "s.parquet")
    path = write_csv(folder / "none.csv", ["image_a", "image_b"], [("x", "y")])
    assert score(path, tmp_path / "s.parquet", method="orb")["score"].isna().all()
    path = write_csv(folder / "empty.csv", ["image_a", "image_b"], [])
    assert len(score(path, tmp_path / "s.parquet", method="orb")) == 0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,b\n", "no column image_a, image_b"),
        ("image_a\nx\n", "no column image_b"),
        ("", "no column image_a"),
        ("image_a,image_b,label\nx,y,1\nx,y,maybe\n", "p.csv:3: label is 'maybe'"),
        ("image_a,image_b\nx\n", "p.csv:2: image_a and image_b must both be given"),
        ("image_a,image_b\nx,y\0\n", ""),
    ],
)
def test_a_malformed_file_names_its_line(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "p.csv").write_text(text)
    if "\0" in text:
        score_pairs_file(read_pairs(tmp_path / "p.csv"), tmp_path / "s.parquet", method="orb")
        assert pd.read_parquet(tmp_path / "s.parquet")["error"].notna().all()
        return
    with pytest.raises(PairsError, match=said):
        read_pairs(tmp_path / "p.csv")


def test_measures_are_those_of_scikit_learn(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = rng.integers(0, 2, 200).astype("int8")
    value = np.clip(0.3 * label + rng.uniform(0, 0.7, 200), 0, 1).astype("float32")
    frame = pd.DataFrame({"label": label, "score": value})
    frame.to_parquet(tmp_path / "s.parquet")
    measures = evaluate_file(tmp_path / "s.parquet", threshold=0.5).all.values
    assert measures["f1"] == pytest.approx(f1_score(label, value >= 0.5))
    assert measures["roc_auc"] == pytest.approx(roc_auc_score(label, value))
    with pytest.raises(BadArgument, match="give --threshold"):
        evaluate_file(tmp_path / "s.parquet")
    frame.loc[frame.index[:20], "score"] = None
    frame.to_parquet(tmp_path / "s.parquet")
    measures = evaluate_file(tmp_path / "s.parquet", threshold=0.5).all.values
    assert measures["n_failed"] == 20
    assert measures["n"] == 200
    said = np.where(frame["score"].isna(), False, frame["score"] >= 0.5)
    assert measures["f1"] == pytest.approx(f1_score(label, said)), "a pair without a score is no match"


@pytest.mark.parametrize("name", ["none.parquet", "text.parquet", "other.parquet"])
def test_a_file_that_holds_no_scores_is_named(tmp_path: Path, name: str) -> None:
    (tmp_path / "text.parquet").write_text("no parquet")
    pd.DataFrame({"x": [1]}).to_parquet(tmp_path / "other.parquet")
    with pytest.raises(BadArgument, match=name):
        evaluate_file(tmp_path / name, 0.5)


def test_checking_an_output_leaves_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("kept")
    (tmp_path / "link").symlink_to("target")
    for name in ("old", "link", "new/file"):
        check_output(tmp_path / name)
    assert (tmp_path / "old").read_text() == "kept"
    assert (tmp_path / "link").is_symlink()
    assert not (tmp_path / "new" / "file").exists()
    for name in ("new", "old/file", "x" * 300):
        with pytest.raises(BadArgument, match="cannot be written"):
            check_output(tmp_path / name)
