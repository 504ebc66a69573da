"""A wheel built from the tree is the whole product: weights, configurations and a command that works."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from jobs.sample import SAMPLE
from tests import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def scott(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `scott` of a built wheel, in an environment that has this one's dependencies and nothing of ours."""
    folder = tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT)
    if tracked.returncode:
        pytest.skip("no git checkout: what a wheel is built from is not known")
    for name in tracked.stdout.splitlines():
        if (ROOT / name).is_file():  # a build writes into its tree
            (folder / "tree" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "tree" / name).write_bytes((ROOT / name).read_bytes())
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = ["wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(folder / "tree")]
    subprocess.run([*pip, *build], check=True, timeout=300)
    (wheel,) = folder.glob("scott-*.whl")
    venv.create(folder / "env", with_pip=False)
    python = folder / "env" / "bin" / "python"
    subprocess.run([*pip, "--python", str(python), "install", "--no-deps", str(wheel)], check=True, timeout=300)
    library = next((folder / "env" / "lib").glob("python*")) / "site-packages"
    (library / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "env" / "bin" / "scott"


def run(command: Path, *arguments: object) -> str:
    """What a command prints, run where no checkout is in sight."""
    text = [str(command), *map(str, arguments)]
    return subprocess.run(text, capture_output=True, text=True, check=True, cwd=command.parent, timeout=300).stdout


def test_the_command_matches_with_the_weights_inside(scott: Path) -> None:
    where = run(scott.with_name("python"), "-c", "import scott_core, jobs, extractors; print(scott_core.__file__)")
    assert str(scott.parents[1]) in where
    images = SAMPLE / "catalogue" / "TOY-0001" / "images"
    assert run(scott, "match", images / "1.jpg", images / "2.jpg").startswith("match: score")


def test_configurations_classifier_and_sample_are_inside(scott: Path, tmp_path: Path) -> None:
    pdf = next((SAMPLE / "catalogue" / "TOY-0001" / "documents").glob("*.pdf"))
    assert ", 2 used" in run(scott, "extract", pdf, "--out", tmp_path)
    tell = "from scott_core.card import CONFIGS, shipped; from jobs.sample import SAMPLE; "
    tell += "print(len(list(CONFIGS.rglob('*.yaml'))), *shipped(), len(list(SAMPLE.rglob('*.jpg'))))"
    n_configs, *names, n_images = run(scott.with_name("python"), "-c", tell).split()
    assert int(n_configs) == len(list((ROOT / "scott_core" / "configs").rglob("*.yaml")))
    assert names == ["scott-lite0"]
    assert int(n_images) == len(list(SAMPLE.rglob("*.jpg")))


def test_the_command_says_its_version(scott: Path) -> None:
    assert run(scott, "--version") == "scott 0.1.0\n"
