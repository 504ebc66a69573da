"""The command line: its verbs (docs/architecture.md), one-line errors, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from jobs.audit.report import read_verdicts
from jobs.cli import main
from jobs.storage import open_storage
from jobs.tables.plan import read_plan
from scott_core.data.synthetic import cartons
from tests import ROOT
from tests.jobs.small_catalogue import PASSWORD, add_product, orb_threshold, picture, report, write_catalogue

LITE0 = ROOT / "scott_core" / "configs" / "scott-lite0.yaml"
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small catalogue, not audited."""
    folder = tmp_path_factory.mktemp("catalogue")
    write_catalogue(open_storage(str(folder)))
    return folder


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_audit_then_one_product_then_explain(root: Path, capsys: Capture) -> None:
    baseline = ("--weights", "orb", "--threshold", orb_threshold())
    assert run("audit", "--root", root, "--audit-date", "2026-01-02", *baseline) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    columns = ["product_id", "verdict", "reason", "probability", "best_score", "n_pairs", "n_pairs_failed"]
    assert lines[0].split() == columns
    assert len([line for line in lines if line.startswith(("match", "wrong", "no-", "encrypted", "not-", "bad-"))]) == 8
    assert "8 products: 1 match, 1 no_match, 6 undecided" in out
    assert lines[-1] == f"report: {root.as_uri()}/reports/audit_date=2026-01-02/index.html"
    assert Path(lines[-1].removeprefix("report: file://")).is_file()

    chosen = ("--product", "match", "wrong", "--product", "no-photo")
    assert run("audit", "--root", root, "--audit-date", "2026-01-02", *chosen) == 0
    out = capsys.readouterr().out
    assert "3 products: 1 match, 1 no_match, 1 undecided" in out
    rows = {row["product_id"]: row for row in read_verdicts(open_storage(str(root)), "2026-01-02")[1]}
    assert len(rows) == 8
    assert len({row["threshold"] for row in rows.values()}) == 1, "a re-run keeps the plan's threshold"
    assert {name for name, row in rows.items() if row["run_id"].startswith("000002")} == {"match", "wrong", "no-photo"}

    assert run("explain", "encrypted", "--root", root) == 0
    out = capsys.readouterr().out
    assert "undecided (document_unreadable:encrypted)" in out
    assert run("explain", "wrong", "--root", root, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"]["verdict"] == "no_match"
    assert len(found["pairs"]) == 2
    assert found["pictures"][0]["page"] == 2


def test_an_audit_takes_the_settings_of_the_environment(
    root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCOTT_WEIGHTS", "orb")
    monkeypatch.setenv("SCOTT_BUCKETS", "3")
    assert run("audit", "--root", root, "--audit-date", "2026-01-03", "--product", "match") == 0
    plan = read_plan(open_storage(str(root)), "2026-01-03")
    assert (plan.weights, plan.n_buckets) == ("orb", 3)
    monkeypatch.setenv("SCOTT_STOP_AT_MATCH", "perhaps")
    capsys.readouterr()
    assert run("audit", "--root", root, "--audit-date", "2026-01-03") == 2
    assert capsys.readouterr().err == "scott: scott_stop_at_match is 'perhaps': expected true or false\n"


def test_ctrl_c_is_one_line(root: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("jobs.audit.run.plan_audit", interrupted)
    assert run("audit", "--root", root) == 130
    assert capsys.readouterr().err == "scott: interrupted; the same command can be run again\n"


def test_a_date_to_come_or_none_at_all_is_no_audit(root: Path, capsys: Capture) -> None:
    for day, said in (("2062-11-24", "2062-11-24 is to come"), ("", "'' is not a date")):
        assert run("audit", "--root", root, "--audit-date", day) == 2
        assert said in capsys.readouterr().err


def test_bad_input_is_one_line_and_exit_2(root: Path, tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "p.csv").write_text("a,b\n")
    (tmp_path / "x.jpg").write_bytes(b"no picture")
    good, image = tmp_path / "good.csv", tmp_path / "1.jpg"
    good.write_text("image_a,image_b\n1.jpg,1.jpg\n")
    image.write_bytes(picture(1))
    Image.new("RGB", (64, 48), "white").save(tmp_path / "white.png")
    (tmp_path / "r.pdf").write_bytes(report(picture(1)))
    cases: list[tuple[list[object], str]] = [
        (["audit", "--root", root, "--product", "nope", "--weights", "orb"], "'nope'"),
        (["audit", "--root", root, "--audit-date", "tomorrow", "--weights", "orb"], "'tomorrow'"),
        (["audit", "--root", root, "--threshold", "7", "--weights", "orb"], "7.0"),
        (["audit", "--root", root, "--weights", "none.safetensors"], "none.safetensors"),
        (["audit", "--root", tmp_path / "nowhere"], "nowhere"),
        (["audit", "--root", "ftp://x/y"], "ftp"),
        (["explain", "P", "--root", tmp_path], str(tmp_path)),
        (["explain", "P", "--root", root, "--audit-date", "1999-01-01"], "1999-01-01"),
        (["score", tmp_path / "p.csv", "--out", tmp_path / "s"], "image_a"),
        (["score", tmp_path / "q.csv", "--out", tmp_path / "s"], "q.csv"),
        (["match", tmp_path / "x.jpg", tmp_path / "x.jpg"], "x.jpg"),
        (["match", tmp_path / "y.jpg", tmp_path / "x.jpg"], "y.jpg"),
        (["match", image, tmp_path / "white.png"], "white.png of 64x48 px shows nothing: 0.00% of it is marked"),
        (["audit", "--root", "~nosuchuser/x"], "~nosuchuser"),
        (["score", good, "--out", "/proc/x/s.parquet"], "/proc/x/s.parquet cannot be written"),
        (["score", good, "--out", tmp_path], "cannot be written: Is a directory"),
        (["match", image, image, "--overlay", tmp_path / "o.xyz"], "'.xyz' is no picture format"),
        (["match", image, image, "--overlay", tmp_path / "o.psd"], "'.psd' is no picture format"),
        (["match", image, image, "--overlay", "/proc/x/o.png"], "/proc/x/o.png cannot be written"),
        (["bench", "--out", "/proc/x"], "/proc/x/run.json cannot be written"),
        (["extract", tmp_path / "r.pdf", "--out", "/proc/x/y"], "/proc/x"),
        (["extract", tmp_path / "r.pdf", "--out", image], "1.jpg"),
        (["pack", tmp_path, tmp_path / "o.pack"], "holds no manifest.csv"),
        (["pack", tmp_path, "/proc/x/o.pack"], "/proc/x/o.pack cannot be written"),
        (["train", LITE0, "--pack", good, f"runs={tmp_path}"], "good.csv is no pack that can be read"),
        (["train", LITE0, "--pack", good, "stepz=3"], "'stepz=3'"),
        (["release", "default", tmp_path, good], "good.csv holds no notes"),
        (["evaluate", tmp_path / "none.parquet"], "none.parquet"),
        (["evaluate", "--masks", tmp_path / "none", tmp_path / "none"], "none"),
    ]
    for arguments, said in cases:
        assert run(*arguments) == 2, arguments
        captured = capsys.readouterr()
        assert captured.out == "", arguments
        assert captured.err.startswith("scott: "), captured.err
        assert len(captured.err.splitlines()) == 1, captured.err
        assert said in captured.err


def test_an_output_is_checked_before_the_model_is_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.setattr("scott_core.Predictor.load", lambda *_, **__: pytest.fail("the model was loaded"))
    (tmp_path / "good.csv").write_text("image_a,image_b\n1.jpg,1.jpg\n")
    (tmp_path / "1.jpg").write_bytes(picture(1))
    assert run("score", tmp_path / "good.csv", "--out", "/proc/x/s.parquet") == 2
    for overlay in (tmp_path / "o.xyz", "/proc/x/o.png", tmp_path / "1.jpg" / "o.png"):
        assert run("match", tmp_path / "1.jpg", tmp_path / "1.jpg", "--overlay", overlay) == 2
    assert len(capsys.readouterr().err.splitlines()) == 4


def test_one_bad_name_does_not_stop_the_audit_of_the_others(tmp_path: Path, capsys: Capture) -> None:
    storage = open_storage(str(tmp_path))
    a = picture(1)
    for name in ("bytes", "loop", "good"):
        add_product(storage, name, [a], [report(a)])
    images = tmp_path / "catalogue" / "bytes" / "images"
    (images / os.fsdecode(b"\xff.jpg")).write_bytes(a)
    (tmp_path / "catalogue" / "loop" / "images" / "00.jpg").unlink()
    (tmp_path / "catalogue" / "loop" / "images" / "00.jpg").symlink_to("00.jpg")
    baseline = ("--audit-date", "2026-01-02", "--weights", "orb", "--threshold", orb_threshold())
    assert run("audit", "--root", tmp_path, *baseline) == 0
    rows = {row["product_id"]: row for row in read_verdicts(storage, "2026-01-02")[1]}
    assert {name: row["verdict"] for name, row in rows.items()} == {
        "bytes": "match",
        "good": "match",
        "loop": "undecided",
    }
    assert rows["bytes"]["n_catalogue_images"] == 2
    assert rows["loop"]["reason"] == "catalogue_image_unreadable"

    lines = [
        {"product_id": "long", "image_uris": ["catalogue/good/images/00.jpg"], "document_uris": ["x" * 300]},
        {"product_id": "nul", "image_uris": ["catalogue/good/images/00.jpg"], "document_uris": ["/a\0b/c.pdf"]},
    ]
    storage.write("catalogue/products.jsonl", "\n".join(map(json.dumps, lines)).encode())
    assert run("audit", "--root", tmp_path, *baseline) == 0
    rows = {row["product_id"]: row for row in read_verdicts(storage, "2026-01-02")[1]}
    assert rows["long"]["reason"] == "document_unreadable:missing"
    assert rows["nul"]["reason"] == "document_unreadable:bad_uri"
    capsys.readouterr()


@pytest.mark.slow
def test_pack_and_train(tmp_path: Path, capsys: Capture) -> None:
    cartons.main(["--out", str(tmp_path / "c"), "--brands", "2", "--views", "2", "--size", "48"])
    images = [tmp_path / "c" / f"{seed:06}" / f"{view}.png" for seed in (0, 4) for view in (0, 1)]
    (tmp_path / "val.csv").write_text(
        f"image_a,image_b,label\n{images[0]},{images[1]},1\n{images[0]},{images[3]},0\n{images[2]},{images[3]},1\n"
    )
    capsys.readouterr()
    assert run("pack", tmp_path / "c", tmp_path / "c.pack", "--size", "48", "--val", tmp_path / "val.csv") == 0
    out = capsys.readouterr().out
    assert "carton, train  12" in out  # those of the validation pairs are not trained on
    assert "3 validation pairs, 0.0" in out
    before = ["start=random", "architecture.encoder.d=16", "architecture.merge.k=4", "image_size=48", "score_size=48"]
    after = [f"runs={tmp_path}", "steps=2", "steps_segmentation=1", "groups=1", "threads=1"]
    assert run("train", LITE0, *before, "--pack", tmp_path / "c.pack", *after) == 0
    assert json.loads(capsys.readouterr().out)["architecture"]["encoder"]["d"] == 16
    assert (tmp_path / "scott-lite0" / "best.safetensors").is_file()


@pytest.mark.parametrize(
    "arguments", [[], ["audit"], ["evaluate"], ["nonsense"], ["extract", "x.pdf"], ["match", "a", "b", "c=d"]]
)
def test_a_wrong_command_line_is_exit_2(arguments: list[str], capsys: Capture) -> None:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    assert "usage: scott" in capsys.readouterr().err


def test_a_server_that_does_not_answer_is_our_failure(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    for name, value in {"ENDPOINT_URL": "http://127.0.0.1:1", "ACCESS_KEY_ID": "x", "SECRET_ACCESS_KEY": "y"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    assert run("explain", "P", "--root", "s3://bucket/x") == 1
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_extract(tmp_path: Path, capsys: Capture) -> None:
    pdf = tmp_path / "r.pdf"
    pdf.write_bytes(report(picture(1)))
    assert run("extract", pdf, "--out", tmp_path / "out", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["status"], found["pages"]) == ("ok", 2)
    used = [image for image in found["images"] if image["used"]]
    assert len(used) == 1
    assert used[0]["page"] == 2
    names = {"file", "page", "bbox", "width", "height", "digest", "kind", "class", "used", "reason"}
    assert names <= used[0].keys()
    assert Image.open(tmp_path / "out" / used[0]["file"]).size == (used[0]["width"], used[0]["height"])
    assert run("extract", pdf, "--out", tmp_path / "out") == 0
    assert "ok: 2 pages" in capsys.readouterr().out


def test_extract_says_why_and_exits_2(tmp_path: Path, capsys: Capture) -> None:
    sealed = tmp_path / "sealed.pdf"
    sealed.write_bytes(report(picture(1), password=PASSWORD))
    assert run("extract", sealed, "--out", tmp_path / "out", "--json") == 2
    captured = capsys.readouterr()
    assert json.loads(captured.out)["status"] == "encrypted"
    assert "encrypted" in captured.err
    assert run("extract", sealed, "--out", tmp_path / "out", "--password", PASSWORD) == 0
    (tmp_path / "text.pdf").write_text("hello")
    assert run("extract", tmp_path / "text.pdf", "--out", tmp_path / "out") == 2
    assert run("extract", tmp_path / "none.pdf", "--out", tmp_path / "out") == 2


def test_match_with_an_overlay(tmp_path: Path, tiny_weights: Path, capsys: Capture) -> None:
    for seed in (1, 2):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    images = (tmp_path / "1.jpg", tmp_path / "2.jpg", "--weights", tiny_weights)
    overlay = tmp_path / "new" / "overlay.png"
    assert run("match", *images, "--json", "--overlay", overlay) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0 <= found["score"] <= 1
    assert found["is_match"] == (found["score"] >= found["threshold"])
    assert Image.open(overlay).format == "PNG"
    assert run("match", *images) == 0
    assert f"score {found['score']:.3f}" in capsys.readouterr().out


def test_score_and_evaluate(tmp_path: Path, tiny_weights: Path, capsys: Capture) -> None:
    for seed in (1, 2):
        (tmp_path / f"{seed}.jpg").write_bytes(picture(seed))
    (tmp_path / "p.csv").write_text("image_a,image_b,label\n1.jpg,1.jpg,1\n1.jpg,2.jpg,0\n2.jpg,none.jpg,1\n")
    out = tmp_path / "s.parquet"
    for options in (("--method", "orb"), ("--weights", tiny_weights)):
        assert run("score", tmp_path / "p.csv", "--out", out, *options) == 0
        assert "3 pairs, 1 failed" in capsys.readouterr().out
        assert list(pd.read_parquet(out)["error"].isna()) == [True, True, False]
        assert run("evaluate", out, "--json") == 0
        measures = json.loads(capsys.readouterr().out)
        assert (measures["n"], measures["n_positive"], measures["n_failed"]) == (3, 2, 1)
        assert run("evaluate", out) == 0
        assert "average_precision" in capsys.readouterr().out


def test_evaluate_masks(tmp_path: Path, capsys: Capture) -> None:
    for folder, width in (("truth", 8), ("said", 4)):
        (tmp_path / folder).mkdir()
        mask = Image.new("L", (16, 16))
        mask.paste(255, (0, 0, width, 16))
        mask.save(tmp_path / folder / "m.png")
    assert run("evaluate", "--masks", tmp_path / "said", tmp_path / "truth", "--json") == 0
    assert json.loads(capsys.readouterr().out)["iou"] == pytest.approx(0.5)


def test_help_is_quick_and_explain_needs_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys; from jobs.cli import main\n"
        f"code = main(['explain', 'P', '--root', {str(tmp_path)!r}])\n"
        "print(code, sorted({'torch', 'airflow', 'cv2'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "2 []\n"
    scott = Path(sys.executable).with_name("scott")
    shown = subprocess.run([scott, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(verb in shown for verb in ("audit", "extract", "match", "score", "evaluate", "explain", "train"))


def test_a_library_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A worker has what an audit needs; training needs more."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    for name in [name for name in sys.modules if name.startswith("scott_core.training")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["train", str(tmp_path / "x.yaml")]) == 2
    assert (
        capsys.readouterr().err
        == "scott: yaml is not installed: requirements-train.txt has what training and evaluation need\n"
    )
