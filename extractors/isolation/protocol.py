"""Messages between the processes of an extraction, and the files in which the reader leaves its results.

The parent (extractor.py) writes one Job for each document to the standard input of a server (server.py). The server
forks a reader (child.py) and writes one Answer when that reader has ended. The reader appends its events to FINDINGS
as it goes, so that what it found stays when it is killed. Each message is one line of JSON.

Both sides of the jail import this module: it must not import pymupdf or extractors.page.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Self

from extractors.model import Limits, Placement, Status

FINDINGS = "findings.jsonl"  # file in the job's folder: the reader's events
STDERR = "stderr"  # file in the job's folder: the reader's standard error
READY = b"ready\n"  # the server's first line on standard output
NOT_WRITTEN = 74  # exit status of a reader that cannot write its folder (EX_IOERR of sysexits.h)


@dataclass(frozen=True)
class Job:
    """One document to read, and the existing folder in which the reader works; both paths are absolute."""

    pdf: str
    folder: str
    password: str | None
    limits: Limits

    def encode(self) -> bytes:
        """The job as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Self:
        """The job of one line."""
        fields: dict[str, Any] = json.loads(line)
        return cls(**fields | {"limits": Limits(**fields["limits"])})


@dataclass(frozen=True)
class Answer:
    """The end of a reader: its exit status, negative for a signal, and whether the server killed it for its time."""

    returncode: int
    timeout: bool

    def encode(self) -> bytes:
        """The answer as one line."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def decode(cls, line: bytes) -> Self:
        """The answer of one line."""
        return cls(**json.loads(line))


@dataclass(frozen=True)
class Refused:
    """The document cannot be read at all; no other event precedes or follows."""

    status: Status
    detail: str


@dataclass(frozen=True)
class Pages:
    """The document is open and has `count` pages."""

    count: int


@dataclass(frozen=True)
class Found:
    """An image was placed; its file, if it has one, is already written."""

    placement: Placement


@dataclass(frozen=True)
class Fault:
    """A part of the document could not be read; `cause` is the status that the document gets if nothing was found."""

    cause: Status
    detail: str


@dataclass(frozen=True)
class End:
    """The last page was read."""


Event = Refused | Pages | Found | Fault | End

_EVENTS: dict[str, type[Event]] = {
    "refused": Refused,
    "pages": Pages,
    "placement": Found,
    "fault": Fault,
    "end": End,
}
_NAMES = {kind: name for name, kind in _EVENTS.items()}


def encode_event(event: Event) -> str:
    """The event as one line of FINDINGS."""
    return json.dumps({"event": _NAMES[type(event)], **asdict(event)}) + "\n"


def decode_event(line: str) -> Event:
    """The event of one line of FINDINGS."""
    fields: dict[str, Any] = json.loads(line)
    kind = _EVENTS[fields.pop("event")]
    if kind is Found:
        placement = fields["placement"]
        return Found(Placement(**placement | {"bbox": tuple(placement["bbox"])}))
    return kind(**fields)
