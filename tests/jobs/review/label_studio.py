"""What Label Studio 1.23.2 exports as JSON, as far as an import reads it, without a server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from jobs.review.export import export_tasks
from jobs.review.importing import ImportSummary, import_reviews
from jobs.review.rle import encode_rle
from jobs.storage import Storage

NOON = "2026-01-05T12:00:00.000000Z"


def answered(
    task: dict[str, Any],
    choice: str,
    *,
    who: Any = 1,
    at: str = NOON,
    number: int = 7,
    masks: dict[str, NDArray[np.bool_]] | None = None,
) -> dict[str, Any]:
    """An annotation of a task."""
    results: list[dict[str, Any]] = [
        {"from_name": "answer", "to_name": "image_a", "type": "choices", "value": {"choices": [choice]}}
    ]
    for name, mask in (masks or {}).items():
        height, width = mask.shape
        results.append(
            {
                "from_name": name,
                "to_name": name.replace("mask", "image"),
                "type": "brushlabels",
                "original_width": width,
                "original_height": height,
                "image_rotation": 0,
                "value": {"format": "rle", "rle": encode_rle(mask), "brushlabels": ["object"]},
            }
        )
    return {"id": number, "completed_by": who, "was_cancelled": False, "updated_at": at, "result": results}


def disc(task: dict[str, Any], name: str, radius: float = 0.3) -> NDArray[np.bool_]:
    """A mask of the task's image a or b: a disc, with one pixel beside it."""
    height, width = task["data"][name.replace("mask", "size")]
    y, x = np.ogrid[:height, :width]
    mask: NDArray[np.bool_] = (y / height - 0.5) ** 2 + (x / width - 0.4) ** 2 < radius**2
    mask[0, width - 1] = True
    return mask


def exported(storage: Storage, folder: Path, day: str, **more: Any) -> dict[str, dict[str, Any]]:
    """The tasks of an export by product, as Label Studio would give them back: with nobody's answers yet."""
    export_tasks(storage.root, folder, day, **more)
    tasks = json.loads((folder / "tasks.json").read_text())
    return {
        task["data"]["product_id"]: {"id": n, **task, "annotations": [], "drafts": [], "meta": {}}
        for n, task in enumerate(tasks, 1)
    }


def brought_back(
    storage: Storage, folder: Path, tasks: list[dict[str, Any]], names: dict[str, str] | None = None
) -> ImportSummary:
    """Imports these tasks with their annotations."""
    path = folder / "export.json"
    path.write_text(json.dumps(tasks))
    return import_reviews(storage.root, path, names)


def reviewed(storage: Storage, folder: Path, day: str, answers: dict[str, str], **more: Any) -> ImportSummary:
    """Asks about an audit and brings the answers back, a choice for each of some products."""
    tasks = exported(storage, folder, day)
    for product_id, choice in answers.items():
        tasks[product_id]["annotations"].append(answered(tasks[product_id], choice, **more))
    return brought_back(storage, folder, list(tasks.values()))
