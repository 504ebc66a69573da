"""Memory that was freed is kept for what comes next, where the C library is GNU's.

By default what is large goes back to the system as it is freed, what is small whenever much of it is free, and each
thread has a heap of its own: tensors are then made of new pages again and again, at up to a ninth of a scorer's time.
"""

from __future__ import annotations

import ctypes
import functools

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of malloc.h


@functools.cache
def keep_freed_memory() -> None:
    """From now on, for the whole process; nothing where there is no `mallopt`.

    Heaps that threads made before stay in use, and keep less: call it before a library is imported that starts some.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_ARENA_MAX, 1)
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 1 << 30)
