"""Plan: what an audit is asked to do, and which run owns which product.

`plan.json` lists the runs of one audit date. A run gets the next generation by a conditional write,
and its id begins with it, so a newer run's id sorts after an older one's. Then the run takes its
products in each `bucket=NNNN.json`: a product belongs to the newest run that asked for it. Only the
owner writes a product's rows (jobs/tables/rows.py), which is why a late attempt of an older run changes nothing.

Planning again under the same run name gives the same run, so a plan task that died is simply run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from jobs.errors import BadArgument
from jobs.scoring.scorers import scorer_for
from jobs.storage import Storage, open_storage
from jobs.tables import keys
from jobs.tables.catalogue import Product, read_catalogue, select_products
from jobs.tables.plan import Planned, _planned, _read, bucket_of, planned_buckets, read_plan
from jobs.tables.schemas import SCHEMA_VERSION

PRODUCTS_PER_BUCKET = 32
MAX_BUCKETS = 512  # each bucket is one mapped task of a DAG, and 1024 are the limit


def plan_audit(
    root: str,
    audit_date: str,
    *,
    run_name: str,
    requested_at: str,
    product_ids: Iterable[str] | None = None,
    weights: str | None = None,
    threshold: float | None = None,
    stop_at_match: bool | None = None,
    n_buckets: int | None = None,
) -> dict[str, Any]:
    """Plan a run over the whole catalogue, or over `product_ids` alone, and take their products.

    `run_name` names the attempt (an Airflow run id): the same name gives the same run. `requested_at`
    is ISO 8601 (UTC where it names no zone). `weights` is a scorer's name or file (jobs/scoring/scorers.py).
    What is left None is the audit's where it already has a plan and `product_ids` are given, else the
    shipped weights, their threshold, every pair, and a number of buckets by the size of the catalogue.

    Returns run_id, buckets (those to process), n_buckets, n_products, weights, model_version, threshold,
    stop_at_match.
    Raises BadArgument, BadCatalogue, UnknownProduct and the errors of storage and weights.
    """
    storage = open_storage(root)
    key = keys.plan_key(audit_date)
    requested_at = _utc(requested_at)
    if not run_name:
        raise BadArgument("the run name is empty: expected a name that this attempt alone has")
    if isinstance(product_ids, str):
        raise BadArgument(f"product ids {product_ids!r} is text: expected a list of ids")
    catalogue = read_catalogue(storage)
    products = select_products(catalogue, product_ids)
    if not products:
        raise BadArgument("no product ids were given: expected at least one, or None for the whole catalogue")
    known = _read(storage, key)
    if product_ids is not None and known is not None:
        weights = known["weights"] if weights is None else weights
        stop_at_match = known.get("stop_at_match", False) if stop_at_match is None else stop_at_match
    scorer = scorer_for(weights or "default")
    if product_ids is not None and known is not None and scorer.version == known["model_version"]:
        threshold = known["threshold"] if threshold is None else threshold
    threshold = scorer.threshold if threshold is None else threshold
    if not 0 <= threshold <= 1:
        raise BadArgument(f"threshold {threshold} is not in [0, 1]")
    wanted = None if product_ids is None else tuple(product.product_id for product in products)
    config = {
        "weights": weights or "default",
        "model_version": scorer.version,
        "threshold": float(threshold),
        "stop_at_match": bool(stop_at_match),
    }
    asked = {
        "run_name": run_name,
        "requested_at": requested_at,
        "product_ids": wanted and list(wanted),
        "n_products": len(products),
        **config,
        "config_digest": _digest({**config, "schema_version": SCHEMA_VERSION}),
    }
    storage.update(key, lambda data: _with_run(data, audit_date, asked, n_buckets, len(catalogue)))
    plan = read_plan(storage, audit_date)
    run = next(run for run in plan["runs"] if run["run_name"] == run_name)
    buckets = _take_products(storage, audit_date, plan["n_buckets"], run["run_id"], products, whole=wanted is None)
    return {
        "run_id": run["run_id"],
        "audit_date": audit_date,
        "buckets": buckets,
        "n_buckets": plan["n_buckets"],
        "n_products": len(products),
        **config,
    }


def _with_run(
    data: bytes | None, audit_date: str, asked: dict[str, Any], n_buckets: int | None, n_catalogue: int
) -> bytes:
    """plan.json with the run that was asked for, at the generation it has or at the next one."""
    if data is None:
        by_size = min(MAX_BUCKETS, -(-n_catalogue // PRODUCTS_PER_BUCKET))
        count = by_size if n_buckets is None else n_buckets
        if not 1 <= count <= MAX_BUCKETS:
            raise BadArgument(f"{n_buckets} buckets: expected 1 to {MAX_BUCKETS}")
        plan: dict[str, Any] = {
            "schema_version": SCHEMA_VERSION,
            "audit_date": audit_date,
            "n_buckets": count,
        }
    else:
        plan = json.loads(data)
        if n_buckets not in (None, plan["n_buckets"]):
            raise BadArgument(f"the audit of {audit_date} has {plan['n_buckets']} buckets, not {n_buckets}")
    runs = plan.pop("runs", [])
    place = next((i for i, run in enumerate(runs) if run["run_name"] == asked["run_name"]), len(runs))
    if place < len(runs) and runs[place]["product_ids"] != asked["product_ids"]:
        raise BadArgument(f"run name {asked['run_name']!r} was used in the audit of {audit_date} for other products")
    runs[place : place + 1] = [{"run_id": f"{place + 1:06d}-{asked['run_name']}", **asked}]
    if asked["product_ids"] is None or len(runs) == 1:
        same = ("n_products", "weights", "model_version", "threshold", "stop_at_match", "config_digest")
        plan.update({name: asked[name] for name in same})
    return _json({**plan, "runs": runs})


def _take_products(
    storage: Storage, audit_date: str, n_buckets: int, run_id: str, products: list[Product], *, whole: bool
) -> list[int]:
    """Make `run_id` the owner of `products` where no newer run is; returns the buckets it has work in.

    A run over the whole catalogue also drops the products that the catalogue no longer has.
    """
    by_bucket: dict[int, list[Product]] = {}
    for product in products:
        by_bucket.setdefault(bucket_of(product.product_id, n_buckets), []).append(product)
    buckets = sorted(set(by_bucket) | set(planned_buckets(storage, audit_date) if whole else []))
    for bucket in buckets:
        ours = [Planned(**asdict(product), run_id=run_id) for product in by_bucket.get(bucket, [])]

        def change(data: bytes | None, ours: list[Planned] = ours) -> bytes:
            theirs = [p for p in _planned(data) if not whole or p.run_id > run_id] if data else []
            newest = {product.product_id: product for product in theirs}
            for product in ours:
                if product.product_id not in newest or newest[product.product_id].run_id <= run_id:
                    newest[product.product_id] = product
            return _json([asdict(newest[name]) for name in sorted(newest)])

        storage.update(keys.bucket_key(audit_date, bucket), change)
    return buckets


def _utc(moment: str) -> str:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise BadArgument(f"requested_at {moment!r} is not an ISO 8601 time") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _json(value: Any) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
