"""Storage in a folder of this machine: rename makes a write whole, a lock file makes it conditional.

Each folder has one `.lock`, held (flock) while an object in it is compared and replaced. The etag is
the SHA-256 of the content. The kernel drops a dead process's lock, and its unfinished `.NAME.part`
is overwritten by the next writer, so a kill at any point leaves the old object or the new one.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote

from jobs.errors import BadStorageUri, JobError, LostRace, ObjectDenied, ObjectMissing, StorageUnavailable
from jobs.storage.base import Blob, Check, Storage, check_key, is_under

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

RECENT_NS = 2 * 10**9  # a change within the tick of a file system's clock leaves the times as they are (FAT's is 2 s)
LOCK = ".lock"  # in each folder
ONCE_BELOW = 2  # folders below the start of a listing: those of one product's images, and of its documents
# How a folder on the way is opened: where the system has O_PATH, its names need not be readable.
_FOLDER = os.O_DIRECTORY | os.O_NOFOLLOW | getattr(os, "O_PATH", os.O_RDONLY)


class FileStorage(Storage):
    """Objects as files under `folder`."""

    def __init__(self, folder: Path) -> None:
        try:
            self.folder = folder.expanduser().resolve()
        except (RuntimeError, ValueError) as error:  # no such ~user; a NUL
            raise BadStorageUri(f"{str(folder)!r} is no folder: {error}") from error
        super().__init__(self.folder.as_uri())

    def read_head(self, key: str, size: int, check: Check | None = None) -> bytes:
        with self._opened(key, check) as stream:
            return stream.read(size)

    def version(self, key: str, check: Check | None = None) -> str | None:
        try:
            state = os.lstat(self._allowed(key, check))  # not opened: of most inputs no more than this is asked
        except OSError as error:
            raise _typed(error, self._path(key)) from error
        if not stat.S_ISREG(state.st_mode):
            raise ObjectMissing(f"{self._path(key).as_uri()} is no file")
        changed = max(state.st_mtime_ns, state.st_ctime_ns)
        if time.time_ns() - changed < RECENT_NS:
            return None
        return f"{state.st_size}-{state.st_mtime_ns}-{state.st_ctime_ns}-{state.st_dev}-{state.st_ino}"

    def read(self, key: str, check: Check | None = None) -> Blob:
        data = self.read_head(key, -1, check)
        return Blob(data, hashlib.sha256(data).hexdigest())

    def modified(self, key: str) -> float:
        path = self._path(key)
        try:
            return path.stat().st_mtime
        except OSError as error:
            raise _typed(error, path) from error

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._locked(path):
            path.unlink(missing_ok=True)
            if [entry.name for entry in os.scandir(path.parent)] == [LOCK]:
                (path.parent / LOCK).unlink()  # those who wait for it see that it is gone, and make another
                path.parent.rmdir()

    def write(self, key: str, data: bytes) -> None:
        path = self._path(key)
        with self._locked(path):
            _replace(path, data)

    def write_if(self, key: str, data: bytes, etag: str | None) -> None:
        path = self._path(key)
        with self._locked(path):
            current = self.read_or_none(key)
            if (current.etag if current else None) != etag:
                raise LostRace(f"{self.uri(key)} was changed by another writer")
            _replace(path, data)

    def real_uri(self, key: str) -> str:
        return _real(self._path(key))

    def keys(self, folder: str, links_to: Sequence[str] = ()) -> list[str]:
        start = self._start(folder)
        return sorted(self._keys(folder, 0, frozenset(), set(), (self.root, _real(start), *links_to)))

    def folders(self, folder: str) -> list[str]:
        self._start(folder)
        return self._entries(folder, want_folders=True)

    def arrow(self) -> FileSystem:
        from pyarrow.fs import LocalFileSystem, SubTreeFileSystem

        return SubTreeFileSystem(str(self.folder), LocalFileSystem())

    def _keys(self, folder: str, depth: int, above: frozenset[str], seen: set[str], within: Sequence[str]) -> list[str]:
        """Keys in `folder`, which lies in the real folders `above`, `depth` below the start.

        A link back to one of them, or to a folder under none of the URIs `within`, is a key itself. A real folder that
        was `seen` has its keys already: folders that link to each other have n! ways through them.
        """
        here = _real(self.folder / folder)
        if here in above or not any(is_under(here, place) for place in within):
            return [folder]
        if here in seen:
            return []
        seen.add(here)
        keys = [f"{folder}/{name}" if folder else name for name in self._entries(folder, want_folders=False)]
        for name in self._entries(folder, want_folders=True):
            child = f"{folder}/{name}" if folder else name
            keys += self._keys(child, depth + 1, above | {here}, seen if depth >= ONCE_BELOW else set(), within)
        return keys

    def _entries(self, folder: str, *, want_folders: bool) -> list[str]:
        """Sorted names of the visible files (or folders) directly in `folder`; none if it is missing."""
        top = self.folder / folder
        try:
            with os.scandir(top) as entries:
                return sorted(e.name for e in entries if e.name[0] != "." and _is_folder(e) == want_folders)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise _typed(error, top) from error

    def _start(self, folder: str) -> Path:
        return self._path(folder) if folder else self.folder

    def _path(self, key: str) -> Path:
        return self.folder / check_key(key)

    def _allowed(self, key: str, check: Check | None) -> str:
        """The path of an object with every link resolved, once `check` allows it."""
        real = os.path.realpath(self._path(key))
        if check:
            check(Path(real).as_uri())
        return real

    @contextmanager
    def _opened(self, key: str, check: Check | None) -> Iterator[BinaryIO]:
        """The file of an object, once `check` allows its place; OS errors become typed ones."""
        path = self._path(key)
        try:
            with open(self._allowed(key, check), "rb", opener=_open_no_links) as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise ObjectMissing(f"{path.as_uri()} is no file")
                yield stream
        except OSError as error:
            raise _typed(error, path) from error

    @contextmanager
    def _locked(self, path: Path) -> Iterator[None]:
        """Hold the lock of the folder of `path`, made if need be; OS errors become typed ones."""
        try:
            with _lock(path.parent / LOCK):
                yield
        except OSError as error:
            raise _typed(error, path) from error


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Hold the lock file `path`; one that `delete` removed while this process waited for it is none."""
    while True:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock = path.open("wb")
        except FileNotFoundError:  # the folder went again
            continue
        with lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if path.exists() and os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
                yield
                return


