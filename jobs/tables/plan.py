"""The plan of an audit, as its steps read it: the runs of one date, and which run owns which product.

`plan.json` lists the runs; each `bucket=NNNN.json` lists the products of one bucket with their owners. jobs.audit.plan
writes both.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from jobs.errors import UnknownAudit
from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.catalogue import Product, hash_of
from jobs.tables.damage import decoding, passing_over_damage
from jobs.tables.reviews import Outcome
from jobs.tables.schemas import VerdictName


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of an audit: what was asked, and the configuration it was asked with."""

    run_id: str
    run_name: str
    requested_at: str  # ISO 8601, UTC
    product_ids: tuple[str, ...] | None  # None: the whole catalogue
    n_products: int
    weights: str
    model_version: str
    threshold: float
    risk: float | None = None  # None: the paper's rule decides
    confidence: float | None = None  # that the risk asks of a product's probability, of either answer
    stop_at_match: bool = False  # a product's pairs after its first match are not scored
    full: bool = True  # nothing is carried over from an earlier audit
    verify: bool = False  # an input is the same by its bytes alone
    canaries: Mapping[str, VerdictName] = field(default_factory=dict)  # verdicts that are known, by product id
    inputs_from: tuple[str, ...] = ()  # prefixes beside the root under which inputs may lie (jobs/tables/allowed.py)
    config_digest: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The runs of one audit date, and the configuration that single products inherit.

    It is that of the run over the whole catalogue that was planned last, or of the first run where there was none.
    """

    schema_version: int
    audit_date: str
    n_buckets: int
    n_products: int
    weights: str
    model_version: str
    threshold: float
    risk: float | None = None
    confidence: float | None = None
    stop_at_match: bool = False
    inputs_from: tuple[str, ...] = ()
    config_digest: str
    runs: tuple[Run, ...]

    @classmethod
    def from_json(cls, data: bytes, uri: str) -> Plan:
        """The plan that plan.json, at `uri`, holds. Raises DamagedObject."""
        with decoding(uri):
            plan: dict[str, Any] = json.loads(data)
            return cls(**{**_known(cls, plan), "runs": tuple(_run(run) for run in plan["runs"])})

    def to_json(self) -> bytes:
        """The bytes of plan.json."""
        return (json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True)
class PlannedProduct(Product):
    """A product of a bucket, the run that owns it, and what people had said of it when that run was planned."""

    run_id: str
    reviews: tuple[Outcome, ...] = ()


def bucket_of(product_id: str, n_buckets: int) -> int:
    """The bucket of a product, from its id alone."""
    return hash_of(product_id) % n_buckets


def find_plan(storage: Storage, audit_date: str) -> Plan | None:
    """The plan of that date; None where there is none. Raises DamagedObject."""
    key = keys.plan_key(audit_date)
    blob = storage.read_or_none(key)
    return None if blob is None else Plan.from_json(blob.data, storage.uri(key))


def read_plan(storage: Storage, audit_date: str) -> Plan:
    """The plan of that date. UnknownAudit where there is none."""
    plan = find_plan(storage, audit_date)
    if plan is None:
        raise UnknownAudit(f"{storage.root} has no audit of {audit_date}")
    return plan


def n_buckets_of(storage: Storage, audit_date: str) -> int | None:
    """The number of buckets of an earlier audit; None where it has no plan, or one that cannot be read."""
    with passing_over_damage():
        plan = find_plan(storage, audit_date)
        return plan.n_buckets if plan else None
    return None


def read_run(storage: Storage, audit_date: str, run_id: str) -> Run:
    """One run of the plan. UnknownAudit where the plan does not have it."""
    for run in read_plan(storage, audit_date).runs:
        if run.run_id == run_id:
            return run
    raise UnknownAudit(f"the audit of {audit_date} has no run {run_id!r}")


def read_products(storage: Storage, audit_date: str, bucket: int) -> list[PlannedProduct]:
    """The products of a bucket, by id; none where the bucket was never planned. Raises DamagedObject."""
    key = keys.bucket_key(audit_date, bucket)
    blob = storage.read_or_none(key)
    return decode_products(blob.data, storage.uri(key)) if blob else []


def decode_products(data: bytes, uri: str) -> list[PlannedProduct]:
    """The products that a bucket's JSON object, at `uri`, holds. Raises DamagedObject."""
    with decoding(uri):
        return [
            PlannedProduct(
                **{
                    **row,
                    "image_uris": tuple(row["image_uris"]),
                    "document_uris": tuple(row["document_uris"]),
                    "reviews": tuple(map(Outcome.from_json, row.get("reviews", ()))),
                }
            )
            for row in json.loads(data)
        ]


def planned_line(line: bytes, run_id: str, reviews: Iterable[Outcome] = ()) -> bytes:
    """The line of a bucket's JSON object for a product, by `encode_product`, that `run_id` owns."""
    found = [asdict(outcome) for outcome in reviews]
    more = {"run_id": run_id, **({"reviews": found} if found else {})}
    return line.removesuffix(b"}") + b"," + json.dumps(more, separators=(",", ":")).encode().removeprefix(b"{")


def encode_planned(lines: Iterable[bytes]) -> bytes:
    """The bytes of a bucket's JSON object: its products by id, each a `planned_line`."""
    return b"[\n" + b",\n".join(lines) + b"\n]\n"


def planned_buckets(storage: Storage, audit_date: str) -> list[int]:
    """The numbers of the buckets that have been planned."""
    found = storage.keys(keys.plan_folder(audit_date))
    return sorted(bucket for bucket in map(keys.bucket_of_key, found) if bucket is not None)


def latest_audit(storage: Storage) -> str:
    """The date of the newest audit that has a plan. UnknownAudit where there is none."""
    for audit_date in reversed(audit_dates(storage)):
        if storage.exists(keys.plan_key(audit_date)):
            return audit_date
    raise no_audit(storage)


def no_audit(storage: Storage) -> UnknownAudit:
    """The error of a root without an audit, to be raised."""
    return UnknownAudit(f"{storage.root} has no audit yet: run `scott audit --root {storage.root}` first")


def audit_dates(storage: Storage) -> list[str]:
    """The dates of all audits under the root, the newest last.

    One that was killed in its first write has no plan; what remains of one that was pruned may have none, either.
    """
    return keys.dates_of_folders(storage.folders(keys.PLANS))


def _run(run: dict[str, Any]) -> Run:
    ids = run["product_ids"]
    return Run(**{**_known(Run, run), "product_ids": None if ids is None else tuple(ids)})


def _known(cls: type[Plan | Run], stored: dict[str, Any]) -> dict[str, Any]:
    """The stored fields that this version knows; another may have written more."""
    names = {field.name for field in fields(cls)}
    known = {name: value for name, value in stored.items() if name in names}
    return {**known, "inputs_from": tuple(known.get("inputs_from", ()))}
