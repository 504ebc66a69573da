"""Progress of long work, told to whoever waits for it."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[int], object]  # hears that so many more items are done
Stages = Callable[[str, int], Progress]  # begins a stage: its name and number of items, and what hears of them


def silent(done: int) -> None:
    """A Progress for nobody."""


def silent_stages(name: str, total: int) -> Progress:
    """Stages for nobody."""
    return silent
