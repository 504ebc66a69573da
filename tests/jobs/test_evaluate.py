"""`scott evaluate` with its pairs file and a folder: groups, figure 9, the page of failures, the IoU of regions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from sklearn.metrics import f1_score, roc_auc_score

from jobs.cli import main
from jobs.evaluate import evaluate_file
from jobs.scoring.pairs_file import score_pairs_file
from scott_core import read_pairs
from tests.jobs.small_catalogue import picture

Capture = pytest.CaptureFixture[str]
HEADER = "image_a,image_b,label,kind,family,mask_a,mask_b"
ROWS = [
    "1.jpg,1.jpg,1,match,toy,m.png,m.png",
    "1.jpg,2.jpg,0,hard,toy,,",
    "1.jpg,3.jpg,0,easy,toy,,",
    "2.jpg,2.jpg,1,match,<b>,,",
    "3.jpg,2.jpg,1,match,<b>,,",
    "gone.jpg,2.jpg,0,hard,<b>,,",
    "3.jpg,1.jpg,,,,,",
]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_weights: Path) -> Path:
    """Pictures, PAIRS.csv, and the scores of it by a small network and by ORB."""
    top = tmp_path_factory.mktemp("evaluate")
    for seed in (1, 2, 3):
        (top / f"{seed}.jpg").write_bytes(picture(seed))
    size = Image.open(top / "1.jpg").size
    Image.new("L", size, 255).save(top / "m.png")
    (top / "p.csv").write_text("\n".join([HEADER, *ROWS, ""]))
    pairs = read_pairs(top / "p.csv")
    score_pairs_file(pairs, top / "tiny.parquet", weights=str(tiny_weights))
    score_pairs_file(pairs, top / "orb.parquet", method="orb")
    return top


@pytest.mark.filterwarnings("error::RuntimeWarning")
def test_measures_that_are_not_defined_are_null_in_json(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    table = pq.read_table(folder / "orb.parquet")
    scores = table["score"].to_pylist()
    some = pa.array([*scores[:3], *[None] * (len(scores) - 3)], table.schema.field("score").type)
    pq.write_table(table.set_column(table.schema.get_field_index("score"), "score", some), tmp_path / "s.parquet")
    assert run("evaluate", tmp_path / "s.parquet", "--pairs", folder / "p.csv", "--json") == 0
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)["groups"]["<b>"]
    assert (found["ece"], found["intervals"]["ece"], found["best_threshold"]) == (None, [None, None], None)
    assert run("evaluate", tmp_path / "s.parquet", "--pairs", folder / "p.csv") == 0


def test_where_nothing_was_scored_there_is_nothing_to_measure(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.csv").write_text("image_a,image_b,label\nnone.jpg,none.jpg,1\nother.jpg,none.jpg,0\n")
    assert run("score", tmp_path / "p.csv", "--out", tmp_path / "s.parquet", "--method", "orb") == 1
    said = capsys.readouterr()
    assert said.out.startswith("2 pairs, 2 failed")
    assert said.err.startswith("scott: the first that failed: image_a: ")
    assert run("evaluate", tmp_path / "s.parquet") == 2
    assert "no labelled pair with a score: image_a: " in capsys.readouterr().err
    assert run("evaluate", tmp_path / "s.parquet", "--threshold", 7) == 2
    assert "threshold 7.0 is not in [0, 1]" in capsys.readouterr().err


def test_parquet_is_not_written_under_the_name_of_another_format(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "a.csv"
    assert run("score", folder / "p.csv", "--out", out) == 2
    assert capsys.readouterr().err == f"scott: {out}: what is written is Parquet; name it a.parquet\n"
    assert not out.exists()


def test_groups_figure_failures_and_masks(folder: Path, tmp_path: Path, tiny_weights: Path, capsys: Capture) -> None:
    scores, out = folder / "tiny.parquet", tmp_path / "new" / "out"
    frame = pd.read_parquet(scores)
    threshold = float(frame["score"].max()) + 1e-6  # nothing is a match: every match is a miss
    asked = ("evaluate", scores, "--pairs", folder / "p.csv", "--threshold", threshold, "--out", out)
    assert run(*asked, "--weights", tiny_weights, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["n"], found["n_failed"], found["recall"]) == (6, 1, 0)
    assert set(found["groups"]) == {"all", "all/easy", "all/hard", "toy", "toy/easy", "toy/hard", "<b>", "<b>/hard"}
    toy = frame.iloc[[0, 1, 2]]
    assert found["groups"]["toy"]["roc_auc"] == pytest.approx(roc_auc_score(toy["label"], toy["score"]))
    assert found["groups"]["toy/hard"]["n"] == 2
    assert found["mask_iou"]["n"] == 1
    assert found["mask_iou"]["both"] == pytest.approx((found["mask_iou"]["a"] + found["mask_iou"]["b"]) / 2)
    assert found["files"] == [str(out / name) for name in ("measures.json", "figure9.png", "failures.html")]
    assert json.loads((out / "measures.json").read_text()) == found
    assert Image.open(out / "figure9.png").format == "PNG"
    page = (out / "failures.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert "&lt;b&gt;: misses" in page
    assert "<b>" not in page
    assert not re.findall(r'(?:src|href)="(?!data:)', page), "the page needs no other file"
    assert f"{frame['score'][4]:.3f}" in page

    assert run(*asked, "--weights", tiny_weights, "--failures", 1) == 0
    shown = capsys.readouterr().out
    assert "95% interval" in shown
    assert "toy/hard" in shown
    assert str(out / "failures.html") in shown
    assert (out / "failures.html").read_text().count("data:image/jpeg") == 1


def test_a_baseline_is_drawn_without_regions(folder: Path, tmp_path: Path) -> None:
    found = evaluate_file(folder / "orb.parquet", 0.0, pairs=folder / "p.csv", out=tmp_path)
    assert found.mask_iou is None
    assert (tmp_path / "failures.html").read_text().count("data:image/jpeg") == 2  # at 0, both scored negatives
    found = evaluate_file(folder / "orb.parquet", out=tmp_path / "plain")
    assert sorted(path.name for path in (tmp_path / "plain").iterdir()) == ["figure9.png", "measures.json"]
    assert found.groups is None


def test_intervals_and_groups_of_one_class(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    label = np.repeat([1, 0], 100)
    score = np.clip(0.3 * label + rng.uniform(0, 0.7, 200), 0, 1).astype("float32")
    names = [f"{n}.jpg" for n in range(200)]
    pd.DataFrame({"image_a": names, "image_b": names, "label": label, "score": score}).to_parquet(
        tmp_path / "s.parquet"
    )
    rows = [
        f"{n},{n},{y},{'match' if y else 'easy'},{'one' if y else 'none'}" for n, y in zip(names, label, strict=True)
    ]
    (tmp_path / "p.csv").write_text("\n".join(["image_a,image_b,label,kind,family", *rows]))
    found = evaluate_file(tmp_path / "s.parquet", 0.5, pairs=tmp_path / "p.csv")
    for name in ("precision", "recall", "f1", "average_precision", "roc_auc"):
        assert found.all.intervals is not None
        low, high = found.all.intervals[name]
        assert low < found.all.values[name] < high, name
    assert found.groups is not None
    assert found.groups["all/easy"].values["f1"] == pytest.approx(f1_score(label, score >= 0.5))
    assert found.groups["none"].to_json() == {"n": 100, "n_positive": 0}, "counted, not measured"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[:-1], "6 pairs"),
        (lambda rows: [rows[1], rows[0], *rows[2:]], "pair 1 is 1.jpg and 2.jpg"),
        (lambda rows: [rows[0].replace(",1,match", ",0,match"), *rows[1:]], "pair 1 has label 0"),
        (lambda rows: [*rows[:-1], rows[-1].replace("1.jpg,", "1.jpg,1", 1)], "pair 7 has label 1"),
    ],
)
def test_another_pairs_file_is_refused(
    folder: Path, tmp_path: Path, capsys: Capture, change: object, said: str
) -> None:
    assert callable(change)
    (tmp_path / "q.csv").write_text("\n".join([HEADER, *change(ROWS)]))
    assert run("evaluate", folder / "orb.parquet", "--pairs", tmp_path / "q.csv") == 2
    captured = capsys.readouterr()
    assert said in captured.err
    assert len(captured.err.splitlines()) == 1
    assert captured.out == ""


def test_what_cannot_be_done_is_said_in_one_line(folder: Path, tmp_path: Path, capsys: Capture) -> None:
    scores, pairs = folder / "tiny.parquet", folder / "p.csv"
    cases: list[tuple[tuple[object, ...], str]] = [
        ((scores, "--pairs", pairs, "--out", tmp_path), "give its --weights"),
        ((scores, "--out", "/proc/x"), "/proc/x"),
        ((scores, "--pairs", tmp_path / "none.csv"), "none.csv"),
        ((scores, "--failures", -1), "--failures -1"),
        (("--masks", tmp_path, tmp_path, "--out", tmp_path), "not for --masks"),
    ]
    for arguments, said in cases:
        assert run("evaluate", *arguments) == 2, arguments
        captured = capsys.readouterr()
        assert said in captured.err
        assert len(captured.err.splitlines()) == 1
    assert not list(tmp_path.iterdir()), "nothing is written before a refusal"
