"""Carry over: a product whose inputs are as they were gets the rows of the audit that decided it.

Nothing is decoded, extracted or scored for it. Its rows follow from its inputs, the configuration of the run and the
software, so all three must be the same: the run's configuration and the software by their digest, an input by the
version that storage states or, where that is another or none, by the SHA-256 of its bytes. Rows come from this audit,
if an earlier run of it decided the product, or from one of the last audits before; `carried_from` says which. Canaries
are never carried over, and neither is a product of which an input could not be read, since that may pass.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import metadata
from itertools import compress
from pathlib import Path
from typing import Any

import pyarrow as pa

import extractors
import jobs
import scott_core
from extractors import fingerprint
from jobs.errors import UnknownAudit, UnreadableInput
from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.bucket import Bucket
from jobs.tables.extractions import is_lasting
from jobs.tables.inputs import input_version, read_any_input
from jobs.tables.plan import PlannedProduct, Run, audit_dates, read_plan
from jobs.tables.rows import NewRows, decode_table, of_products
from jobs.tables.schemas import (
    DOCUMENT_IMAGES,
    INPUT_VERSIONS,
    PAIR_SCORES,
    SCHEMA_VERSION,
    VERDICTS,
    InputVersion,
    Table,
)

AUDITS_BACK = 7  # earlier audits among which rows are sought, until one has decided the bucket
AT_ONCE = 16  # inputs looked at together: storage on a network answers late
# In the order of writing: the first says that a product is being carried over, the last that it is.
TABLES: tuple[Table[Any], ...] = (INPUT_VERSIONS, DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS)
LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pymupdf", "scipy", "torch")


@cache
def software() -> str:
    """A name of the installed software: another one may decide otherwise."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    packages = (Path(str(package.__file__)).parent for package in (extractors, jobs, scott_core))
    return "-".join(fingerprint(package, libraries) for package in packages)


def decided_by(run: Run) -> str:
    """The digest of all that decides a product's rows beside its inputs."""
    return hashlib.sha256(f"{run.config_digest} {software()}".encode()).hexdigest()


