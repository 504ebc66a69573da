"""Carry over: a product whose inputs are as they were gets the rows of the audit that decided it.

Nothing is decoded, extracted or scored for it. Its rows follow from its inputs, the configuration of the run, the
software and what people said of it, so all of these must be the same: the last three by their digest, an input by the
version that storage states or, where that is another or none, by the SHA-256 of its bytes. Rows come from this audit,
if an earlier run of it decided the product, or from one of the last audits before; `carried_from` says which. Canaries
are never carried over, and neither is a product of which an input could not be read, since that may pass.
"""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

import extractors
import jobs
import scott_core
from extractors import Limits, fingerprint
from jobs.errors import UnreadableInput
from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.bucket import Bucket
from jobs.tables.damage import passing_over_damage
from jobs.tables.extractions import is_lasting
from jobs.tables.inputs import MAX_IMAGE_BYTES, input_version, read_input
from jobs.tables.plan import PlannedProduct, Run, audit_dates, n_buckets_of, read_plan, read_products
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
AT_ONCE = 16  # inputs looked at together, where storage answers late
T = TypeVar("T")
U = TypeVar("U")
COPIED: tuple[Table[Any], ...] = (DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS)
TABLES = (INPUT_VERSIONS, *COPIED)  # as they are written: a product is being carried over, and in the end it is
# Score, regions and is_match of pairs, by the SHA-256 of the catalogue image and the key of the document image
ScoredImages = dict[tuple[str, str], tuple[float, float, float, bool]]
LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "pymupdf", "scipy", "torch")


@cache
def software() -> str:
    """A name of the installed software: another one may decide otherwise."""
    libraries = {name: metadata.version(name) for name in LIBRARIES}
    packages = (Path(str(package.__file__)).parent for package in (extractors, jobs, scott_core))
    return "-".join(fingerprint(package, libraries) for package in packages)


def decided_by(run: Run, product: PlannedProduct) -> str:
    """The digest of all that decides a product's rows beside its inputs."""
    precision = os.environ.get("SCOTT_PRECISION", "")
    reviews = str(product.reviews or "")
    return hashlib.sha256(f"{run.config_digest} {software()} {precision}{reviews}".encode()).hexdigest()


def read_versions(here: Bucket, products: Sequence[PlannedProduct]) -> dict[str, list[InputVersion]]:
    """The rows of `input_versions` of products that are audited now. Ask before the inputs are read."""
    inputs = [(product, each) for product in products for each in inputs_of(product)]
    versions = _mapped(here.storage, partial(_version, here), [uri for _, (_, uri) in inputs])
    found: dict[str, list[InputVersion]] = {product.product_id: [] for product in products}
    for (product, each), version in zip(inputs, versions, strict=True):
        found[product.product_id].append(_version_row(here, product, each, version))
    return found


def inputs_of(product: PlannedProduct) -> list[tuple[str, str]]:
    """The images and documents of a product: what each is, and its URI."""
    return [*(("image", uri) for uri in product.image_uris), *(("document", uri) for uri in product.document_uris)]


def carry_over(here: Bucket, products: Sequence[PlannedProduct]) -> set[str]:
    """Carries over those of `products` that can be; returns the ids of those that are the run's and need no more."""
    if here.run.full:
        return set()
    left = {p.product_id: p for p in products if p.product_id not in here.run.canaries and inputs_of(p)}
    rows: dict[str, NewRows[Any]] = {table.name: NewRows(table) for table in TABLES}
    for audit_date, buckets in _places(here):
        for before in _befores(here, audit_date, buckets):
            for product_id, versions in before.unchanged(here, left).items():
                product = left.pop(product_id)
                inputs = zip(inputs_of(product), versions, strict=True)
                source = audit_date, before.run_of[product_id]
                seen = [_version_row(here, product, each, version, source) for each, version in inputs]
                rows[INPUT_VERSIONS.name].add(product_id, seen)
                before.same.add(product_id)
            for table in COPIED if before.same else ():
                rows[table.name].add_table(before.same, before.copied(table, here))
            if audit_date != here.audit_date:  # what is left and was decided then has changed since
                left = {name: product for name, product in left.items() if name not in before.run_of}
        if not left or (audit_date != here.audit_date and _has_none(here.storage, audit_date, buckets, left)):
            break
    taken: set[str] = set()
    for table in TABLES:
        if rows[table.name].product_ids:
            taken = set(here.replace(rows[table.name]))
    return taken


