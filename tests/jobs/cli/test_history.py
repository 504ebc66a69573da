"""`scott diff` and `scott query`: what they print and write, one-line errors, exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from jobs.cli import main
from jobs.storage import open_storage
from tests.jobs.small_catalogue import add_product, orb_threshold, picture, report

Capture = pytest.CaptureFixture[str]


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two nights: between them P1 gets a document, and P2 stays as it is."""
    folder = tmp_path_factory.mktemp("root")
    storage = open_storage(str(folder))
    add_product(storage, "P1", [picture(1)], [])
    add_product(storage, "P2", [picture(2)], [report(picture(3))])
    options = ("--root", folder, "--weights", "orb", "--threshold", orb_threshold())
    assert run("audit", *options, "--audit-date", "2026-01-02") == 0
    add_product(storage, "P1", [picture(1)], [report(picture(1))])
    assert run("audit", *options, "--audit-date", "2026-01-03") == 0
    return folder


def test_diff_counts_first_and_then_says_why(root: Path, tmp_path: Path, capsys: Capture) -> None:
    dates = ("2026-01-02", "2026-01-03", "--root", root)
    assert run("diff", *dates, "--out", tmp_path / "new" / "diff.parquet") == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["2026-01-02: 2 products, 2026-01-03: 2", "1 changed"]
    assert "  verdicts: 1 undecided -> match" in lines
    assert "  causes: 1 document_added" in lines
    assert lines[-1].split()[:4] == ["P1", "undecided", "->", "match"]
    assert lines[-1].endswith("document_added  catalogue/P1/documents/report-0.pdf")
    frame = pd.read_parquet(tmp_path / "new" / "diff.parquet")
    assert list(frame["product_id"]) == ["P1"]
    assert list(frame["causes"][0]) == ["document_added"]

    assert run("diff", *dates, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["causes"] == {"document_added": 1}
    assert [row["product_id"] for row in found["products"]] == ["P1"]
    assert run("diff", "2026-01-03", *dates[1:]) == 0
    assert capsys.readouterr().out.splitlines() == ["2026-01-03: 2 products, 2026-01-03: 2", "0 changed"]


def test_query_prints_and_writes(root: Path, tmp_path: Path, capsys: Capture) -> None:
    sql = "SELECT product_id, verdict, n_pairs FROM latest_verdicts ORDER BY 1"
    assert run("query", sql, "--root", root) == 0
    out = capsys.readouterr().out
    assert out == "product_id  verdict   n_pairs\nP1          match     1\nP2          no_match  1\n"
    assert run("query", sql, "--root", root, "--format", "csv") == 0
    assert capsys.readouterr().out == "product_id,verdict,n_pairs\nP1,match,1\nP2,no_match,1\n"
    assert run("query", sql, "--root", root, "--format", "json") == 0
    rows = [
        {"product_id": "P1", "verdict": "match", "n_pairs": 1},
        {"product_id": "P2", "verdict": "no_match", "n_pairs": 1},
    ]
    assert json.loads(capsys.readouterr().out) == rows
    for name, read in (("a.parquet", pd.read_parquet), ("a.csv", pd.read_csv), ("a.json", pd.read_json)):
        assert run("query", sql, "--root", root, "--out", tmp_path / name) == 0
        assert read(tmp_path / name).to_dict("records") == rows
    assert run("query", "SELECT range FROM range(1001)", "--root", root, "--out", tmp_path / "a.txt") == 0
    assert len((tmp_path / "a.txt").read_text().splitlines()) == 1001
    assert "the first 1000 rows" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.JSON"])
@pytest.mark.parametrize(
    "select",
    [
        "CASE WHEN i = 190000 THEN error('boom') ELSE i::VARCHAR END FROM range(200000) t(i)",
        "DATE '20000-01-01' + i::INT FROM range(2) t(i)",
    ],
    ids=["breaks off", "cannot be written"],
)
def test_a_query_that_fails_leaves_the_file_as_it_was(
    root: Path, tmp_path: Path, name: str, select: str, capsys: Capture
) -> None:
    (tmp_path / name).write_text("precious")
    code = run("query", f"SELECT {select}", "--root", root, "--out", tmp_path / name)
    written = (tmp_path / name).read_bytes() != b"precious"
    assert (code, written) in ((2, False), (0, True))
    assert code == 2 or "parquet" in name, "Parquet has dates that Python has not"
    assert len(capsys.readouterr().err.splitlines()) == (code == 2)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("query", "SELEC 1"), "Parser Error: syntax error"),
        (("query", "FROM read_csv('/etc/hostname')"), "Permission Error"),
        (("query", "SELECT 1", "--format", "parquet"), "--format parquet writes a file"),
        (("query", "SELECT 1", "--out", "/proc/nothing/x.csv"), "cannot be written"),
        (("query", "SELECT 1", "--out", "x.xlsx"), "'.xlsx' says no format"),
        (("diff", "2026-01-02", "2026-01-03", "--out", "/dev/null"), "is no file"),
        (("diff", "2026-01-02", "2026-01-09"), "no audit of 2026-01-09"),
        (("diff", "2026-1-2", "2026-01-03"), "'2026-1-2' is not a date"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_2(
    root: Path, arguments: tuple[str, ...], message: str, capsys: Capture
) -> None:
    assert run(*arguments, "--root", root) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert message in printed.err
