"""Images that the tests of the baselines share, and a counter of calls."""

from __future__ import annotations

from typing import Any

import pytest
from PIL import Image

from scott_core.images import read_image
from tests import ROOT

CATALOGUE = ROOT / "jobs" / "sample" / "catalogue"
TOY, SAME, OTHER = (
    read_image(CATALOGUE / toy / "images" / name)
    for toy, name in (("TOY-0001", "1.jpg"), ("TOY-0001", "2.jpg"), ("TOY-0002", "1.jpg"))
)
THIN, BLANK = Image.new("RGB", (900, 8), "grey"), Image.new("RGB", (40, 40), "white")


def counted(monkeypatch: pytest.MonkeyPatch, of: type, name: str) -> list[None]:
    """A list that gets one entry for each call of the method `name` from now on."""
    calls: list[None] = []
    method = getattr(of, name)

    def call(self: Any, *arguments: Any) -> Any:
        calls.append(None)
        return method(self, *arguments)

    monkeypatch.setattr(of, name, call)
    return calls
