"""Settings where an audit runs by itself: what is mistyped is said at once, and planning is told what it needs."""

from __future__ import annotations

import pytest

from jobs.audit.settings import Settings
from jobs.errors import BadArgument

ALL = {"scott_root": "s3://b", "scott_weights": "orb", "scott_buckets": "3", "scott_stop_at_match": "True"}


def test_settings_are_read_by_name_and_what_is_empty_is_not_set() -> None:
    assert Settings.read(ALL.get) == Settings("s3://b", "orb", 3, True)
    assert Settings.read({**ALL, "scott_stop_at_match": "no"}.get).stop_at_match is False
    assert Settings.read({"scott_root": "r", "scott_buckets": ""}.get) == Settings("r")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("scott_root", None),
        ("scott_root", ""),
        ("scott_buckets", "three"),
        ("scott_buckets", "-1"),
        ("scott_buckets", "1.5"),
        ("scott_stop_at_match", "yess"),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str | None) -> None:
    with pytest.raises(BadArgument, match=name):
        Settings.read({**ALL, name: value}.get)
