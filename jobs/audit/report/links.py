"""Addresses from a page of a report to what it shows, relative wherever that is possible.

They work from file:// and from a server of the storage root alike. A browser cannot open s3://, and no page that comes
over the network may open file://, so what lies elsewhere has no address unless both are files of one machine.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from jobs.errors import BadStorageUri
from jobs.storage import Storage, check_key, local_path

UP = "../../../"  # from a page of an issue to the storage root
LONGEST = 1000  # characters of an address
KEPT = 256  # addresses


class Links:
    """Addresses of objects, as pages of a report of `storage` give them."""

    def __init__(self, storage: Storage) -> None:
        self._root = storage.uri("")
        self._is_local = self._root.startswith("file://")
        self.to_uri = lru_cache(KEPT)(self._to_uri_or_none)  # a card names each of its inputs several times

    def to_key(self, key: str) -> str:
        """The address of an object under the root."""
        return UP + quote(key)

    def _to_uri_or_none(self, uri: str | None) -> str | None:
        """The address of an input, by its URI in the catalogue; None where a browser cannot open it from the page."""
        try:
            found = self._to_uri(uri) if uri else None
        except (BadStorageUri, ValueError):
            return None
        return found if found is None or len(found) <= LONGEST else None

    def _to_uri(self, uri: str) -> str | None:
        if uri.startswith(("//", "file:////")):  # a browser takes it for a machine of the network
            return None
        if uri.startswith(("file://", "/")):
            there = (local_path(uri) if uri.startswith("file://") else Path(uri)).as_uri()
            if there.startswith(self._root):
                return UP + there.removeprefix(self._root)
            return there if self._is_local else None
        if uri.startswith(self._root):
            return self.to_key(check_key(uri.removeprefix(self._root)))
        return None if "://" in uri else self.to_key(check_key(uri))


def to_page(address: str, page: int | None) -> str:
    """The address of a page of a PDF; browsers understand it (RFC 8118, section 3)."""
    return address if page is None else f"{address}#page={page}"
