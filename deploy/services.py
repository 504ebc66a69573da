"""Long-running processes, each in a process group of its own that ends with the process that started it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

GRACE = 15  # seconds from SIGTERM to SIGKILL; Airflow's services end within three where they are idle


class FleetError(Exception):
    """Something of the fleet is missing or has failed; the message is one line."""


@dataclass(frozen=True)
class Service:
    """A running process and its log."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path


def start_service(
    name: str,
    command: Sequence[str],
    *,
    env: Mapping[str, str],
    logs: Path,
    user: str | None = None,
    text: str | None = None,
) -> Service:
    """Starts `command` as `user`, with `text` on its standard input; its output goes to `logs`/name.log.

    The kernel kills it when this process ends, however that comes about (setpriv's --pdeathsig).
    """
    log = logs / f"{name}.log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", *command],
            env=dict(env),
            stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            process_group=0,
            user=user,
            group=user,
            extra_groups=[] if user else None,
        )
    if process.stdin and text is not None:
        with process.stdin:
            process.stdin.write(text.encode())
    return Service(name, process, log)


def run_command(command: Sequence[str], env: Mapping[str, str], *, user: str | None = None) -> None:
    """Runs a command to its end. Raises FleetError with its last line where it fails."""
    done = subprocess.run(
        command,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        user=user,
        group=user,
        extra_groups=[] if user else None,
    )
    if done.returncode:
        last = (done.stdout.strip().splitlines() or ["it printed nothing"])[-1]
        raise FleetError(f"{' '.join(command)} ended with {done.returncode}: {last}")


def stop_services(services: Iterable[Service]) -> None:
    """Stops the process groups: SIGTERM to all, then SIGKILL to what is left after GRACE seconds."""
    processes = [service.process for service in services]
    for process in processes:
        _signal(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    for process in processes:
        with suppress(subprocess.TimeoutExpired):
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        _signal(process, signal.SIGKILL)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def wait_for(ready: Callable[[], bool], seconds: float, what: str, services: Iterable[Service] = ()) -> None:
    """Waits until `ready()`. Raises FleetError after `seconds`, and where one of `services` has ended."""
    deadline = time.monotonic() + seconds
    while not ready():
        for service in services:
            if service.process.poll() is not None:
                raise FleetError(f"{service.name} ended with {service.process.returncode}: see {service.log}")
        if time.monotonic() > deadline:
            raise FleetError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.5)


def free_port() -> int:
    """A port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def listens(port: int) -> bool:
    """Whether somebody listens on a port of the loopback."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
