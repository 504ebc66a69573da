"""Output files of a command: one that cannot be written is refused in one line, before the work."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image

from jobs.errors import BadArgument


def check_output(path: Path) -> None:
    """Make the folder of `path`. Raises BadArgument where no file can be written there; an existing file stays."""
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not os.path.lexists(path)
        path.open("ab").close()
        if is_new:
            path.unlink()


def check_parquet_output(path: Path) -> None:
    """As check_output for a Parquet file, so that no other program takes it for text."""
    if path.suffix.lower() not in ("", ".parquet"):  # /dev/stdout has none
        raise BadArgument(f"{path}: what is written is Parquet; name it {path.with_suffix('.parquet').name}")
    check_output(path)


def check_image_output(path: Path) -> None:
    """As check_output for an image, whose format follows from its extension."""
    if Image.registered_extensions().get(path.suffix.lower()) not in Image.SAVE:
        raise BadArgument(f"{path}: {path.suffix!r} is no picture format that can be written; try .png or .jpg")
    check_output(path)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place in the end; where anything is raised, `path` stays as it was.

    What is no file, such as /dev/stdout, is written itself. Raises BadArgument as `writing` does.
    """
    with writing(path):
        if path.exists() and not path.is_file():
            yield path
            return
        part = path.with_name(f".{path.name}.part")
        try:
            yield part
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Raises BadArgument where the system or a format refuses to write `path`."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise BadArgument(f"{path} cannot be written: {getattr(error, 'strerror', None) or error}") from error
