"""What may be loaded where; the directions of imports are the contracts of setup.cfg (`make lint`)."""

import ast
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from jobs.sample import SAMPLE
from tests import ROOT

MAX_LINES, MAX_MODULES = 400, 14


def test_jobs_and_dags_load_torch_only_when_they_score() -> None:
    measures = set((ROOT / "jobs" / "bench").glob("*.py"))  # imported by its verb alone
    for path in {*(ROOT / "jobs").rglob("*.py"), *(ROOT / "dags").rglob("*.py")} - measures:
        top_level = {
            name.split(".")[0]
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in ([a.name for a in node.names] if isinstance(node, ast.Import) else [node.module or ""])
        }
        assert "torch" not in top_level, path


def loaded_by(code: str) -> set[str]:
    """The top-level packages that a fresh process has loaded after `code`."""
    tell = "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run([sys.executable, "-c", code + tell], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


def test_planning_loads_no_model_and_no_extractor(tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "catalogue", tmp_path / "catalogue")
    asked = "run_name='r', requested_at='2026-01-01T00:00:00'"
    code = f"from jobs.audit import plan_audit; plan_audit({str(tmp_path)!r}, '2026-01-01', {asked})"
    assert (tmp_path / "catalogue").is_dir()
    assert not {"torch", "cv2", "pymupdf", "extractors"} & loaded_by(code)
    assert (tmp_path / "audits" / "audit_date=2026-01-01" / "plan.json").is_file()


def test_the_process_that_audits_has_no_pdf_library() -> None:
    steps = "extract, score, publish, reconcile, report, run"
    assert "pymupdf" not in loaded_by(
        f"from jobs.audit import {steps}; import jobs.cli, extractors; extractors.Extractor"
    )


@pytest.mark.parametrize("package", ["scott_core", "jobs.audit", "jobs.cli", "scott_core.errors"])
def test_a_face_is_cheap_and_has_what_it_names(package: str) -> None:
    assert not {"torch", "cv2", "pymupdf"} & loaded_by(f"import {package}")
    face = import_module(package)
    assert all(hasattr(face, name) for name in face.__all__)


def test_training_needs_no_more_than_a_bare_gpu_machine_has() -> None:
    """docs/gpu.md: torch, torchvision, numpy, Pillow, safetensors and PyYAML, and nothing is installed there."""
    loaded = loaded_by("import jobs.cli, scott_core.training.trainer, scott_core.training.timing")
    assert {"torch", "PIL", "yaml", "safetensors"} <= loaded
    assert not {"cv2", "scipy", "sklearn", "matplotlib", "pandas", "pyarrow", "boto3"} & loaded


def test_modules_and_folders_stay_small_enough_to_read() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.py"], capture_output=True, text=True, cwd=ROOT)
    if tracked.returncode:
        pytest.skip("no git checkout")
    paths = [Path(name) for name in tracked.stdout.split() if (ROOT / name).is_file()]
    long = [path for path in paths if len((ROOT / path).read_text(encoding="utf-8").splitlines()) > MAX_LINES]
    assert not long
    full = {path.parent for path in paths if sum(other.parent == path.parent for other in paths) > MAX_MODULES}
    assert not full
