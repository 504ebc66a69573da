"""Where inputs may lie. A catalogue may come from suppliers, and what it names is read and shown as evidence.

Allowed are the storage root, without what audits write there, and the prefixes that the operator lists
(`--inputs-from`, SCOTT_INPUTS_FROM). A place counts as it really is: with the links of a file system, ".." and
percent-escapes resolved. A prefix is a folder: s3://bucket/a does not allow s3://bucket/ab. The folder `catalogue` may
itself be a link, because who can place it owns the root.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from jobs.errors import BadArgument, UnreadableInput
from jobs.storage import Storage, is_under, open_storage
from jobs.tables.keys import OUTPUTS


def check_allowed(storage: Storage, where: Storage, key: str, inputs_from: Sequence[str]) -> None:
    """UnreadableInput (`not_allowed`) unless an audit of `storage` with `inputs_from` may read `key` of `where`.

    Nothing is read. Raises BadStorageUri for a key that could leave `where`.
    """
    real, named = where.real_uri(key), where.uri(key)
    allowed = (storage.root, storage.real_uri("catalogue"), *inputs_from)
    if not any(is_under(real, prefix) for prefix in allowed):
        raise UnreadableInput(
            "not_allowed",
            f"{named} does not lie under {storage.root}, or is a link that leaves it: not read; "
            "`scott audit --inputs-from URI`, or SCOTT_INPUTS_FROM, allows another place",
        )
    if any(is_under(place, storage.uri(folder)) for place in (real, named) for folder in OUTPUTS):
        raise UnreadableInput("not_allowed", f"{named} is what an audit writes, and no input of one: not read")


def real_prefixes(inputs_from: Iterable[str]) -> tuple[str, ...]:
    """The places that `inputs_from` names, as check_allowed takes them. Raises BadArgument, BadStorageUri."""
    if isinstance(inputs_from, str):
        raise BadArgument(f"inputs from {inputs_from!r} is text: expected a list of URIs")
    return tuple(dict.fromkeys(open_storage(uri).root for uri in inputs_from))
