"""The bench over a small network: what it measures adds up, and its tables show it."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from jobs.bench.literal import compare
from jobs.bench.precision import Check
from jobs.bench.report import tables
from jobs.bench.result import BenchResult
from jobs.bench.roofline import operations
from jobs.cli import main
from scott_core.inference.packed import Packed
from scott_core.inference.precision import available
from tests import ROOT
from tests.jobs.small_catalogue import picture


@pytest.fixture(scope="module")
def run(tiny_weights: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, object]:
    """Written by the command."""
    folder = tmp_path_factory.mktemp("results")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("jobs.bench.throughput.BASELINES", ("orb",))
        assert main(["bench", "--weights", str(tiny_weights), "--out", str(folder)]) == 0
    (path,) = folder.iterdir()
    assert path.name.endswith("tiny.json")
    result: dict[str, object] = json.loads(path.read_text())
    return result


def test_a_run_names_its_hardware_methods_and_stages(run: dict[str, object]) -> None:
    methods = {row["method"]: row for row in run["methods"]}  # type: ignore[attr-defined]
    assert methods["literal reference"]["times_literal"] == 1
    assert any("(default)" in name for name in methods)
    assert "orb-1" in methods or "orb" in methods
    stages = [row["stage"] for row in run["stages"]]  # type: ignore[attr-defined]
    for stage in ("read", "decode", "letterbox", "encode", "exchange", "segment", "merge", "write"):
        assert stage in stages
    assert all(row["ms"] > 0 for row in run["stages"])  # type: ignore[attr-defined]
    assert run["hardware"]["torch"] == torch.__version__  # type: ignore[index]
    measured = {*available(torch.device("cpu")), "bytes"}
    assert run["peak"].keys() == measured, "bfloat16 emulated takes minutes"  # type: ignore[attr-defined]


def test_its_tables_hold_every_method_and_stage(run: dict[str, object]) -> None:
    text = tables(BenchResult.from_json(json.dumps(run)))
    for row in (*run["methods"], *run["stages"]):  # type: ignore[misc]
        assert f"| {row.get('method') or row.get('stage')} |" in text


def test_weights_beside_others_are_compared_stage_by_stage(
    tiny_weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The shipped weights cost several times what tiny ones do, and these as much as themselves."""
    assert main(["bench", "--weights", "default", "--beside", str(tiny_weights)]) == 0
    rows = [line.strip("| ").split(" | ") for line in capsys.readouterr().out.splitlines()]
    assert rows[0][1].startswith("scott-lite0+")
    assert rows[0][2].startswith("tiny+")
    assert [row[0] for row in rows[2:]] == ["encode", "pair"]
    for _, ms, other_ms, ratio in rows[2:]:
        assert float(ratio) == pytest.approx(float(ms) / float(other_ms), rel=0.05)
        assert float(ratio) > 2


def test_the_docs_show_the_runs_in_results() -> None:
    root = ROOT
    results = sorted((root / "results").glob("*-scott-*.json"))
    assert results
    for path in results:
        assert tables(BenchResult.from_json(path.read_text())) in (root / "docs" / "speed.md").read_text()


def test_operations_are_those_of_the_formula() -> None:
    a, b = torch.rand(7, 11), torch.rand(11, 13)
    assert operations(lambda: a @ b) == 2 * 7 * 11 * 13
    layer = torch.nn.Conv2d(4, 8, 3, padding=1, bias=False)
    assert operations(lambda: layer(torch.rand(2, 4, 5, 6))) == 2 * 2 * 8 * 5 * 6 * 4 * 9
    for groups in (1, 4):
        packed = Packed(torch.nn.Conv2d(4, 8, 3, padding=1, groups=groups))
        with torch.no_grad():
            assert operations(partial(packed, torch.rand(2, 4, 5, 6))) == 2 * 2 * 8 * 5 * 6 * 4 // groups * 9


def test_the_engine_is_compared_with_the_literal_reference(tiny_weights: Path, tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    (tmp_path / "pairs.csv").write_text("image_a,image_b,label\n0.jpg,1.jpg,0\n1.jpg,0.jpg,0\n2.jpg,2.jpg,1\n")
    found = {check.precision: check for check in compare(tmp_path / "pairs.csv", str(tiny_weights))}
    assert list(found) == available(torch.device("cpu"))
    assert {check.pairs for check in found.values()} == {3}
    assert found["float32"].largest_difference < 2e-5
    far = Check.of("x", np.array([0.2, 0.6, 0.7], np.float32), np.array([0.2, 0.1, 0.495], np.float32), 0.5)
    assert (far.flips, far.sure_flips, round(far.largest_difference, 3)) == (2, 1, 0.5)
