"""The audits under a root as a DuckDB database: what `scott query` asks, and a notebook.

    jobs.history.connect("s3://bucket/prefix").sql("FROM latest_verdicts WHERE verdict = 'undecided'").df()

Its views are `verdicts`, `pair_scores`, `document_images` and `input_versions`, of all audits that have a plan,
`latest_verdicts`, each product's row of the newest audit that has it, and `reviews`. `audit_date` is a DATE, as DuckDB
makes it of a folder's name, and a query of one night opens that night's files, and one of the oldest. A column that
came later is null in older rows. Times are in UTC.

Nothing else can be read, and nothing written, whatever is asked. DuckDB itself may open no file, URL or extension
(enable_external_access = false). What it may open is TableFiles (allowed_directories = scott://), which has the tables'
files, for reading alone; if their folders were allowed, COPY could write there. Variables of Python are no tables
(python_enable_replacements = false), and no setting can be changed (lock_configuration = true). What a query creates
is in memory. S3 is read by pyarrow, with the variables that storage reads, so that DuckDB needs no extension.
"""

from __future__ import annotations

import tempfile
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from jobs.history.files import PROTOCOL, TableFiles
from jobs.storage import open_storage
from jobs.tables.schemas import DOCUMENT_IMAGES, FOLDER_KEY, INPUT_VERSIONS, PAIR_SCORES, REVIEWS, VERDICTS, Table

TABLES: tuple[Table[Any], ...] = (VERDICTS, PAIR_SCORES, DOCUMENT_IMAGES, INPUT_VERSIONS, REVIEWS)
MEMORY = "700MB"  # of DuckDB; what needs more is spilled to a temporary folder
THREADS, THREADS_LATE = 1, 16  # each file is opened in Python, which more threads would wait for; but S3 answers late
LATEST = """
CREATE VIEW latest_verdicts AS FROM verdicts SEMI JOIN (
    SELECT product_id, max(audit_date) AS audit_date FROM verdicts GROUP BY product_id
) USING (product_id, audit_date)
"""


def connect(root: str, tables: Sequence[Table[Any]] = TABLES) -> duckdb.DuckDBPyConnection:
    """A database of the audits that are under `root` now, with the credentials of now.

    It has the views of `tables` alone. Raises UnknownAudit where there is no audit, and the errors of storage; DuckDB
    raises duckdb.Error for what it refuses and what cannot be read.
    """
    storage = open_storage(root)
    files = TableFiles(storage, tables)
    spilled = Path(tempfile.gettempdir()) / f"scott-query-{uuid.uuid4().hex}"  # DuckDB makes it and removes it
    database = duckdb.connect(
        config={
            "memory_limit": MEMORY,
            "threads": THREADS_LATE if storage.answers_late else THREADS,
            "temp_directory": str(spilled),
            "enable_external_file_cache": False,  # of no use where nothing is read twice
            "python_enable_replacements": False,
        }
    )
    database.register_filesystem(files)
    for table in tables:
        database.execute(f"CREATE VIEW {table.name} AS {_rows(files, table)}")
    if VERDICTS in tables:
        database.execute(LATEST)
    database.execute("SET TimeZone = 'UTC'")
    database.execute("SET enable_progress_bar = false")  # it goes to stdout, as the rows do
    database.execute(f"SET allowed_directories = ['{PROTOCOL}://']")
    database.execute("SET enable_external_access = false")
    database.execute("SET lock_configuration = true")
    return database


def tables_of(sql: str) -> Sequence[Table[Any]]:
    """The tables that a statement names, so that no others are listed; all where it names none, or may spell one out.

    Those are `query` and `query_table`, functions of DuckDB that make a table's name from a text.
    """
    said = sql.lower()
    return [table for table in TABLES if table.name in said and "query" not in said] or TABLES


def _rows(files: TableFiles, table: Table[Any]) -> str:
    """The query of all rows of a table, with all columns of this version and those of newer ones."""
    hive = f"hive_partitioning = true, hive_types = {{'{FOLDER_KEY}': DATE}}"
    parts = [f"FROM read_parquet('{files.empty_file(table)}')"]
    parts += (f"FROM read_parquet('{pattern}', {hive})" for pattern in files.groups[table.name])
    return " UNION ALL BY NAME ".join(parts)
