"""A whole audit in process, on both kinds of storage, with a real scorer (ORB) and real PDFs."""

from __future__ import annotations

import json
from collections import Counter
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import duckdb
import duckdb_extension_httpfs
import pandas as pd
import pyarrow.fs as pa_fs
import pytest
from PIL import Image
from sklearn.metrics import precision_recall_fscore_support

from extractors import Extractor, Limits
from jobs.audit.explain import explain_product
from jobs.audit.report import read_verdicts
from jobs.audit.run import run_audit
from jobs.audit.verdicts import VERDICT_NAMES
from jobs.errors import BadArgument
from jobs.storage import Storage, open_storage
from jobs.tables.plan import latest_audit, read_plan
from jobs.tables.schemas import VERDICTS
from jobs.truth import measure_audit
from tests.jobs.audit.steps import DAY, asked, snapshot
from tests.jobs.small_catalogue import PASSWORD, add_product, picture, report, write_catalogue

ASKED = asked("nightly", n_buckets=3)
Expected = dict[str, tuple[str, str | None]]


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Storage, Expected, dict[str, Any]]:
    """The small catalogue on a file system, audited once."""
    storage = open_storage(str(tmp_path_factory.mktemp("audited")))
    expected = write_catalogue(storage)
    return storage, expected, run_audit(storage.root, DAY, **ASKED)


def verdicts(storage: Storage, day: str = DAY) -> dict[str, dict[str, Any]]:
    _, rows = read_verdicts(storage, day)
    assert len({row["product_id"] for row in rows}) == len(rows)
    return {row["product_id"]: row for row in rows}


def test_each_product_gets_its_verdict(audited: Any) -> None:
    storage, expected, result = audited
    rows = verdicts(storage)
    assert {name: (row["verdict"], row["reason"]) for name, row in rows.items()} == expected
    counts = Counter(verdict for verdict, _ in expected.values())
    assert {name: result.reconciled[name] for name in counts} == counts
    assert result.reconciled["n_products"] == len(expected)


def test_verdicts_are_measured_as_scikit_learn_does(audited: Any, tmp_path: Path) -> None:
    storage, _, _ = audited
    said = {name: row["verdict"] for name, row in verdicts(storage).items()}
    names = sorted(said)
    true = {name: said[names[(i + i % 2) % len(names)]] for i, name in enumerate(names)}  # half of them shifted by one
    truth = tmp_path / "truth.csv"
    truth.write_text("product_id,verdict\n" + "".join(f"{name},{true[name]}\n" for name in names))
    found, decisions = measure_audit(storage.root, truth)
    precision, recall, _, support = precision_recall_fscore_support(
        [true[n] for n in names], [said[n] for n in names], labels=list(VERDICT_NAMES), zero_division=0
    )
    for i, verdict in enumerate(VERDICT_NAMES):
        assert found[verdict]["precision"] == pytest.approx(precision[i])
        assert found[verdict]["recall"] == pytest.approx(recall[i])
        assert found[verdict]["true"] == support[i]
    decidable = [name for name in names if true[name] != "undecided"]
    decided = [name for name in decidable if said[name] != "undecided"]
    wrong = sum(said[name] != true[name] for name in decided)
    assert (decisions["decidable"], decisions["decided"], decisions["wrong"]) == (len(decidable), len(decided), wrong)
    assert decisions["coverage"] == len(decided) / len(decidable)
    assert decisions["risk"] == wrong / len(decided)
    truth.write_text("product_id,verdict\nnobody,match\n")
    with pytest.raises(BadArgument, match="only one of"):
        measure_audit(storage.root, truth)


