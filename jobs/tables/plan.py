"""TODO."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from jobs.errors import UnknownAudit
from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.catalogue import Product


@dataclass(frozen=True)
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
    config_digest: str
    stop_at_match: bool = False  # a product's pairs after its first match are not scored


@dataclass(frozen=True)
class Planned(Product):
    """A product of a bucket, and the run that owns it."""

    run_id: str


def bucket_of(product_id: str, n_buckets: int) -> int:
    """The bucket of a product, from its id alone."""
    return int.from_bytes(hashlib.sha256(product_id.encode()).digest()[:8]) % n_buckets


def read_plan(storage: Storage, audit_date: str) -> dict[str, Any]:
    """plan.json of that date. UnknownAudit when there is none."""
    plan = _read(storage, keys.plan_key(audit_date))
    if plan is None:
        raise UnknownAudit(f"{storage.root} has no audit of {audit_date}")
    return plan


def read_run(storage: Storage, audit_date: str, run_id: str) -> Run:
    """One run of the plan. UnknownAudit when the plan does not have it."""
    for run in read_plan(storage, audit_date)["runs"]:
        if run["run_id"] == run_id:
            ids = run["product_ids"]
            return Run(**{**run, "product_ids": None if ids is None else tuple(ids)})
    raise UnknownAudit(f"the audit of {audit_date} has no run {run_id!r}")


def read_bucket(storage: Storage, audit_date: str, bucket: int) -> list[Planned]:
    """The products of a bucket, by id; none where the bucket was never planned."""
    blob = storage.read_or_none(keys.bucket_key(audit_date, bucket))
    return _planned(blob.data) if blob else []


def planned_buckets(storage: Storage, audit_date: str) -> list[int]:
    """The numbers of the buckets that have been planned."""
    found = storage.keys(f"audits/audit_date={keys.check_date(audit_date)}")
    return sorted(bucket for bucket in map(keys.bucket_of_key, found) if bucket is not None)


def _planned(data: bytes) -> list[Planned]:
    return [
        Planned(**{**row, "image_uris": tuple(row["image_uris"]), "document_uris": tuple(row["document_uris"])})
        for row in json.loads(data)
    ]


def _read(storage: Storage, key: str) -> dict[str, Any] | None:
    blob = storage.read_or_none(key)
    plan: dict[str, Any] | None = json.loads(blob.data) if blob else None
    return plan


def latest_audit(storage: Storage) -> str:
    """The newest audit date under the root. UnknownAudit when there is none."""
    dates = [name.removeprefix("audit_date=") for name in storage.folders("audits")]
    if not dates:
        raise UnknownAudit(f"{storage.root} has no audit yet: run `scott audit --root {storage.root}` first")
    return max(dates)
