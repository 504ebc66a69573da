"""Export: an audit's questions as tasks of Label Studio.

TASKS/tasks.json, TASKS/labelling.xml and TASKS/images/ are what Label Studio gets; the images are named by its URLs of
local files, relative to TASKS. The same questions are kept under the root (jobs/tables/reviews/tasks.py), with both
images of each as objects by content, so that answers can be checked, and used when the catalogue has changed.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypedDict

from PIL import Image

from jobs.audit.verdicts import best_pair, of_machine
from jobs.errors import BadArgument, ObjectMissing, RowsMissing, StorageUnavailable, UnreadableInput
from jobs.outputs import check_output, writing
from jobs.review.images import MOST, as_shown, overview, thumbnail
from jobs.review.labelling import ANSWER, CONFIG, LABEL, MASKS, PREDICTED
from jobs.review.rle import encode_rle
from jobs.review.sampling import COLUMNS, draw
from jobs.storage import Storage, open_storage
from jobs.tables.images import read_stored_image, write_image
from jobs.tables.inputs import read_image_input
from jobs.tables.keys import review_tasks_key
from jobs.tables.plan import Plan, PlannedProduct, bucket_of, find_plan, planned_buckets, read_plan, read_products
from jobs.tables.reviews import LeftOut, ReviewExport, ReviewTask, outcomes_of, read_reviews
from jobs.tables.rows import read_rows, stream_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS, WITHOUT_BYTES, DocumentImage, PairScore, Verdict
from scott_core.errors import UnreadableImage
from scott_core.match import decode_mask
from scott_core.progress import Progress, silent

N_SAMPLE = 60  # products of the rest: an error rate of 5% is then known to within 5 points or so
TASKS, LABELLING, IMAGES = "tasks.json", "labelling.xml", "images"  # in the folder
URL = f"/data/local-files/?d={IMAGES}/"  # of Label Studio, where its document root is the folder
_GONE = (UnreadableInput, UnreadableImage, ObjectMissing, StorageUnavailable)


class StratumSummary(TypedDict):
    """A stratum of an export: its products, those with a task, and for how many one task stands."""

    stratum: str
    products: int
    tasks: int
    weight: float | None


class ExportSummary(TypedDict):
    """What was exported."""

    audit_date: str
    export_id: str
    strata: list[StratumSummary]
    n_known: int
    left_out: list[str]


def export_tasks(
    root: str,
    out: Path,
    audit_date: str,
    *,
    n_close_calls: int | None = None,
    n_sample: int = N_SAMPLE,
    seed: str | None = None,
    progress: Progress = silent,
) -> ExportSummary:
    """Write the close calls of an audit (or `n_close_calls` of them) and `n_sample` others to the folder `out`.

    `progress(1)` for each task. Raises UnknownAudit, BadArgument and the errors of storage.
    """
    if n_sample < 0 or (n_close_calls or 0) < 0:
        raise BadArgument("a number of tasks is negative: expected 0 or more")
    if (out / TASKS).exists():
        raise BadArgument(f"{out} has tasks already: give each export a folder of its own, where its answers stay")
    storage = open_storage(root)
    plan = read_plan(storage, audit_date)
    reviews = {product_id: outcomes_of(rows) for product_id, rows in read_reviews(storage).items()}
    drawn = draw(
        _all_verdicts(storage, audit_date),
        reviews,
        n_close_calls=n_close_calls,
        n_rest=n_sample,
        seed=audit_date if seed is None else seed,
    )
    check_output(out / IMAGES / "image")
    shown: dict[str, _Shown] = {}
    left_out: list[LeftOut] = []
    for found in _found(storage, plan, drawn.chosen):
        product_id, stratum = found.product.product_id, drawn.chosen[found.product.product_id]
        try:
            shown[product_id] = _show(storage, plan, found, out / IMAGES, stratum)
        except _GONE as error:
            left_out.append(LeftOut(product_id, stratum, " ".join(str(error).split())))
        progress(1)
    ordered = [shown[product_id] for product_id in drawn.chosen if product_id in shown]
    n_tasks = Counter(each.task.stratum for each in ordered)
    weights = {stratum: drawn.strata[stratum] / n for stratum, n in n_tasks.items()}
    tasks = [replace(each.task, weight=weights[each.task.stratum]) for each in ordered]
    asked = ReviewExport(audit_date, "", drawn.strata, drawn.known, tuple(left_out), tuple(tasks))
    export_id = hashlib.sha256(asked.to_json()).hexdigest()[:12]
    tasks = [replace(task, task_id=f"{audit_date}.{export_id}.{n:04d}") for n, task in enumerate(tasks, 1)]
    asked = replace(asked, export_id=export_id, tasks=tuple(tasks))
    storage.update(review_tasks_key(audit_date, export_id), lambda data: asked.to_json() if data is None else None)
    _write(out, [each.to_label_studio(task, audit_date) for each, task in zip(ordered, tasks, strict=True)])
    return {
        "audit_date": audit_date,
        "export_id": export_id,
        "strata": [
            {"stratum": name, "products": size, "tasks": n_tasks[name], "weight": weights.get(name)}
            for name, size in drawn.strata.items()
        ],
        "n_known": len(drawn.known),
        "left_out": [f"{each.product_id}: {each.reason}" for each in left_out],
    }


def _all_verdicts(storage: Storage, audit_date: str) -> Iterator[Verdict]:
    """The verdicts of an audit, of which there are the columns COLUMNS.

    Raises BadArgument behind the last where products have none yet: a sample of the others would not stand for all.
    """
    n_products = n_verdicts = 0
    for bucket in planned_buckets(storage, audit_date):
        n_products += len(read_products(storage, audit_date, bucket))
        for row in stream_rows(storage, VERDICTS, audit_date, bucket, COLUMNS):
            n_verdicts += 1
            yield row
    if n_verdicts < n_products:
        raise BadArgument(
            f"the audit of {audit_date} has verdicts of {n_verdicts} of its {n_products} products: audit the others "
            "first, or name another audit with --audit-date"
        )


def data_of(task: ReviewTask, audit_date: str) -> dict[str, Any]:
    """The part of a task's `data` that comes back as it was sent."""
    return {**task.to_json(), "audit_date": audit_date}