def _real(path: Path) -> str:
    """The URI of `path` with every link resolved, whether it exists or not."""
    return Path(os.path.realpath(path)).as_uri()


def _open_no_links(path: str, flags: int) -> int:
    """Opens a file whose absolute `path` has no link in it; ENOTDIR or ELOOP where one has come into it since.

    A pipe is opened at once, too, where nobody may ever write to it.
    """
    *folders, name = Path(path).parts
    here: int | None = None
    try:
        for folder in folders:
            above, here = here, os.open(folder, _FOLDER, dir_fd=here)
            if above is not None:
                os.close(above)
        return os.open(name, flags | os.O_NONBLOCK | os.O_NOFOLLOW, dir_fd=here)
    finally:
        if here is not None:
            os.close(here)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether the entry is a folder or a link to one; a link that leads nowhere is not."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _typed(error: OSError, path: Path) -> JobError:
    """The typed error for what the system raised about `path`."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return ObjectMissing(f"{path.as_uri()} does not exist")
    if error.errno in (errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.ENXIO):
        return ObjectMissing(f"{path.as_uri()}: {error.strerror}")
    if isinstance(error, PermissionError):
        return ObjectDenied(f"{path.as_uri()}: permission denied")
    return StorageUnavailable(f"{path.as_uri()}: {error.strerror or error}")


def _replace(path: Path, data: bytes) -> None:
    """Put `data` at `path` in one step that survives a power cut; the folder's lock is held."""
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, path)
    except BaseException:
        part.unlink(missing_ok=True)  # the disk is full, say
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def local_path(uri: str) -> Path:
    """The path that a file:// URI names."""
    path = uri.removeprefix("file://").removeprefix("localhost")
    if not path.startswith("/"):
        raise BadStorageUri(f"{uri!r} is not a local path: expected file:///folder (three slashes)")
    return Path(unquote(path, errors="surrogateescape"))  # a name may be any bytes
