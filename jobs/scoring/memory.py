"""Keeps freed memory in the process, where the C library is GNU's.

By default the library returns large blocks to the system as they are freed and small ones whenever many are free, and
gives each thread a heap of its own. Tensors are then made of new pages again and again, which takes up to a ninth of a
scorer's time (docs/decisions/0015-a-core-for-each-worker.md).
"""

from __future__ import annotations

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of malloc.h


@functools.cache
def keep_freed_memory() -> None:
    """Keep freed memory from now on, in the whole process; without `mallopt` nothing changes.

    Call it before a library is imported that starts threads: heaps that exist stay in use, and keep less.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 1 << 30)
