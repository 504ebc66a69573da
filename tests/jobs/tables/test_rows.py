"""Reading and writing one object of a table."""

import subprocess
import sys

import pytest

COUNT = """
import os
import pyarrow, pyarrow.parquet
from jobs.tables.rows import decode_rows, encode_rows
from jobs.tables.schemas import VERDICTS
data = encode_rows(VERDICTS, [])
before = len(os.listdir("/proc/self/task"))
for _ in range(20):
    decode_rows(VERDICTS, data)
print(len(os.listdir("/proc/self/task")) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts threads in /proc")
def test_reading_a_table_leaves_no_thread_behind() -> None:
    """One of Arrow's scanning threads outlived an audit and aborted its process at exit, after all was published."""
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"
