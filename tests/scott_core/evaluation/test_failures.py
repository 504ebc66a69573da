"""The page of failures: the worst come first, and the page needs no other file."""

from __future__ import annotations

import base64
import io
import re

import numpy as np
from PIL import Image

from scott_core.evaluation.failures import Failure, failures_page, worst_failures


def test_the_worst_of_each_family_come_first() -> None:
    label = [0, 0, 0, 1, 1, 0, 1, 1]
    score = [0.6, 0.9, 0.1, 0.2, 0.9, 0.7, np.nan, 0.3]
    family = ["x", "x", "x", "x", "x", "y", "y", "y"]
    assert worst_failures(label, score, family, 0.5, 10) == [1, 0, 3, 5, 7]
    assert worst_failures(label, score, family, 0.5, 4) == [1, 3, 5, 7]
    assert worst_failures(label, score, family, 0.5, 0) == []
    assert worst_failures([np.nan], [0.9], [""], 0.5, 9) == [], "a pair without a label is no failure"


def test_the_page_holds_its_images_and_escapes_its_names() -> None:
    overlay = Image.new("RGB", (40, 20), "red")
    evil = '<script>"x"</script>.jpg'
    page = failures_page(
        [
            Failure(evil, "b&c.jpg", 0, "hard", "<i>", 0.91, overlay),
            Failure("a", "b", 1, "match", "<i>", 0.02, overlay),
        ],
        title="T<b>",
        note="5 > 3",
    )
    assert "<script" not in page
    assert "&lt;script&gt;&quot;x&quot;" in page
    assert "<i>" not in page
    for words in ("0.910", "hard", "0.020", "b&amp;c.jpg", "T&lt;b&gt;", "false matches", "misses"):
        assert words in page
    sources = re.findall(r'src="([^"]*)"', page)
    assert len(sources) == 2
    for source in sources:
        kind, data = source.split(",")
        assert kind == "data:image/jpeg;base64"
        assert Image.open(io.BytesIO(base64.b64decode(data))).size == (40, 20)
    assert page.count("<section ") == page.count("</section>") == 2
    assert "No failure" in failures_page([], title="T", note="")
