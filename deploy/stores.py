"""PostgreSQL and Redis from Debian's packages, on the loopback, for one fleet: their data goes with it."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from deploy.services import FleetError, Service, run_command, start_service

READY = 60  # seconds until a store is up; on an idle machine it takes one or two


def start_postgresql(url: str, folder: Path, *, env: Mapping[str, str], logs: Path) -> Service:
    """A PostgreSQL server at `url`, with its data in the new folder `folder`; it will not run as root."""
    programs = postgresql_programs()
    user = "postgres" if os.getuid() == 0 else None
    asked = urlsplit(url)
    password = folder.with_suffix(".password")
    password.touch(mode=0o600)
    password.write_text(asked.password or "", encoding="utf-8")
    folder.mkdir(mode=0o700)
    if user:
        for path in (password, folder):
            shutil.chown(path, user, user)
    initdb = [f"{programs}/initdb", "--auth=scram-sha-256", "--no-sync", f"--pwfile={password}", "-D", str(folder)]
    run_command([*initdb, f"--username={asked.username}"], env, user=user)
    password.unlink()
    command = [
        f"{programs}/postgres",
        "-D",
        str(folder),
        "-p",
        str(asked.port),
        "-c",
        f"listen_addresses={asked.hostname}",
    ]
    return start_service("postgresql", [*command, "-c", "unix_socket_directories="], env=env, logs=logs, user=user)


def takes_connections(url: str) -> bool:
    """Whether the PostgreSQL server at `url` is up; it listens a moment before."""
    asked = urlsplit(url)
    command = [f"{postgresql_programs()}/pg_isready", "--quiet", f"--host={asked.hostname}", f"--port={asked.port}"]
    return subprocess.run(command).returncode == 0


def create_database(url: str, env: Mapping[str, str]) -> None:
    """Creates the database that `url` names. Raises FleetError."""
    asked = urlsplit(url)
    account = {"PGHOST": asked.hostname, "PGPORT": asked.port, "PGUSER": asked.username, "PGPASSWORD": asked.password}
    command = [f"{postgresql_programs()}/createdb", "--maintenance-db=postgres", asked.path[1:]]
    run_command(command, {**env, **{name: str(value) for name, value in account.items()}})


def start_redis(url: str, folder: Path, *, env: Mapping[str, str], logs: Path) -> Service:
    """A Redis server at `url`. Its password is on no command line, where every user of the machine would see it."""
    asked = urlsplit(url)
    folder.mkdir()
    lines = [
        f"port {asked.port}",
        f"bind {asked.hostname}",
        f"requirepass {asked.password}",
        'save ""',
        f"dir {folder}",
    ]
    return start_service("redis", [redis_server(), "-"], env=env, logs=logs, text="\n".join(lines) + "\n")


def postgresql_programs() -> Path:
    """The folder of PostgreSQL's programs, which Debian leaves out of PATH. Raises FleetError."""
    folders = [path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if folders:
        return max(folders, key=lambda folder: float(folder.parent.name))
    found = shutil.which("initdb")
    if found is None:
        raise FleetError("PostgreSQL's initdb is not here: apt-get install postgresql")
    return Path(found).resolve().parent


def redis_server() -> str:
    """The program redis-server. Raises FleetError."""
    found = shutil.which("redis-server")
    if found is None:
        raise FleetError("redis-server is not here: apt-get install redis-server")
    return found