def read_versions(here: Bucket, products: Sequence[PlannedProduct]) -> dict[str, list[InputVersion]]:
    """The rows of `input_versions` of products that are audited now. Ask before the inputs are read."""
    digest = decided_by(here.run)
    uris = [(product.product_id, uri) for product in products for uri in inputs_of(product)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        versions = list(pool.map(partial(_version, here), (uri for _, uri in uris)))
    found: dict[str, list[InputVersion]] = {product.product_id: [] for product in products}
    for (product_id, uri), version in zip(uris, versions, strict=True):
        found[product_id].append(
            {
                "audit_date": here.audit_date,
                "product_id": product_id,
                "uri": uri,
                "version": version,
                "decided_by": digest,
                "is_carried": False,
                "run_id": here.run.run_id,
                "schema_version": SCHEMA_VERSION,
            }
        )
    return found


def inputs_of(product: PlannedProduct) -> list[str]:
    """The URIs of a product's images and documents."""
    return [*product.image_uris, *product.document_uris]


def carry_over(here: Bucket, products: Sequence[PlannedProduct]) -> set[str]:
    """Carries over those of `products` that can be; returns the ids of those that are the run's and need no more."""
    if here.run.full:
        return set()
    left = {p.product_id: p for p in products if p.product_id not in here.run.canaries and inputs_of(p)}
    rows: list[NewRows[Any]] = [NewRows(table) for table in TABLES]
    for audit_date, buckets in _places(here):
        parts = [_Before(here.storage, audit_date, bucket) for bucket in buckets]
        for before in parts:
            if same := before.unchanged(here, left):
                for new in rows:
                    new.add_table(same, before.copied(new.table, here, same))
            for product_id in same:
                del left[product_id]
        if not left or (audit_date != here.audit_date and any(before.decided for before in parts)):
            break  # who is still left was not in the catalogue of then
    taken: set[str] = set()
    for new in rows:
        if new.product_ids:
            taken = set(here.replace(new))
    return taken


def _places(here: Bucket) -> Iterator[tuple[str, Sequence[int]]]:
    """Audits, and buckets of each where rows of this bucket's products may lie: this audit, then those before it."""
    yield here.audit_date, [here.number]
    n_buckets = read_plan(here.storage, here.audit_date).n_buckets
    before = [audit_date for audit_date in audit_dates(here.storage) if audit_date < here.audit_date]
    for audit_date in before[-1 : -1 - AUDITS_BACK : -1]:
        try:
            then = read_plan(here.storage, audit_date).n_buckets
        except UnknownAudit:  # it was pruned a moment ago
            continue
        if n_buckets % then == 0:
            yield audit_date, [here.number % then]
        elif then % n_buckets == 0:
            yield audit_date, range(here.number, then, n_buckets)


class _Before:
    """One bucket of an audit, with what is needed to tell whose rows can be carried over."""

    def __init__(self, storage: Storage, audit_date: str, bucket: int) -> None:
        self.storage, self.audit_date, self.bucket = storage, audit_date, bucket
        self._tables: dict[str, pa.Table] = {}
        self._run_of: dict[str, str] = dict(self._rows(VERDICTS, "product_id", "run_id"))

    @property
    def decided(self) -> Collection[str]:
        """The ids of the products that have a verdict."""
        return self._run_of.keys()

    def unchanged(self, here: Bucket, products: Mapping[str, PlannedProduct]) -> set[str]:
        """Those of `products` whose rows are of one run and would be the same now."""
        digest = decided_by(here.run)
        asked: dict[str, list[tuple[str, str | None]]] = defaultdict(list)
        runs: dict[str, set[str]] = {}  # that a product's rows may be of
        columns = ("product_id", "uri", "version", "decided_by", "is_carried", "run_id")
        for product_id, uri, version, by, is_carried, run_id in self._rows(INPUT_VERSIONS, *columns):
            # Where this run was carrying the product over when it was killed, its rows are the old ones by either name.
            is_begun = is_carried and run_id == here.run.run_id and self.audit_date == here.audit_date
            decided = self._run_of.get(product_id)
            if product_id in products and by == digest and decided and (run_id == decided or is_begun):
                asked[product_id].append((uri, version))
                runs[product_id] = {run_id, decided}
        if not runs:
            return set()
        sha256 = self._sha256(runs)
        same_uris = [
            product_id
            for product_id, versions in asked.items()
            if product_id in sha256 and [uri for uri, _ in versions] == inputs_of(products[product_id])
        ]

        with_pairs = {product_id for (product_id,) in self._rows(PAIR_SCORES, "product_id")}

        def is_same(product_id: str) -> bool:
            # Without a document image to compare with, a catalogue image was not even read.
            n_unread = 0 if product_id in with_pairs else len(products[product_id].image_uris)
            inputs = asked[product_id][n_unread:]
            return all(_is_same(here, uri, version, sha256[product_id].get(uri)) for uri, version in inputs)

        with ThreadPoolExecutor(AT_ONCE) as pool:
            return set(compress(same_uris, pool.map(is_same, same_uris)))

    def copied(self, table: Table[Any], here: Bucket, product_ids: Collection[str]) -> pa.Table:
        """The rows of these products as rows of the run."""
        rows = of_products(self._table(table), product_ids)
        new: dict[str, Any] = {"run_id": here.run.run_id}
        if table is INPUT_VERSIONS:
            new["is_carried"] = True
        if table is VERDICTS and self.audit_date != here.audit_date:
            new["carried_from"] = rows["carried_from"].fill_null(self.audit_date)
        if table is PAIR_SCORES and self.audit_date != here.audit_date:
            new |= {"mask_a": None, "mask_b": None}  # the evidence is drawn
        for name, value in new.items():
            place, kind = rows.schema.get_field_index(name), table.schema.field(name)
            column = value if isinstance(value, pa.ChunkedArray) else pa.array([value] * rows.num_rows, kind.type)
            rows = rows.set_column(place, kind, column)
        return rows

    def _sha256(self, runs: Mapping[str, Collection[str]]) -> dict[str, dict[str, str]]:
        """The SHA-256 of each input by its URI, of products whose inputs were all read, and by their `runs`."""
        found: dict[str, dict[str, str]] = {product_id: {} for product_id in runs}
        documents = self._rows(
            DOCUMENT_IMAGES, "product_id", "document", "document_sha256", "run_id", "document_status", "document_detail"
        )
        pairs = self._rows(PAIR_SCORES, "product_id", "catalogue_image", "catalogue_sha256", "run_id")
        for product_id, uri, sha256, run_id, *status in (*documents, *pairs):
            if product_id not in found:
                continue
            if sha256 is None or run_id not in runs[product_id] or (status and not is_lasting(*status)):
                del found[product_id]
            else:
                found[product_id][uri] = sha256
        return found

    def _table(self, table: Table[Any]) -> pa.Table:
        """The bucket's rows of `table`, read when they are first asked for."""
        if table.name not in self._tables:
            blob = self.storage.read_or_none(keys.table_key(table.name, self.audit_date, self.bucket))
            self._tables[table.name] = table.schema.empty_table() if blob is None else decode_table(table, blob.data)
        return self._tables[table.name]

    def _rows(self, table: Table[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
        rows = self._table(table)
        return zip(*(rows[name].to_pylist() for name in columns), strict=True)


def _version(here: Bucket, uri: str) -> str | None:
    return input_version(here.storage, uri, here.run.inputs_from)


def _is_same(here: Bucket, uri: str, version: str | None, sha256: str | None) -> bool:
    """Whether an input is what it was: by its version or, where that says nothing, by its bytes."""
    if version is not None and not here.run.verify and _version(here, uri) == version:
        return True
    try:
        return sha256 is not None and read_any_input(here.storage, uri, here.run.inputs_from).sha256 == sha256
    except UnreadableInput:
        return False
