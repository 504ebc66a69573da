"""Files that operating systems leave in folders (Thumbs.db, desktop.ini, __MACOSX, ...): they are no inputs."""

from __future__ import annotations

_FILES = {"thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r"}  # of Windows and macOS, in lower case
_FOLDERS = {"__macosx", "$recycle.bin", "system volume information", "lost+found", "@eadir"}
_SUFFIX = ":zone.identifier"  # a stream of NTFS that a copy has made a file


def is_litter(key: str) -> bool:
    """Whether an operating system left the file there, or the folder that it lies in; nobody placed it as an input."""
    *folders, name = key.lower().split("/")
    return bool(_FOLDERS & {*folders}) or name in _FILES or name.endswith(_SUFFIX)
