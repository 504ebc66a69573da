"""The files that a command is asked to write: refused before the work where they cannot be, in one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from jobs.errors import BadArgument


def check_output(path: Path) -> None:
    """Make the folder of `path`; BadArgument where no file can be written there. What is there stays."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not os.path.lexists(path)
        path.open("ab").close()
        if is_new:
            path.unlink()


def check_picture_output(path: Path) -> None:
    """The same for a picture, whose format is that of its extension."""
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise BadArgument(f"{path}: {path.suffix!r} is no picture format that can be written; try .png or .jpg")
    check_output(path)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """BadArgument where the system or a format refuses to write `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise BadArgument(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error
