"""Plan: records what a run of an audit is asked to do, and which run owns which product.

`plan.json` lists the runs of one audit date. A run gets the next generation by a conditional write, and its id begins
with it, so a newer run's id sorts after an older one's. Then the run takes its products in each `bucket=NNNN.json`: a
product belongs to the newest run that asked for it. Only the owner writes a product's rows (jobs/tables/bucket.py),
which is why a late attempt of an older run changes nothing. What people have said of a product until then (jobs/tables/
reviews) stands beside it, so that all steps of a run decide by the same reviews.

Planning again under the same run name gives the same run, so a plan task that died is simply run again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TypedDict

from jobs.errors import BadArgument, BadCatalogue
from jobs.scoring.scorers import DescribedScorer, describe_scorer
from jobs.storage import Storage, open_storage
from jobs.tables import keys
from jobs.tables.allowed import real_prefixes
from jobs.tables.catalogue import (
    Spool,
    encode_product,
    id_of_line,
    read_canaries,
    read_catalogue,
    spool_catalogue,
    spool_products,
    stream_catalogue,
)
from jobs.tables.plan import (
    Plan,
    Run,
    audit_dates,
    decode_products,
    encode_planned,
    find_plan,
    n_buckets_of,
    planned_buckets,
    planned_line,
    read_plan,
)
from jobs.tables.reviews import Outcome, outcomes_of, read_reviews
from jobs.tables.schemas import SCHEMA_VERSION
from scott_core.product import NO_RISK, RISK, Risk

PRODUCTS_PER_BUCKET = 128  # of a small catalogue: a quarter of a minute of work the first night
FEW_BUCKETS = 512  # from there on buckets have more products
MOST_PRODUCTS_PER_BUCKET = 1024  # whose rows are rewritten where one of them is audited again: 1 to 2 MB
MAX_BUCKETS = 100_000


class PlanSummary(TypedDict):
    """The configuration of a planned run; `buckets` are those that it has work in."""

    run_id: str
    audit_date: str
    buckets: list[int]
    n_buckets: int
    n_products: int
    weights: str
    model_version: str
    threshold: float
    risk: float | None
    stop_at_match: bool
    inputs_from: list[str]


@dataclass(frozen=True)
class _Configuration:
    """The part of a run that decides its rows, beside its inputs."""

    weights: str
    model_version: str
    threshold: float
    risk: float | None
    confidence: float | None
    stop_at_match: bool
    inputs_from: tuple[str, ...]

    def digest(self) -> str:
        decisive = {**asdict(self), "schema_version": SCHEMA_VERSION}
        return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def plan_audit(
    root: str,
    audit_date: str,
    *,
    run_name: str,
    requested_at: str,
    product_ids: Iterable[str] | None = None,
    weights: str | None = None,
    threshold: float | None = None,
    risk: Risk | None = None,
    stop_at_match: bool | None = None,
    inputs_from: Iterable[str] | None = None,
    n_buckets: int | None = None,
    full: bool = False,
    verify: bool = False,
) -> PlanSummary:
    """Plan a run over the whole catalogue, or over `product_ids` alone, and take their products.

    `run_name` names the attempt (an Airflow run id): the same name gives the same run. `requested_at` is ISO 8601 (UTC
    where it names no zone). `weights` is a scorer's name or file (jobs/scoring/scorers.py). `risk` is the share of
    decided products that may be wrong, or NO_RISK for the paper's rule (jobs/audit/verdicts.py). `inputs_from` are the
    prefixes beside the root under which inputs may lie (jobs/tables/allowed.py). A run over the whole catalogue
    carries over what is unchanged (jobs/audit/carry.py) unless it is `full`; with `verify` it reads every input to see
    that. What is left None is the audit's where it already has a plan and `product_ids` are given, else the shipped
    weights, their threshold, RISK, every pair, no such prefix, and a number of buckets by the size of the catalogue.
    The paper's rule decides, too, where no risk is given and a threshold or `stop_at_match` is, which are settings of
    it, or the scorer has no product model.

    Raises BadArgument, BadCatalogue, UnknownProduct and the errors of storage and weights.
    """
    storage = open_storage(root)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()  # it begins earlier elsewhere
    if keys.check_date(audit_date) > tomorrow:
        raise BadArgument(f"audit date {audit_date} is to come: each later audit would be older than it")
    requested_at = _utc(requested_at)
    if not run_name:
        raise BadArgument("the run name is empty: expected a name that this attempt alone has")
    if isinstance(product_ids, str):
        raise BadArgument(f"product ids {product_ids!r} is text: expected a list of ids")
    key = keys.plan_key(audit_date)
    known = None if product_ids is None else find_plan(storage, audit_date)
    allowed = (known.inputs_from if known else ()) if inputs_from is None else real_prefixes(inputs_from)
    canaries = read_canaries(storage, allowed)
    configuration = _configure(known, weights, threshold, risk, stop_at_match, allowed)
    ids = None if product_ids is None else frozenset(product_ids)
    if ids is not None and not ids:
        raise BadArgument("no product ids were given: expected at least one, or None for the whole catalogue")
    with _asked(storage, allowed, ids) as products:
        if ids is None and (unknown := products.lacks(canaries)):
            raise BadCatalogue(f"canaries are not in the catalogue: {', '.join(map(repr, unknown[:5]))}")
        run = Run(
            run_id="",  # given with its place in the plan
            run_name=run_name,
            requested_at=requested_at,
            product_ids=None if ids is None else tuple(sorted(ids)),
            n_products=len(products),
            full=full or ids is not None,
            verify=verify,
            canaries={name: verdict for name, verdict in canaries.items() if ids is None or name in ids},
            config_digest=configuration.digest(),
            **vars(configuration),
        )
        count = partial(_natural_buckets, storage, audit_date, allowed, len(products) if ids is None else None)
        uri = storage.uri(key)
        storage.update(key, lambda data: _with_run(data, uri, audit_date, run, n_buckets, count).to_json())
        plan = read_plan(storage, audit_date)
        run_id = next(each.run_id for each in plan.runs if each.run_name == run_name)
        reviews = {product_id: outcomes_of(rows) for product_id, rows in read_reviews(storage, ids).items()}
        buckets = _take_products(storage, plan, run_id, products, reviews, whole=ids is None)
    return {
        "run_id": run_id,
        "audit_date": audit_date,
        "buckets": buckets,
        "n_buckets": plan.n_buckets,
        "n_products": run.n_products,
        "weights": configuration.weights,
        "model_version": configuration.model_version,
        "threshold": configuration.threshold,
        "risk": configuration.risk,
        "stop_at_match": configuration.stop_at_match,
        "inputs_from": list(configuration.inputs_from),
    }


def _asked(storage: Storage, inputs_from: Sequence[str], ids: frozenset[str] | None) -> AbstractContextManager[Spool]:
    """The products that a run is asked for. Raises BadCatalogue, UnknownProduct and WorkFolderUnusable."""
    if ids is None:
        return spool_catalogue(storage, inputs_from)
    return spool_products(read_catalogue(storage, inputs_from, ids))


def _configure(
    known: Plan | None,
    weights: str | None,
    threshold: float | None,
    risk: Risk | None,
    stop_at_match: bool | None,
    inputs_from: tuple[str, ...],
) -> _Configuration:
    """The configuration that was asked for, completed from the `known` plan of the audit or else by defaults."""
    if known is not None:
        weights = known.weights if weights is None else weights
        if stop_at_match is None and risk in (None, NO_RISK):
            stop_at_match = known.stop_at_match
    weights = weights or "default"
    described = describe_scorer(weights)
    is_papers = threshold is not None or bool(stop_at_match) or described.product is None
    if risk is None and known is not None and not is_papers:
        risk = NO_RISK if known.risk is None else known.risk
    asked = _risk(risk, described, is_papers=is_papers)
    if asked is not None and stop_at_match:
        raise BadArgument(
            f"a risk, {asked}, is decided on all pairs of a product: stop at a match with risk none alone"
        )
    if threshold is None:
        same = known is not None and known.model_version == described.version
        threshold = known.threshold if known is not None and same else described.threshold
    if not 0 <= threshold <= 1:
        raise BadArgument(f"threshold {threshold} is not in [0, 1]")
    return _Configuration(
        weights=weights,
        model_version=described.version,
        threshold=float(threshold),
        risk=asked,
        confidence=described.product.confidence_for(asked) if described.product and asked is not None else None,
        stop_at_match=bool(stop_at_match),
        inputs_from=inputs_from,
    )


def _risk(risk: Risk | None, scorer: DescribedScorer, *, is_papers: bool) -> float | None:
    """The risk to decide with, None for the paper's rule. Raises BadArgument where the scorer cannot state one."""
    if risk is None:
        return None if is_papers else RISK
    if risk == NO_RISK:
        return None
    if scorer.product is None:
        raise BadArgument(f"{scorer.version} states no risk, for it has no product model: use risk none")
    return float(risk)


