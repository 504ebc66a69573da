"""Work folders that do not outlive their process: documents that a killed one left are removed by a later one.

The process that makes a folder holds a lock on it (flock) for as long as it uses it, and the kernel drops the locks of
a process that dies, however it dies. So a folder whose lock can be taken is nobody's, whatever has become of process
ids, and in whichever container on this machine its process ran. Where a file system has no locks, nothing is removed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

PREFIX = "scott-work-"


@contextlib.contextmanager
def work_folder() -> Iterator[Path]:
    """A new folder in the temporary directory, removed at the end. Raises OSError where none can be made."""
    folder, lock = _locked_folder()
    try:
        yield Path(folder.name)
    finally:
        folder.cleanup()
        os.close(lock)


def remove_left() -> None:
    """Remove the work folders of this user in the temporary directory whose processes have died."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, in use, or removed by another process just now
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.fstat(lock).st_uid == os.geteuid():
                    shutil.rmtree(folder)
            finally:
                os.close(lock)


def _locked_folder() -> tuple[tempfile.TemporaryDirectory[str], int]:
    """A new folder, and the descriptor that holds its lock."""
    while True:
        folder = tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)
        with contextlib.suppress(FileNotFoundError):
            lock = os.open(folder.name, os.O_RDONLY)
            with contextlib.suppress(OSError):  # a file system without locks
                fcntl.flock(lock, fcntl.LOCK_SH)
            if os.path.exists(folder.name):
                return folder, lock
            os.close(lock)
        folder.cleanup()  # another process removed it before the lock was held
