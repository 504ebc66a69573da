"""Reads the inputs that a catalogue names, by a URI relative to the storage root or an absolute one.

A fault of *one* input is an `UnreadableInput` with a typed status, which its caller records as a row. Storage that
does not answer, or that refuses our credentials, is no fault of the input: StorageUnavailable, StorageDenied.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from jobs.errors import BadStorageUri, BucketMissing, ObjectDenied, ObjectMissing, UnreadableInput
from jobs.storage import Storage, local_path, open_storage
from jobs.tables.allowed import allows

MAX_IMAGE_BYTES = 64 * 2**20  # of a catalogue image's file


@dataclass(frozen=True)
class Input:
    """The bytes of one input and their SHA-256."""

    data: bytes
    sha256: str


def read_input(storage: Storage, uri: str, max_bytes: int, inputs_from: Sequence[str] = ()) -> Input:
    """The bytes at `uri`, at most `max_bytes` of them. Raises UnreadableInput.

    They lie under the root or under `inputs_from`, the prefixes that the plan records (jobs/tables/allowed.py).
    """
    try:
        where, key = _locate(storage, uri)
        data = where.read_head(key, max_bytes + 1, allows(storage, where.uri(key), inputs_from))
    except (ObjectMissing, BucketMissing) as error:
        raise UnreadableInput("missing", str(error)) from error
    except ObjectDenied as error:
        raise UnreadableInput("denied", str(error)) from error
    except BadStorageUri as error:
        raise UnreadableInput("bad_uri", str(error)) from error
    if len(data) > max_bytes:
        raise UnreadableInput("too_large", f"{uri} is over {max_bytes} bytes")
    return Input(data, hashlib.sha256(data).hexdigest())


def input_version(storage: Storage, uri: str, inputs_from: Sequence[str] = ()) -> str | None:
    """What storage says of the input at `uri` without reading it (`Storage.version`); None where it says nothing."""
    try:
        where, key = _locate(storage, uri)
        return where.version(key, allows(storage, where.uri(key), inputs_from))
    except (ObjectMissing, BucketMissing, ObjectDenied, BadStorageUri, UnreadableInput):
        return None


def read_image_input(storage: Storage, uri: str, inputs_from: Sequence[str] = ()) -> Input:
    """The bytes of a catalogue image, at most MAX_IMAGE_BYTES. Raises UnreadableInput."""
    return read_input(storage, uri, MAX_IMAGE_BYTES, inputs_from)


def _locate(storage: Storage, uri: str) -> tuple[Storage, str]:
    """The storage and the key in it that `uri` names."""
    if uri.startswith("s3://"):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return _opened(f"s3://{bucket}"), key
    if uri.startswith(("file://", "/")):
        path = local_path(uri) if uri.startswith("file://") else Path(uri)
        return _opened(str(path.parent)), path.name
    return (open_storage(uri) if "://" in uri else storage), uri


@lru_cache(maxsize=8)
def _opened(uri: str) -> Storage:
    """Storage outside the root, kept open: a catalogue's images often lie in one place."""
    return open_storage(uri)
