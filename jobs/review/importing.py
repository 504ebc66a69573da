"""Import: what Label Studio exported (as JSON) becomes rows of `reviews`, all of it or nothing.

Each task is compared with what was asked (jobs/tables/reviews/tasks.py), each answer with the labelling configuration.
Answers that are known already are left out, so an export of a whole project can be imported every day.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from PIL import Image

from jobs.errors import BadArgument, BadReview
from jobs.review.export import data_of
from jobs.review.labelling import ANSWER, CHOICES
from jobs.review.rle import BadRle, BoolMask, decode_rle
from jobs.storage import Storage, open_storage
from jobs.tables.images import write_image
from jobs.tables.keys import check_date, review_key
from jobs.tables.reviews import (
    CONFLICT,
    ReviewExport,
    ReviewTask,
    outcomes_of,
    read_export,
    read_reviews,
    stream_reviews,
)
from jobs.tables.rows import encode_rows
from jobs.tables.schemas import REVIEWS, SCHEMA_VERSION, Review

_TASK_ID = re.compile(r"(\d{4}-\d{2}-\d{2})\.([0-9a-f]{12})\.(\d{4,})")
_IN_TEXT = re.compile(rf'"task_id"\s*:\s*"({_TASK_ID.pattern})"')


class ImportSummary(TypedDict):
    """What was imported; `conflicts` name products about which people disagree."""

    n_tasks: int
    n_new: int
    n_known: int
    n_skipped: int
    answers: dict[str, int]
    conflicts: dict[str, dict[str, str]]


def import_reviews(root: str, export: Path, names: Mapping[str, str] | None = None) -> ImportSummary:
    """Import an export of Label Studio. `names` are those of reviewers whom the export only numbers.

    Raises BadReview, and then nothing was written; BadArgument where the file cannot be read; the errors of storage.
    """
    storage = open_storage(root)
    tasks = _parsed(export)
    asked: dict[tuple[str, str], ReviewExport | None] = {}
    answers: list[_Answer] = []
    n_skipped = 0
    for n, task in enumerate(tasks, 1):
        question, audit_date = _question(storage, export, n, task, asked)
        found, skipped = _answers(export, task, question, audit_date, names or {})
        answers += found
        n_skipped += skipped
    products = {each.task.product_id for each in answers}
    known = {(row["task_id"], row["annotation_id"], row["reviewed_at"]) for row in stream_reviews(storage, products)}
    new = {each.identity: each for each in answers if each.identity not in known}
    _write(storage, list(new.values()))
    return {
        "n_tasks": len(tasks),
        "n_new": len(new),
        "n_known": len(answers) - len(new),
        "n_skipped": n_skipped,
        "answers": dict(sorted(Counter(each.choice for each in new.values()).items())),
        "conflicts": conflicts(storage, products),
    }


def conflicts(storage: Storage, product_ids: set[str] | None = None) -> dict[str, dict[str, str]]:
    """Products about the same inputs of which people disagree, with what each of them said last."""
    found: dict[str, dict[str, str]] = {}
    for product_id, rows in read_reviews(storage, product_ids).items():
        open_inputs = {each.inputs_digest for each in outcomes_of(rows) if each.answer == CONFLICT}
        for row in rows:
            if row["inputs_digest"] in open_inputs:
                found.setdefault(product_id, {})[row["reviewer"]] = row["answer"]
    return found


@dataclass(frozen=True)
class _Answer:
    """One annotation of a task."""

    task: ReviewTask
    audit_date: str
    annotation_id: str
    reviewer: str
    reviewed_at: datetime
    choice: str
    masks: Mapping[str, BoolMask]  # mask_a, mask_b; those that show something

    @property
    def identity(self) -> tuple[str, str, datetime]:
        """What tells an answer from the others, and from the same one before it was changed."""
        return self.task.task_id, self.annotation_id, self.reviewed_at


def _parsed(export: Path) -> list[Any]:
    """The tasks of the file."""
    try:
        text = export.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadArgument(f"{export} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        tasks = json.loads(text)
    except (ValueError, RecursionError) as error:
        last = [found[1] for found in _IN_TEXT.finditer(text)]
        where = f"after task {last[-1]}" if last else "in its first task"
        raise BadReview(f"{export} is no JSON, {where}: {error}; was it cut? Nothing is imported") from error
    if not isinstance(tasks, list):
        raise BadReview(f"{export} is no list of tasks, and has none: export the project as JSON. Nothing is imported")
    return tasks


def _question(
    storage: Storage,
    export: Path,
    n: int,
    task: Any,
    asked: dict[tuple[str, str], ReviewExport | None],
) -> tuple[ReviewTask, str]:
    """What a task asked, by the root's own copy, and of which audit."""
    data = task.get("data") if isinstance(task, dict) else None
    task_id = data.get("task_id") if isinstance(data, dict) else None
    named = _TASK_ID.fullmatch(task_id) if isinstance(task_id, str) else None
    if named is None or not isinstance(data, dict):
        raise _bad(export, f"{n} of the file", "it has no task_id of ours: it is of another project")
    audit_date, export_id = named[1], named[2]
    if (audit_date, export_id) not in asked:
        asked[audit_date, export_id] = read_export(storage, _date(export, named[0], audit_date), export_id)
    known = asked[audit_date, export_id]
    question = None if known is None else next((each for each in known.tasks if each.task_id == task_id), None)
    if question is None:
        raise _bad(export, named[0], f"{storage.root} never asked it: it is of another root")
    for name, value in data_of(question, audit_date).items():
        if name not in data or data[name] != value:
            raise _bad(export, named[0], f"its {name} is {data.get(name)!r:.100}, and {value!r:.100} was asked about")
    return question, audit_date


