"""A bucket, as a step of one run sees it: its products, its rows in each table, and the only way to replace them.

`Bucket.replace` is the only writer of tables. It reads the object, then asks the plan who owns each product, then
writes on the condition that the object has not changed. A newer run plans before it writes, so an attempt that comes
late either sees the new owner and leaves its rows alone, or loses the race and looks again. Rows of every other product
stay as they are, in their order.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from jobs.storage import Storage, open_storage
from jobs.tables import keys
from jobs.tables.plan import PlannedProduct, Run, read_products, read_run
from jobs.tables.rows import by_product, decode_rows, encode_rows, read_rows
from jobs.tables.schemas import Row, Table


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

    def rows(self, table: Table[Row]) -> dict[str, list[Row]]:
        """The rows of the bucket's object of `table` by product id, whichever run wrote them."""
        return by_product(read_rows(self.storage, table, self.audit_date, self.number))

    def replace(self, table: Table[Row], rows: Mapping[str, list[Row]]) -> list[str]:
        """Put `rows` (by product id) in place of those of the products that the run still owns.

        Products that have left the plan lose their rows. Returns the ids of the products whose rows are now those of
        this run.
        """
        taken: list[str] = []

        def change(data: bytes | None) -> bytes:
            found = by_product(decode_rows(table, self.audit_date, data)) if data is not None else {}
            products = read_products(self.storage, self.audit_date, self.number)
            taken[:] = [p.product_id for p in products if p.run_id == self.run.run_id and p.product_id in rows]
            found.update({name: rows[name] for name in taken})
            return encode_rows(table, [row for p in products for row in found.get(p.product_id, [])])

        self.storage.update(keys.table_key(table.name, self.audit_date, self.number), change)
        return taken
