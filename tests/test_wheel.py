"""A wheel built from the tree is the whole product: weights, configurations and a command that works."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib.metadata import distribution, distributions, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from jobs.sample import SAMPLE
from tests import ROOT

pytestmark = pytest.mark.slow

HIDE = """
import sys

class Hide:
    hidden = {hidden}

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name.partition(".")[0] in cls.hidden:
            raise ModuleNotFoundError(f"No module named {{name!r}}: it is hidden", name=name)

sys.meta_path.insert(0, Hide)
"""


@pytest.fixture(scope="module")
def scott(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command `scott` of a built wheel, in an environment that has what the wheel requires and nothing else.

    What it requires is this environment's, at the versions that are tried together; all else is hidden.
    """
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
    required = required_by("scott", library)
    hidden = [module for module, owners in packages_distributions().items() if not required & {*map(plain, owners)}]
    (library / "sitecustomize.py").write_text(
        HIDE.format(hidden=sorted({*hidden} - {"jobs", "scott_core", "extractors"}))
    )
    return folder / "env" / "bin" / "scott"


def required_by(name: str, library: Path) -> set[str]:
    """The distributions that a distribution in `library` requires without extras, and those that they require."""
    (first,) = distributions(name=name, path=[str(library)])
    found: set[str] = set()
    waiting = list(first.requires or [])
    while waiting:
        requirement = Requirement(waiting.pop())
        if plain(requirement.name) in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found.add(plain(requirement.name))
        waiting += distribution(requirement.name).requires or []
    return found


def plain(name: str) -> str:
    """A distribution's name as its names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


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


def test_the_command_audits_without_what_training_needs(scott: Path, tmp_path: Path) -> None:
    shutil.copytree(SAMPLE / "catalogue" / "TOY-0002", tmp_path / "catalogue" / "TOY-0002")
    assert "1 product: 1 match" in run(scott, "audit", "--root", tmp_path)
    for name in ("yaml", "matplotlib", "torchvision", "pandas", "airflow"):
        code = f"try: import {name}\nexcept ModuleNotFoundError: print('hidden')"
        assert run(scott.with_name("python"), "-c", code) == "hidden\n", name
