"""Images of documents as objects by content: whatever shows one, and however often, it is stored once.

Rows of `document_images` hold their keys. An object is written anew each time, with the same bytes: so its time says
when it was last needed.
"""

from __future__ import annotations

import hashlib
from pathlib import PurePosixPath

from jobs.errors import StorageUnavailable
from jobs.storage import Storage
from jobs.tables.keys import image_key


def write_image(storage: Storage, data: bytes, suffix: str) -> str:
    """Stores an image file whose name ends in `suffix`; returns its key."""
    key = image_key(hashlib.sha256(data).hexdigest(), suffix)
    storage.write(key, data)
    return key


def read_stored_image(storage: Storage, key: str) -> bytes:
    """The image that `write_image` stored at `key`. Raises StorageUnavailable where its bytes are others."""
    data = storage.read(key).data
    if hashlib.sha256(data).hexdigest() != PurePosixPath(key).stem:
        raise StorageUnavailable(f"{storage.uri(key)} does not hold the image that its name says")
    return data
