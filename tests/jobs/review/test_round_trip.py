"""From an audit to its questions, from the answers to the next audit."""

from __future__ import annotations

import io
import itertools
import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from jobs import cli
from jobs.audit.explain import explain_product
from jobs.audit.plan import plan_audit
from jobs.audit.prune import prune_audits
from jobs.errors import BadArgument, BadReview, CanariesWrong, UnreadableInput
from jobs.review.export import export_tasks
from jobs.review.images import COLUMNS, LINE, THUMBNAIL, overview
from jobs.review.rle import decode_rle
from jobs.storage import Storage, open_storage
from jobs.tables.allowed import allows
from jobs.tables.reviews import read_reviews
from scott_core.images import read_image
from tests.jobs.audit.steps import asked
from tests.jobs.audit.test_carry import DAYS, audit, carried, decided
from tests.jobs.review.label_studio import answered, brought_back, disc, exported, reviewed
from tests.jobs.small_catalogue import add_product, picture, report


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    """Four products: the machine says match of P1 and P4, no match of P2 and P3."""
    found = open_storage(str(tmp_path / "root"))
    add_product(found, "P1", [picture(1), picture(2)], [report(picture(1))])
    add_product(found, "P2", [picture(2)], [report(picture(3))])
    add_product(found, "P3", [picture(4)], [report(picture(5), picture(6))])
    add_product(found, "P4", [picture(7)], [report(picture(7))])
    add_product(found, "P5", [picture(7)], [])
    return found


def says(row: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("verdict", "reason", "machine_verdict", "machine_reason", "review"))


def test_answers_settle_the_next_audit_and_the_machines_verdict_stays_beside(storage: Storage, tmp_path: Path) -> None:
    first = audit(storage, DAYS[0])
    answers = {"P1": "no match", "P2": "match", "P3": "ambiguous"}
    found = reviewed(storage, tmp_path / "tasks", DAYS[0], answers, who={"id": 4, "email": "anna@example.com"})
    assert (found["n_new"], found["n_known"], found["conflicts"]) == (3, 0, {})
    assert found["answers"] == {"ambiguous": 1, "match": 1, "no match": 1}
    second = audit(storage, DAYS[1])
    assert says(second["P1"]) == ("no_match", "reviewed", "match", None, "no_match")
    assert says(second["P2"]) == ("match", "reviewed", "no_match", None, "match")
    assert says(second["P3"]) == ("undecided", "reviewed", "no_match", None, "ambiguous")
    assert says(second["P4"]) == ("match", None, "match", None, None)
    assert second["P1"]["reviewed_by"] == ["anna@example.com"]
    assert second["P1"]["reviewed_at"].isoformat() == "2026-01-05T12:00:00+00:00"
    for name in ("has_match", "probability", "best_score", "n_pairs", "inputs_digest"):
        assert second["P1"][name] == first["P1"][name]
    assert carried(second) == {"P1": None, "P2": None, "P3": None, "P4": DAYS[0], "P5": DAYS[0]}
    third = audit(storage, DAYS[2])
    assert {name: says(row) for name, row in third.items()} == {name: says(row) for name, row in second.items()}
    assert carried(third)["P1"] == DAYS[1]


def test_reviews_live_on_every_storage(any_storage: Storage, tmp_path: Path) -> None:
    add_product(any_storage, "P1", [picture(1)], [report(picture(1))])
    audit(any_storage, DAYS[0])
    tasks = exported(any_storage, tmp_path / "tasks", DAYS[0])
    masks = {"mask_b": disc(tasks["P1"], "mask_b")}
    tasks["P1"]["annotations"] = [answered(tasks["P1"], "match", masks=masks)]
    for n_new in (1, 0):
        assert brought_back(any_storage, tmp_path, list(tasks.values()))["n_new"] == n_new
    assert len(any_storage.keys("reviews")) == 1
    (row,) = read_reviews(any_storage, ["P1"])["P1"]
    assert any_storage.read(str(row["mask_b_key"])).data
    assert read_reviews(any_storage, ["P2"]) == {}
    assert says(audit(any_storage, DAYS[1])["P1"])[:2] == ("match", "reviewed")


