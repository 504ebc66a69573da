"""Messages between the processes of an extraction, and the files in which the reader leaves its results.

The parent (extractor.py) writes one Job for each document to the standard input of a server (server.py). The server
forks a reader (child.py) and writes one Answer when that reader has ended. The reader appends its events to FINDINGS
as it goes, so that what it found stays when it is killed. Each message is one line of JSON.

Both sides of the jail import this module: it must not import pymupdf or extractors.page.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from extractors.model import Failure, Limits, Placement

FINDINGS = "findings.jsonl"  # file in the job's folder: the reader's events
STDERR = "stderr"  # file in the job's folder: the reader's standard error
READY = b"ready\n"  # the server's first line on standard output
FILE_NAME = re.compile(r"[0-9A-Za-z]+\.(jpg|png)")  # of an image in the job's folder
MOST_EVENTS = 50_000  # in FINDINGS: 125 for each of the 400 pages of the longest document that is read
MOST_LINE = 16_384  # bytes of an event: a detail of DETAIL characters, each an escape of JSON, and as much again
DETAIL = 500  # characters, at most, of what a reader says of a fault
_INT32_MAX = 2**31 - 1  # of width and height in px
_FARTHEST = 2**53  # points, of a coordinate: beyond it a float does not hold every whole number
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

    status: Failure
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

    cause: Failure
    detail: str


@dataclass(frozen=True)
class PageRead:
    """A page was read, as far as it can be; pages come in their order."""

    page: int


@dataclass(frozen=True)
class End:
    """The last page was read."""


Event = Refused | Pages | Found | Fault | PageRead | End

_EVENTS: dict[str, type[Event]] = {
    "refused": Refused,
    "pages": Pages,
    "placement": Found,
    "fault": Fault,
    "page_read": PageRead,
    "end": End,
}
_FIELDS = {kind: get_type_hints(kind) for kind in (*_EVENTS.values(), Placement)}  # 0.2 ms each
_NAMES = {kind: name for name, kind in _EVENTS.items()}


def in_utf8(text: str) -> str:
    """The text with an escape for each lone surrogate, by which Python reads bytes that are no UTF-8 (PEP 383)."""
    return text.encode(errors="backslashreplace").decode()


def encode_event(event: Event) -> str:
    """The event as one line of FINDINGS."""
    return json.dumps({"event": _NAMES[type(event)], **asdict(event)}) + "\n"


def decode_event(line: str, limits: Limits) -> Event:
    """The event of one line of FINDINGS.

    Raises ValueError, in words, for a line that no reader within these limits writes.
    """
    try:
        fields: dict[str, Any] = json.loads(line)
        kind = _EVENTS[fields.pop("event")]
        if kind is Found:
            placement = fields["placement"]
            fields = {"placement": Placement(**placement | {"bbox": tuple(placement["bbox"])})}
        event = kind(**fields)
    except (AttributeError, KeyError, RecursionError, TypeError) as error:
        raise ValueError(in_utf8(f"{type(error).__name__}: {error}")) from error
    _check_types(event)
    if isinstance(event, Pages):
        _check_range("count", event.count, 1, limits.pages)
    elif isinstance(event, PageRead):
        _check_range("page", event.page, 1, limits.pages)
    elif isinstance(event, Found):
        _check_placement(event.placement, limits)
    return event


def _check_placement(placement: Placement, limits: Limits) -> None:
    """Raises ValueError where a value, of the right type, is none that a reader within its limits gives."""
    if placement.file and not FILE_NAME.fullmatch(placement.file):
        raise ValueError(f"{placement.file!r} is no name that a reader gives an image")
    _check_range("page", placement.page, 1, limits.pages)
    for side in placement.bbox:
        _check_range("bbox", side, -_FARTHEST, _FARTHEST)
    for name in ("width", "height"):
        _check_range(name, getattr(placement, name), 1, _INT32_MAX)
    if placement.photo_probability is not None:
        _check_range("photo_probability", placement.photo_probability, 0, 1)


def _check_range(name: str, value: float, least: float, most: float) -> None:
    """Raises ValueError for a number out of range, NaN too."""
    if not least <= value <= most:
        raise ValueError(f"{name} is {value!r}: expected {least} to {most}")


def _check_types(event: Event | Placement) -> None:
    """Raises ValueError where a field has not the type that its class says: JSON holds any."""
    for name, hint in _FIELDS[type(event)].items():
        value = getattr(event, name)
        if isinstance(value, Placement):
            _check_types(value)
        elif get_origin(hint) is tuple:  # of numbers: a box
            if len(value) != 4 or any(type(each) not in (int, float) for each in value):
                raise ValueError(f"{name} is {value!r}: expected four numbers")
        elif get_origin(hint) is Literal:
            if value not in get_args(hint):
                raise ValueError(f"{name} is {value!r}: expected one of {', '.join(get_args(hint))}")
        elif type(value) not in (get_args(hint) or (hint,)):
            raise ValueError(f"{name} is {value!r}: expected {hint}")
        elif isinstance(value, str) and in_utf8(value) != value:
            raise ValueError(f"{name} is {value!r}: expected text that UTF-8 can hold")
