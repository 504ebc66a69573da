"""The documents keep up: every verb, link, module and path that they name is real."""

from __future__ import annotations

import json
import re
from importlib.util import find_spec

import pytest

from jobs import cli
from tests import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = sorted(
    path.relative_to(ROOT).as_posix()
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("findings/*.md"), *ROOT.glob("deploy/*.md")]
)


def test_every_verb_is_documented(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    verbs = re.findall(r"^    (\w+) +\w", capsys.readouterr().out, re.MULTILINE)
    assert {"audit", "extract", "match", "score", "evaluate", "explain", "train", "bench"} <= set(verbs)
    assert not [verb for verb in verbs if f"scott {verb} " not in README and f"scott {verb}\n" not in README]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = re.findall(r"\]\(([^)#:\s]+)\)", text)
    assert not [link for link in links if not ((ROOT / page).parent / link).exists()]


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])  # which names what was
def test_every_module_and_path_that_is_named_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    modules = set(re.findall(r"python3? -m ((?:jobs|scott_core|extractors|deploy|tests)[\w.]*)", text))
    assert not [name for name in modules if find_spec(name.rstrip(".")) is None]
    paths = set(re.findall(r"`((?:jobs|scott_core|extractors|deploy|tests|dags|docs|results)/[\w/.-]+)`", text))
    paths |= set(re.findall(r"pytest -q (tests/\S+)", text))
    assert not [path for path in paths if not (ROOT / path).exists()]


@pytest.mark.parametrize(
    "page",
    sorted(
        path.relative_to(ROOT).as_posix()
        for pattern in ("scott_core/weights/*.json", "results/scott-*.json", "scott_core/configs/**/*.yaml")
        for path in ROOT.glob(pattern)
    ),
)
def test_every_module_that_a_card_or_a_configuration_names_exists(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    names = re.findall(r"\b((?:jobs|scott_core|extractors)(?:\.[a-z_0-9]+)+)\b(?!/)", text)
    assert not [name for name in names if find_spec(name) is None]
    assert not [path for path in re.findall(r"\bscott_core/[\w/.-]+\w", text) if not (ROOT / path).exists()]


@pytest.mark.parametrize("page", ["docs/measurements.md", "docs/experiments.md"])
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
