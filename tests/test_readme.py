"""The README keeps up: every verb of `scott` and every link in it is real."""

import json
import re

import pytest

from jobs import cli
from tests import ROOT

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


@pytest.mark.parametrize("page", ["README.md", "docs/experiments.md"])
def test_tables_2_and_3_show_the_card_of_the_weights_that_are_not_shipped(page: str) -> None:
    card = json.loads((ROOT / "results" / "scott-coder.json").read_text(encoding="utf-8"))
    text = (ROOT / page).read_text(encoding="utf-8")
    test, val = (card[split]["scott-coder"] for split in ("test", "validation"))
    measured = [*(test["all"][name] for name in ("precision", "recall", "f1", "roc_auc")), val["all"]["roc_auc"]]
    for row in (measured, [test["mask_iou"][side] for side in ("a", "b", "both")]):
        assert f"(`scott-coder`) | {' | '.join(f'{value:.3f}' for value in row)} |" in text


def test_the_two_commands_are_there() -> None:
    assert "make audit" in README
    assert "make test" in README
