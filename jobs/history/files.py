"""The files of the tables under a root, as DuckDB reads them: a file system that knows these and writes nothing.

They are the files of audits that have a plan, as they were listed once: what is half removed is left out. Reviews stay
when the audit that they are about goes. Files with the same columns are a group, because DuckDB, where columns may
differ, opens each file before each query. An audit of one run has files of one version, of which one is looked at; of
an audit of several runs each file is. A table has a file without rows as well, in memory, which has the columns of this
version.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec import AbstractFileSystem
from pyarrow import NativeFile
from pyarrow.fs import FileInfo, FileSelector

from jobs.errors import StorageUnavailable
from jobs.storage import Storage
from jobs.tables import keys
from jobs.tables.damage import damaged
from jobs.tables.plan import audit_dates, find_plan, no_audit
from jobs.tables.schemas import Table

PROTOCOL = "scott"
AT_ONCE = 16  # requests to storage
LISTED = datetime(2000, 1, 1, tzinfo=UTC)  # what DuckDB is told of the time of every file, and does not use


class TableFiles(AbstractFileSystem):  # type: ignore[misc]
    """The files of `tables` under a root, read-only, as scott://KEY.

    `groups` has for each table the patterns of its groups, and `empty_file` names its file without rows. Raises
    UnknownAudit where there is no audit, and the errors of storage; reading raises OSError, and so does any other use.
    """

    protocol = PROTOCOL
    cachable = False

    def __init__(self, storage: Storage, tables: Sequence[Table[Any]]) -> None:
        super().__init__()
        self._storage, self._files = storage, storage.arrow()
        self._sizes: dict[str, int] = {}  # bytes, by URI
        self._members: dict[str, list[str]] = {}  # URIs, by pattern
        self.groups: dict[str, list[str]] = {}
        self._empty = {self.empty_file(table): _without_rows(table) for table in tables}
        self._sizes |= {uri: file.size for uri, file in self._empty.items()}
        with ThreadPoolExecutor(AT_ONCE) as pool:
            days = audit_dates(storage)
            plans = zip(days, pool.map(partial(find_plan, storage), days), strict=True)
            runs = {day: len(plan.runs) for day, plan in plans if plan}
            if not runs:
                raise no_audit(storage)
            try:
                folders = [FileSelector(table.name, recursive=True, allow_not_found=True) for table in tables]
                for table, found in zip(tables, pool.map(self._files.get_file_info, folders), strict=True):
                    self.groups[table.name] = self._group(table.name, found, runs, pool)
            except (OSError, pa.ArrowException) as error:
                raise StorageUnavailable(f"{storage.root}: {' '.join(str(error).split())}") from error

    def _group(
        self, table: str, listed: Sequence[FileInfo], runs: Mapping[str, int], pool: ThreadPoolExecutor
    ) -> list[str]:
        """Finds which files of the table have the same columns."""
        alike: dict[str, list[str]] = defaultdict(list)  # URIs: those of one run by its date, others alone
        for file in listed:
            key = file.path
            day = keys.date_of_table_key(key) or ""
            if runs.get(day) or keys.date_of_review_key(key):
                uri = f"{PROTOCOL}://{key}"
                self._sizes[uri] = file.size
                alike[day if runs.get(day) == 1 else key].append(uri)
        groups: dict[pa.Schema, list[str]] = defaultdict(list)
        schemas = pool.map(self._schema, [part[0] for part in alike.values()])
        for part, schema in zip(alike.values(), schemas, strict=True):
            groups[schema] += part
        members = {f"{PROTOCOL}://{table}/{n}/*": uris for n, uris in enumerate(groups.values())}
        self._members |= members
        return list(members)

    def _schema(self, uri: str) -> pa.Schema:
        """The columns of a file, without what they mean."""
        try:
            with self.open(uri) as file:
                return pa.schema([(each.name, each.type) for each in pq.read_schema(file)])
        except pa.ArrowInvalid as error:
            raise damaged(self._storage.uri(uri.removeprefix(f"{PROTOCOL}://")), error) from error

    @staticmethod
    def empty_file(table: Table[Any]) -> str:
        """The name of the table's file without rows."""
        return f"{PROTOCOL}://{table.name}/none"

    def open(self, path: str, mode: str = "rb", **_: Any) -> NativeFile:
        """The file, to be read."""
        if mode != "rb" or path not in self._sizes:
            raise PermissionError(f"{path} is no table of an audit, or is to be written: refused")
        if path in self._empty:
            return pa.BufferReader(self._empty[path])
        file = self._files.open_input_file(path.removeprefix(f"{PROTOCOL}://"))
        self._sizes[path] = file.size()  # an audit may have replaced it since it was listed
        return file

    def glob(self, path: str, **_: Any) -> list[str]:
        """The files of a group, by its pattern; a file by its name."""
        return self._members.get(path, [path] if path in self._sizes else [])

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


def _without_rows(table: Table[Any]) -> pa.Buffer:
    """A Parquet file with all columns of the table, the folder's key among them."""
    columns = pa.schema([(name, column.type or pa.date32()) for name, column in table.columns.items()])
    stream = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_batches([], columns), stream)  # columns.empty_table() imports pandas
    return stream.getvalue()
