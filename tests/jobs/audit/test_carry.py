"""Verdicts that are carried over: only those of unchanged products, and the same as a full audit would say."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from extractors import Extraction, Limits
from jobs.audit import carry, extract, score
from jobs.audit.explain import explain_product
from jobs.audit.run import run_audit
from jobs.errors import CanariesWrong, StorageUnavailable
from jobs.storage import Storage, open_storage
from jobs.storage.file import FileStorage
from jobs.tables.bucket import Bucket
from jobs.tables.extractions import is_lasting
from jobs.tables.inputs import MAX_IMAGE_BYTES
from jobs.tables.keys import evidence_key_of, table_key
from jobs.tables.plan import planned_buckets
from jobs.tables.rows import read_rows
from jobs.tables.schemas import DOCUMENT_IMAGES, INPUT_VERSIONS, PAIR_SCORES, VERDICTS
from tests.jobs.audit.steps import asked, three_products
from tests.jobs.small_catalogue import add_product, picture, report

DAYS = tuple(f"2026-01-{day:02d}" for day in range(2, 12))
OF_THE_RUN = ("audit_date", "run_id", "carried_from", "scored_at", "evidence_uri", "mask_a", "mask_b")


def audit(storage: Storage, day: str, name: str = "nightly", **more: Any) -> dict[str, dict[str, Any]]:
    """The verdicts of an audit by product id."""
    run_audit(storage.root, day, **asked(name, **more))
    return {row["product_id"]: row for row in rows(storage, VERDICTS, day)}


def rows(storage: Storage, table: Any, day: str) -> list[dict[str, Any]]:
    found = [row for bucket in planned_buckets(storage, day) for row in read_rows(storage, table, day, bucket)]
    return sorted(found, key=lambda row: row["product_id"])


def decided(storage: Storage, day: str) -> dict[str, list[dict[str, Any]]]:
    """Every row of an audit without what tells the run."""
    return {
        table.name: [
            {name: value for name, value in row.items() if name not in OF_THE_RUN} for row in rows(storage, table, day)
        ]
        for table in (DOCUMENT_IMAGES, PAIR_SCORES, VERDICTS)
    }


def carried(found: dict[str, dict[str, Any]]) -> dict[str, str | None]:
    return {name: row["carried_from"] for name, row in found.items()}


@pytest.fixture
def storage(tmp_path: Path) -> Storage:
    return three_products(tmp_path / "root")


def test_an_unchanged_night_reads_and_scores_nothing(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    first = audit(storage, DAYS[0], n_buckets=2)
    full = decided(storage, DAYS[0])

    def never(*_: Any, **__: Any) -> Any:
        raise AssertionError

    monkeypatch.setattr(extract, "read_input", never)
    monkeypatch.setattr(score, "planned_scorer", never)
    second, third = audit(storage, DAYS[1]), audit(storage, DAYS[2])
    assert decided(storage, DAYS[1]) == decided(storage, DAYS[2]) == full
    assert carried(second) == carried(third) == dict.fromkeys(("P1", "P2", "P3"), DAYS[0])
    for name in ("P1", "P2"):
        assert second[name]["evidence_uri"] == first[name]["evidence_uri"]
        assert second[name]["scored_at"] == first[name]["scored_at"]
        assert second[name]["run_id"] == "000001-nightly"
    page = storage.read(f"reports/audit_date={DAYS[2]}/index.html").data.decode()
    assert "Verdicts of earlier audits, since nothing has changed: 3." in page
    (products,) = (key for key in storage.keys(f"reports/audit_date={DAYS[2]}") if key.endswith("page-0001.html"))
    products = storage.read(products).data.decode()
    for name in ("P1", "P2"):
        assert f"../../../{evidence_key_of(first[name]['evidence_uri'])}".replace("=", "%3D") in products
    verdict = explain_product(storage.root, DAYS[2], "P1").verdict
    assert verdict is not None
    assert verdict["carried_from"] == DAYS[0]


def test_a_later_run_over_a_product_leaves_the_evidence_of_carried_verdicts(storage: Storage) -> None:
    audit(storage, DAYS[0])
    carried_over = audit(storage, DAYS[1])["P2"]
    key = evidence_key_of(carried_over["evidence_uri"])
    drawn = storage.read(key).data
    storage.write("catalogue/P2/images/00.jpg", picture(3))
    for hour in (3, 4):  # the second draws what is there
        old = audit(storage, DAYS[0], f"again at {hour}", hour=hour, product_ids=["P2"])["P2"]
    assert (old["verdict"], carried_over["verdict"]) == ("match", "no_match")
    assert rows(storage, VERDICTS, DAYS[1])[1] == carried_over
    assert storage.read(key).data == drawn
    other = evidence_key_of(old["evidence_uri"])
    assert storage.read(other).data != drawn
    assert sorted(storage.keys(f"evidence/audit_date={DAYS[0]}")) == [key.replace("P2", "P1"), other, key]


def test_masks_stay_in_the_audit_that_scored_them(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0], n_buckets=1)
    path = tmp_path / "root" / table_key(PAIR_SCORES.name, DAYS[0], 0)
    table = pq.read_table(path, partitioning=None)
    masks = pa.array([b"mask"] * len(table), pa.binary())
    pq.write_table(table.set_column(table.schema.get_field_index("mask_a"), "mask_a", masks), path)
    audit(storage, DAYS[0], "again")
    audit(storage, DAYS[1])
    assert {row["mask_a"] for row in rows(storage, PAIR_SCORES, DAYS[0])} == {b"mask"}
    assert {row["mask_a"] for row in rows(storage, PAIR_SCORES, DAYS[1])} == {None}


def test_what_changed_is_audited(storage: Storage) -> None:
    audit(storage, DAYS[0])
    storage.write("catalogue/P1/images/00.jpg", picture(9))
    storage.write("catalogue/P2/documents/report-1.pdf", report())  # the same bytes, written anew
    found = audit(storage, DAYS[1])
    assert carried(found) == {"P1": None, "P2": DAYS[0], "P3": DAYS[0]}
    assert found["P1"]["verdict"] == "no_match"
    storage.write("catalogue/P1/images/00.jpg", picture(1))
    assert carried(audit(storage, DAYS[2]))["P1"] is None, "the last audit decided otherwise"
    assert carried(audit(storage, DAYS[3]))["P1"] == DAYS[2]


@pytest.mark.parametrize(
    "more", [{"full": True}, {"threshold": 0.2}, {"stop_at_match": True}, {"weights": "embedding"}]
)
def test_another_configuration_carries_nothing_over(storage: Storage, more: dict[str, Any]) -> None:
    audit(storage, DAYS[0])
    assert set(carried(audit(storage, DAYS[1], **more)).values()) == {None}


def test_other_software_carries_nothing_over(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    audit(storage, DAYS[0])
    monkeypatch.setattr("jobs.audit.carry.software", lambda: "another")
    assert set(carried(audit(storage, DAYS[1])).values()) == {None}


def test_the_same_date_again_carries_over_and_one_product_asked_for_is_audited(storage: Storage) -> None:
    first = audit(storage, DAYS[0])
    again = audit(storage, DAYS[0], "again")
    assert set(carried(again).values()) == {None}, "decided in this audit"
    assert again["P1"]["scored_at"] == first["P1"]["scored_at"]
    assert again["P1"]["run_id"] == "000002-again"
    one = audit(storage, DAYS[0], "one", hour=5, product_ids=["P1"])
    assert one["P1"]["scored_at"] != first["P1"]["scored_at"]
    assert one["P2"] == again["P2"]


def test_canaries_are_audited_each_night(storage: Storage) -> None:
    storage.write("catalogue/canaries.csv", b"product_id,verdict\nP1,match\n")
    audit(storage, DAYS[0])
    assert carried(audit(storage, DAYS[1])) == {"P1": None, "P2": DAYS[0], "P3": DAYS[0]}


def test_an_input_that_was_not_read_is_tried_again(storage: Storage, tmp_path: Path) -> None:
    image = tmp_path / "root/catalogue/P1/images/00.jpg"
    image.rename(tmp_path / "away")
    lines = '{"product_id": "P1", "image_uris": ["catalogue/P1/images/00.jpg"], "document_uris": ["d.pdf"]}'
    storage.write("catalogue/products.jsonl", lines.encode())
    storage.write("d.pdf", report(picture(1)))
    assert audit(storage, DAYS[0])["P1"]["reason"] == "catalogue_image_unreadable"
    (tmp_path / "away").rename(image)
    found = audit(storage, DAYS[1])["P1"]
    assert (found["verdict"], found["carried_from"]) == ("match", None)


def listed(storage: Storage, images: list[str], documents: list[str]) -> None:
    """A feed of one product, P1, with files of the storage root."""
    row = {"product_id": "P1", "image_uris": images, "document_uris": documents}
    storage.write("catalogue/products.jsonl", json.dumps(row).encode())


def test_a_file_that_moves_between_images_and_documents_is_a_change(storage: Storage) -> None:
    image, document = "catalogue/P1/images/00.jpg", "catalogue/P1/documents/report-0.pdf"
    listed(storage, [image, document], [])
    assert audit(storage, DAYS[0])["P1"]["reason"] == "no_document"
    listed(storage, [image], [document])
    assert audit(storage, DAYS[1])["P1"]["verdict"] == "match"


def test_a_carry_over_that_was_cut_short_takes_no_verdict_of_another_run(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That run decided otherwise, and its verdict lies where the new one was to be written."""
    audit(storage, DAYS[0])
    audit(storage, DAYS[1], "strict", threshold=0.999)
    replace = Bucket.replace

    def cut_short(self: Bucket, new: Any) -> Any:
        if new.table is not INPUT_VERSIONS:
            raise StorageUnavailable("cut short")
        return replace(self, new)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "replace", cut_short)
        with pytest.raises(StorageUnavailable):
            audit(storage, DAYS[1], "again", hour=4)
    found = audit(storage, DAYS[1], "again", hour=4)
    assert (found["P1"]["verdict"], found["P1"]["carried_from"]) == ("match", DAYS[0])


