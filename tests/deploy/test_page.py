"""The page, the env file and the launcher say the same: each variable, each command, who needs which secret."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from deploy.fleet import CONTROL, CONTROL_ONLY, WORKERS, Fleet, read_env
from deploy.secrets import new_secrets
from tests import ROOT

PAGE = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
VARIABLES = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \| (all|control|workers) \| (.+) \|$", PAGE, re.MULTILINE)


def test_each_variable_of_the_env_file_is_explained_once_and_no_other() -> None:
    assigned, named = read_env()
    assert not set(assigned) & named
    assert sorted(name for name, _, _ in VARIABLES) == sorted([*assigned, *named])
    assert all(meaning.strip() for _, _, meaning in VARIABLES)


def test_the_env_file_holds_no_secret() -> None:
    assigned, named = read_env()
    assert set(new_secrets("control")) <= named
    assert not [name for name, value in assigned.items() if re.search(r"://[^/]*@", value)]


def test_a_worker_gets_no_secret_of_the_control_machine(tmp_path: Path) -> None:
    who = {name: needs for name, needs, _ in VARIABLES}
    assert {name for name in new_secrets("control") if who[name] == "control"} == CONTROL_ONLY
    assert not CONTROL_ONLY & set(Fleet(tmp_path).worker_env())


def test_the_page_has_the_command_of_each_service() -> None:
    assert not [command for command in (*CONTROL.values(), *WORKERS.values()) if f"| `{command}` |" not in PAGE]


def test_each_variable_of_airflow_is_one_of_its_settings(tmp_path: Path) -> None:
    """A mistyped name is not noticed by Airflow: its default would be in force."""
    if find_spec("celery") is None:
        pytest.skip("no celery: make test-fleet installs it")
    tell = (
        "from airflow.configuration import conf;"
        "from airflow.providers.celery.get_provider_info import get_provider_info as celery;"
        "all = {**conf.configuration_description, **celery()['config']};"
        "print(*(f'AIRFLOW__{section}__{key}'.upper() for section in all for key in all[section]['options']))"
    )
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", tell], env=env, capture_output=True, text=True, check=True)
    assigned, named = read_env()
    asked = {name for name in (*assigned, *named) if name.startswith("AIRFLOW__")}
    assert not asked - set(done.stdout.split())


def test_new_secrets_are_new_and_name_the_driver() -> None:
    once, again = new_secrets("control"), new_secrets("control")
    assert not set(once.values()) & set(again.values())
    assert once["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].startswith("postgresql+psycopg2://")


def test_make_knows_the_targets() -> None:
    for target in ("fleet", "test-fleet"):
        done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("lacks", ["redis-server", "folder"])
def test_what_stands_in_the_way_is_one_line(tmp_path: Path, lacks: str) -> None:
    folder = tmp_path / "folder"
    path = str(tmp_path) if lacks == "redis-server" else "/usr/bin:/bin"
    if lacks == "folder":
        folder.write_text("a file\n")
    done = subprocess.run(
        [sys.executable, "-m", "deploy.fleet", str(folder)],
        cwd=ROOT,
        env={"PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
