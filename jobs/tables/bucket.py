"""A bucket, as a step of one run sees it: its products, its rows in each table, and the only way to replace them.

`Bucket.replace` is the only writer of tables. It reads the object, then asks the plan who owns each product, then
writes on the condition that the object has not changed. A newer run plans before it writes, so an attempt that comes
late either sees the new owner and leaves its rows alone, or loses the race and looks again. Rows of every other product
stay as they are, in their order.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from jobs.storage import Storage, open_storage
from jobs.tables import keys
from jobs.tables.plan import PlannedProduct, Run, read_products, read_run
from jobs.tables.rows import NewRows, decode_table, encode_table, of_products, rows_of_each, stream_rows
from jobs.tables.schemas import INPUT_VERSIONS, Row, Table


@dataclass(frozen=True)
class Bucket:
    """One bucket of the audit of `audit_date`, for one run."""

    storage: Storage
    audit_date: str
    number: int
    run: Run
    only: Collection[str] | None = None  # of the run's products; None: all of them

    @classmethod
    def open(cls, root: str, audit_date: str, number: int, run_id: str, only: Collection[str] | None = None) -> Bucket:
        """The bucket under `root`. Raises UnknownAudit, BadArgument (the date) and the errors of storage."""
        storage = open_storage(root)
        return cls(storage, audit_date, number, read_run(storage, keys.check_date(audit_date), run_id), only)

    def products(self) -> list[PlannedProduct]:
        """The products that the run owns now, by id."""
        products = read_products(self.storage, self.audit_date, self.number)
        owned = [product for product in products if product.run_id == self.run.run_id]
        return [product for product in owned if self.only is None or product.product_id in self.only]

    def to_do(self) -> tuple[list[PlannedProduct], int]:
        """The products that the run owns and has not carried over, by id, and the number of those that it has."""
        columns = ("product_id", "source_run", "run_id")
        rows = stream_rows(self.storage, INPUT_VERSIONS, self.audit_date, self.number, columns)
        carried = {row["product_id"] for row in rows if row["source_run"] and row["run_id"] == self.run.run_id}
        products = self.products()
        left = [product for product in products if product.product_id not in carried]
        return left, len(products) - len(left)

    def rows(
        self, table: Table[Row], products: Sequence[PlannedProduct], columns: Sequence[str] | None = None
    ) -> Iterator[list[Row]]:
        """The rows of each of `products` (by id) in the bucket's object of `table`, whichever run wrote them.

        With `columns`, the rows hold those alone, and FOLDER_KEY. Some hundred rows are in memory at a time.
        """
        ids = [product.product_id for product in products]
        names: list[str] = list(table.schema.names if columns is None else columns)
        wanted = names if "product_id" in names else ["product_id", *names]
        found = stream_rows(self.storage, table, self.audit_date, self.number, wanted, ids)
        return rows_of_each(found, ids)

    def replace(self, rows: NewRows[Row]) -> list[str]:
        """Put `rows` in place of those of their products, where the run still owns these; all are by product id then.

        Products that have left the plan lose their rows. Returns the ids of the products whose rows are now those of
        this run.
        """
        key = keys.table_key(rows.table.name, self.audit_date, self.number)
        taken: list[str] = []
        new = rows.to_arrow()

        def change(data: bytes | None) -> bytes:
            products = read_products(self.storage, self.audit_date, self.number)
            taken[:] = [
                p.product_id for p in products if p.run_id == self.run.run_id and p.product_id in rows.product_ids
            ]
            parts = [of_products(new, taken)]
            if data is not None:
                others = {product.product_id for product in products}.difference(taken)
                parts.append(of_products(decode_table(rows.table, data, self.storage.uri(key)), others))
            return encode_table(pa.concat_tables(parts).sort_by("product_id"))  # stable: a product's rows keep theirs

        self.storage.update(key, change)
        return taken
