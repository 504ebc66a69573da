"""Diff: the products whose verdict changed between two audits, how and why, part by part of the catalogue.

A product's bucket follows from the hash of its id, so a part of the products lies, of both audits, in the buckets that
are congruent by the greatest common divisor of their numbers of buckets. These double and halve with the catalogue
(jobs/audit/plan.py), and a part is one bucket beside one or a few. Where a part has more than BUCKETS_AT_ONCE, it is
read again for each share of its products. So memory does not grow with the catalogue.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, cast

import pyarrow as pa
import pyarrow.parquet as pq

from jobs.errors import BadArgument
from jobs.history.causes import Cause, Side, band, causes, changes
from jobs.outputs import check_parquet_output, replacing
from jobs.storage import Storage, open_storage
from jobs.tables.catalogue import hash_of
from jobs.tables.keys import check_date
from jobs.tables.plan import Plan, PlannedProduct, read_plan, read_products
from jobs.tables.rows import ROW_GROUP, stream_rows, stream_tables
from jobs.tables.schemas import DOCUMENT_IMAGES, INPUT_VERSIONS, PAIR_SCORES, VERDICTS, Table, Verdict
from scott_core.progress import Progress, silent

BUCKETS_AT_ONCE = 64  # of both audits: up to 64,000 products
PARTS_AT_ONCE = 16  # where storage answers late
SHOWN = ("verdict", "reason", "probability", "best_score", "model_version", "threshold", "risk")  # of both verdicts
_READ = ("product_id", *SHOWN, "confidence", "inputs_digest", "n_pairs_failed", "run_id")  # the run last
_LISTS = ("changed", "causes", "uris")  # what changed, and why (jobs/history/causes.py); of which inputs
DIFF = pa.schema(
    [
        ("product_id", pa.string()),
        *((name, pa.list_(pa.string())) for name in _LISTS),
        *((f"band_{when}", pa.string()) for when in ("before", "after")),
        *((f"{name}_{when}", VERDICTS.schema.field(name).type) for name in SHOWN for when in ("before", "after")),
    ]
)


class DiffSummary(TypedDict):
    """Counts of a comparison: the products of each audit, those that changed, and those that only one audit was asked
    for where the other was one of chosen products. Then how many changed in what, from which verdict to which, and why;
    a product may have several causes.
    """

    before: str
    after: str
    n_before: int
    n_after: int
    n_changed: int
    n_apart: int
    changed: dict[str, int]
    verdicts: dict[str, int]
    causes: dict[str, int]


def diff_audits(root: str, before: str, after: str, out: Path, progress: Progress = silent) -> DiffSummary:
    """Writes the products that changed from the audit of `before` to that of `after` to the Parquet file `out` (DIFF).

    `progress(1)` for each part of the catalogue; `out` is written in their order. Raises BadArgument for a date, or an
    `out` that cannot be written, UnknownAudit, and the errors of storage.
    """
    storage = open_storage(root)
    dates = check_date(before), check_date(after)
    plans = [read_plan(storage, date) for date in dates]
    check_parquet_output(out)
    if out.exists() and not out.is_file():
        raise BadArgument(f"{out} is no file")
    with replacing(out) as part:
        return _write(storage, plans, part, progress)


def _write(storage: Storage, plans: Sequence[Plan], out: Path, progress: Progress) -> DiffSummary:
    before, after = (plan.audit_date for plan in plans)
    n_products, n_apart, n_changed = [0, 0], 0, 0
    counted: dict[str, Counter[str]] = {name: Counter() for name in ("changed", "verdicts", "causes")}
    waiting: list[dict[str, Any]] = []
    with pq.ParquetWriter(out, DIFF.with_metadata({"before": before, "after": after}), compression="zstd") as file:

        def write() -> None:
            file.write_table(pa.Table.from_pylist(waiting, DIFF))
            waiting.clear()

        for compared in _each(storage, partial(_compare, storage, plans), _parts(*(plan.n_buckets for plan in plans))):
            n_products = [total + n for total, n in zip(n_products, compared.n_products, strict=True)]
            n_apart += compared.n_apart
            n_changed += len(compared.rows)
            for row in compared.rows:
                counted["changed"].update(row["changed"])
                counted["causes"].update(row["causes"])
                if "verdict" in row["changed"]:
                    counted["verdicts"][f"{row['verdict_before'] or '-'} -> {row['verdict_after'] or '-'}"] += 1
            waiting += compared.rows
            if len(waiting) >= ROW_GROUP:
                write()
            progress(1)
        write()
    return {
        "before": before,
        "after": after,
        "n_before": n_products[0],
        "n_after": n_products[1],
        "n_changed": n_changed,
        "n_apart": n_apart,
        "changed": dict(counted["changed"].most_common()),
        "verdicts": dict(counted["verdicts"].most_common()),
        "causes": dict(counted["causes"].most_common()),
    }


@dataclass(frozen=True)
class _Part:
    """The products whose hash is congruent to `first` by `step` and, by what is left of it, to `share` by `shares`."""

    first: int
    step: int
    share: int
    shares: int

    def buckets(self, n_buckets: int) -> range:
        """The buckets that hold them, among others, where there are `n_buckets`, a multiple of `step`."""
        return range(self.first, n_buckets, self.step)

    def __contains__(self, product_id: str) -> bool:
        return self.shares == 1 or hash_of(product_id) // self.step % self.shares == self.share


def _parts(n_before: int, n_after: int) -> list[_Part]:
    """All products, in parts."""
    step = math.gcd(n_before, n_after)
    shares = -(-(n_before + n_after) // (step * BUCKETS_AT_ONCE))
    return [_Part(first, step, share, shares) for first in range(step) for share in range(shares)]


class _Half:
    """One part of one audit: its products, and the verdicts that they have."""

    def __init__(self, storage: Storage, plan: Plan, part: _Part) -> None:
        self._storage, self._plan, self._part = storage, plan, part
        self._buckets = part.buckets(plan.n_buckets)
        planned = (each for bucket in self._buckets for each in read_products(storage, plan.audit_date, bucket))
        self.products: dict[str, PlannedProduct] = {
            each.product_id: each for each in planned if each.product_id in part
        }
        self.values: dict[str, tuple[Any, ...]] = {}  # of _READ, by product id: a tuple takes less time than a row
        for bucket in self._buckets:
            for rows in stream_tables(storage, VERDICTS, plan.audit_date, bucket, _READ):
                values = zip(*(column.to_pylist() for column in rows.columns), strict=True)
                self.values |= {each[0]: each for each in values if each[0] in part}

    def verdict(self, product_id: str) -> Verdict | None:
        """The product's verdict, of which there are the columns _READ; None where it has none yet."""
        values = self.values.get(product_id)
        return cast(Verdict, dict(zip(_READ, values, strict=True))) if values else None

    def missing(self, other: _Half) -> list[str]:
        """The products that `other` has and this audit was not asked for."""
        return [product_id for product_id in other.products if product_id not in self.products]

    def is_whole(self) -> bool:
        """Whether the audit was asked for the whole catalogue, so that what is missing was not in it."""
        return any(run.product_ids is None for run in self._plan.runs)

    def sides(self, product_ids: Collection[str]) -> dict[str, Side]:
        """The products with all that led to their verdicts, by id."""
        sha256: dict[str, dict[str, str | None]] = {product_id: {} for product_id in product_ids}
        statuses: dict[str, dict[str, str]] = {product_id: {} for product_id in product_ids}
        by = {}
        if product_ids:
            for row in self._rows(INPUT_VERSIONS, ("product_id", "decided_by"), product_ids):
                by[row["product_id"]] = row["decided_by"]
            for row in self._rows(PAIR_SCORES, ("product_id", "catalogue_image", "catalogue_sha256"), product_ids):
                sha256[row["product_id"]][row["catalogue_image"]] = row["catalogue_sha256"]
            columns = ("product_id", "document", "document_sha256", "document_status")
            for row in self._rows(DOCUMENT_IMAGES, columns, product_ids):
                sha256[row["product_id"]][row["document"]] = row["document_sha256"]
                statuses[row["product_id"]][row["document"]] = row["document_status"]
        runs = {run.run_id: run for run in self._plan.runs}
        return {
            name: Side(
                product=self.products[name],
                verdict=(verdict := self.verdict(name)),
                run=runs.get(verdict["run_id"]) if verdict else None,
                decided_by=by.get(name),
                sha256=sha256[name],
                statuses=statuses[name],
            )
            for name in product_ids
        }

    def _rows(self, table: Table[Any], columns: Sequence[str], product_ids: Collection[str]) -> Iterator[Any]:
        for bucket in self._buckets:
            yield from stream_rows(self._storage, table, self._plan.audit_date, bucket, columns, product_ids)


