"""Past audits as a database: what it shows, of which audits and versions, and what it refuses."""

from __future__ import annotations

import csv
import io
import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.audit.plan import plan_audit
from jobs.audit.prune import prune_audits
from jobs.audit.run import run_audit
from jobs.errors import BadQuery, BadStorageUri, DamagedObject, UnknownAudit
from jobs.history import connect
from jobs.history.database import TABLES, tables_of
from jobs.history.query import Rows, open_query, write_csv, write_json
from jobs.storage import Storage, open_storage
from jobs.tables.keys import plan_folder, plan_key
from jobs.tables.plan import Plan, Run
from jobs.tables.schemas import REVIEWS, VERDICTS
from tests.jobs.audit.steps import asked
from tests.jobs.history.test_causes import RUN
from tests.jobs.small_catalogue import add_product, picture, report
from tests.jobs.tables.test_readers import ONE_NIGHT, with_date, with_more, write_night

FIRST, SECOND, THIRD, FOURTH = (f"2026-01-0{day}" for day in (2, 3, 4, 5))
A, B = picture(1), picture(2)


def audit(storage: Storage, day: str, **more: Any) -> None:
    run_audit(storage.root, day, **asked(f"nightly-{day}", **more))


def ask(root: object, sql: str) -> list[tuple[Any, ...]]:
    return connect(str(root)).execute(sql).fetchall()


