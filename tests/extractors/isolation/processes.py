"""Processes of this machine, read from /proc: those that an extraction must not leave behind."""

from __future__ import annotations

import os
from pathlib import Path


def children(parent: int) -> set[int]:
    """The processes that have this parent."""
    return {process for process, of in _parents().items() if of == parent}


def servers() -> set[int]:
    """The servers of readers that this process has started; other tests start other children."""
    found = set()
    for child in children(os.getpid()):
        if b"extractors.isolation." in Path(f"/proc/{child}/cmdline").read_bytes():
            found.add(child)
    return found


def descendants() -> set[int]:
    """The children of this process, theirs, and so on."""
    parents = _parents()
    found, added = set[int](), {os.getpid()}
    while added:
        added = {process for process, parent in parents.items() if parent in added}
        found |= added
    return found


def readers(scratch: Path) -> set[int]:
    """The processes that work in a folder under `scratch`, whosever children they have become."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cwd"):
        try:
            folder = place.readlink()
        except OSError:  # the process has ended
            continue
        if folder.is_relative_to(scratch):
            found.add(int(place.parent.name))
    return found


def _parents() -> dict[int, int]:
    """The parent of each process."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rsplit(")", 1)[1].split()[1])
        except OSError:  # the process has ended
            continue
    return parents
