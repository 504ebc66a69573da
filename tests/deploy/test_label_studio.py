"""A real Label Studio on the loopback: tasks over its REST API, answers with its own masks, and the next audit."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from deploy.label_studio import PROGRAM, LabelStudio
from jobs.review.export import export_tasks
from jobs.review.importing import import_reviews
from jobs.review.rle import decode_rle, encode_rle
from jobs.storage import Storage, open_storage
from jobs.tables.reviews import read_reviews
from tests.jobs.audit.test_carry import DAYS, audit
from tests.jobs.small_catalogue import add_product, picture, report

PYTHON = PROGRAM.parent / "python"
IN_BROWSER = Path(__file__).with_name("label_in_browser.py")
THEIRS = """
import json, sys
import numpy as np
from label_studio_sdk.converter.brush import decode_rle, mask2rle
for given in json.load(sys.stdin):
    mask = np.array(given["mask"], np.uint8)
    decoded = decode_rle(given["ours"]).reshape(*mask.shape, 4)[:, :, 3]
    print(json.dumps({"rle": mask2rle(mask * 255), "decoded": (decoded > 0).tolist()}))
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.labelstudio,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not PROGRAM.is_file(), reason=f"no {PROGRAM.parent.parent.name}: make test-labelstudio makes it"
    ),
]
PRODUCTS = tuple(f"P{n}" for n in range(1, 8))
Mask = NDArray[np.bool_]


def theirs(masks: list[Mask]) -> list[dict[str, Any]]:
    """Of each mask: Label Studio's code of it, and what Label Studio reads in ours."""
    given = [{"mask": mask.astype(int).tolist(), "ours": encode_rle(mask)} for mask in masks]
    done = subprocess.run([PYTHON, "-c", THEIRS], input=json.dumps(given), capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def blot(size: tuple[int, int], seed: int) -> Mask:
    """A mask with smooth edges, holes and single pixels."""
    rng = np.random.default_rng(seed)
    coarse = Image.fromarray(rng.integers(0, 256, (5, 6), np.uint8)).resize(size[::-1], Image.Resampling.BICUBIC)
    mask: Mask = (np.asarray(coarse) > 128) ^ (rng.random(size) < 0.002)
    return mask


def test_the_codec_is_label_studios() -> None:
    masks = [blot((240, 320), 1), blot((33, 7), 2), np.zeros((5, 4), bool), np.ones((300, 300), bool)]
    for mask, found in zip(masks, theirs(masks), strict=True):
        assert (np.array(found["decoded"]) == mask).all(), "they read ours"
        assert (decode_rle(found["rle"], mask.shape) == mask).all(), "we read theirs"  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> Storage:
    """Seven products of an audit."""
    found = open_storage(str(tmp_path_factory.mktemp("review") / "root"))
    for n, name in enumerate(PRODUCTS):
        add_product(found, name, [picture(n), picture(n + 20)], [report(picture(n if n < 3 else n + 10))])
    audit(found, DAYS[0])
    return found


@pytest.fixture(scope="module")
def studio(storage: Storage, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudio]:
    tasks = tmp_path_factory.mktemp("tasks")
    export_tasks(storage.root, tasks, DAYS[0])
    with LabelStudio(tasks, user="anna@example.com") as found:
        yield found


def annotation(task: dict[str, Any], choice: str, masks: dict[str, Mask]) -> dict[str, Any]:
    """What the editor would post."""
    results: list[dict[str, Any]] = [
        {"from_name": "answer", "to_name": "image_a", "type": "choices", "value": {"choices": [choice]}}
    ]
    for (name, mask), found in zip(masks.items(), theirs(list(masks.values())), strict=True):
        results.append(
            {
                "from_name": name,
                "to_name": name.replace("mask", "image"),
                "type": "brushlabels",
                "original_width": mask.shape[1],
                "original_height": mask.shape[0],
                "image_rotation": 0,
                "value": {"format": "rle", "rle": found["rle"], "brushlabels": ["object"]},
            }
        )
    return {"result": results}


def test_three_answers_come_back_and_settle_the_next_audit(storage: Storage, studio: LabelStudio) -> None:
    number = studio.project()
    assert studio.project() == number, "a project is made once"
    found = studio.call(f"/api/tasks?project={number}&fields=all")["tasks"]
    tasks = {task["data"]["product_id"]: task for task in found}
    assert sorted(tasks) == list(PRODUCTS)
    masks = {
        name: blot(tuple(tasks["P1"]["data"][size]), n)
        for n, (name, size) in enumerate((("mask_a", "size_a"), ("mask_b", "size_b")))
    }
    for name, choice in {"P1": "match", "P2": "no match", "P4": "match"}.items():
        body = annotation(tasks[name], choice, masks if name == "P1" else {})
        studio.call(f"/api/tasks/{tasks[name]['id']}/annotations/", body)
    summary = import_reviews(storage.root, studio.export(number), {"1": "anna@example.com"})
    assert (summary["n_tasks"], summary["n_new"], summary["conflicts"]) == (3, 3, {})
    (row,) = read_reviews(storage)["P1"]
    assert row["reviewer"] == "anna@example.com"
    for name, mask in masks.items():
        key = row[f"{name}_key"]  # type: ignore[literal-required]
        with Image.open(storage.folder / key) as image:  # type: ignore[attr-defined]
            assert (np.asarray(image) == mask).all(), "to the pixel"
    said = {
        name: (row["verdict"], row["reason"], row["machine_verdict"]) for name, row in audit(storage, DAYS[1]).items()
    }
    assert said == {
        "P1": ("match", "reviewed", "match"),
        "P2": ("no_match", "reviewed", "match"),
        "P3": ("match", None, "match"),
        "P4": ("match", "reviewed", "no_match"),
        **dict.fromkeys(("P5", "P6", "P7"), ("no_match", None, "no_match")),
    }


def test_three_products_that_are_labelled_in_the_editor(storage: Storage, studio: LabelStudio, tmp_path: Path) -> None:
    """A person's part in headless Chromium: log in, paint a stroke on each image, choose match, submit."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        pytest.skip("no chromium and chromium-driver (Debian's packages)")
    number = studio.project()
    labelled = ("P3", "P5", "P6")
    for task in studio.call(f"/api/tasks?project={number}&fields=all")["tasks"]:
        if task["data"]["product_id"] in labelled:
            page = f"{studio.url}/projects/{number}/data?task={task['id']}"
            command = [PYTHON, IN_BROWSER, page, studio.user["email"], studio.user["password"], tmp_path / "page.png"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=600)
            sys.stdout.write(done.stdout + done.stderr)
            assert done.returncode == 0
    summary = import_reviews(storage.root, studio.export(number), {"1": "anna@example.com"})
    assert summary["n_new"] == len(labelled)
    for name in labelled:
        (row,) = read_reviews(storage)[name]
        assert row["answer"] == "match"
        for key, image in ((row["mask_a_key"], row["image_a_key"]), (row["mask_b_key"], row["image_b_key"])):
            assert key is not None
            with Image.open(storage.folder / key) as mask, Image.open(storage.folder / image) as shown:  # type: ignore[attr-defined]
                assert mask.size == shown.size
                assert 0 < np.asarray(mask).mean() < 0.5, "a stroke"
    said = {name: row["reason"] for name, row in audit(storage, DAYS[2]).items()}
    assert {name for name in labelled if said[name] == "reviewed"} == set(labelled)
    assert said["P7"] is None
