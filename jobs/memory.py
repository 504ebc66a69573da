"""Memory that was freed is kept for what comes next, where the C library is GNU's.

By default it goes back to the system whenever much of it is free, and each thread has a heap of its own: tensors are
then made of new pages again and again, at up to a tenth of a scorer's time. The peak of a process is the same.
"""

from __future__ import annotations

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # of malloc.h


@functools.cache
def keep_freed_memory() -> None:
    """From now on, for the whole process; nothing where there is no `mallopt`."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_THRESHOLD, 32 << 20)  # the most that it takes
        mallopt(_TRIM_THRESHOLD, 1 << 30)
