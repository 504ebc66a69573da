"""Prune: removes audits that are no longer wanted, and what no other audit refers to.

The rows of an audit that is kept may have come from one that goes (jobs/audit/carry.py): their evidence stays, where it
is. Reviews stay, too. An image or an extraction that neither a review nor a kept row refers to goes once it is RESTING
old, since an audit may have stored it a moment ago. A date's plan goes last, so that a prune that was killed is simply
run again. Do not run it while an audit runs.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import PurePosixPath
from typing import TypedDict

from jobs.errors import BadArgument, ObjectMissing
from jobs.storage import Storage, open_storage
from jobs.tables import keys
from jobs.tables.plan import audit_dates, planned_buckets, read_plan
from jobs.tables.reviews import kept_images
from jobs.tables.rows import stream_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, VERDICTS
from scott_core.progress import Progress, silent

RESTING = 2 * 24 * 3600.0  # seconds: longer than any audit takes


class PruneSummary(TypedDict):
    """What was removed: audits, and objects by the folder that held them."""

    audits: list[str]
    objects: dict[str, int]


def prune_audits(root: str, keep: int, progress: Progress = silent, *, dry_run: bool = False) -> PruneSummary:
    """Remove what is older than the last `keep` whole audits; with `dry_run` only say what would go.

    A whole audit is one of the whole catalogue that came to its end: it has a report. `progress(1)` for each object.
    Raises BadArgument where none would be kept, and the errors of storage.
    """
    if keep < 1:
        raise BadArgument(f"keep {keep}: expected to keep one audit or more")
    storage = open_storage(root)
    dates = [day for day in audit_dates(storage) if storage.keys(keys.plan_folder(day))]  # S3 servers list empty ones
    whole = [day for day in dates if _is_whole(storage, day)]
    first = whole[-keep] if len(whole) >= keep else ""
    old = [day for day in dates if day < first]
    removed: Counter[str] = Counter()
    for key in _unwanted(storage, old, [day for day in dates if day >= first]):
        if not dry_run:
            storage.delete(key)
        removed[key.partition("/")[0]] += 1
        progress(1)
    return {"audits": old, "objects": dict(sorted(removed.items()))}


def _is_whole(storage: Storage, audit_date: str) -> bool:
    is_of_all = any(run.product_ids is None for run in read_plan(storage, audit_date).runs)
    return is_of_all and storage.exists(keys.report_key(audit_date))


def _unwanted(storage: Storage, old: Sequence[str], kept: Sequence[str]) -> Iterator[str]:
    """The keys of what is to go; those of plans come last."""
    evidence, images, documents = _referred_to(storage, kept)
    for audit_date in keys.dates_of_folders(storage.folders(keys.EVIDENCE)):
        if audit_date not in kept:  # some of an audit that went long ago may have stayed until now
            yield from (key for key in storage.keys(keys.evidence_folder(audit_date)) if key not in evidence)
    for audit_date in old:
        for table in keys.TABLES:
            yield from storage.keys(keys.table_folder(table, audit_date))
        yield from reversed(storage.keys(keys.report_folder(audit_date)))  # with its last object a folder goes
    for folder, names in ((keys.IMAGES, images), (keys.EXTRACTIONS, documents)):
        for key in storage.keys(folder):
            is_ours = key.startswith(f"{folder}/{keys.BY_CONTENT}")
            if is_ours and PurePosixPath(key).name.partition(".")[0] not in names and _rests(storage, key):
                yield key
    for audit_date in old:
        yield from storage.keys(keys.plan_folder(audit_date))


def _referred_to(storage: Storage, kept: Sequence[str]) -> tuple[set[str], set[str], set[str]]:
    """What the `kept` audits and reviews refer to: keys of evidence, and the SHA-256 of images and of documents."""
    evidence: set[str] = set()
    images = kept_images(storage)
    documents: set[str] = set()
    for audit_date in kept:
        for bucket in planned_buckets(storage, audit_date):
            for verdict in stream_rows(storage, VERDICTS, audit_date, bucket, ["evidence_uri"]):
                evidence.update([keys.evidence_key_of(verdict["evidence_uri"])] if verdict["evidence_uri"] else [])
            columns = ["image_key", "document_sha256"]
            for row in stream_rows(storage, DOCUMENT_IMAGES, audit_date, bucket, columns):
                images.update([PurePosixPath(row["image_key"]).stem] if row["image_key"] else [])
                documents.update([row["document_sha256"]] if row["document_sha256"] else [])
    return evidence, images, documents


def _rests(storage: Storage, key: str) -> bool:
    with suppress(ObjectMissing):
        return time.time() - storage.modified(key) > RESTING
    return False
