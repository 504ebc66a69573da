"""Messages survive the border between processes as they were."""

from __future__ import annotations

import json
import math
from dataclasses import asdict

import pytest

from extractors.isolation import protocol
from extractors.isolation.protocol import (
    Answer,
    End,
    Event,
    Fault,
    Found,
    Job,
    Pages,
    Refused,
    decode_event,
    encode_event,
)
from extractors.model import Limits, Placement

PLACEMENT = Placement("a.png", 2, (0.0, 1.5, 2.0, 3.0), 40, 30, "d", "embedded", "photo", used=True, reason=None)

LIMITS = Limits()


@pytest.mark.parametrize(
    "event", [Refused("encrypted", "é\n"), Pages(3), Found(PLACEMENT), Fault("damaged", "page 1: x"), End()]
)
def test_an_event_is_one_line_and_decodes_to_itself(event: Event) -> None:
    line = encode_event(event)
    assert line.index("\n") == len(line) - 1
    assert decode_event(line, LIMITS) == event


def test_the_types_of_an_event_are_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    line = encode_event(Found(PLACEMENT))
    assert decode_event(line, LIMITS) == Found(PLACEMENT)
    monkeypatch.delattr(protocol, "get_type_hints")
    assert decode_event(line, LIMITS) == Found(PLACEMENT)


def test_a_job_and_an_answer_decode_to_themselves() -> None:
    job = Job("/a/\udcff.pdf", "/b", None, Limits(pages=3, seconds=1.5))  # a file name that is no text
    assert Job.decode(job.encode()) == job
    assert Answer.decode(Answer(-9, timeout=True).encode()) == Answer(-9, timeout=True)


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "other"}',
        '{"event": "pages"}',
        '{"event": "pages", "count": "3"}',
        '{"event": "fault", "cause": "bored", "detail": ""}',
        '{"event": "fault", "cause": "damaged", "detail": "\\udcff"}',
        '{"event": "fault", "cause": "ok", "detail": ""}',
        '{"event": "refused", "status": "partial", "detail": ""}',
        '{"event": "pages", "count": -3}',
        '{"event": "pages", "count": 401}',
        '{"event": "end", "more": 1}',
        '{"event": "end", "\\udcff": 1}',
        "[]",
        "{",
        "[" * 100_000,
    ],
)
def test_a_line_that_is_no_event_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        decode_event(line, LIMITS)
    assert str(raised.value).encode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"file": "../../x.png"},
        {"file": "/etc/x.png"},
        {"file": "a/b.png"},
        {"file": ".png"},
        {"file": "a.png\n"},
        {"file": "a\0.png"},
        {"file": 1},
        {"page": "2"},
        {"page": True},
        {"bbox": [0, 1, 2]},
        {"bbox": [0, 1, 2, "3"]},
        {"bbox": [0, 1, 2, math.nan]},
        {"bbox": [0, 1, 2, math.inf]},
        {"bbox": [0, 1, 2, 10**400]},
        {"page": 0},
        {"page": -5},
        {"page": 401},
        {"page": 10**30},
        {"width": 0},
        {"width": 2**70},
        {"height": 2**31},
        {"photo_probability": math.nan},
        {"photo_probability": 7.0},
        {"photo_probability": -0.1},
        {"kind": "other"},
        {"used": 1},
        {"digest": None},
        {"reason": "\udcff"},
        {"more": 1},
    ],
    ids=lambda wrong: str(wrong)[:40],
)
def test_a_placement_that_no_reader_of_ours_writes_is_an_error(wrong: dict[str, object]) -> None:
    placement = {**asdict(PLACEMENT), **wrong}
    with pytest.raises(ValueError, match=next(iter(wrong)) if "file" not in wrong else r"\w"):
        decode_event(json.dumps({"event": "placement", "placement": placement}), LIMITS)
