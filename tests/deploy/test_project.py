"""The project of a folder of tasks in Label Studio, with made-up answers of its: what an import that fails leaves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest

from deploy import label_studio
from deploy.label_studio import PROGRAM, LabelStudio
from deploy.services import FleetError


class Server:
    """The part of Label Studio's REST API that makes a project."""

    def __init__(self) -> None:
        self.projects: list[dict[str, Any]] = []
        self.fails = True

    def call(self, path: str, body: Any = None) -> Any:
        if path.endswith("/import"):
            if self.fails:
                self.fails = False
                raise FleetError("Label Studio does not answer")
            self.projects[-1]["task_number"] = len(body)
        elif path == "/api/projects":
            self.projects.append({"id": len(self.projects) + 1, "title": body["title"], "task_number": 0})
            return self.projects[-1]
        return {"results": self.projects}


def test_an_import_that_failed_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tasks.json").write_text(json.dumps([{"data": {"task_id": "2026-01-02.abc.0001"}}]))
    (tmp_path / "labelling.xml").write_text("<View/>")
    server = Server()
    studio = LabelStudio(tmp_path, program=PROGRAM)
    monkeypatch.setattr(studio, "call", server.call)
    with pytest.raises(FleetError):
        studio.project()
    number = studio.project()
    assert studio.project() == number
    assert [each["task_number"] for each in server.projects if each["id"] == number] == [1]


def test_a_server_that_does_not_answer_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: Any, **__: Any) -> Any:
        raise URLError("timed out")

    studio = LabelStudio(tmp_path, program=PROGRAM)
    studio.user = {"token": "x"}
    monkeypatch.setattr(label_studio, "urlopen", silent)
    with pytest.raises(FleetError, match="does not answer /api/projects"):
        studio.call("/api/projects")
