"""The house's layers: dags -> jobs -> {scott_core, extractors}, and what each room must not know."""

import ast
from pathlib import Path

import pytest

from tests import ROOT

FORBIDDEN = {
    "scott_core": {"airflow", "boto3", "pymupdf", "fitz", "jobs", "extractors", "dags"},
    "extractors": {"airflow", "boto3", "torch", "torchvision", "jobs", "scott_core", "dags"},
    "jobs": {"airflow", "dags"},
}


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("room", sorted(FORBIDDEN))
def test_rooms_import_only_downwards(room: str) -> None:
    files = sorted((ROOT / room).rglob("*.py"))
    assert files
    wrong = {str(f.relative_to(ROOT)): found for f in files if (found := imported(f) & FORBIDDEN[room])}
    # The sample's script draws PDFs; it is no part of an audit.
    wrong = {name: found for name, found in wrong.items() if not name.startswith("jobs/sample/")}
    assert not wrong


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