@dataclass(frozen=True)
class _Found:
    """A product that was drawn, with its rows."""

    product: PlannedProduct
    verdict: Verdict
    documents: list[DocumentImage]
    pair: PairScore


@dataclass(frozen=True)
class _Shown:
    """A task, with the files that show it and what the machine marks, as results of Label Studio."""

    task: ReviewTask
    files: Mapping[str, str]  # image_a, image_b, overview: their names
    regions: list[dict[str, Any]]

    def to_label_studio(self, task: ReviewTask, audit_date: str) -> dict[str, Any]:
        """The task as Label Studio imports it: the machine's opinion is a prediction, from which a person starts."""
        said = PREDICTED[task.machine_verdict]
        choice = {"id": ANSWER, "from_name": ANSWER, "to_name": "image_a", "type": "choices"}
        results = [{**choice, "value": {"choices": [said]}}] if said else []
        score = task.best_score if task.probability is None else task.probability
        prediction = {"model_version": task.model_version, "score": score, "result": results + self.regions}
        urls = {name: URL + file for name, file in self.files.items()}
        return {"data": {**data_of(task, audit_date), **urls}, "predictions": [prediction]}


def _found(storage: Storage, plan: Plan, chosen: Mapping[str, str]) -> Iterator[_Found]:
    """The products that were drawn, bucket by bucket."""
    buckets: dict[int, list[str]] = defaultdict(list)
    for product_id in chosen:
        buckets[bucket_of(product_id, plan.n_buckets)].append(product_id)
    for bucket, ids in sorted(buckets.items()):
        where = (storage, plan.audit_date, bucket)
        planned = {product.product_id: product for product in read_products(*where)}
        documents, pairs = defaultdict(list), defaultdict(list)
        for image in read_rows(storage, DOCUMENT_IMAGES, *where[1:], WITHOUT_BYTES, ids):
            documents[image["product_id"]].append(image)
        for pair in read_rows(storage, PAIR_SCORES, *where[1:], product_ids=ids):
            pairs[pair["product_id"]].append(pair)
        for verdict in read_rows(storage, VERDICTS, *where[1:], product_ids=ids):
            product_id = verdict["product_id"]
            best = best_pair(pairs[product_id])
            if product_id not in planned or best is None:
                raise RowsMissing(f"{product_id} has a verdict of {plan.audit_date} and no pair: audit it again")
            yield _Found(planned[product_id], verdict, documents[product_id], best)