def _with_run(
    data: bytes | None, uri: str, audit_date: str, asked: Run, n_buckets: int | None, count: Callable[[], int]
) -> Plan:
    """The plan at `uri` with the run that was asked for, at the generation it has or at the next one.

    A new plan has `n_buckets`, or as many as `count` says.
    """
    if n_buckets is not None and not 1 <= n_buckets <= MAX_BUCKETS:
        raise BadArgument(f"{n_buckets} buckets: expected 1 to {MAX_BUCKETS}")
    plan = None if data is None else Plan.from_json(data, uri)
    if plan is not None and n_buckets not in (None, plan.n_buckets):
        raise BadArgument(f"the audit of {audit_date} has {plan.n_buckets} buckets, not {n_buckets}")
    runs = [] if plan is None else list(plan.runs)
    place = next((i for i, run in enumerate(runs) if run.run_name == asked.run_name), len(runs))
    if place < len(runs) and runs[place].product_ids != asked.product_ids:
        raise BadArgument(f"run name {asked.run_name!r} was used in the audit of {audit_date} for other products")
    runs[place : place + 1] = [replace(asked, run_id=f"{place + 1:06d}-{asked.run_name}")]
    if plan is not None and asked.product_ids is not None and len(runs) > 1:
        return replace(plan, runs=tuple(runs))
    return Plan(
        schema_version=SCHEMA_VERSION if plan is None else plan.schema_version,
        audit_date=audit_date,
        n_buckets=plan.n_buckets if plan else n_buckets or count(),
        n_products=asked.n_products,
        config_digest=asked.config_digest,
        runs=tuple(runs),
        **{field.name: getattr(asked, field.name) for field in fields(_Configuration)},
    )