def _answers(
    export: Path, task: Mapping[str, Any], question: ReviewTask, audit_date: str, names: Mapping[str, str]
) -> tuple[list[_Answer], int]:
    """The answers to a task, and how many people skipped it."""
    annotations = task.get("annotations")
    if not isinstance(annotations, list):
        raise _bad(export, question.task_id, "it has no list of annotations: export the project as JSON")
    found = []
    for annotation in annotations:
        try:
            if not annotation["was_cancelled"]:
                found.append(_answer(annotation, question, audit_date, names))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            said = f"has no {error}" if isinstance(error, KeyError) else str(error)
            number = annotation.get("id") if isinstance(annotation, dict) else None
            raise _bad(export, question.task_id, f"annotation {number} {said}") from error
    return found, len(annotations) - len(found)


def _answer(annotation: Mapping[str, Any], task: ReviewTask, audit_date: str, names: Mapping[str, str]) -> _Answer:
    """One annotation. Raises ValueError, KeyError, TypeError or AttributeError where Label Studio did not write it."""
    results = annotation["result"]
    choices = [choice for each in results if each["from_name"] == ANSWER for choice in each["value"]["choices"]]
    if len(choices) != 1 or choices[0] not in CHOICES:
        raise ValueError(f"answers {choices!r:.100}: expected one of {', '.join(CHOICES)}")
    masks: dict[str, BoolMask] = {}
    for name, size in (("mask_a", task.size_a), ("mask_b", task.size_b)):
        parts = [_region(each, name, size) for each in results if each["from_name"] == name]
        if parts and (mask := np.logical_or.reduce(parts)).any():
            masks[name] = mask
    who = annotation["completed_by"]
    number = who.get("email") or who["id"] if isinstance(who, dict) else who
    if not isinstance(number, int | str) or isinstance(number, bool) or number == "":
        raise ValueError(f"was completed by {who!r:.100}: expected a person")
    moment = datetime.fromisoformat(annotation["updated_at"])
    return _Answer(
        task=task,
        audit_date=audit_date,
        annotation_id=str(annotation["id"]),
        reviewer=names.get(str(number), str(number)),
        reviewed_at=moment if moment.tzinfo else moment.replace(tzinfo=UTC),
        choice=choices[0],
        masks=masks,
    )


def _region(result: Mapping[str, Any], name: str, size: tuple[int, int]) -> BoolMask:
    """The mask [H, W] of one brush region. Raises ValueError where it is not of the image."""
    found = result["original_height"], result["original_width"]
    if found != tuple(size):
        raise ValueError(f"has {name} of an image of {found[1]} x {found[0]}: expected {size[1]} x {size[0]}")
    if result["value"]["format"] != "rle":
        raise ValueError(f"has {name} as {result['value']['format']!r}: expected rle")
    try:
        return decode_rle(result["value"]["rle"], size)
    except BadRle as error:
        raise ValueError(f"has {name} that cannot be read: {error}") from error


def _write(storage: Storage, answers: list[_Answer]) -> None:
    """Writes answers: the masks, then one object for each audit."""
    by_date: dict[str, list[Review]] = defaultdict(list)
    for answer in sorted(answers, key=lambda each: each.identity):
        by_date[answer.audit_date].append(_row(storage, answer))
    for audit_date, rows in by_date.items():
        data = encode_rows(REVIEWS, rows)
        name = f"{rows[0]['task_id'].split('.')[1]}-{hashlib.sha256(data).hexdigest()[:12]}"
        storage.update(review_key(audit_date, name), partial(_once, data))


def _once(data: bytes, found: bytes | None) -> bytes | None:
    return data if found is None else None


def _row(storage: Storage, answer: _Answer) -> Review:
    task, said = answer.task, CHOICES[answer.choice]
    masks = answer.masks if said.pair == "match" else {}  # the protocol has masks for matching pairs
    keys = {name: write_image(storage, _png(mask), ".png") for name, mask in masks.items()}
    return {
        "audit_date": answer.audit_date,
        "product_id": task.product_id,
        "task_id": task.task_id,
        "annotation_id": answer.annotation_id,
        "reviewer": answer.reviewer,
        "reviewed_at": answer.reviewed_at,
        "answer": said.product,
        "pair_answer": said.pair,
        "catalogue_image": task.catalogue_image,
        "document": task.document,
        "page": task.page,
        "bbox": task.bbox,
        "digest": task.digest,
        "image_a_key": task.image_a_key,
        "image_b_key": task.image_b_key,
        "mask_a_key": keys.get("mask_a"),
        "mask_b_key": keys.get("mask_b"),
        "inputs_digest": task.inputs_digest,
        "machine_verdict": task.machine_verdict,
        "machine_reason": task.machine_reason,
        "probability": task.probability,
        "model_version": task.model_version,
        "stratum": task.stratum,
        "weight": task.weight,
        "schema_version": SCHEMA_VERSION,
    }


def _png(mask: BoolMask) -> bytes:
    """The mask as a PNG of its size, white on the object."""
    stream = io.BytesIO()
    Image.fromarray(mask).save(stream, "PNG")
    return stream.getvalue()


def _date(export: Path, task_id: str, audit_date: str) -> str:
    try:
        return check_date(audit_date)
    except BadArgument as error:
        raise _bad(export, task_id, str(error)) from error


def _bad(export: Path, task: str, what: str) -> BadReview:
    return BadReview(f"{export}: task {task}: {what}. Nothing is imported")
