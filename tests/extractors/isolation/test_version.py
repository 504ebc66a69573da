"""The name of the extraction: it follows every file and library that decides a result, and nothing else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import extractors
from extractors.isolation.version import LIBRARIES, fingerprint

PACKAGE = Path(extractors.__file__).parent
VERSIONS = dict.fromkeys(LIBRARIES, "1.0")


def test_it_is_the_same_in_another_process_and_imports_no_pdf_library() -> None:
    tell = "import sys, extractors; print(extractors.version(), 'pymupdf' in sys.modules, 'cv2' in sys.modules)"
    said = subprocess.run([sys.executable, "-c", tell], check=True, capture_output=True, text=True, cwd=PACKAGE.parent)
    assert said.stdout.split() == [extractors.version(), "False", "False"]
    assert re.fullmatch("[0-9a-f]{12}", extractors.version())


def test_it_follows_sources_data_files_and_libraries(tmp_path: Path) -> None:
    package = tmp_path / "extractors"
    shutil.copytree(PACKAGE, package)
    names = [fingerprint(package, VERSIONS)]
    assert names == [fingerprint(PACKAGE, VERSIONS)], "it depends on where the package lies"
    names += [fingerprint(package, VERSIONS | {library: "1.1"}) for library in LIBRARIES]
    for path in (package / "page" / "paint.py", package / "classifier" / "classes.json"):
        path.write_bytes(path.read_bytes() + b"\n")
        names.append(fingerprint(package, VERSIONS))
    (package / "blank.py").rename(package / "empty.py")
    names.append(fingerprint(package, VERSIONS))
    assert len(set(names)) == len(names)


def test_it_ignores_what_python_leaves_behind(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("")
    before = fingerprint(tmp_path, VERSIONS)
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"\0")
    assert fingerprint(tmp_path, VERSIONS) == before
