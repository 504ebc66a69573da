"""Feeds: the files of `catalogue/` that hold a table of products, each one file or a folder of part files.

A folder is what Spark, Hadoop, dask or DuckDB write: `part-*` files, names in "_" or "." that are no data, and maybe
folders `column=value` whose names hold a column. Whatever else lies in it is refused by name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from jobs.errors import BadCatalogue, ObjectMissing, UnreadableInput
from jobs.storage import Check, Storage
from jobs.tables.allowed import allows
from jobs.tables.catalogue.formats import Keys, read_rows
from jobs.tables.catalogue.litter import is_litter

EXPECTED = "catalogue/products.parquet, .csv, .csv.gz, .jsonl or .jsonl.gz, or a folder of such a name with part files"
_ENDINGS = {
    "parquet": (".parquet",),
    "csv": (".csv", ".csv.gz"),
    "jsonl": (".jsonl", ".jsonl.gz", ".json", ".json.gz"),  # Spark's JSON Lines end in .json
}
_FILES = {"parquet": ("",), "csv": ("", ".gz"), "jsonl": ("", ".gz")}
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Feed:
    """The table at `key`, and the keys of its parts; of a feed that is one file, `key` itself."""

    key: str
    form: str
    parts: tuple[str, ...]

    def rows(
        self, storage: Storage, inputs_from: Sequence[str], product_ids: Collection[str] | None = None
    ) -> Iterator[tuple[str, Any]]:
        """Each row with its place in words; with `product_ids` those of others may be left out.

        Raises BadCatalogue, for a part that is a link to elsewhere too.
        """
        for part in self.parts:
            data = storage.read(part, catalogue_check(storage, part, inputs_from)).data
            if data:  # Spark writes an empty part without a header
                yield from read_rows(self.form, part, data, self._keys(part), storage.uri(part), product_ids)

    def _keys(self, part: str) -> Keys:
        """The columns in the names of the folders between the feed's and the part."""
        folders = [name.partition("=") for name in part.removeprefix(self.key).split("/")[1:-1]]
        return {unquote(name): None if value == _NO_VALUE else unquote(value) for name, _, value in folders}


def find_feeds(storage: Storage, inputs_from: Sequence[str]) -> list[Feed]:
    """The feeds of the catalogue. Raises BadCatalogue where a feed's folder holds what is no part of it.

    A feed is an input: it is not looked at where it is a link out of the root and `inputs_from`.
    """
    found = []
    for form, suffixes in _FILES.items():
        files = [f"catalogue/products.{form}{suffix}" for suffix in suffixes]
        found += [Feed(key, form, (key,)) for key in files if _exists(storage, key, inputs_from)]
        folder = files[0]
        keys = storage.keys(folder, inputs_from)
        if keys:
            found.append(Feed(folder, form, tuple(key for key in keys if _is_part(storage, folder, form, key))))
    return found


def _is_part(storage: Storage, folder: str, form: str, key: str) -> bool:
    """Whether `key` holds rows of the feed in `folder`. Raises BadCatalogue where that is not sure."""
    *folders, name = key.removeprefix(f"{folder}/").split("/")
    if "_temporary" in folders:
        raise BadCatalogue(f"{storage.uri(key)}: the feed is still being written: expected no _temporary folder")
    if "_delta_log" in folders:
        raise BadCatalogue(f"{storage.uri(key)}: a Delta table keeps parts of the past: expected a plain export of it")
    if is_litter(key) or any(each.startswith("_") and "=" not in each for each in (*folders, name)):
        return False  # _SUCCESS, _committed_..., _metadata
    if not name.lower().endswith(_ENDINGS[form]) or not all("=" in each for each in folders):
        endings = ", ".join(_ENDINGS[form])
        raise BadCatalogue(
            f"{storage.uri(key)} is no part of the feed {folder}: expected {endings}, in no folder but column=value"
        )
    return True


def _exists(storage: Storage, key: str, inputs_from: Sequence[str]) -> bool:
    try:
        storage.read_head(key, 1, catalogue_check(storage, key, inputs_from))
    except ObjectMissing:
        return False
    return True


def catalogue_check(storage: Storage, key: str, inputs_from: Sequence[str]) -> Check:
    """The check of allowed.py for a file of the catalogue itself: it raises BadCatalogue."""
    allows_input = allows(storage, storage.uri(key), inputs_from)

    def check(real: str) -> None:
        try:
            allows_input(real)
        except UnreadableInput as error:
            raise BadCatalogue(str(error)) from error

    return check
