"""The device of this process: one GPU for each process of the machine.

A process holds a GPU by an flock(2) on a file in the temporary folder, named by the GPU's UUID, which is the same under
every CUDA_VISIBLE_DEVICES. The system drops the lock when the process ends, however it ends; the file stays.
"""

from __future__ import annotations

import fcntl
import logging
import os
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import IO

import torch

log = logging.getLogger("scott")
_held: dict[Path, IO[bytes]] = {}  # open until the process ends
_one_at_a_time = threading.Lock()


@cache
def claim_device() -> str:
    """`cpu` without CUDA, else `cuda:i` of a GPU that no other process has claimed; the same at every call.

    Where other processes hold all GPUs, the one of index pid % count is shared, and the log warns.
    """
    if not torch.cuda.is_available():
        return "cpu"
    count = torch.cuda.device_count()
    uuids = [getattr(torch.cuda.get_device_properties(index), "uuid", index) for index in range(count)]
    index = hold_one([f"scott-gpu-{uuid}.lock" for uuid in uuids], Path(tempfile.gettempdir()))
    if index is None:
        index = os.getpid() % count
        log.warning("all %d GPUs are held by other processes: cuda:%d is shared", count, index)
    return f"cuda:{index}"


def hold_one(names: Sequence[str], folder: Path) -> int | None:
    """The index of the first of `names` that this process holds or can take, for as long as it lives, or None.

    A name is that of a lock file in `folder`. A file that cannot be opened or locked counts as held.
    """
    paths = [folder / name for name in names]
    with _one_at_a_time:
        for path in paths:
            if path in _held:
                return paths.index(path)
        for path in paths:
            if (file := _locked(path)) is not None:
                _held[path] = file
                return paths.index(path)
    return None


def _locked(path: Path) -> IO[bytes] | None:
    """The open and locked file, or None where another process holds it or it cannot be opened."""
    try:
        file = path.open("rb" if path.exists() else "ab")  # to lock another user's file, reading is enough
    except OSError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        return None
    return file
