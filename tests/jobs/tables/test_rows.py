"""Reading and writing one object of a table."""

import io
import subprocess
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from jobs.tables.rows import decode_rows, encode_rows
from jobs.tables.schemas import VERDICTS

COUNT = """
import os
import pyarrow, pyarrow.parquet
from jobs.tables.rows import decode_rows, encode_rows
from jobs.tables.schemas import VERDICTS
data = encode_rows(VERDICTS, [])
before = len(os.listdir("/proc/self/task"))
for _ in range(20):
    decode_rows(VERDICTS, "2026-01-02", data, "it")
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_reading_a_table_leaves_no_thread_behind() -> None:
    """One of Arrow's scanning threads outlived an audit and aborted its process at exit, after all was published."""
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_an_object_that_has_the_date_in_a_column_is_read_and_written_without_it() -> None:
    """Schema version 1 had the column: a product that is audited again shares its object with rows of that time."""
    data = encode_rows(VERDICTS, [{"product_id": "P1", "schema_version": 1}])  # type: ignore[typeddict-item]
    table = pq.read_table(io.BytesIO(data))
    old, dates = io.BytesIO(), pa.array(["2026-01-02"]).cast(pa.dictionary(pa.int32(), pa.string()))
    pq.write_table(table.add_column(0, "audit_date", dates), old)
    for form in (old.getvalue(), data):
        (row,) = decode_rows(VERDICTS, "2026-01-02", form, "it")
        assert list(row) == list(VERDICTS.columns)
        assert (row["audit_date"], row["product_id"], row["schema_version"]) == ("2026-01-02", "P1", 1)
        assert encode_rows(VERDICTS, [row]) == data


def test_a_column_that_an_older_version_has_not_is_null() -> None:
    data = encode_rows(VERDICTS, [{"product_id": "P1", "schema_version": 1}])  # type: ignore[typeddict-item]
    old = io.BytesIO()
    pq.write_table(pq.read_table(io.BytesIO(data)).drop_columns(["evidence_uri"]), old)
    (row,) = decode_rows(VERDICTS, "2026-01-02", old.getvalue(), "it")
    assert row["evidence_uri"] is None