def test_a_root_may_move_and_a_verdict_without_its_evidence_is_made_again(storage: Storage, tmp_path: Path) -> None:
    audit(storage, DAYS[0])
    (tmp_path / "root").rename(tmp_path / "moved")
    moved = open_storage(str(tmp_path / "moved"))
    found = audit(moved, DAYS[1])
    assert carried(found) == dict.fromkeys(("P1", "P2", "P3"), DAYS[0])
    assert found["P1"]["evidence_uri"] == moved.uri(f"evidence/audit_date={DAYS[0]}/P1.jpg")
    moved.delete(f"evidence/audit_date={DAYS[0]}/P1.jpg")
    assert carried(audit(moved, DAYS[2])) == {"P1": None, "P2": DAYS[0], "P3": DAYS[0]}


def test_an_input_with_another_version_and_the_same_bytes_is_read_once(
    storage: Storage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.storage.file.RECENT_NS", 0)
    read: list[tuple[str, int]] = []
    reader = carry.read_input

    def counted(where: Storage, uri: str, max_bytes: int, *more: Any) -> Any:
        read.append((uri, max_bytes))
        return reader(where, uri, max_bytes, *more)

    monkeypatch.setattr(carry, "read_input", counted)
    audit(storage, DAYS[0])
    image, document = "catalogue/P1/images/00.jpg", "catalogue/P1/documents/report-0.pdf"
    for key in (image, document):
        storage.write(key, storage.read(key).data)
    for day in DAYS[1:4]:
        assert carried(audit(storage, day))["P1"] == DAYS[0]
    assert read == [(image, MAX_IMAGE_BYTES), (document, Limits().file_bytes)]


def test_a_red_night_between_costs_no_verdict(storage: Storage) -> None:
    audit(storage, DAYS[0])
    storage.write("catalogue/canaries.csv", b"product_id,verdict\nP1,no_match\n")
    with pytest.raises(CanariesWrong):
        audit(storage, DAYS[1])
    storage.delete("catalogue/canaries.csv")
    add_product(storage, "P9", [picture(5)], [])
    found = audit(storage, DAYS[2])
    assert carried(found) == {"P1": DAYS[1], "P2": DAYS[0], "P3": DAYS[0], "P9": None}


@pytest.mark.parametrize(("then", "now"), [(2, 4), (4, 2), (1, 3)])
def test_buckets_may_double_and_halve(storage: Storage, then: int, now: int) -> None:
    audit(storage, DAYS[0], n_buckets=then)
    found = audit(storage, DAYS[1], n_buckets=now)
    assert carried(found) == {"P1": DAYS[0], "P2": DAYS[0], "P3": DAYS[0]}


def test_verify_looks_at_bytes_whatever_storage_says(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FileStorage, "version", lambda *_: "always the same")
    audit(storage, DAYS[0])
    storage.write("catalogue/P1/images/00.jpg", picture(9))
    assert carried(audit(storage, DAYS[1]))["P1"] == DAYS[0]
    assert carried(audit(storage, DAYS[2], verify=True)) == {"P1": None, "P2": DAYS[0], "P3": DAYS[0]}


def count_extractions(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that a reader is started for from now on, by what is in them."""
    read: list[str] = []
    extractor = extract.Extractor.extract

    def counted(self: Any, pdf: Path, *more: Any, **options: Any) -> Any:
        read.append(hashlib.sha256(pdf.read_bytes()).hexdigest())
        return extractor(self, pdf, *more, **options)

    monkeypatch.setattr(extract.Extractor, "extract", counted)
    return read


def test_a_document_is_read_once_whoever_has_it(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    read = count_extractions(monkeypatch)
    audit(storage, DAYS[0], n_buckets=1)
    assert len(read) == 4
    storage.write("catalogue/P3/documents/same.pdf", report(picture(1)))
    storage.write("catalogue/P2/documents/new.pdf", report(picture(8)))
    found = audit(storage, DAYS[1])
    assert len(read) == 5, "the new document alone"
    assert carried(found) == {"P1": DAYS[0], "P2": None, "P3": None}
    by_reading_some = decided(storage, DAYS[1])
    audit(storage, DAYS[1], "full", hour=9, full=True)
    assert len(read) == 5 + 6
    assert decided(storage, DAYS[1]) == by_reading_some


def test_of_a_changed_product_only_new_pairs_are_scored(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the best of those that were scored before, since its masks are drawn."""
    scored: list[int] = []
    score_block = score.score_block

    def counted(scorer: Any, images: Any, pairs: Any, *more: Any) -> Any:
        scored.append(len(pairs))
        return score_block(scorer, images, pairs, *more)

    monkeypatch.setattr(score, "score_block", counted)
    add_product(storage, "P1", [picture(n) for n in (1, 2, 3)], [report(*map(picture, (1, 2, 5, 6)))])
    audit(storage, DAYS[0], weights="default")
    assert scored.pop() == 12 + 1
    storage.write("catalogue/P1/images/00.jpg", picture(9))
    audit(storage, DAYS[1], weights="default")
    assert scored == [4 + 1]
    by_scoring_some = decided(storage, DAYS[1])
    evidence = storage.read(f"evidence/audit_date={DAYS[1]}/P1.jpg").data
    audit(storage, DAYS[1], "full", hour=9, full=True, weights="default")
    assert scored.pop() == 12 + 1
    assert decided(storage, DAYS[1]) == by_scoring_some
    assert storage.read(f"evidence/audit_date={DAYS[1]}/P1.jpg").data == evidence
    audit(storage, DAYS[2], weights="default")
    storage.write("catalogue/P1/images/01.jpg", picture(10))
    audit(storage, DAYS[3], weights="default")
    assert scored.pop() == 4 + 1, "of rows that were carried over, too"
    audit(storage, DAYS[4], weights="default", threshold=0.9)
    assert scored.pop() == 12 + 1


def test_an_extraction_whose_image_is_gone_is_made_again(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    audit(storage, DAYS[0], n_buckets=1)
    read = count_extractions(monkeypatch)
    storage.write("catalogue/P1/images/02.jpg", picture(7))
    storage.delete(storage.keys("images")[0])
    storage.delete(storage.keys("images")[0])
    assert audit(storage, DAYS[1])["P1"]["verdict"] == "match"
    assert len(read) == 1


def test_what_may_have_been_an_accident_is_not_kept(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    def timeout(*_: Any, **__: Any) -> Extraction:
        return Extraction("timeout", "timeout: it took over 1 s", 3)

    with monkeypatch.context() as patch:
        patch.setattr(extract.Extractor, "extract", timeout)
        assert audit(storage, DAYS[0])["P1"]["reason"] == "document_unreadable:timeout"
    found = audit(storage, DAYS[1])
    assert (found["P1"]["verdict"], found["P1"]["carried_from"]) == ("match", None)
    assert is_lasting("partial", "damaged: page 2")
    assert not is_lasting("partial", "timeout: it took over 1 s")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_after_any_edits_an_audit_says_what_a_full_one_says(tmp_path: Path, seed: int) -> None:
    """Images and documents are added, changed, removed and renamed; some runs are of an audit that was begun before."""
    rng = random.Random(seed)
    storage = open_storage(str(tmp_path / "root"))
    products = ("A", "B", "C")
    pictures = [picture(n) for n in range(4)]
    reports = [report(), *(report(each) for each in pictures), report(pictures[0], pictures[1]), b"no PDF"]
    for name in products:
        add_product(storage, name, [rng.choice(pictures)], [rng.choice(reports)])
    names = (f"x{n}" for n in itertools.count())

    def edit(name: str) -> None:
        kind, suffix, contents = rng.choice([("images", "jpg", pictures), ("documents", "pdf", reports)])
        folder = tmp_path / f"root/catalogue/{name}/{kind}"
        files = sorted(path for path in folder.iterdir() if path.name[0] != ".")
        what = rng.choice(("add", "change", "remove", "rename"))
        if what == "add" or not files:
            (folder / f"{next(names)}.{suffix}").write_bytes(rng.choice(contents))
        elif what == "change":
            rng.choice(files).write_bytes(rng.choice(contents))
        elif what == "remove":
            rng.choice(files).unlink()
        else:
            rng.choice(files).rename(folder / f"{next(names)}.{suffix}")

    n_carried = 0
    for day in DAYS[:5]:
        found = audit(storage, day, n_buckets=2)
        n_carried += sum(row["carried_from"] is not None for row in found.values())
        by_carrying = decided(storage, day)
        audit(storage, day, "full", hour=9, full=True)
        assert by_carrying == decided(storage, day)
        for name in rng.sample(products, rng.randint(0, 2)):
            edit(name)
    assert n_carried > 3