def _natural_buckets(storage: Storage, audit_date: str, inputs_from: Sequence[str], n_catalogue: int | None) -> int:
    """The number of buckets of a new audit of `n_catalogue` products; None: those of the audit before, or counted.

    It is that of the audit before, or that one doubled or halved: then a bucket's products lie in one bucket of the
    audit before, or in a few.
    """
    before = (n_buckets_of(storage, day) for day in reversed(audit_dates(storage)) if day < audit_date)
    found = next(filter(None, before), None)
    if n_catalogue is None:
        if found is not None:
            return found
        n_catalogue = sum(1 for _ in stream_catalogue(storage, inputs_from))
    few = min(FEW_BUCKETS, -(-n_catalogue // PRODUCTS_PER_BUCKET))
    natural = max(few, -(-n_catalogue // MOST_PRODUCTS_PER_BUCKET), 1)
    if found is None:
        return natural
    while 2 * found <= natural:
        found *= 2
    while found >= 4 * natural and found % 2 == 0:
        found //= 2
    return found


def _take_products(
    storage: Storage,
    plan: Plan,
    run_id: str,
    products: Spool,
    reviews: Mapping[str, tuple[Outcome, ...]],
    *,
    whole: bool,
) -> list[int]:
    """Make `run_id` the owner of `products` where no newer run is; returns the buckets it has work in.

    A run over the whole catalogue also drops the products that the catalogue no longer has.
    """
    taken = []
    for bucket, lines in products.in_buckets(plan.n_buckets):
        ours = [planned_line(line, run_id, reviews.get(id_of_line(line), ())) for line in sorted(lines)]  # by id
        _take(storage, keys.bucket_key(plan.audit_date, bucket), run_id, ours, whole=whole)
        taken.append(bucket)
    left = set(planned_buckets(storage, plan.audit_date)).difference(taken) if whole else ()
    for bucket in left:
        _take(storage, keys.bucket_key(plan.audit_date, bucket), run_id, [], whole=whole)
    return sorted([*taken, *left])


def _take(storage: Storage, key: str, run_id: str, ours: Sequence[bytes], *, whole: bool) -> None:
    """Put the products of the lines `ours` in a bucket's object, or leave those that a newer run owns."""
    uri = storage.uri(key)

    def change(data: bytes | None) -> bytes:
        if data is None:
            return encode_planned(ours)
        found = {
            product.product_id: (product.run_id, planned_line(encode_product(product), product.run_id, product.reviews))
            for product in decode_products(data, uri)
            if not whole or product.run_id > run_id
        }
        for product, line in zip(decode_products(encode_planned(ours), uri), ours, strict=True):
            if product.product_id not in found or found[product.product_id][0] <= run_id:
                found[product.product_id] = run_id, line
        return encode_planned(found[name][1] for name in sorted(found))

    storage.update(key, change)


def _utc(moment: str) -> str:
    try:
        parsed = datetime.fromisoformat(moment)
    except ValueError as error:
        raise BadArgument(f"requested_at {moment!r} is not an ISO 8601 time") from error
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
