"""Canaries: products of the catalogue whose verdict is known, named in `catalogue/canaries.csv`.

    product_id,verdict
    TOY-0001,match

An audit decides them before all others and ends there if one comes out otherwise (jobs/audit/canaries.py).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection
from typing import get_args

from jobs.errors import BadCatalogue
from jobs.storage import Storage
from jobs.tables.schemas import VerdictName

KEY = "catalogue/canaries.csv"
COLUMNS = ["product_id", "verdict"]
_VERDICTS: tuple[VerdictName, ...] = get_args(VerdictName)


def read_canaries(storage: Storage, product_ids: Collection[str]) -> dict[str, VerdictName]:
    """The known verdict of each canary, by product id; none where there is no table.

    Raises BadCatalogue naming the row that cannot be used, such as one of a product that is not in `product_ids`.
    """
    blob = storage.read_or_none(KEY)
    if blob is None:
        return {}
    where = storage.uri(KEY)
    known: dict[str, VerdictName] = {}
    try:
        rows = csv.DictReader(io.StringIO(blob.data.decode("utf-8-sig"), newline=""), strict=True)
        if rows.fieldnames != COLUMNS:
            raise BadCatalogue(f"{where} has the header {rows.fieldnames}: expected {','.join(COLUMNS)}")
        for row in rows:
            product_id, verdict = row["product_id"], row["verdict"]
            named = next((name for name in _VERDICTS if name == verdict), None)
            if named is None or None in row:
                raise BadCatalogue(f"{where} line {rows.line_num}: {verdict!r} is no verdict of {', '.join(_VERDICTS)}")
            if product_id not in product_ids:
                raise BadCatalogue(f"{where} line {rows.line_num}: product {product_id!r} is not in the catalogue")
            if known.setdefault(product_id, named) != named:
                raise BadCatalogue(f"{where} line {rows.line_num}: product {product_id!r} has two verdicts")
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadCatalogue(f"{where} cannot be read: {error}") from error
    return known