def test_the_numbers_of_each_row_add_up(audited: Any) -> None:
    storage, _, _ = audited
    version = read_plan(storage, DAY).model_version
    for name, row in verdicts(storage).items():
        pairs = explain_product(storage.root, DAY, name).pairs
        assert row["n_pairs"] == row["n_catalogue_images"] * row["n_document_images"] == len(pairs)
        assert row["n_pairs_scored"] == sum(pair["score"] is not None for pair in pairs)
        assert row["n_pairs_failed"] == sum(pair["error"] is not None for pair in pairs)
        scores = [pair["score"] for pair in pairs if pair["score"] is not None]
        assert row["best_score"] == max(scores, default=None)
        assert scores == sorted(scores, reverse=True)
        assert row["has_match"] == any(score >= row["threshold"] for score in scores)
        assert row["model_version"] == version
    best = verdicts(storage)["match"]
    assert best["best_catalogue_image"] == "catalogue/match/images/01.jpg"
    assert (best["best_document"], best["best_page"]) == ("catalogue/match/documents/report-0.pdf", 2)
    x0, y0, x1, y1 = best["best_bbox"]
    assert 72 <= x0 < x1 <= 472
    assert 90 <= y0 < y1 <= 390


def test_there_is_evidence_where_a_pair_was_scored(audited: Any) -> None:
    storage, _, _ = audited
    for name, row in verdicts(storage).items():
        assert (row["evidence_uri"] is not None) == (row["n_pairs_scored"] > 0), name
        if row["evidence_uri"]:
            picture = Image.open(unquote(urlsplit(row["evidence_uri"]).path))
            assert picture.width > picture.height, "two pictures side by side"


def test_the_same_inputs_give_the_same_bytes(audited: Any, tmp_path: Path) -> None:
    """Another audit of a copy of the catalogue: every row but for the root that evidence_uri names."""
    storage, _, _ = audited
    other = open_storage(str(tmp_path))
    for key in storage.keys("catalogue"):
        other.write(key, storage.read(key).data)
    run_audit(other.root, DAY, **ASKED)
    assert storage.keys("") == other.keys("")
    for key in storage.keys(""):
        if not key.startswith(("verdicts/", "input_versions/")):  # which says when a file was written
            assert storage.read(key).data == other.read(key).data, key
    mine, theirs = verdicts(storage), verdicts(other)
    for row in [*mine.values(), *theirs.values()]:
        row["evidence_uri"] = (row["evidence_uri"] or "").rpartition("/audit_date")[2]
    assert mine == theirs


def test_running_a_run_again_changes_no_byte(audited: Any) -> None:
    storage, _, _ = audited
    for more in ({}, {"full": True}, {"verify": True}):
        run_audit(storage.root, DAY, **ASKED, **more)
        before = snapshot(storage)
        run_audit(storage.root, DAY, **ASKED, **more)
        assert snapshot(storage) == before


def test_two_dates_stand_side_by_side(tmp_path: Path) -> None:
    """Each date has its rows, and pandas reads the folder of a table as one frame."""
    storage = open_storage(str(tmp_path))
    add_product(storage, "P1", [picture(1)], [report(picture(1))])
    run_audit(storage.root, DAY, **ASKED)
    before = verdicts(storage)
    add_product(storage, "P2", [picture(2)], [])
    run_audit(storage.root, "2026-01-03", **ASKED)
    assert verdicts(storage) == before
    assert latest_audit(storage) == "2026-01-03"
    frame = pd.read_parquet(tmp_path / "verdicts")
    found = sorted(zip(frame["audit_date"], frame["product_id"], strict=True))
    assert found == [(DAY, "P1"), ("2026-01-03", "P1"), ("2026-01-03", "P2")]


