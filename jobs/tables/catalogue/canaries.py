"""Canaries: products of the catalogue whose verdict is known, named in `catalogue/canaries.csv`.

    product_id,verdict
    TOY-0001,match

An audit decides them before all others and ends there if one comes out otherwise (jobs/audit/canaries.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import get_args

from jobs.errors import BadCatalogue, ObjectMissing
from jobs.storage import Storage
from jobs.tables.catalogue.feed import catalogue_check
from jobs.tables.schemas import VerdictName

KEY = "catalogue/canaries.csv"
COLUMNS = ["product_id", "verdict"]
_VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)


def read_canaries(storage: Storage, inputs_from: Sequence[str] = ()) -> dict[str, VerdictName]:
    """The known verdict of each canary, by product id; none where there is no table.

    A link is followed under the root and `inputs_from` alone. Raises BadCatalogue naming the row that cannot be used.
    """
    where = storage.uri(KEY)
    try:
        text = storage.read(KEY, catalogue_check(storage, KEY, inputs_from)).data.decode("utf-8-sig")
        return dict(_rows(text, where))
    except ObjectMissing:
        return {}
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadCatalogue(f"{where} cannot be read: {error}") from error


def _rows(text: str, where: str) -> Iterable[tuple[str, VerdictName]]:
    """Product id and verdict of each row."""
    known: dict[str, VerdictName] = {}
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    header = next(rows, [])
    if header != COLUMNS:
        raise BadCatalogue(f"{where} has the header {header!r:.100}: expected {','.join(COLUMNS)}")
    for row in rows:
        if not row:
            continue
        if len(row) != len(COLUMNS):
            raise BadCatalogue(f"{where} line {rows.line_num}: {len(row)} cells: expected {','.join(COLUMNS)}")
        product_id, verdict = row
        named = next((name for name in _VERDICTS if name == verdict), None)
        if named is None:
            raise BadCatalogue(
                f"{where} line {rows.line_num}: {verdict!r} is no verdict: expected {', '.join(_VERDICTS)}"
            )
        if known.setdefault(product_id, named) != named:
            raise BadCatalogue(f"{where} line {rows.line_num}: product {product_id!r} has two verdicts")
    return known.items()
