"""Label Studio on one machine: python -m deploy.label_studio TASKS [--user EMAIL]

It starts Label Studio on a free port of 127.0.0.1, with SQLite in TASKS/label-studio, makes a project of the tasks that
`scott review export` wrote to TASKS, and prints where it is and the password. Ctrl-C exports the project to
TASKS/export.json and stops; the same command goes on where it was. Neither the server nor its pages tell its maker
anything (analytics, versions, faults).
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from deploy.services import FleetError, Service, free_port, start_service, stop_services, wait_for

ROOT = Path(__file__).parents[1]
PROGRAM = ROOT / ".venv-labelstudio" / "bin" / "label-studio"
START = 600  # seconds; its first start makes the database: 100 s on one of two busy cores
TIMEOUT = 120  # seconds; an import of some hundred tasks is one request
USER = "reviewer@localhost.localdomain"


class LabelStudio:
    """A running Label Studio for the tasks of one folder; a context manager that starts it and stops it."""

    def __init__(self, tasks: Path, *, user: str = USER, program: Path = PROGRAM) -> None:
        self.tasks = tasks.resolve()
        self.folder = self.tasks / "label-studio"
        self.url = f"http://127.0.0.1:{(port := free_port())}"
        self._program = program
        self._port = port
        self._user = user
        self._service: Service | None = None

    def __enter__(self) -> LabelStudio:
        if not (self.tasks / "tasks.json").is_file():
            raise FleetError(f"{self.tasks} has no tasks.json: scott review export writes it")
        if not self._program.is_file():
            raise FleetError(f"{self._program} is not there: make label-studio installs it")
        self.folder.mkdir(exist_ok=True)
        self.user = self._read_user()
        command = ["start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(self._port)]
        self._service = start_service("label-studio", [str(self._program), *command], env=self._env(), logs=self.folder)
        try:
            wait_for(self._is_up, START, "Label Studio", [self._service])
        except BaseException:
            stop_services([self._service])
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._service:
            stop_services([self._service])

    def call(self, path: str, body: object = None) -> Any:
        """An answer of the REST API. Raises FleetError with what the server says where it refuses."""
        headers = {"Authorization": f"Token {self.user['token']}", "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        try:
            with urlopen(Request(self.url + path, data, headers), timeout=TIMEOUT) as answer:
                return json.load(answer)
        except HTTPError as error:
            raise FleetError(f"Label Studio refuses {path}: {error.code} {error.read()[:500]!r}") from error
        except OSError as error:
            raise FleetError(f"Label Studio does not answer {path}: {error}") from error

    def project(self) -> int:
        """The number of the project of these tasks, which is made where there is none, or none with tasks."""
        tasks = json.loads((self.tasks / "tasks.json").read_text(encoding="utf-8"))
        if not tasks:
            raise FleetError(f"{self.tasks} has no task: there is nothing to answer")
        title = ".".join(tasks[0]["data"]["task_id"].split(".")[:2])
        for found in self.call("/api/projects?page_size=1000")["results"]:
            if found["title"] == title and found["task_number"]:  # none: its import was cut short
                return int(found["id"])
        labelling = (self.tasks / "labelling.xml").read_text(encoding="utf-8")
        settings = {"show_collab_predictions": True, "enable_empty_annotation": False}
        number = int(self.call("/api/projects", {"title": title, "label_config": labelling, **settings})["id"])
        images = {"project": number, "title": "images", "path": str(self.tasks / "images")}
        self.call("/api/storages/localfiles", images)  # else no file of it is served
        self.call(f"/api/projects/{number}/import", tasks)
        return number

    def export(self, number: int) -> Path:
        """Exports a project to TASKS/export.json."""
        path = self.tasks / "export.json"
        found = self.call(f"/api/projects/{number}/export?exportType=JSON")
        path.write_text(json.dumps(found, ensure_ascii=False) + "\n", encoding="utf-8")
        return path

    def _read_user(self) -> dict[str, str]:
        """The account of this folder: email, password and token."""
        path = self.folder / "account.json"
        if not path.exists():
            new = {"email": self._user, "password": secrets.token_urlsafe(12), "token": secrets.token_hex(20)}
            path.touch(mode=0o600)
            path.write_text(json.dumps(new) + "\n", encoding="utf-8")
        account: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        return account

    def _env(self) -> Mapping[str, str]:
        ours = {name: value for name, value in os.environ.items() if not name.startswith(("LABEL_STUDIO_", "PYTHON"))}
        return {
            **ours,
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.folder),
            "LABEL_STUDIO_USERNAME": self.user["email"],
            "LABEL_STUDIO_PASSWORD": self.user["password"],
            "LABEL_STUDIO_USER_TOKEN": self.user["token"],
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(self.tasks),
            "COLLECT_ANALYTICS": "false",
            "LATEST_VERSION_CHECK": "false",
            "SENTRY_DSN": "",  # faults, of the server and of its pages
            "FRONTEND_SENTRY_DSN": "",
        }

    def _is_up(self) -> bool:
        with suppress(URLError, OSError, FleetError):
            return bool(self.call("/api/current-user/whoami")["id"])
        return False


def main() -> int:
    """Runs Label Studio for a folder of tasks until it is interrupted."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.label_studio", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("tasks", type=Path, help="folder that scott review export wrote")
    parser.add_argument("--user", default=USER, help=f"email of the reviewer, in a new folder (default: {USER})")
    arguments = parser.parse_args()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell starts what runs beside it with the first ignored
        signal.signal(number, signal.default_int_handler)
    began = time.monotonic()
    try:
        with LabelStudio(arguments.tasks, user=arguments.user) as studio:
            project = studio.project()
            print(f"up after {time.monotonic() - began:.0f} s: {studio.url}/projects/{project}")
            print(
                f"user {studio.user['email']}, password {studio.user['password']}; Ctrl-C exports and stops", flush=True
            )
            with suppress(KeyboardInterrupt):
                signal.pause()
            print(f"exported: {studio.export(project)}")
    except FleetError as error:
        print(f"label-studio: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