def scored_before(here: Bucket, products: Iterable[PlannedProduct]) -> dict[str, ScoredImages]:
    """What the last audit of each product scored as this run would; nothing of products that it decided otherwise.

    Where a run stops at a match, which pairs have a score depends on all of them, so there is nothing either.
    """
    if here.run.full or here.run.stop_at_match:
        return {}
    found: dict[str, ScoredImages] = {}
    left = {product.product_id: decided_by(here.run, product) for product in products}
    for audit_date, buckets in _places(here):
        if audit_date == here.audit_date:  # its document images are those of the run by now
            continue
        for before in _befores(here, audit_date, buckets):
            found |= before.scored(left)
            left = {name: digest for name, digest in left.items() if name not in before.run_of}
        if not left:
            break
    return found


def _has_none(storage: Storage, audit_date: str, buckets: Sequence[int], product_ids: Collection[str]) -> bool:
    """Whether an audit of the whole catalogue was asked for none of these products: then they are new since."""
    with passing_over_damage():
        planned = {each.product_id for bucket in buckets for each in read_products(storage, audit_date, bucket)}
        is_whole = any(run.product_ids is None for run in read_plan(storage, audit_date).runs)
        return is_whole and bool(planned) and planned.isdisjoint(product_ids)  # nothing: it was killed as it planned
    return False


def _version_row(
    here: Bucket,
    product: PlannedProduct,
    what: tuple[str, str],
    version: str | None,
    source: tuple[str | None, str | None] = (None, None),
) -> InputVersion:
    """A row of `input_versions`; `source` is the audit and the run whose rows the product got."""
    return {
        "audit_date": here.audit_date,
        "product_id": product.product_id,
        "kind": what[0],
        "uri": what[1],
        "version": version,
        "decided_by": decided_by(here.run, product),
        "source_date": source[0],
        "source_run": source[1],
        "run_id": here.run.run_id,
        "schema_version": SCHEMA_VERSION,
    }


def _places(here: Bucket) -> Iterator[tuple[str, Sequence[int]]]:
    """Audits, and buckets of each where rows of this bucket's products may lie: this audit, then those before it."""
    yield here.audit_date, [here.number]
    n_buckets = read_plan(here.storage, here.audit_date).n_buckets
    before = [audit_date for audit_date in audit_dates(here.storage) if audit_date < here.audit_date]
    for audit_date in before[-1 : -1 - AUDITS_BACK : -1]:
        then = n_buckets_of(here.storage, audit_date)
        if then is None:
            continue
        if n_buckets % then == 0:
            yield audit_date, [here.number % then]
        elif then % n_buckets == 0:
            yield audit_date, range(here.number, then, n_buckets)


def _befores(here: Bucket, audit_date: str, buckets: Sequence[int]) -> Iterator[_Before]:
    """Those of the buckets of an audit that can be read."""
    for bucket in buckets:
        with passing_over_damage():
            yield _Before(here.storage, audit_date, bucket)


