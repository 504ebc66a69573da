"""Storage: objects by key under one root, on a file system or on S3, behind one small interface.

`open_storage(uri)` takes `file:///folder`, a plain path, or `s3://bucket/prefix`. A key is a relative
path with "/" ("verdicts/audit_date=2026-11-23/bucket=0000.parquet"); hidden names (a leading ".")
are never listed. Every write is whole or not at all: a reader sees the old bytes or the new.

`write_if` is compare-and-swap: it writes only where the object still has the etag that was read (or
still does not exist), else `LostRace`. `update` is the loop around it, and how tables are changed.
"""

from __future__ import annotations

import itertools
import random
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.errors import BadStorageUri, LostRace, ObjectMissing

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

Check = Callable[[str], object]  # raises where the place that it gets may not be read
UPDATE_SECONDS, UPDATE_TRIES = 120.0, 5  # `update` tries to win for so long, and so often at the least, before LostRace


@dataclass(frozen=True)
class Blob:
    """The bytes of an object, and the etag that names this content of it."""

    data: bytes
    etag: str


class Storage(ABC):
    """Objects under one root URI. Raises the storage errors of jobs/errors.py, each naming the object."""

    answers_late = False  # is it on a network, so that several requests at once save time?

    def __init__(self, root: str) -> None:
        self.root = root

    def uri(self, key: str) -> str:
        """The full URI of `key`."""
        return f"{self.root.removesuffix('/')}/{key}"  # the root may be file:///

    def real_uri(self, key: str) -> str:
        """The URI of the place that `key` leads to, links resolved. BadStorageUri where `key` could leave the root."""
        return self.uri(check_key(key))

    @abstractmethod
    def read_head(self, key: str, size: int, check: Check | None = None) -> bytes:
        """The first `size` bytes, or all where there are fewer. ObjectMissing when there is no object.

        `check` gets the real_uri of `key` before it is opened, and what is read is what lies at that very place.
        """

    @abstractmethod
    def version(self, key: str, check: Check | None = None) -> str | None:
        """What storage says of the object without reading it: objects of equal versions have equal bytes.

        None where it changed so lately that this is not sure. ObjectMissing when there is none. `check` as in
        read_head.
        """

    @abstractmethod
    def read(self, key: str, check: Check | None = None) -> Blob:
        """The object and its etag. ObjectMissing when there is none. `check` as in read_head."""

    @abstractmethod
    def modified(self, key: str) -> float:
        """When the object was written, in seconds since the epoch. ObjectMissing when there is none."""

    @abstractmethod
    def delete(self, key: str) -> None:
        """Remove the object, if there is one."""

    @abstractmethod
    def write(self, key: str, data: bytes) -> None:
        """Write the object, over whatever was there."""

    @abstractmethod
    def write_if(self, key: str, data: bytes, etag: str | None) -> None:
        """Write only if the object still has `etag` (None: still does not exist), else LostRace."""

    @abstractmethod
    def keys(self, folder: str, links_to: Sequence[str] = ()) -> list[str]:
        """Keys of every object in `folder` ("" is the root) and its folders, sorted; no folder, no keys.

        A link to a folder that lies neither under the root nor under one of the URIs `links_to` is a key itself.
        Links to one folder are followed once in each folder two below `folder`, by the first of their names.
        """

    @abstractmethod
    def folders(self, folder: str) -> list[str]:
        """Names of the folders directly in `folder`, sorted."""

    @abstractmethod
    def arrow(self) -> FileSystem:
        """A file system of pyarrow whose paths are keys: for what reads parts of large objects, and many at once.

        It has the credentials of this moment, raises OSError, and tries again by rules of its own.
        """

    def exists(self, key: str) -> bool:
        """Whether there is such an object."""
        try:
            self.modified(key)
        except ObjectMissing:
            return False
        return True

    def read_or_none(self, key: str) -> Blob | None:
        """The object, or None where there is none."""
        try:
            return self.read(key)
        except ObjectMissing:
            return None

    def update(self, key: str, change: Callable[[bytes | None], bytes | None]) -> bool:
        """Replace the object by `change(its bytes, or None)`; read and try again while the race is lost.

        `change` returns None to leave the object alone. It is called once for each try, after the
        object was read, so whatever it reads is newer than the object; and it must give the same
        result when applied to its own result, because a write whose reply was lost is tried again.
        Returns whether the object was written by this call.
        """

        def change_one(found: Mapping[str, bytes | None]) -> dict[str, bytes]:
            data = change(found[key])
            return {} if data is None else {key: data}

        return self.update_all([key], change_one)

    def update_all(self, keys: Iterable[str], change: Callable[[Mapping[str, bytes | None]], dict[str, bytes]]) -> bool:
        """`update` for several objects, each a race of its own: `change` gets those not written yet, all read before.

        It returns the new bytes of those that it does not leave alone.
        """
        left = list(keys)
        deadline = time.monotonic() + UPDATE_SECONDS
        wait, is_written = 0.01, False
        for n_tries in itertools.count(1):
            found = {key: self.read_or_none(key) for key in left}
            left = []
            for key, data in change({key: blob.data if blob else None for key, blob in found.items()}).items():
                blob = found[key]
                if blob is None or data != blob.data:
                    try:
                        self.write_if(key, data, blob.etag if blob else None)
                        is_written = True
                    except LostRace:
                        if n_tries >= UPDATE_TRIES and time.monotonic() > deadline:
                            raise
                        left.append(key)
            if not left:
                break
            time.sleep(random.uniform(0, wait))
            wait = min(2 * wait, 1.0)
        return is_written


def is_under(uri: str, folder: str) -> bool:
    """Whether `uri` is the URI `folder`, or lies in it."""
    return uri == folder or uri.startswith(f"{folder.removesuffix('/')}/")


def check_key(key: str) -> str:
    """`key`, or BadStorageUri where it could leave the root; servers of S3 take a backslash for a slash."""
    parts = {*key.split("/"), *(part for part in re.split(r"[/\\]", key) if part)}
    if "\0" in key or not parts.isdisjoint(("", ".", "..")):
        raise BadStorageUri(f"{key!r} is no key: expected a relative path such as catalogue/P1/images/1.jpg")
    return key
