"""The type of a malformed document: its builder, the statuses it may end in, and what is found in it all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from extractors import Status

Builder = Callable[[Path], object]

ANY = tuple(status for status in get_args(Status) if status not in ("crashed", "timeout", "out_of_memory"))
READ: tuple[Status, ...] = ("ok", "partial")
LOST: tuple[Status, ...] = ("partial",)  # an image cannot be shown, and the detail says so


@dataclass(frozen=True)
class Malformed:
    """A document that no sound program writes."""

    name: str
    build: Builder  # writes the document to the path that it is given
    ends: tuple[Status, ...]
    photographs: int  # least number of used placements


def collect(cases: list[Malformed], *ends: Status, photographs: int = 1) -> Callable[[Builder], Builder]:
    """Decorator: add the document that a function builds to `cases`, under the function's name."""

    def register(build: Builder) -> Builder:
        cases.append(Malformed(build.__name__.strip("_"), build, ends, photographs))
        return build

    return register
