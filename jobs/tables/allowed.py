"""Where inputs may lie. A catalogue may come from suppliers, and what it names is read and shown as evidence.

Allowed are the storage root, without what audits write there, and the prefixes that the operator lists
(`--inputs-from`, SCOTT_INPUTS_FROM). A place counts as it really is: with the links of a file system, ".." and
percent-escapes resolved. A prefix is a folder: s3://bucket/a does not allow s3://bucket/ab. The folder `catalogue` may
itself be a link, because who can place it owns the root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from jobs.errors import BadArgument, UnreadableInput
from jobs.storage import Check, Storage, is_under, open_storage
from jobs.tables.keys import BY_CONTENT, EXTRACTIONS, IMAGES, OUTPUTS

_PREFIX = re.compile(r"s3://[A-Za-z0-9._-]{1,255}(/.*)?|file://(localhost)?/.*|/.*", re.DOTALL)  # botocore's buckets


def allows(storage: Storage, named: str, inputs_from: Sequence[str]) -> Check:
    """The check that a reader of the URI `named` gives to storage: may an audit of `storage` read it?

    It raises UnreadableInput (`not_allowed`) unless the real place lies under the root or under `inputs_from`.
    """

    places = _places(storage)

    def check(real: str) -> None:
        if not any(is_under(real, prefix) for prefix in (*places.inputs, *inputs_from)):
            raise UnreadableInput(
                "not_allowed",
                f"{named} does not lie under {storage.root}, or is a link that leaves it: not read; "
                "`scott audit --inputs-from URI`, or SCOTT_INPUTS_FROM, allows another place",
            )
        if places.hold_output(real) or places.hold_output(named):
            raise UnreadableInput("not_allowed", f"{named} is what an audit writes, and no input of one: not read")

    return check


@dataclass(frozen=True)
class _Places:
    """Where the inputs of a root may lie, and where what audits write does: as named, and as it really is."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]  # folders
    by_content: tuple[str, ...]  # starts of folders' names

    def hold_output(self, place: str) -> bool:
        return place.startswith(self.by_content) or any(is_under(place, folder) for folder in self.outputs)


@lru_cache(maxsize=8)
def _places(storage: Storage) -> _Places:
    """The places of a root, as they are when it is first asked for an input."""

    def both(keys: Iterable[str]) -> tuple[str, ...]:
        return tuple({place: None for key in keys for place in (storage.uri(key), storage.real_uri(key))})

    by_content = both(f"{folder}/{BY_CONTENT}" for folder in (IMAGES, EXTRACTIONS))
    return _Places((storage.root, storage.real_uri("catalogue")), both(OUTPUTS), by_content)


def real_prefixes(inputs_from: Iterable[str]) -> tuple[str, ...]:
    """The places that `inputs_from` names, as `allows` takes them. Raises BadArgument, BadStorageUri."""
    if isinstance(inputs_from, str):
        raise BadArgument(f"inputs from {inputs_from!r} is text: expected a list of URIs")
    return tuple(dict.fromkeys(open_storage(check_prefix(uri)).root for uri in inputs_from))


def check_prefix(uri: str) -> str:
    """`uri`, or BadArgument where it is none of the forms that a listed place has."""
    if not _PREFIX.fullmatch(uri):
        raise BadArgument(f"inputs from {uri!r}: expected s3://bucket/prefix, file:///folder or /folder")
    return uri
