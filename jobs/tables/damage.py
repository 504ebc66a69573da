"""Objects that audits have written and that no longer hold that: a disk or a hand has changed them."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa

from jobs.errors import DamagedObject

log = logging.getLogger("scott")


@contextmanager
def decoding(uri: str) -> Iterator[None]:
    """Raises DamagedObject where the bytes of the object at `uri` are not what an audit writes there."""
    try:
        yield
    except (ValueError, LookupError, TypeError, AttributeError, OSError, pa.ArrowException) as error:
        raise damaged(uri, error) from error


def damaged(uri: str, error: Exception) -> DamagedObject:
    """The error of an object in which decoding found `error`, to be raised."""
    reason = " ".join(str(error).split())
    return DamagedObject(f"{uri} is damaged, and is to be restored, or removed and its date audited again: {reason}")


@contextmanager
def passing_over_damage() -> Iterator[None]:
    """Logs a DamagedObject of an earlier audit, whose rows would only save work, and goes on behind the block."""
    try:
        yield
    except DamagedObject as error:
        log.warning("nothing is taken over from it: %s", error)
