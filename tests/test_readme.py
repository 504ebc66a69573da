"""The README keeps up: every verb of `scott` and every link in it is real."""

import re
from pathlib import Path

import pytest

from jobs import cli

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_every_verb_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    verbs = re.findall(r"^    (\w+) +\w", capsys.readouterr().out, re.MULTILINE)
    assert {"audit", "extract", "match", "score", "evaluate", "explain", "train", "bench"} <= set(verbs)
    assert not [verb for verb in verbs if f"scott {verb} " not in README and f"scott {verb}\n" not in README]


def test_every_link_leads_to_a_file() -> None:
    links = re.findall(r"\]\(([^)#:]+)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]


def test_the_two_commands_are_there() -> None:
    assert "make audit" in README
    assert "make test" in README