def test_each_hostile_document_gets_its_reason_and_the_audit_goes_on(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    good = report(picture(1))
    documents = {
        "encrypted": report(picture(1), password=PASSWORD),
        "damaged": b"%PDF-1.7\n" + bytes(range(256)) * 20,
        "not_a_pdf": b"\x89PNG\r\n\x1a\n" + bytes(2000),
        "empty": b"",
        "missing": None,
    }
    lines = []
    for name, data in [*documents.items(), ("good", good)]:
        if data is not None:
            storage.write(f"papers/{name}.pdf", data)
        lines.append({"product_id": name, "image_uris": ["one.jpg"], "document_uris": [f"papers/{name}.pdf"]})
    storage.write("one.jpg", picture(1))
    storage.write("catalogue/products.jsonl", "\n".join(map(json.dumps, lines)).encode())
    assert run_audit(storage.root, DAY, **ASKED).reconciled["n_products"] == len(lines)
    found = {name: (row["verdict"], row["reason"]) for name, row in verdicts(storage).items()}
    assert found.pop("good") == ("match", None)
    assert found == {name: ("undecided", f"document_unreadable:{name}") for name in documents}
    for name in documents:
        (document,) = explain_product(storage.root, DAY, name).documents
        assert document["document_detail"], name


def test_a_document_that_takes_too_long_is_undecided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(str(tmp_path))
    add_product(storage, "P1", [picture(1)], [report(picture(1))])
    with Extractor(limits=Limits(seconds=0.001)) as hasty:
        monkeypatch.setattr("jobs.audit.extract._extractor", lambda process: hasty)
        run_audit(storage.root, DAY, **ASKED)
    assert verdicts(storage)["P1"]["reason"] == "document_unreadable:timeout"


def test_a_picture_shown_twice_is_compared_once(tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    add_product(storage, "P1", [picture(1)], [report(picture(2)), report(picture(2), picture(3))])
    run_audit(storage.root, DAY, **ASKED)
    row = verdicts(storage)["P1"]
    assert (row["n_document_images"], row["n_images_skipped"], row["n_pairs"]) == (2, 1, 2)
    pictures = explain_product(storage.root, DAY, "P1").images
    assert [(p["document"][-5], p["page"], p["reason"]) for p in pictures] == [
        ("0", 2, None),
        ("1", 2, "repeat"),
        ("1", 3, None),
    ]


def query(sql: str, environment: dict[str, str]) -> list[tuple[Any, ...]]:
    """Rows of a query by DuckDB on the S3 server, with the extension from its wheel (no network)."""
    extension = next(Path(duckdb_extension_httpfs.__file__).parent.rglob("httpfs.duckdb_extension"))
    with duckdb.connect() as database:
        database.execute(f"LOAD '{extension}'")
        secret = {
            "KEY_ID": environment["AWS_ACCESS_KEY_ID"],
            "SECRET": environment["AWS_SECRET_ACCESS_KEY"],
            "REGION": environment["AWS_DEFAULT_REGION"],
            "ENDPOINT": environment["AWS_ENDPOINT_URL"].removeprefix("http://"),
            "URL_STYLE": "path",
            "USE_SSL": "false",
        }
        options = ", ".join(f"{name} '{value}'" for name, value in secret.items())
        database.execute(f"CREATE SECRET (TYPE s3, {options})")
        return database.execute(sql).fetchall()


def test_the_same_audit_on_s3_read_with_pandas_and_duckdb(
    audited: Any, s3_root: str, s3_environment: dict[str, str]
) -> None:
    """The rows on S3 are those on the file system, whichever tool reads them."""
    local, expected, _ = audited
    storage = open_storage(s3_root)
    for key in local.keys("catalogue"):
        storage.write(key, local.read(key).data)
    result = run_audit(s3_root, DAY, **ASKED)
    assert result.report_uri == f"{s3_root}/reports/audit_date={DAY}/index.html"
    host = s3_environment["AWS_ENDPOINT_URL"].removeprefix("http://")
    folder = f"{s3_root}/verdicts".removeprefix("s3://")
    frame = pd.read_parquet(folder, filesystem=pa_fs.S3FileSystem(endpoint_override=host, scheme="http"))
    assert set(frame.columns) == set(VERDICTS.columns)

    rows = query(f"SELECT product_id, verdict, reason FROM 's3://{folder}/*/*.parquet'", s3_environment)
    assert {name: (verdict, reason) for name, verdict, reason in rows} == expected
    by_name = frame.set_index("product_id")
    assert {name: by_name.loc[name, "verdict"] for name in expected} == {n: v for n, (v, _) in expected.items()}

    mine, theirs = verdicts(local), verdicts(storage)
    for name, row in theirs.items():
        evidence = row.pop("evidence_uri")
        local_evidence = mine[name].pop("evidence_uri")
        assert row == mine[name]
        assert (evidence is None) == (local_evidence is None)
        if evidence:
            data = storage.read(evidence.removeprefix(f"{s3_root}/")).data
            assert Image.open(BytesIO(data)).format == "JPEG"
