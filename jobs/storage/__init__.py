"""Storage: objects by key under one root, on a file system or on S3, behind one interface.

`open_storage(uri)` takes `file:///folder`, a plain path, or `s3://bucket/prefix`.
"""

from __future__ import annotations

from pathlib import Path

from jobs.errors import BadStorageUri
from jobs.storage.base import Blob, Check, Storage, check_key, is_under
from jobs.storage.file import FileStorage, local_path

__all__ = ["Blob", "Check", "Storage", "check_key", "is_under", "local_path", "open_storage"]


def open_storage(uri: str) -> Storage:
    """The storage at `uri`: file:///folder, a plain path, or s3://bucket[/prefix].

    Raises BadStorageUri for a URI that names no storage. boto3 is imported for s3:// alone.
    """
    scheme, separator, rest = uri.partition("://")
    if not uri.strip():
        raise BadStorageUri("the storage root is empty: expected a folder, file:///folder or s3://bucket/prefix")
    if not separator:
        return FileStorage(Path(uri))
    if scheme == "file":
        return FileStorage(local_path(uri))
    if scheme != "s3":
        raise BadStorageUri(f"{uri!r}: unknown storage {scheme!r}; expected a folder, file:// or s3://")
    from jobs.storage.s3 import S3Storage

    bucket, _, prefix = rest.partition("/")
    if not bucket:
        raise BadStorageUri(f"{uri!r} names no bucket: expected s3://bucket/prefix")
    return S3Storage(bucket, prefix.strip("/"))
