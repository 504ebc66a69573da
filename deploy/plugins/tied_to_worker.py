"""Ends a task's process with its worker, by the kernel: no orphan of a killed worker goes on writing.

A worker is three processes: Celery's main one, one of its pool, which supervises a task, and the task's own. The kernel
kills the pool's process with the main one, as Celery asks it to (celery/concurrency/prefork.py). For the task's own,
which is in a process group of its own, nobody asks: this listener does, when it starts.
"""

from __future__ import annotations

import ctypes
import signal

from airflow.listeners import hookimpl
from airflow.plugins_manager import AirflowPlugin
from airflow.sdk.execution_time.task_runner import TaskRunnerMarker

PR_SET_PDEATHSIG = 1  # prctl(2)


class TiedToWorker:
    """Listens to the start of a task's process."""

    @hookimpl
    def on_starting(self, component: object) -> None:
        """Asks the kernel to kill this process with its parent.

        A parent that was killed just before is noticed all the same: Airflow asks it for things before it runs a task.
        """
        if isinstance(component, TaskRunnerMarker):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class TiedToWorkerPlugin(AirflowPlugin):
    """Registers the listener in each process that loads plugins."""

    name = "tied_to_worker"
    listeners = [TiedToWorker()]  # noqa: RUF012 - as AirflowPlugin has it
