"""Checks that every reader makes of the folder that it is given."""

from __future__ import annotations

from pathlib import Path

from scott_core.data.sources import SPLITS
from scott_core.errors import PairsError


def check_split(split: str) -> None:
    """Raises PairsError for a split that is none of SPLITS."""
    if split not in SPLITS:
        raise PairsError(f"split is {split!r}; one of {', '.join(SPLITS)} is expected")


def need_folder(path: Path, meaning: str) -> Path:
    """`path`. Raises PairsError where it is no folder; `meaning` says what should be there."""
    if not path.is_dir():
        raise PairsError(f"{path} is no folder; {meaning}")
    return path


def mask_of(masks: Path | None, image: Path) -> Path | None:
    """The file `masks`/`image` with the suffix .png (`image` is a relative path), or None where there is none."""
    if masks is None:
        return None
    mask = (masks / image).with_suffix(".png")
    return mask if mask.is_file() else None
