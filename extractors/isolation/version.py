"""Names the extraction that is installed, so that a result can be kept with what it depends on.

Two extractions of one name give the same placements and pixels. It covers every source and data file of the package
and the libraries that decide pixels and classes; it imports none of them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pymupdf")  # distributions, as setup.cfg requires them
_PACKAGE = Path(__file__).resolve().parents[1]
_READ = (".json", ".py")  # suffixes of sources and data files
_LENGTH = 12  # hexadecimal digits: 48 bits, for a handful of versions


@cache
def version() -> str:
    """The name of this extraction: 12 hexadecimal digits that change whenever it could give something else.

    Raises importlib.metadata.PackageNotFoundError where one of LIBRARIES is not installed.
    """
    return fingerprint(_PACKAGE, {name: metadata.version(name) for name in LIBRARIES})


def fingerprint(package: Path, libraries: Mapping[str, str]) -> str:
    """The first digits of a SHA-256 over the names and contents of a package's files and the libraries' versions."""
    parts = [f"{name} {libraries[name]}" for name in sorted(libraries)]
    for path in sorted(package.rglob("*")):
        if path.suffix in _READ:
            parts.append(f"{path.relative_to(package).as_posix()} {hashlib.sha256(path.read_bytes()).hexdigest()}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:_LENGTH]
