"""Text for a terminal: tables, cells, intervals and progress."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Columns of text, as wide as their widest cell."""
    cells = [list(columns)] + [[_cell(value) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return "\n".join("  ".join(map(str.ljust, row, widths)).rstrip() for row in cells)


def interval(ends: tuple[float, float] | None, digits: int = 4) -> str:
    return f"({ends[0]:.{digits}f}-{ends[1]:.{digits}f})" if ends else ""


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, bytes):
        return f"<{counted(len(value), 'byte')}>"
    return f"{value:.3f}" if isinstance(value, float) else printable(str(value))


def counted(n: int, noun: str) -> str:
    """How many there are of something: "1 product", "2 products"."""
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def printable(text: str) -> str:
    """`text` with what a terminal would obey (control and direction characters) as escapes: catalogues hold it."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def rows_table(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """`table` of the named columns of rows."""
    return table(columns, [[row[name] for name in columns] for row in rows])


def progress_bar(name: str, unit: str, total: int | None = None) -> tqdm[Any]:
    """A bar on standard error, where that is a terminal, for work that takes more than a moment."""
    from tqdm import tqdm

    return tqdm(total=total, desc=name, unit=f" {unit}", file=sys.stderr, delay=0.5, disable=None)