def _show(storage: Storage, plan: Plan, found: _Found, folder: Path, stratum: str) -> _Shown:
    """The task of a product, its files written. Raises _GONE where an image is not what was compared."""
    verdict, pair, product_id = found.verdict, found.pair, found.product.product_id
    source = read_image_input(storage, pair["catalogue_image"], plan.inputs_from)
    if source.sha256 != pair["catalogue_sha256"]:
        raise UnreadableInput("changed", f"{pair['catalogue_image']} has changed since the audit of {plan.audit_date}")
    stored = next(row["image_key"] for row in found.documents if row["used"] and row["digest"] == pair["digest"])
    if stored is None:
        raise UnreadableInput("missing", f"{pair['document']}: its images are of an audit of long ago")
    keys: dict[str, str] = {}
    files: dict[str, str] = {}
    sizes: dict[str, tuple[int, int]] = {}
    for name, data in (("image_a", source.data), ("image_b", read_stored_image(storage, stored))):
        data, suffix, sizes[name] = as_shown(data)
        keys[name] = write_image(storage, data, suffix)
        files[name] = _write_file(folder, data, suffix)
    files["overview"] = _write_file(folder, _overview(storage, plan, found), ".jpg")
    machine_verdict, machine_reason = of_machine(verdict)
    task = ReviewTask(
        task_id="",  # given when all tasks are known
        product_id=product_id,
        title=found.product.title or "",
        catalogue_image=pair["catalogue_image"],
        document=pair["document"],
        page=pair["page"],
        bbox=pair["bbox"],
        digest=pair["digest"],
        image_a_key=keys["image_a"],
        image_b_key=keys["image_b"],
        size_a=sizes["image_a"],
        size_b=sizes["image_b"],
        inputs_digest=verdict["inputs_digest"],
        machine_verdict=machine_verdict,
        machine_reason=machine_reason,
        probability=verdict["probability"],
        best_score=pair["score"] or 0.0,
        model_version=verdict["model_version"],
        stratum=stratum,
        weight=0.0,  # likewise
    )
    return _Shown(task, files, _regions(_masks(storage, verdict, pair), sizes))


def _overview(storage: Storage, plan: Plan, found: _Found) -> bytes:
    """All images of a product in one, which says how many cannot be read, or have no room."""
    catalogue: list[Image.Image] = []
    for uri in found.product.image_uris[:MOST]:
        with suppress(*_GONE):
            catalogue.append(thumbnail(read_image_input(storage, uri, plan.inputs_from).data))
    keys = [row["image_key"] for row in found.documents if row["image_key"]]
    documents = [thumbnail(read_stored_image(storage, key)) for key in keys[:MOST]]
    n_left_out = len(found.product.image_uris) - len(catalogue) + len(keys) - len(documents)
    return overview(catalogue, documents, n_left_out)


def _masks(storage: Storage, verdict: Verdict, pair: PairScore) -> dict[str, bytes | None]:
    """The codes of the best pair's masks; those of a verdict that was carried over lie in the audit that made it."""
    since = verdict["carried_from"]
    if pair["mask_a"] is None and since is not None:
        plan = find_plan(storage, since)
        if plan is None:  # it was pruned
            return {}
        bucket = bucket_of(pair["product_id"], plan.n_buckets)
        compared = ("catalogue_sha256", "digest", "score")
        for row in read_rows(storage, PAIR_SCORES, since, bucket, product_ids=[pair["product_id"]]):
            if all(row[name] == pair[name] for name in compared):  # type: ignore[literal-required]
                return {"mask_a": row["mask_a"], "mask_b": row["mask_b"]}
    return {"mask_a": pair["mask_a"], "mask_b": pair["mask_b"]}


def _regions(codes: Mapping[str, bytes | None], sizes: Mapping[str, tuple[int, int]]) -> list[dict[str, Any]]:
    """The masks that show something as brush regions of Label Studio."""
    regions = []
    for name, code in codes.items():
        height, width = sizes[MASKS[name]]
        mask = None if code is None else decode_mask(code, (height, width)) > 0.5
        if mask is not None and mask.any():
            regions.append(
                {
                    "id": name,
                    "from_name": name,
                    "to_name": MASKS[name],
                    "type": "brushlabels",
                    "original_width": width,
                    "original_height": height,
                    "image_rotation": 0,
                    "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": [LABEL]},
                }
            )
    return regions


def _write_file(folder: Path, data: bytes, suffix: str) -> str:
    """Writes an image for Label Studio; returns its name."""
    name = hashlib.sha256(data).hexdigest() + suffix
    with writing(folder / name):
        (folder / name).write_bytes(data)
    return name


def _write(out: Path, tasks: Sequence[Mapping[str, Any]]) -> None:
    with writing(out):
        (out / LABELLING).write_text(CONFIG, encoding="utf-8")
        (out / TASKS).write_text(json.dumps(tasks, ensure_ascii=False) + "\n", encoding="utf-8")
