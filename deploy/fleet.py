"""A fleet on one machine: python -m deploy.fleet FOLDER

It starts PostgreSQL, Redis and the services of Airflow that deploy/README.md names, on free ports of 127.0.0.1, audits
the sample catalogue over Airflow's REST API, prints its verdicts and stops everything. FOLDER keeps the audit (audit/)
and the logs (logs/, airflow/logs/). The variables are those of deploy/fleet.env; only what is particular to this
machine, and the secrets, are put in their place.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import TracebackType

from deploy.rest import Api
from deploy.secrets import new_secrets
from deploy.services import FleetError, Service, free_port, listens, run_command, start_service, stop_services, wait_for
from deploy.stores import (
    READY,
    create_database,
    postgresql_programs,
    redis_server,
    start_postgresql,
    start_redis,
    takes_connections,
)

ROOT = Path(__file__).parents[1]
ENV_FILE = ROOT / "deploy" / "fleet.env"
DAG = "catalogue_audit"
AIRFLOW = (sys.executable, "-m", "airflow")
CONTROL = {  # the services of the control machine
    "api-server": "airflow api-server",
    "scheduler": "airflow scheduler",
    "dag-processor": "airflow dag-processor",
}
WORKERS = {  # by queue
    "default": "airflow celery worker --queues default",
    "gpu": "airflow celery worker --queues gpu --concurrency 1",
}
CONTROL_ONLY = {  # secrets that no worker needs: it opens documents of strangers
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "AIRFLOW__CORE__FERNET_KEY",
    "AIRFLOW__API_AUTH__JWT_SECRET",
}
OURS = ("AIRFLOW", "SCOTT_", "AWS_", "FLEET_", "PG")  # variables that are not taken from whoever starts the fleet
START, RUN = 300, 900  # seconds; on two busy cores the services are up after 60 to 90


def read_env(path: Path = ENV_FILE) -> tuple[dict[str, str], set[str]]:
    """The variables that an env file sets, and those that it only names ("#NAME=")."""
    lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
    assigned = dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return assigned, {line[1:-1] for line in lines if line.startswith("#") and line.endswith("=") and " " not in line}


class Fleet:
    """All services on this machine; a context manager that starts them and stops them.

    `env` are the variables of the control machine; they can be changed until the fleet is entered.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder.resolve()
        self.root = self.folder / "audit"
        self.api_port, self._database_port, self._broker_port = free_port(), free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.api_port}"
        self._password = secrets.token_urlsafe(16)
        self.api = Api(self.url, "admin", self._password)
        self.stores: list[Service] = []
        self.services: list[Service] = []
        self._cleanup = ExitStack()
        self.env = self._one_machine()

    def _one_machine(self) -> dict[str, str]:
        """The env file's variables, with what is particular to this machine in their place."""
        assigned, named = read_env()
        home = self.folder / "airflow"
        ports = {"database_port": self._database_port, "broker_port": self._broker_port}
        own = {
            "SCOTT_ROOT": str(self.root),
            "SCOTT_BUCKETS": "3",
            "AIRFLOW_HOME": str(home),
            "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "deploy" / "plugins"),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self.api_port),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(home / "passwords.json"),
            **new_secrets("127.0.0.1", **ports),
        }
        unknown = set(own) - {*assigned, *named}
        if unknown:
            raise FleetError(f"{ENV_FILE.name} does not have {', '.join(sorted(unknown))}")
        rest = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        return {**rest, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore", **assigned, **own}

    def __enter__(self) -> Fleet:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _start(self) -> None:
        for name in ("airflow", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        passwords = Path(self.env["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
        passwords.touch(mode=0o600)
        passwords.write_text(json.dumps({"admin": self._password}), encoding="utf-8")
        self._start_stores()
        self._airflow("db", "migrate")
        self._airflow("pools", "set", "gpu", self.env["FLEET_GPUS"], "accelerators")
        self._airflow("pools", "set", "default_pool", self.env["FLEET_SLOTS"], "slots of workers of queue default")
        for name, command in CONTROL.items():
            self._serve(name, command.split()[1:], self.env)
        for queue in WORKERS:
            self.start_worker(queue)
        wait_for(self.api.is_up, START, "Airflow's API", self.services)
        wait_for(lambda: self.api.knows(DAG), START, f"the DAG {DAG}", self.services)

    def _start_stores(self) -> None:
        """PostgreSQL, which refuses to run as root, and Redis; their data goes with the fleet."""
        data = Path(tempfile.mkdtemp(prefix="scott-fleet-"))
        self._cleanup.callback(shutil.rmtree, data)
        data.chmod(0o711)  # PostgreSQL's user passes through it
        database, broker = self.env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"], self.env["AIRFLOW__CELERY__BROKER_URL"]
        logs = self.folder / "logs"
        self.stores.append(start_postgresql(database, data / "postgresql", env=self.env, logs=logs))
        self.stores.append(start_redis(broker, data / "redis", env=self.env, logs=logs))
        wait_for(partial(takes_connections, database), READY, "PostgreSQL", self.stores)
        wait_for(partial(listens, self._broker_port), READY, "Redis", self.stores)
        create_database(database, self.env)

    def start_worker(self, queue: str) -> Service:
        """Starts one more Celery worker of a queue."""
        number = sum(service.name.startswith(f"{queue}-") for service in self.services) + 1
        name = f"{queue}-{number}"
        one_host = ["--skip-serve-logs", "--celery-hostname", f"{name}@%h"]  # the logs lie in one folder here
        return self._serve(name, [*WORKERS[queue].split()[1:], *one_host], self.worker_env())

    def worker_env(self) -> dict[str, str]:
        """The variables of a worker: no secret that the control machine alone needs."""
        return {name: value for name, value in self.env.items() if name not in CONTROL_ONLY}

    def _serve(self, name: str, command: Sequence[str], env: Mapping[str, str]) -> Service:
        service = start_service(name, [*AIRFLOW, *command], env=env, logs=self.folder / "logs")
        self.services.append(service)
        return service

    def _airflow(self, *command: str) -> None:
        run_command([*AIRFLOW, *command], self.env)

    def _stop(self) -> None:
        stop_services(self.services)
        stop_services(self.stores)
        self._cleanup.close()

    def audit(self) -> tuple[str, dict[str, object]]:
        """Runs an audit of what lies under `root`; returns the state of its run, and the counts of its verdicts."""
        run_id = self.api.trigger(DAG, {})
        wait_for(lambda: self.api.state(DAG, run_id) in ("success", "failed"), RUN, "the audit", self.services)
        state = self.api.state(DAG, run_id)
        return state, self.api.returned(DAG, run_id, "reconcile") if state == "success" else {}


def main() -> int:
    """Starts a fleet, audits the sample, prints the verdicts."""
    parser = argparse.ArgumentParser(prog="python -m deploy.fleet", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path, help="where the audit and the logs go")
    folder = parser.parse_args().folder
    for number in (signal.SIGTERM, signal.SIGHUP):  # as Ctrl-C does: through the cleaning up
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    began = time.monotonic()
    try:
        postgresql_programs(), redis_server()
        shutil.copytree(ROOT / "jobs" / "sample" / "catalogue", folder / "audit" / "catalogue", dirs_exist_ok=True)
        with Fleet(folder) as fleet:
            names = ", ".join(service.name for service in [*fleet.stores, *fleet.services])
            print(f"up after {time.monotonic() - began:.0f} s: {names}", flush=True)
            state, counts = fleet.audit()
    except (FleetError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    verdicts = ", ".join(f"{counts.get(name)} {name}" for name in ("match", "no_match", "undecided"))
    print(f"{DAG} over REST: {state} after {time.monotonic() - began:.0f} s; {verdicts}")
    return int(state != "success")


if __name__ == "__main__":
    sys.exit(main())