@dataclass(frozen=True)
class _Compared:
    """A part of two audits: how many products each has, how many only one was asked for, and the rows of DIFF."""

    n_products: tuple[int, int]
    n_apart: int
    rows: list[dict[str, Any]]


def _compare(storage: Storage, plans: Sequence[Plan], part: _Part) -> _Compared:
    before, after = (_Half(storage, plan, part) for plan in plans)
    in_both = before.products.keys() & after.products.keys()
    other = [each for each in in_both if before.values.get(each, ())[:-1] != after.values.get(each, ())[:-1]]
    changed = {each: what for each in other if (what := changes(before.verdict(each), after.verdict(each)))}
    old, new = before.sides(changed), after.sides(changed)
    why: dict[str, list[Cause]] = {each: causes(old[each], new[each]) for each in changed}
    n_apart = 0
    for half, missing, cause in (
        (before, before.missing(after), "product_added"),
        (after, after.missing(before), "product_removed"),
    ):
        if half.is_whole():
            changed |= {each: ["verdict"] for each in missing}
            why |= {each: [(cause, None)] for each in missing}
        else:
            n_apart += len(missing)
    rows = [_row(each, changed[each], why[each], before.verdict(each), after.verdict(each)) for each in sorted(changed)]
    return _Compared((len(before.products), len(after.products)), n_apart, rows)


def _row(
    product_id: str, changed: Sequence[str], why: Sequence[Cause], before: Verdict | None, after: Verdict | None
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "product_id": product_id,
        "changed": changed,
        "causes": list(dict.fromkeys(name for name, _ in why)),
        "uris": [uri for _, uri in why if uri is not None],
    }
    for when, verdict in (("before", before), ("after", after)):
        row[f"band_{when}"] = verdict and band(verdict["probability"])
        row |= {f"{name}_{when}": verdict and verdict[name] for name in SHOWN}  # type: ignore[literal-required]
    return row


def _each(storage: Storage, compare: Callable[[_Part], _Compared], parts: Sequence[_Part]) -> Iterator[_Compared]:
    """`compare` of each part, in order; of PARTS_AT_ONCE at a time where storage answers late."""
    if not storage.answers_late:
        yield from map(compare, parts)
        return
    with ThreadPoolExecutor(PARTS_AT_ONCE) as pool:
        for first in range(0, len(parts), PARTS_AT_ONCE):
            yield from pool.map(compare, parts[first : first + PARTS_AT_ONCE])
