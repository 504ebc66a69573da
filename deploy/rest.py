"""Airflow's REST API, as far as an audit needs it: start a run, look at its tasks, read what a task returned."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

TIMEOUT = 30  # seconds; each answer is a small page


class Api:
    """A session of one user. Its methods raise urllib's errors where the server refuses or is not there."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self._url = url
        self._user = {"username": user, "password": password}
        self._token: str | None = None

    def is_up(self) -> bool:
        """Whether the server answers."""
        try:
            self._send("/api/v2/version")
        except (URLError, OSError):
            return False
        return True

    def knows(self, dag_id: str) -> bool:
        """Whether the DAG has been parsed."""
        try:
            return bool(self._call(f"/dags/{dag_id}")["dag_id"])
        except HTTPError as error:
            if error.code != 404:
                raise
            return False

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> str:
        """Starts a run; returns its id."""
        return str(self._call(f"/dags/{dag_id}/dagRuns", {"logical_date": None, "conf": dict(conf)})["dag_run_id"])

    def state(self, dag_id: str, run_id: str) -> str:
        """The state of a run."""
        return str(self._call(f"/dags/{dag_id}/dagRuns/{run_id}")["state"])

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The newest try of each task instance of a run."""
        page = self._call(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances?limit=1000")
        return list(page["task_instances"])

    def returned(self, dag_id: str, run_id: str, task_id: str) -> dict[str, Any]:
        """What a task returned."""
        entry = self._call(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value")
        value = entry["value"]
        return dict(json.loads(value) if isinstance(value, str) else value)

    def _call(self, path: str, body: object = None) -> Any:
        if self._token is None:
            self._token = str(self._send("/auth/token", self._user)["access_token"])
        return self._send(f"/api/v2{path}", body)

    def _send(self, path: str, body: object = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        data = None if body is None else json.dumps(body).encode()
        with urlopen(Request(self._url + path, data, headers), timeout=TIMEOUT) as answer:
            return json.load(answer)