def test_an_answer_holds_while_the_inputs_are_those_that_were_looked_at(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    reviewed(storage, tmp_path / "tasks", DAYS[0], {"P1": "no match"})
    storage.write("catalogue/P1/images/00.jpg", picture(9))
    assert says(audit(storage, DAYS[1])["P1"]) == ("no_match", None, "no_match", None, None)
    storage.write("catalogue/P1/images/00.jpg", picture(1))
    assert says(audit(storage, DAYS[2])["P1"]) == ("no_match", "reviewed", "match", None, "no_match")


def test_a_run_decides_by_the_reviews_of_when_it_was_planned(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    before = audit(storage, DAYS[1])
    reviewed(storage, tmp_path / "tasks", DAYS[0], {"P1": "no match"})
    assert audit(storage, DAYS[1], "one", product_ids=["P2"])["P1"] == before["P1"]
    assert says(audit(storage, DAYS[1], "again")["P1"])[:2] == ("no_match", "reviewed")
    assert says(audit(storage, DAYS[1], "another", product_ids=["P2"])["P1"])[:2] == ("no_match", "reviewed")


def test_another_image_of_the_documents_may_show_the_product(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    reviewed(storage, tmp_path / "tasks", DAYS[0], {"P3": "match elsewhere"})
    assert says(audit(storage, DAYS[1])["P3"]) == ("match", "reviewed", "no_match", None, "match")
    (row,) = read_reviews(storage)["P3"]
    assert (row["answer"], row["pair_answer"]) == ("match", "no_match")


def test_an_audit_that_did_not_come_to_its_end_asks_nobody(storage: Storage, tmp_path: Path) -> None:
    plan_audit(storage.root, DAYS[0], **asked("killed"))
    with pytest.raises(BadArgument, match="verdicts of 0 of its 5 products"):
        export_tasks(storage.root, tmp_path / "tasks", DAYS[0])
    assert not (tmp_path / "tasks").exists()
    assert storage.keys("review_tasks") == []


def test_people_who_disagree_settle_nothing_until_one_of_them_changes_it(storage: Storage, tmp_path: Path) -> None:
    before = audit(storage, DAYS[0])
    tasks = exported(storage, tmp_path / "tasks", DAYS[0])
    task = tasks["P1"]
    task["annotations"] = [answered(task, "match", who=1, number=1), answered(task, "no match", who=2, number=2)]
    found = brought_back(storage, tmp_path, list(tasks.values()), {"1": "anna", "2": "ben"})
    assert found["conflicts"] == {"P1": {"anna": "match", "ben": "no_match"}}
    second = audit(storage, DAYS[1])
    assert says(second["P1"]) == (before["P1"]["verdict"], None, "match", None, "conflict")
    assert second["P1"]["reviewed_by"] == ["anna", "ben"]
    task["annotations"][0] = answered(task, "no match", who=1, number=1, at="2026-01-06T12:00:00Z")
    found = brought_back(storage, tmp_path, list(tasks.values()), {"1": "anna", "2": "ben"})
    assert (found["n_new"], found["n_known"], found["conflicts"]) == (1, 1, {})
    assert says(audit(storage, DAYS[2])["P1"]) == ("no_match", "reviewed", "match", None, "no_match")


def test_what_is_known_is_not_imported_again(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    tasks = exported(storage, tmp_path / "tasks", DAYS[0])
    tasks["P1"]["annotations"] = [
        answered(tasks["P1"], "match", number=1),
        answered(tasks["P1"], "no match", number=2, at="2026-01-06T12:00:00Z"),
        {**answered(tasks["P1"], "no match", number=3), "was_cancelled": True, "result": []},
    ]
    found = brought_back(storage, tmp_path, list(tasks.values()))
    assert (found["n_tasks"], found["n_new"], found["n_skipped"]) == (4, 2, 1)
    lying = {key: storage.read(key).data for key in storage.keys("")}
    found = brought_back(storage, tmp_path, list(tasks.values()), {"1": "anna"})
    assert (found["n_new"], found["n_known"]) == (0, 2)
    assert {key: storage.read(key).data for key in storage.keys("")} == lying
    assert [row["answer"] for row in read_reviews(storage)["P1"]] == ["no_match"], "one's newest answer counts"


def test_masks_come_back_to_the_pixel_and_only_of_pairs_that_match(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    tasks = exported(storage, tmp_path / "tasks", DAYS[0])
    for name, choice in (("P1", "match"), ("P2", "no match"), ("P4", "match elsewhere")):
        masks = {mask: disc(tasks[name], mask) for mask in ("mask_a", "mask_b")}
        tasks[name]["annotations"] = [answered(tasks[name], choice, masks=masks)]
    several = tasks["P1"]["annotations"][0]["result"]
    several += answered(tasks["P1"], "match", masks={"mask_a": ~disc(tasks["P1"], "mask_a", 0.5)})["result"][1:]
    brought_back(storage, tmp_path, list(tasks.values()))
    rows = {name: found[0] for name, found in read_reviews(storage).items()}
    drawn = {"mask_a": disc(tasks["P1"], "mask_a") | ~disc(tasks["P1"], "mask_a", 0.5)}
    for name, mask in {**drawn, "mask_b": disc(tasks["P1"], "mask_b")}.items():
        with Image.open(io.BytesIO(storage.read(rows["P1"][f"{name}_key"]).data)) as image:  # type: ignore[literal-required]
            assert (np.asarray(image) == mask).all()
    assert {rows[name]["mask_a_key"] for name in ("P2", "P4")} == {None}


def test_a_task_shows_what_was_compared_and_what_the_machine_marked(storage: Storage, tmp_path: Path) -> None:
    add_product(storage, "P6", [picture(1, 3000, 2000)], [report(picture(1))])
    audit(storage, DAYS[0], weights="default", risk=0.05, threshold=None)
    folder = tmp_path / "tasks"
    tasks = exported(storage, folder, DAYS[0])
    audit(storage, DAYS[1], weights="default", risk=0.05, threshold=None)
    later = exported(storage, tmp_path / "later", DAYS[1])
    assert sorted(tasks) == sorted(later) == ["P1", "P2", "P3", "P4", "P6"]
    for name, task in tasks.items():
        (prediction,) = task["predictions"]
        said = {each["from_name"]: each for each in prediction["result"]}
        for image, mask in (("image_a", "mask_a"), ("image_b", "mask_b")):
            path = folder / task["data"][image].removeprefix("/data/local-files/?d=")
            size = read_image(path).size[::-1]
            assert list(size) == task["data"][mask.replace("mask", "size")]
            if mask in said:
                assert decode_rle(said[mask]["value"]["rle"], size).any()
        assert later[name]["predictions"] == task["predictions"], "those of a verdict that was carried over, too"
    assert {"mask_a", "mask_b", "answer"} == {each["from_name"] for each in tasks["P1"]["predictions"][0]["result"]}
    assert tasks["P6"]["data"]["size_a"] == [1067, 1600]
    assert Image.open(folder / tasks["P3"]["data"]["overview"].removeprefix("/data/local-files/?d=")).size[0] > 1000


def test_an_overview_has_every_image_or_says_how_many_it_has_not() -> None:
    red, green, blue = (Image.new("RGB", (100, 100), colour) for colour in ("red", "lime", "blue"))
    sheet = Image.open(io.BytesIO(overview([blue] * 9, [red] * 90 + [green] * 10, 0)))
    assert sheet.size == (COLUMNS * THUMBNAIL, (2 + 13) * THUMBNAIL + LINE)
    pixels = np.asarray(sheet).astype(int)
    is_green = (pixels[..., 1] > 200) & (pixels[..., 0] < 60) & (pixels[..., 2] < 60)
    assert is_green.sum() > 9 * 100 * 100
    line = slice(2 * THUMBNAIL, 2 * THUMBNAIL + LINE)
    cut = np.asarray(Image.open(io.BytesIO(overview([blue] * 9, [red] * 90 + [green] * 10, 7)))).astype(int)
    assert (cut[line] != pixels[line]).any()


def test_the_same_audit_gives_the_same_export_and_another_seed_another(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    few = {"n_sample": 2}
    a, b = (exported(storage, tmp_path / name, DAYS[0], **few) for name in "ab")
    assert a == b
    assert len(storage.keys("review_tasks")) == 1
    seeds = [sorted(exported(storage, tmp_path / str(n), DAYS[0], seed=str(n), **few)) for n in range(8)]
    assert {name for names in seeds for name in names} == {"P1", "P2", "P3", "P4"}
    assert all(len(names) == 2 for names in seeds)


def test_a_product_that_changed_since_the_audit_is_left_out_by_name(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    storage.write("catalogue/P2/images/00.jpg", picture(9))
    tasks = exported(storage, tmp_path / "tasks", DAYS[0])
    assert sorted(tasks) == ["P1", "P3", "P4"]
    assert tasks["P3"]["data"]["weight"] == 2, "of two products without a match one can be shown"
    asked = json.loads(storage.read(storage.keys("review_tasks")[0]).data)
    assert [each["product_id"] for each in asked["left_out"]] == ["P2"]


def test_who_was_answered_is_not_asked_again(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    reviewed(storage, tmp_path / "tasks", DAYS[0], {"P1": "no match"})
    audit(storage, DAYS[1])
    assert sorted(exported(storage, tmp_path / "later", DAYS[1])) == ["P2", "P3", "P4"]


def test_an_export_does_not_replace_the_tasks_of_another(storage: Storage, tmp_path: Path) -> None:
    """Label Studio's answers about them lie in the same folder."""
    audit(storage, DAYS[0])
    exported(storage, tmp_path / "tasks", DAYS[0], n_sample=2)
    tasks = (tmp_path / "tasks" / "tasks.json").read_bytes()
    with pytest.raises(BadArgument, match="tasks has tasks already: give each export a folder of its own"):
        exported(storage, tmp_path / "tasks", DAYS[0], n_sample=3)
    assert (tmp_path / "tasks" / "tasks.json").read_bytes() == tasks


def test_explain_shows_reviews(storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(storage, DAYS[0])
    reviewed(storage, tmp_path / "tasks", DAYS[0], {"P1": "no match"}, who="anna")
    audit(storage, DAYS[1])
    assert [row["reviewer"] for row in explain_product(storage.root, DAYS[1], "P1").reviews] == ["anna"]
    assert cli.main(["explain", "P1", "--root", storage.root]) == 0
    shown = capsys.readouterr().out
    assert "no_match (reviewed)" in shown
    assert "reviewed by anna: no_match; the machine says match\n" in shown
    assert "reviews: 1" in shown
    assert cli.main(["explain", "P1", "--root", storage.root, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["reviews"][0]["answer"] == "no_match"


def test_a_canary_is_the_machines_whatever_people_say(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    reviewed(storage, tmp_path / "tasks", DAYS[0], {"P1": "no match"})
    storage.write("catalogue/canaries.csv", b"product_id,verdict\nP1,match\n")
    assert audit(storage, DAYS[1])["P1"]["verdict"] == "no_match"
    storage.write("catalogue/canaries.csv", b"product_id,verdict\nP1,no_match\n")
    with pytest.raises(CanariesWrong, match="P1 is match"):
        audit(storage, DAYS[2])


def test_pruning_keeps_what_reviews_show(storage: Storage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audit(storage, DAYS[0])
    tasks = exported(storage, tmp_path / "tasks", DAYS[0])
    masks = {"mask_a": disc(tasks["P1"], "mask_a")}
    tasks["P1"]["annotations"] = [answered(tasks["P1"], "match", masks=masks)]
    brought_back(storage, tmp_path, list(tasks.values()))
    storage.write("catalogue/P1/documents/report-0.pdf", report(picture(8)))
    audit(storage, DAYS[1])
    monkeypatch.setattr("jobs.audit.prune.RESTING", -1.0)
    prune_audits(storage.root, keep=1)
    (row,) = read_reviews(storage)["P1"]
    for key in (row["image_a_key"], row["image_b_key"], row["mask_a_key"], tasks["P2"]["data"]["image_b_key"]):
        assert storage.read(str(key)).data


def test_reviews_are_no_input_of_an_audit(storage: Storage) -> None:
    for folder in ("reviews", "review_tasks"):
        with pytest.raises(UnreadableInput, match="no input"):
            allows(storage, f"{folder}/x.jpg", ())(storage.uri(f"{folder}/x.jpg"))


Change = Any


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t["data"].pop("task_id"), "task 2 of the file: it has no task_id of ours"),
        (lambda t: t["data"].update(task_id=7), "task 2 of the file: it has no task_id of ours"),
        (lambda t: t.update(data=None), "task 2 of the file: it has no task_id of ours"),
        (lambda t: t["data"].update(task_id="2026-01-02.0123456789ab.0001"), "0123456789ab.0001: .* never asked it"),
        (lambda t: t["data"].update(task_id="2026-13-02.0123456789ab.0001"), "0123456789ab.0001: audit date"),
        (lambda t: t["data"].update(task_id=t["data"]["task_id"][:-4] + "0009"), "0009: .* never asked it"),
        (lambda t: t["data"].update(weight=9.0), r"{id}: its weight is 9.0, and 1.0 was asked about"),
        (lambda t: t["data"].update(product_id="P9"), r"{id}: its product_id is 'P9'"),
        (lambda t: t["data"].pop("inputs_digest"), r"{id}: its inputs_digest is None"),
        (lambda t: t.pop("annotations"), r"{id}: it has no list of annotations"),
        (lambda t: t["annotations"].append("x"), r"{id}: annotation None "),
        (lambda t: t["annotations"][0].pop("completed_by"), r"{id}: annotation 7 has no 'completed_by'"),
        (lambda t: t["annotations"][0].update(completed_by=None), r"{id}: annotation 7 was completed by None"),
        (lambda t: t["annotations"][0].update(updated_at="soon"), r"{id}: annotation 7 .*soon"),
        (lambda t: t["annotations"][0].update(result=[]), r"{id}: annotation 7 answers \[\]"),
        (lambda t: t["annotations"][0]["result"].append(t["annotations"][0]["result"][0]), r"{id}: .*expected one of"),
        (lambda t: t["annotations"][0]["result"][0]["value"].update(choices=["maybe"]), r"{id}: .*'maybe'"),
        (lambda t: t["annotations"][0]["result"][1].update(original_width=5), r"{id}: .*mask_a of an image of 5 x 240"),
        (lambda t: t["annotations"][0]["result"][1]["value"].update(format="png"), r"{id}: .*expected rle"),
        (lambda t: t["annotations"][0]["result"][1]["value"]["rle"].__delitem__(slice(9, None)), r"{id}: .*it was cut"),
    ],
)
def test_an_export_that_is_not_as_it_was_is_refused_whole(
    storage: Storage, tmp_path: Path, change: Change, said: str
) -> None:
    audit(storage, DAYS[0])
    tasks = list(exported(storage, tmp_path / "tasks", DAYS[0]).values())
    for task in tasks:
        task["annotations"] = [answered(task, "match", masks={"mask_a": disc(task, "mask_a")})]
    task_id = tasks[1]["data"]["task_id"]
    change(tasks[1])
    before = storage.keys("")
    with pytest.raises(BadReview, match=said.replace("{id}", task_id)) as error:
        brought_back(storage, tmp_path, tasks)
    assert str(error.value).endswith("Nothing is imported")
    assert storage.keys("") == before


def test_a_cut_or_foreign_file_is_refused(storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    audit(storage, DAYS[0])
    tasks = list(exported(storage, tmp_path / "tasks", DAYS[0]).values())
    text = json.dumps(tasks)
    path = tmp_path / "export.json"
    for cut, said in (
        (text[: len(text) // 2], f"after task {DAYS[0]}."),
        (text[:20], "in its first task"),
        ("{}", "no list of tasks"),
        ("[1]", "task 1 of the file"),
    ):
        path.write_text(cut)
        assert cli.main(["review", "import", str(path), "--root", storage.root]) == 2
        assert said in capsys.readouterr().err
    assert cli.main(["review", "import", str(tmp_path / "none.json"), "--root", storage.root]) == 2
    assert cli.main(["review", "import", str(path), "--root", storage.root, "--reviewer", "anna"]) == 2
    assert storage.keys("reviews") == []


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_whatever_people_say_and_suppliers_edit_an_audit_says_what_a_full_one_says(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    storage = open_storage(str(tmp_path / "root"))
    pictures = [picture(n) for n in range(4)]
    products = ("A", "B", "C", "D")
    for name in products:
        add_product(storage, name, [rng.choice(pictures)], [report(rng.choice(pictures))])
    n_carried, n_reviewed = 0, 0
    numbers = itertools.count(1)
    for day in DAYS[:6]:
        found = audit(storage, day, n_buckets=2)
        n_carried += sum(row["carried_from"] is not None for row in found.values())
        n_reviewed += sum(row["reason"] == "reviewed" for row in found.values())
        by_carrying = decided(storage, day)
        audit(storage, day, "full", hour=9, full=True)
        assert by_carrying == decided(storage, day)
        tasks = exported(storage, tmp_path / day, day)
        for name in rng.sample(sorted(tasks), min(len(tasks), rng.randint(0, 2))):
            for who in rng.sample(("anna", "ben"), rng.randint(1, 2)):
                choice = rng.choice(("match", "no match", "ambiguous"))
                tasks[name]["annotations"].append(answered(tasks[name], choice, who=who, number=next(numbers)))
        brought_back(storage, tmp_path, list(tasks.values()))
        if rng.random() < 0.5:
            storage.write(f"catalogue/{rng.choice(products)}/images/00.jpg", rng.choice(pictures))
    assert n_carried > 3
    assert n_reviewed > 0
