"""The files of the tables under a root, as DuckDB reads them: a file system that knows these and writes nothing.

They are the files of audits that have a plan, as they were listed once: what is half removed is left out. Reviews stay
when the audit that they are about goes. Files with
the same columns are a group, because DuckDB, where columns may differ, opens each file before each query. An audit of
one run has files of one version, of which one is looked at; of an audit of several runs each file is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from pyarrow import NativeFile
from pyarrow.fs import FileInfo, FileSelector

from jobs.errors import StorageUnavailable, UnknownAudit
from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.plan import audit_dates, read_plan
from jobs.tables.schemas import Table

PROTOCOL = "scott"
AT_ONCE = 16  # requests to storage
LISTED = datetime(2000, 1, 1, tzinfo=UTC)  # what DuckDB is told of the time of every file, and does not use


@dataclass(frozen=True)
class Group:
    """Files of one table with the same columns; `pattern` names them all in a query."""

    pattern: str
    schema: pa.Schema


class TableFiles(AbstractFileSystem):  # type: ignore[misc]
    """The files of `tables` under a root, read-only, as scott://KEY, and each of their `groups` as its pattern.

    Raises the errors of storage; reading raises OSError, and so does any other use.
    """

    protocol = PROTOCOL
    cachable = False

    def __init__(self, storage: Storage, tables: Sequence[Table[Any]]) -> None:
        super().__init__()
        self._files = storage.arrow()
        self._sizes: dict[str, int] = {}  # bytes, by URI
        self._members: dict[str, list[str]] = {}  # URIs, by pattern
        self.groups: dict[str, list[Group]] = {}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            days = audit_dates(storage)
            runs = dict(zip(days, pool.map(partial(_count_runs, storage), days), strict=True))
            try:
                folders = [FileSelector(table.name, recursive=True, allow_not_found=True) for table in tables]
                for table, found in zip(tables, pool.map(self._files.get_file_info, folders), strict=True):
                    self.groups[table.name] = self._group(table.name, found, runs, pool)
            except (OSError, pa.ArrowException) as error:
                raise StorageUnavailable(f"{storage.root}: {' '.join(str(error).split())}") from error

    def _group(
        self, table: str, listed: Sequence[FileInfo], runs: Mapping[str, int], pool: ThreadPoolExecutor
    ) -> list[Group]:
        """Finds which files of the table have the same columns."""
        alike: dict[str, list[str]] = defaultdict(list)  # keys: those of one run by its date, others alone
        for file in listed:
            day = keys.date_of_table_key(file.path) or ""
            if runs.get(day) or keys.is_review_key(file.path):
                self._sizes[f"{PROTOCOL}://{file.path}"] = file.size
                alike[day if runs.get(day) == 1 else file.path].append(file.path)
        groups: dict[pa.Schema, list[str]] = defaultdict(list)
        schemas = pool.map(self._schema, [part[0] for part in alike.values()])
        for part, schema in zip(alike.values(), schemas, strict=True):
            groups[schema] += (f"{PROTOCOL}://{key}" for key in part)
        self._members |= {f"{PROTOCOL}://{table}/{n}/*": uris for n, uris in enumerate(groups.values())}
        return [Group(f"{PROTOCOL}://{table}/{n}/*", schema) for n, schema in enumerate(groups)]

    def _schema(self, path: str) -> pa.Schema:
        """The columns of a file, without what they mean."""
        return pa.schema([(each.name, each.type) for each in pq.read_schema(path, filesystem=self._files)])

    def open(self, path: str, mode: str = "rb", **_: Any) -> NativeFile:
        """The file, to be read."""
        if mode != "rb" or path not in self._sizes:
            raise PermissionError(f"{path} is no table of an audit, or is to be written: refused")
        file = self._files.open_input_file(path.removeprefix(f"{PROTOCOL}://"))
        self._sizes[path] = file.size()  # an audit may have replaced it since it was listed
        return file

    def glob(self, path: str, **_: Any) -> list[str]:
        """The files of a group, by its pattern."""
        return self._members.get(path, [])

    def unstrip_protocol(self, name: str) -> str:
        """The URI of a file that `glob` named: its name."""
        return name

    def exists(self, path: str, **_: Any) -> bool:
        return path in self._sizes

    isfile = exists

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        if path not in self._sizes:
            raise FileNotFoundError(path)
        return {"name": path, "size": self._sizes[path], "type": "file"}

    def size(self, path: str) -> int:
        return self._sizes[path]

    def modified(self, path: str) -> datetime:
        return LISTED


def _count_runs(storage: Storage, audit_date: str) -> int:
    """How many runs the audit has; 0 where it has no plan."""
    try:
        return len(read_plan(storage, audit_date).runs)
    except UnknownAudit:
        return 0