def write_plan(root: Path, day: str, *runs: Run) -> None:
    """A plan of `runs`, or of one."""
    plan = Plan(
        schema_version=4,
        audit_date=day,
        n_buckets=2,
        n_products=1,
        weights="default",
        model_version="m1",
        threshold=0.5,
        config_digest="c",
        runs=runs or (RUN,),
    )
    open_storage(str(root)).write(plan_key(day), plan.to_json())


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three nights: P2 leaves after the first, P3 comes with the last, which is of it alone."""
    root = tmp_path_factory.mktemp("audited")
    storage = open_storage(str(root))
    add_product(storage, "P1", [A], [report(A)])
    add_product(storage, "P2", [A], [report(B)])
    audit(storage, FIRST, n_buckets=2)
    audit(storage, SECOND, product_ids=["P1"])
    add_product(storage, "P3", [A], [])
    audit(storage, THIRD, product_ids=["P3"])
    return root


def test_the_latest_verdict_of_each_product_is_of_the_newest_audit_that_has_it(audited: Path) -> None:
    found = ask(audited, "SELECT product_id, audit_date, verdict FROM latest_verdicts ORDER BY 1")
    assert [(name, str(day)) for name, day, _ in found] == [("P1", SECOND), ("P2", FIRST), ("P3", THIRD)]
    frame = pd.read_parquet(audited / "verdicts").sort_values("audit_date").groupby("product_id").tail(1)
    assert {name: verdict for name, _, verdict in found} == dict(
        zip(frame["product_id"], frame["verdict"], strict=True)
    )


@pytest.mark.parametrize("table", [table.name for table in TABLES if table is not REVIEWS])
def test_a_view_has_the_rows_and_columns_of_its_table(audited: Path, table: str) -> None:
    found = connect(str(audited)).sql(f"FROM {table}").to_arrow_table()
    frame = pd.read_parquet(audited / table)
    assert found.column_names == list({each.name: each for each in TABLES}[table].columns)
    assert found.schema.field("audit_date").type == pa.date32()
    assert found.num_rows == len(frame)
    mine = found.to_pandas().astype({"audit_date": str}).sort_values(["audit_date", "product_id"])
    theirs = frame.astype({"audit_date": str}).sort_values(["audit_date", "product_id"])
    for column in ("product_id", "audit_date", "run_id"):
        assert list(mine[column]) == list(theirs[column])


def test_the_same_on_s3(any_storage: Storage) -> None:
    add_product(any_storage, "P1", [A], [report(A)])
    add_product(any_storage, "P2", [A], [])
    audit(any_storage, FIRST, n_buckets=2)
    with connect(any_storage.root) as database:
        sql = "SELECT audit_date, product_id, verdict, reason FROM latest_verdicts ORDER BY ALL"
        night = date.fromisoformat(FIRST)
        rows = [(night, "P1", "match", None), (night, "P2", "undecided", "no_document")]
        assert database.execute(sql).fetchall() == rows
        assert database.execute("SELECT count(*) FROM input_versions WHERE kind = 'image'").fetchall() == [(2,)]
        with pytest.raises(duckdb.Error, match="refused"):
            database.execute(f"COPY (SELECT 1) TO 'scott://verdicts/audit_date={FIRST}/bucket=0000.parquet'")
        with pytest.raises(duckdb.PermissionException):
            database.execute(f"FROM read_parquet('{any_storage.root}/verdicts/*/*.parquet')")


def test_versions_side_by_side_are_read_together(tmp_path: Path) -> None:
    """An old audit, one of two runs whose files differ, and one of a version to come."""

    def version_2(table: pa.Table) -> pa.Table:
        return table.drop_columns([name for name in ("probability", "risk", "mask_a") if name in table.column_names])

    changes = {FIRST: with_date(FIRST), SECOND: version_2, THIRD: lambda table: table, FOURTH: with_more}
    for day, change in changes.items():
        write_night(tmp_path, day, change)
        write_plan(tmp_path, day, *[RUN] * (2 if day == SECOND else 1))
    newer = tmp_path / "verdicts" / f"audit_date={THIRD}" / "bucket=0000.parquet"
    newer.replace(tmp_path / "verdicts" / f"audit_date={SECOND}" / "bucket=0000.parquet")
    nulls = "SELECT audit_date::VARCHAR, count(*), count(probability), count(added) FROM verdicts GROUP BY 1 ORDER BY 1"
    half = ONE_NIGHT // 2
    assert ask(tmp_path, nulls) == [
        (FIRST, ONE_NIGHT, ONE_NIGHT, 0),
        (SECOND, ONE_NIGHT, half, 0),
        (THIRD, half, half, 0),
        (FOURTH, ONE_NIGHT, ONE_NIGHT, ONE_NIGHT),
    ]
    for table in ("pair_scores", "document_images"):
        assert ask(tmp_path, f"SELECT count(*), count(added) FROM {table}") == [(4 * ONE_NIGHT, ONE_NIGHT)]
    assert ask(tmp_path, "SELECT typeof(audit_date), count(*) FROM verdicts GROUP BY 1") == [("DATE", 3.5 * ONE_NIGHT)]


def test_a_query_of_one_night_opens_no_file_of_another(audited: Path, tmp_path: Path) -> None:
    storage = open_storage(str(tmp_path))
    for key in open_storage(str(audited)).keys(""):
        storage.write(key, (audited / key).read_bytes())
    database = connect(str(tmp_path))
    for path in tmp_path.glob(f"verdicts/audit_date={SECOND}/*.parquet"):
        path.write_bytes(b"damaged" * 9999)
    for day, ids in ((FIRST, ["P1", "P2"]), (THIRD, ["P3"])):
        wanted = f"SELECT product_id FROM verdicts WHERE audit_date = '{day}' ORDER BY 1"
        assert database.execute(wanted).fetchall() == [(name,) for name in ids]
    with pytest.raises(duckdb.Error, match="bucket="):
        database.execute("SELECT product_id FROM verdicts").fetchall()


def test_only_audits_with_a_plan_count(tmp_path: Path) -> None:
    """One whose prune was cut short, one that has only begun, and what a killed writer left."""
    storage = open_storage(str(tmp_path))
    add_product(storage, "P1", [A], [report(A)])
    for day in (FIRST, SECOND, THIRD):
        audit(storage, day)
    shutil.rmtree(tmp_path / plan_folder(FIRST))
    for path in tmp_path.glob(f"verdicts/audit_date={SECOND}/*.parquet"):
        path.rename(path.with_name(f".{path.name}.part"))
    write_plan(tmp_path, FOURTH)
    (tmp_path / "verdicts" / "notes.parquet").write_bytes(b"not ours")
    assert ask(tmp_path, "SELECT audit_date::VARCHAR FROM verdicts") == [(THIRD,)]
    assert ask(tmp_path, "SELECT DISTINCT audit_date::VARCHAR FROM pair_scores ORDER BY 1") == [(SECOND,), (THIRD,)]
    prune_audits(str(tmp_path), 1)
    assert ask(tmp_path, "SELECT audit_date::VARCHAR FROM latest_verdicts") == [(THIRD,)]


def test_tables_that_no_audit_has_written_yet_have_views_without_rows(tmp_path: Path) -> None:
    add_product(open_storage(str(tmp_path)), "P1", [A], [])
    plan_audit(str(tmp_path), FIRST, **asked("planned"))
    with connect(str(tmp_path)) as database:
        for table in (*TABLES, VERDICTS):
            found = database.sql(f"FROM {table.name}").to_arrow_table()
            assert (found.num_rows, found.column_names) == (0, list(table.columns))
            types = [column.type or pa.date32() for column in table.columns.values()]
            assert found.schema.types == types
        assert database.execute("FROM latest_verdicts").fetchall() == []


OTHER = "/etc/hostname"
REFUSED = (
    f"SELECT * FROM read_csv('{OTHER}')",
    f"FROM '{OTHER}'",
    f"FROM read_text('{OTHER}')",
    f"FROM read_blob('{OTHER}')",
    "FROM glob('/etc/*')",
    "FROM read_parquet('ROOT/verdicts/*/*.parquet')",
    "FROM read_parquet('ROOT/verdicts/../secret.parquet')",
    "FROM read_parquet('scott://../secret.parquet')",
    "FROM read_parquet('scott://secret.parquet')",
    "FROM read_json('https://example.com/x.json')",
    "FROM read_parquet('s3://bucket/x.parquet')",
    "COPY verdicts TO 'ROOT/out.csv'",
    "COPY verdicts TO 'ROOT/verdicts/x.parquet'",
    "COPY verdicts TO 'scott://verdicts/x.parquet'",
    f"COPY verdicts TO 'scott://verdicts/audit_date={FIRST}/bucket=0000.parquet' (USE_TMP_FILE false)",
    "EXPORT DATABASE 'ROOT/out'",
    "ATTACH 'ROOT/out.db'",
    "ATTACH 'scott://out.db'",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET allowed_directories = ['/']",
    "SET python_enable_replacements = true",
    "RESET memory_limit",
    "PRAGMA threads = 2",
    "PRAGMA profiling_output = 'ROOT/profile.json'",
    "FROM frame_of_the_caller",
)


@pytest.mark.parametrize("sql", REFUSED)
def test_nothing_else_can_be_read_and_nothing_written(audited: Path, sql: str) -> None:
    frame_of_the_caller = pd.DataFrame({"x": [1]})
    secret = audited / "secret.parquet"
    pq.write_table(pa.table({"x": [1]}), secret)
    before = {path: path.read_bytes() for path in audited.rglob("*") if path.is_file()}
    database = connect(str(audited))
    try:
        with pytest.raises(duckdb.Error):
            database.execute(sql.replace("ROOT", str(audited))).fetchall()
        with pytest.raises(BadQuery), open_query(str(audited), sql.replace("ROOT", str(audited))):
            pass
    finally:
        database.close()
        after = {path: path.read_bytes() for path in audited.rglob("*") if path.is_file()}
        secret.unlink()
    assert after == before
    assert len(frame_of_the_caller) == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC 1", "Parser Error: syntax error at or near"),
        ("SELECT nothing FROM verdicts", 'Referenced column "nothing" not found'),
        ("FROM verdict", 'Table with name verdict does not exist! Did you mean "verdicts"'),
        ("SELECT product_id::INT FROM verdicts", "Could not convert string"),
        ("", "expected one SELECT"),
        ("CREATE TABLE x AS FROM verdicts", "expected one SELECT"),
        ("SELECT 1; SELECT 2", "expected one SELECT"),
        ("SELECT 1::VARIANT v", "Unsupported Arrow type VARIANT"),
    ],
)
def test_a_bad_query_is_one_line(audited: Path, sql: str, message: str) -> None:
    with pytest.raises(BadQuery, match=message) as caught, open_query(str(audited), sql):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("FROM verdicts v JOIN pair_scores p ON p.product_id = v.product_id", ["verdicts", "pair_scores"]),
        ("FROM Verdicts JOIN pair_scores USING (product_id)", ["verdicts", "pair_scores"]),
        ("WITH x AS (FROM latest_verdicts) SELECT (SELECT count(*) FROM reviews) FROM x", ["verdicts", "reviews"]),
        ("FROM query_table('ver' || 'dicts') JOIN reviews USING (product_id)", [table.name for table in TABLES]),
        ("FROM verdict", [table.name for table in TABLES]),
        ("SELECT of_a_newer_version FROM verdicts", ["verdicts"]),
    ],
)
def test_a_query_lists_the_tables_that_it_asks_for(sql: str, names: list[str]) -> None:
    assert [table.name for table in tables_of(sql)] == names


def test_a_root_without_audits_has_no_empty_answer(tmp_path: Path) -> None:
    with pytest.raises(UnknownAudit, match="has no audit yet"), open_query(str(tmp_path), "FROM verdicts"):
        pass


def test_a_query_that_is_no_text_is_refused(audited: Path) -> None:
    with pytest.raises(BadQuery, match="no text in UTF-8"), open_query(str(audited), "SELECT '\udcff'"):
        pass


def test_columns_that_share_a_name_are_numbered(audited: Path) -> None:
    out = io.StringIO()
    with open_query(str(audited), "SELECT 1 AS a, 2 AS a, 3 AS a_1, 4 AS a") as rows:
        write_json(rows.batches, out)
    assert json.loads(out.getvalue()) == [{"a": 1, "a_1": 2, "a_1_1": 3, "a_2": 4}]


def test_values_that_json_has_no_words_for(audited: Path) -> None:
    out = io.StringIO()
    sql = """SELECT 'nan'::DOUBLE a, ['inf'::DOUBLE, 1.5] b, 12345678901234567890.123456789::DECIMAL(38, 9) c,
        INTERVAL '1 month 2 days 3.5 seconds' d, {'x': 'nan'::FLOAT} e"""
    with open_query(str(audited), sql) as rows:
        write_json(rows.batches, out)
    expected = {"a": None, "b": [None, 1.5], "c": "12345678901234567890.123456789", "d": "P1M2DT3.5S", "e": {"x": None}}
    assert json.loads(out.getvalue()) == [expected]


def test_a_map_may_hold_what_json_has_no_words_for(audited: Path) -> None:
    with open_query(str(audited), "SELECT MAP {'a': 'nan'::DOUBLE} AS m") as rows:
        write_json(rows.batches, text := io.StringIO())
    assert json.loads(text.getvalue()) == [{"m": [["a", None]]}]


def test_a_night_that_is_audited_again_meanwhile(tmp_path: Path) -> None:
    """The files of a database that is open are replaced by longer ones."""
    storage = open_storage(str(tmp_path))
    add_product(storage, "P1", [A], [report(A)])
    audit(storage, FIRST, n_buckets=1)
    database = connect(str(tmp_path))
    assert database.execute("SELECT count(*) FROM verdicts").fetchone() == (1,)
    for n in range(2, 5):
        add_product(storage, f"P{n}", [A], [report(A)])
    run_audit(str(tmp_path), FIRST, **asked("again"))
    assert database.execute("SELECT count(*) FROM verdicts").fetchone() == (4,)


def test_storage_that_cannot_be_read_is_no_fault_of_the_query(tmp_path: Path) -> None:
    write_night(tmp_path, FIRST)
    write_plan(tmp_path, FIRST)
    with connect(str(tmp_path)) as database:
        for path in tmp_path.glob("verdicts/*/bucket=0001.parquet"):
            path.unlink()
        with pytest.raises(duckdb.Error, match="No such file"):
            database.execute("FROM verdicts").fetchall()
    for path in tmp_path.glob("verdicts/*/bucket=0000.parquet"):
        path.write_bytes(b"not Parquet")
    with pytest.raises(DamagedObject, match=r"bucket=0000\.parquet is damaged"):
        connect(str(tmp_path))
    with pytest.raises(BadStorageUri):
        connect("ftp://x")


def test_rows_are_written_as_csv_and_json(audited: Path) -> None:
    sql = """SELECT audit_date, product_id, best_bbox, reason, n_pairs::HUGEINT AS n, 'ab'::BLOB AS b, has_match
             FROM verdicts WHERE product_id = 'P2'"""
    with open_query(str(audited), sql) as rows:
        write_csv(rows, text := io.StringIO(newline=""))
    [row] = csv.DictReader(io.StringIO(text.getvalue()))
    box = json.loads(row.pop("best_bbox"))
    assert len(box) == 4
    others = {"product_id": "P2", "reason": "", "n": "1", "b": "6162", "has_match": "false"}
    assert row == {"audit_date": FIRST, **others}
    with open_query(str(audited), sql) as rows:
        write_json(rows.batches, text := io.StringIO())
    [found] = json.loads(text.getvalue())
    others = {"product_id": "P2", "reason": None, "n": 1, "b": "6162", "has_match": False}
    assert found == {"audit_date": FIRST, "best_bbox": box, **others}
    write_json(iter(()), text := io.StringIO())
    assert json.loads(text.getvalue()) == []
    write_csv(Rows(pa.schema([("x", pa.int32())]), iter(())), text := io.StringIO())
    assert text.getvalue() == "x\n"