class _Before:
    """One bucket of an audit, with what is needed to tell whose rows can be carried over; `same` are theirs.

    Raises DamagedObject.
    """

    def __init__(self, storage: Storage, audit_date: str, bucket: int) -> None:
        self.storage, self.audit_date = storage, audit_date
        self.same: set[str] = set()
        self._tables: dict[str, pa.Table] = {}
        for table in TABLES:
            key = keys.table_key(table.name, audit_date, bucket)
            blob = storage.read_or_none(key)
            empty = table.schema.empty_table()
            self._tables[table.name] = empty if blob is None else decode_table(table, blob.data, storage.uri(key))
        # The run of each product's verdict; a carried one has the run that carried it.
        self.run_of: dict[str, str] = dict(self._rows(VERDICTS, "product_id", "run_id"))

    def unchanged(self, here: Bucket, products: Mapping[str, PlannedProduct]) -> dict[str, list[str | None]]:
        """Those of `products` whose rows are of one run and would be the same now, with their inputs' versions now."""
        digests = {product_id: decided_by(here.run, product) for product_id, product in products.items()}
        inputs: dict[str, list[tuple[tuple[str, str], str | None]]] = defaultdict(list)
        runs: dict[str, set[str]] = {}  # that a product's rows may be of
        columns = ("product_id", "kind", "uri", "version", "decided_by", "source_date", "source_run", "run_id")
        for product_id, kind, uri, version, by, *source, run_id in self._rows(INPUT_VERSIONS, *columns):
            decided = self.run_of.get(product_id)
            # Where this run was carrying the verdict over when it was killed, the rows are the old ones by either name.
            is_begun = run_id == here.run.run_id and source == [here.audit_date, decided]
            if decided and by == digests.get(product_id) and (run_id == decided or is_begun):
                inputs[product_id].append(((kind, uri), version))
                runs[product_id] = {run_id, decided}
        if not runs:
            return {}
        sha256 = self._sha256(runs)
        with_pairs = {product_id for (product_id,) in self._rows(PAIR_SCORES, "product_id")}
        evidence = dict(self._rows(VERDICTS, "product_id", "evidence_uri"))
        asked = [
            product_id
            for product_id, seen in inputs.items()
            if product_id in sha256 and [each for each, _ in seen] == inputs_of(products[product_id])
        ]

        def versions_if_same(product_id: str) -> list[str | None] | None:
            if evidence[product_id] and not self.storage.exists(keys.evidence_key_of(evidence[product_id])):
                return None
            now: list[str | None] = []
            for (kind, uri), version in inputs[product_id]:
                if kind == "image" and product_id not in with_pairs:
                    now.append(version)  # without a document image to compare it with, it was not even read
                    continue
                is_same, seen = _seen(here, kind, uri, version, sha256[product_id].get(uri))
                if not is_same:
                    return None
                now.append(seen)
            return now

        found = zip(asked, _mapped(here.storage, versions_if_same, asked), strict=True)
        return {product_id: versions for product_id, versions in found if versions is not None}

    def scored(self, digests: Mapping[str, str]) -> dict[str, ScoredImages]:
        """The scores of those products whose rows are of one run that decided as `digests` say."""
        run_of = {
            product_id: run_id
            for product_id, by, run_id in self._rows(INPUT_VERSIONS, "product_id", "decided_by", "run_id")
            if by == digests.get(product_id) and run_id == self.run_of.get(product_id)
        }
        key_of: dict[tuple[str, str], str] = {}
        shown = self._rows(DOCUMENT_IMAGES, "product_id", "digest", "image_key", "run_id") if run_of else ()
        for product_id, image, key, run_id in shown:
            if key is not None and run_id == run_of.get(product_id):
                key_of[product_id, image] = key
        found: dict[str, ScoredImages] = defaultdict(dict)
        columns = ("product_id", "run_id", "catalogue_sha256", "digest", "score", "region_a", "region_b", "is_match")
        for product_id, run_id, sha256, image, score, *more in self._rows(PAIR_SCORES, *columns) if run_of else ():
            if score is not None and run_id == run_of.get(product_id) and (product_id, image) in key_of:
                found[product_id][sha256, key_of[product_id, image]] = score, *more
        return found

    def copied(self, table: Table[Any], here: Bucket) -> pa.Table:
        """The rows of the products of `same`, as rows of the run."""
        rows = of_products(self._tables[table.name], self.same)
        new: dict[str, Any] = {"run_id": here.run.run_id}
        if table is VERDICTS:
            uris = rows["evidence_uri"].to_pylist()  # of the root as it was named then
            new["evidence_uri"] = [uri and here.storage.uri(keys.evidence_key_of(uri)) for uri in uris]
            if self.audit_date != here.audit_date:
                new["carried_from"] = [day or self.audit_date for day in rows["carried_from"].to_pylist()]
        if table is PAIR_SCORES and self.audit_date != here.audit_date:
            new |= {"mask_a": None, "mask_b": None}  # the evidence is drawn
        for name, value in new.items():
            place, field = rows.schema.get_field_index(name), table.schema.field(name)
            column = value if isinstance(value, list) else [value] * rows.num_rows
            rows = rows.set_column(place, field, pa.array(column, field.type))
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

    def _rows(self, table: Table[Any], *columns: str) -> Iterator[tuple[Any, ...]]:
        rows = self._tables[table.name]
        return zip(*(rows[name].to_pylist() for name in columns), strict=True)


def _mapped(storage: Storage, function: Callable[[T], U], items: Sequence[T]) -> list[U]:
    """`function` of each item, of AT_ONCE at a time where storage answers late."""
    if not storage.answers_late:
        return list(map(function, items))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(function, items))


def _version(here: Bucket, uri: str) -> str | None:
    return input_version(here.storage, uri, here.run.inputs_from)


def _seen(here: Bucket, kind: str, uri: str, version: str | None, sha256: str | None) -> tuple[bool, str | None]:
    """Whether an input is what it was, by its version or, if that says nothing, by its bytes; and its version now."""
    now = _version(here, uri)
    if version is not None and not here.run.verify and now == version:
        return True, now
    most = MAX_IMAGE_BYTES if kind == "image" else Limits().file_bytes  # a larger one was not read then
    try:
        is_same = sha256 is not None and read_input(here.storage, uri, most, here.run.inputs_from).sha256 == sha256
    except UnreadableInput:
        is_same = False
    return is_same, now
