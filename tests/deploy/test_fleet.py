"""A real fleet on the loopback: PostgreSQL, Redis, Airflow, Celery, and a worker killed in the middle of a score."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil
import pytest

from deploy.fleet import DAG, RUN, Fleet
from deploy.services import FleetError, Service, wait_for
from deploy.stores import postgresql_programs, redis_server
from jobs.audit.report import read_verdicts
from jobs.sample import SAMPLE
from jobs.sample.check import compare
from jobs.storage import open_storage
from jobs.tables.plan import latest_audit
from tests import ROOT

TAKEN_WITHIN = 60  # seconds from the kill to the start of the next try
IN_THE_MIDDLE = 1.0  # seconds of processor time: after 0.4 a score has begun to load torch, after 4 it ends
KILLED_WITHIN = 2.0  # seconds until the kernel has killed what was tied to the worker
SCORE = "bucket_chain.score"


def missing() -> str:
    """What a fleet needs and this machine does not have."""
    modules = [name for name in ("celery", "redis", "psycopg2", "asyncpg") if find_spec(name) is None]
    if modules:
        return f"no {', '.join(modules)}: make test-fleet installs them"
    try:
        postgresql_programs(), redis_server()
    except FleetError as error:
        return str(error)
    return ""


pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(bool(missing()), reason=missing() or "-"),
]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """A fleet with the sample as its catalogue, in one bucket, and two workers for the one slot of the pool gpu."""
    folder = tmp_path_factory.mktemp("fleet")
    shutil.copytree(SAMPLE / "catalogue", folder / "audit" / "catalogue")
    made = Fleet(folder)
    made.env["SCOTT_BUCKETS"] = "1"
    with made:
        made.start_worker("gpu")
        yield made


def score_of(fleet: Fleet, run_id: str) -> dict[str, Any]:
    """The newest try of the bucket's score; its start_date is None until the first one runs."""
    found = [ti for ti in fleet.api.tasks(DAG, run_id) if ti["task_id"] == SCORE and ti["map_index"] == 0]
    return found[0] if found else {"start_date": None, "try_number": 0}


def started(task: dict[str, Any]) -> datetime:
    """When the newest try has started; between two tries, the last one."""
    return datetime.fromisoformat(task["start_date"]) if task["start_date"] else datetime.min.replace(tzinfo=UTC)


def children(service: Service) -> list[psutil.Process]:
    return psutil.Process(service.process.pid).children(recursive=True)


def alive(process: psutil.Process) -> bool:
    """Whether it runs; one that has ended may still wait for its parent."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def decided(root: Path) -> dict[str, tuple[Any, ...]]:
    """What the newest audit says of each product."""
    storage = open_storage(str(root))
    _, rows = read_verdicts(storage, latest_audit(storage))
    columns = ("verdict", "reason", "probability", "best_score", "n_pairs_scored", "n_pairs_failed")
    return {row["product_id"]: tuple(row[name] for name in columns) for row in rows}  # type: ignore[literal-required]


def contents(folder: Path) -> dict[Path, bytes]:
    """Every file below a folder."""
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def undisturbed(fleet: Fleet) -> dict[str, tuple[Any, ...]]:
    """What an audit says of each product that nothing happened to."""
    state, counts = fleet.audit()
    assert (state, counts["n_products"]) == ("success", 14)
    return decided(fleet.root)


def test_the_sample_is_audited_over_rest(fleet: Fleet, undisturbed: dict[str, tuple[Any, ...]]) -> None:
    table, as_expected = compare(str(fleet.root))
    assert as_expected, table
    assert len(undisturbed) == 14


def test_a_killed_worker_takes_its_task_along_and_another_has_the_bucket_within_a_minute(
    fleet: Fleet, undisturbed: dict[str, tuple[Any, ...]], capsys: pytest.CaptureFixture[str]
) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date().isoformat()  # the newest audit
    run_id = fleet.api.trigger(DAG, {"audit_date": tomorrow})
    wait_for(lambda: score_of(fleet, run_id)["start_date"] is not None, RUN, "the first try", fleet.services)
    first = score_of(fleet, run_id)
    (victim,) = [worker for worker in fleet.services if first["pid"] in [child.pid for child in children(worker)]]
    task = psutil.Process(first["pid"])
    wait_for(lambda: sum(task.cpu_times()[:2]) > IN_THE_MIDDLE, RUN, "the middle of the task")
    with_it = children(victim)
    assert task in with_it
    written = contents(fleet.root / "pair_scores")

    at, began = datetime.now(UTC), time.monotonic()
    os.kill(victim.process.pid, signal.SIGKILL)
    wait_for(lambda: not any(map(alive, with_it)), KILLED_WITHIN, f"the end of {with_it}")
    ended_after = time.monotonic() - began
    assert score_of(fleet, run_id)["state"] == "running"  # nobody knows yet

    wait_for(lambda: started(score_of(fleet, run_id)) > at, RUN, "the second try")
    assert contents(fleet.root / "pair_scores") == written  # the second try has yet to load torch
    taken_after = (started(score_of(fleet, run_id)) - at).total_seconds()
    with capsys.disabled():
        print(f"\n{victim.name} killed: its task ended after {ended_after:.1f} s, was taken after {taken_after:.1f} s")
    assert taken_after < TAKEN_WITHIN

    wait_for(lambda: fleet.api.state(DAG, run_id) in ("success", "failed"), RUN, "the audit")
    assert fleet.api.state(DAG, run_id) == "success"
    assert score_of(fleet, run_id)["try_number"] == 2
    assert decided(fleet.root) == undisturbed


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_fleet_ends_with_its_launcher(tmp_path: Path, number: signal.Signals) -> None:
    temporary = Path(tempfile.mkdtemp(prefix="scott-launcher-"))
    temporary.chmod(0o711)  # PostgreSQL's user passes through it, which it cannot through pytest's
    launcher = subprocess.Popen(
        [sys.executable, "-m", "deploy.fleet", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(temporary)},
        stderr=subprocess.PIPE,
        text=True,
    )
    log = tmp_path / "logs" / "api-server.log"
    wait_for(lambda: log.is_file() and log.stat().st_size > 0, 120, "the API's first words")
    fleet = psutil.Process(launcher.pid).children(recursive=True)
    assert len(fleet) >= 5  # PostgreSQL has some of its own
    launcher.send_signal(number)
    _, told = launcher.communicate(timeout=60)
    assert told == ""
    assert launcher.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    wait_for(lambda: not any(map(alive, fleet)), 10, f"the end of {fleet}")
    if number != signal.SIGKILL:
        assert not list(temporary.iterdir())
    shutil.rmtree(temporary)
