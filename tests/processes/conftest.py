"""Workers of one host on one instance folder, and the governing process beside them."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from flask_apiguard.house import House
from tests.waiting import PATIENCE

from .served import TESTER, create_app

Answer = tuple[int, dict[str, str], Any]


def call(url: str, key: str | None = None, method: str = "GET", timeout: float = PATIENCE) -> Answer:
    """Status, headers and JSON of one real call."""
    request = urllib.request.Request(url, method=method)
    if key is not None:
        request.add_header("Authorization", f"Bearer {key}")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, dict(answer.headers), json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), json.loads(error.read() or b"null")


@dataclass
class Beside:
    """What an operator's process has: the same house on the same files, and a client with a key."""

    app: Flask
    house: House
    key: str
    client_id: str


@pytest.fixture
def beside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Beside]:
    monkeypatch.setenv("SERVED_INSTANCE", str(tmp_path / "instance"))
    app = create_app()
    house: House = app.extensions["apiguard"]
    made = fresh(house)
    yield Beside(app, house, *made)
    house.close()


def fresh(house: House) -> tuple[str, str]:
    """A new client's key and id."""
    from flask_apiguard import access
    from flask_apiguard.clients import registry
    from flask_apiguard.values import Environment, State

    with house.store.write() as tx:
        owner = registry.create_organization(tx, TESTER, "Acme")
        application = registry.create_application(tx, TESTER, owner.id, "Acme Pay", state=State.PRODUCTION)
        client = registry.create_client(tx, TESTER, application.id, Environment.PRODUCTION)
        access.give(tx, TESTER, application.id, Environment.PRODUCTION, ["orders:read"])
        _, key = house.keys.create(tx, TESTER, client.id, name="first")
    return key, client.id


@pytest.fixture
def workers(beside: Beside, gunicorn_server: Callable[..., Any]) -> Callable[..., Any]:
    def start(number: int = 4, threads: int = 2) -> Any:
        env = {"SERVED_INSTANCE": beside.app.instance_path}
        # Preloaded: the parent imports once, and everything must be opened anew after the fork.
        target = "tests.processes.served:create_app()"
        return gunicorn_server(target, workers=number, threads=threads, env=env, arguments=["--preload"])

    return start
