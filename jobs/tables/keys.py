"""Keys of all objects under the storage root; this module alone spells them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date

from jobs.errors import BadArgument

PLANS = "audits"  # the folder of all plans
TABLES = ("document_images", "pair_scores", "input_versions", "verdicts")
EVIDENCE = "evidence"
REVIEWS, REVIEW_TASKS = "reviews", "review_tasks"
OUTPUTS = (PLANS, *TABLES, EVIDENCE, "reports", REVIEWS, REVIEW_TASKS)  # folders that audits and reviews write
IMAGES, EXTRACTIONS, BY_CONTENT = "images", "extractions", "sha256="  # folders of a catalogue may have these names, too
_BUCKET = re.compile(r"bucket=(\d{4,})\.json")
_DAY = r"audit_date=(\d{4}-\d\d-\d\d)"
_FOLDER = re.compile(_DAY)
_REVIEW = re.compile(rf"{REVIEWS}/{_DAY}/[0-9a-f]+-[0-9a-f]+\.parquet")
_REVIEW_TASKS = re.compile(rf"{REVIEW_TASKS}/{_DAY}/[0-9a-f]+\.json")
_TABLE = re.compile(rf"\w+/{_DAY}/bucket=\d{{4,}}\.parquet")


def check_date(audit_date: str) -> str:
    """`audit_date`, or BadArgument where it is not YYYY-MM-DD."""
    try:
        if date.fromisoformat(audit_date).isoformat() == audit_date:
            return audit_date
    except ValueError:
        pass
    raise BadArgument(f"audit date {audit_date!r} is not a date: expected YYYY-MM-DD")


def plan_folder(audit_date: str) -> str:
    """The folder of the plan of one audit."""
    return f"{PLANS}/audit_date={check_date(audit_date)}"


def dates_of_folders(names: Iterable[str]) -> list[str]:
    """The audit dates that the names of folders say, sorted; people put folders of their own beside them."""
    return sorted(found[1] for name in names if (found := _FOLDER.fullmatch(name)))


def plan_key(audit_date: str) -> str:
    """The plan: the runs of the audit, its model, threshold and counts."""
    return f"{plan_folder(audit_date)}/plan.json"


def bucket_key(audit_date: str, bucket: int) -> str:
    """The second half of the plan: the products of one bucket, each with the run that owns it."""
    return f"{plan_folder(audit_date)}/bucket={bucket:04d}.json"


def bucket_of_key(key: str) -> int | None:
    """The bucket number of a `bucket_key`, None for another key."""
    found = _BUCKET.fullmatch(key.rsplit("/", 1)[-1])
    return int(found[1]) if found else None


def table_folder(table: str, audit_date: str) -> str:
    """The folder of one table's objects for one audit."""
    return f"{table}/audit_date={check_date(audit_date)}"


def table_key(table: str, audit_date: str, bucket: int) -> str:
    """The object that holds one bucket's rows of `table`."""
    return f"{table_folder(table, audit_date)}/bucket={bucket:04d}.parquet"


def date_of_table_key(key: str) -> str | None:
    """The audit date of a `table_key`, None for another key."""
    return _date_in(_TABLE, key)


def image_key(sha256: str, suffix: str) -> str:
    """The image of a document whose bytes have that SHA-256; `suffix` is that of its format (".jpg")."""
    return f"{IMAGES}/{BY_CONTENT}{sha256[:3]}/{sha256}{suffix}"


def extraction_key(sha256: str, version: str) -> str:
    """What that version of the extractor found in the document whose bytes have that SHA-256."""
    return f"{EXTRACTIONS}/{BY_CONTENT}{sha256[:3]}/{sha256}.{version}.json"


def evidence_folder(audit_date: str) -> str:
    """The folder of one audit's evidence."""
    return f"{EVIDENCE}/audit_date={check_date(audit_date)}"


def evidence_key(audit_date: str, product_id: str, sha256: str = "") -> str:
    """The image of a product's best pair, or one with that SHA-256 that a later run of the audit drew."""
    later = f"!{sha256[:16]}" if sha256 else ""  # no product id has a "!"
    return f"{evidence_folder(audit_date)}/{product_id}{later}.jpg"


def evidence_key_of(uri: str) -> str:
    """The key that an `evidence_uri` names, wherever the storage root is now."""
    return "/".join(uri.rsplit("/", 3)[1:])


def report_folder(audit_date: str) -> str:
    """The folder of one audit's report."""
    return f"reports/audit_date={check_date(audit_date)}"


def report_key(audit_date: str) -> str:
    """The first page of the audit's HTML report; it says which issue holds the others."""
    return f"{report_folder(audit_date)}/index.html"


def report_part_key(audit_date: str, issue: str, name: str) -> str:
    """A page, a script or the style of one issue of the report."""
    return f"{report_folder(audit_date)}/{issue}/{name}"


def review_tasks_key(audit_date: str, export_id: str) -> str:
    """What one export for review asked about one audit."""
    return f"{REVIEW_TASKS}/audit_date={check_date(audit_date)}/{export_id}.json"


def review_key(audit_date: str, name: str) -> str:
    """Answers about one audit that were imported together."""
    return f"{REVIEWS}/audit_date={check_date(audit_date)}/{name}.parquet"


def date_of_review_key(key: str) -> str | None:
    """The audit date of a `review_key`, None for another key."""
    return _date_in(_REVIEW, key)


def date_of_review_tasks_key(key: str) -> str | None:
    """The audit date of a `review_tasks_key`, None for another key."""
    return _date_in(_REVIEW_TASKS, key)


def _date_in(pattern: re.Pattern[str], key: str) -> str | None:
    found = pattern.fullmatch(key)
    return found[1] if found else None
