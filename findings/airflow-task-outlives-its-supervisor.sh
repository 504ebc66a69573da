#!/usr/bin/env bash
# The process of an Airflow task goes on when the process that supervises it is killed, and writes what it has to write.
#
# Seen with apache-airflow-task-sdk 1.3.2 (Airflow 3.3.2): the supervisor is killed by SIGKILL, as the kernel does where memory
# is short, or as Celery has the kernel do with its pool's processes when the worker is killed. Its task, in a process group of
# its own, is no longer anybody's. It notices at its next request to the supervisor (a variable, an XCom, its end); until then
# it works beside the next try, which Airflow starts when the heartbeats have been missing for long enough. What ends it
# at once is prctl(PR_SET_PDEATHSIG), called in the task's process, for instance by a listener of `on_starting`.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check apache-airflow==3.3.2
export AIRFLOW_HOME="$folder" AIRFLOW__CORE__LOAD_EXAMPLES=False PYTHONWARNINGS=ignore
"$folder/env/bin/python" - <<'PYTHON'
import ctypes
import os
import signal
import sys
import time
from importlib.metadata import version
from pathlib import Path
from uuid import uuid4

from airflow.sdk.execution_time.supervisor import WatchedSubprocess

home = Path(os.environ["AIRFLOW_HOME"])


def work(name: str, tied: bool) -> None:
    if tied:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    (home / f"{name}.started").touch()
    time.sleep(3)
    (home / f"{name}.written").touch()


def written_after_the_kill(name: str, tied: bool) -> bool:
    supervisor = os.fork()
    if supervisor == 0:
        WatchedSubprocess.start(target=lambda: work(name, tied), id=uuid4(), new_process_group=True)
        time.sleep(60)
        os._exit(0)
    while not (home / f"{name}.started").exists():
        time.sleep(0.1)
    os.kill(supervisor, signal.SIGKILL)
    os.waitpid(supervisor, 0)
    time.sleep(5)
    return (home / f"{name}.written").exists()


as_it_is, tied = written_after_the_kill("as-it-is", False), written_after_the_kill("tied", True)
print(f"apache-airflow-task-sdk {version('apache-airflow-task-sdk')}")
print(f"the supervisor is killed; its task has written all the same: {as_it_is}; with PR_SET_PDEATHSIG: {tied}")
sys.exit((as_it_is, tied) != (True, False))
PYTHON
