"""No test of a baseline may reach the network: everything a baseline needs is installed or is refused."""

import socket

import pytest


@pytest.fixture(autouse=True)
def _offline(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a baseline went to the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
