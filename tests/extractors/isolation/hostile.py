"""The type of a hostile document: its builder, the statuses it may end in, and what is found in it all the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from extractors import Status

Builder = Callable[[Path], object]

ANY = tuple(status for status in get_args(Status) if status != "crashed")
READ: tuple[Status, ...] = ("ok", "partial")
LOST: tuple[Status, ...] = ("partial",)  # an image cannot be shown, and the detail says so
COSTLY: tuple[Status, ...] = ("ok", "partial", "timeout", "out_of_memory")  # read to the end, or given up at a limit


@dataclass(frozen=True)
class Hostile:
    """A document that means harm, or that a broken program wrote."""

    name: str
    build: Builder  # writes the document to the path that it is given
    ends: tuple[Status, ...]
    photographs: int  # least number of used placements


def collect(cases: list[Hostile], *ends: Status, photographs: int = 1) -> Callable[[Builder], Builder]:
    """Decorator: add the document that a function builds to `cases`, under the function's name."""

    def register(build: Builder) -> Builder:
        cases.append(Hostile(build.__name__.strip("_"), build, ends, photographs))
        return build

    return register
