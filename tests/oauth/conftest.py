"""The authorization server on real sockets, on both stores. The tests of one file share a server, not its clients."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard import crypto
from flask_apiguard.oauth import jose
from tests.oauth.world import World, make_app, running


@pytest.fixture(scope="module")
def sqlite_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """On SQLite."""
    folder: Path = tmp_path_factory.mktemp("oauth")
    with running(lambda base: make_app(base, f"sqlite:///{folder}/apiguard.db")) as world:
        yield world


@pytest.fixture(scope="module")
def postgres_server(ready_postgres_module_url: str) -> Iterator[World]:
    """On PostgreSQL."""
    with running(lambda base: make_app(base, ready_postgres_module_url)) as world:
        yield world


@pytest.fixture
def lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How long each text is that is decoded from base 64, read as JSON or digested, in this process."""
    found: list[int] = []

    def measured(act: Callable[..., Any]) -> Callable[..., Any]:
        def measuring(*given: Any, **more: Any) -> Any:
            found.extend(len(one) for one in given if isinstance(one, str | bytes))
            return act(*given, **more)

        return measuring

    for module, name in (
        (base64, "b64decode"),
        (jose, "read_json"),
        (hashlib, "sha256"),
        (hmac, "new"),
        (hmac, "digest"),
        (crypto._Keyed, "hexdigest"),
    ):
        monkeypatch.setattr(module, name, measured(getattr(module, name)))
    return found


@pytest.fixture
def world(sqlite_server: World) -> World:
    """On SQLite, at the present time, with no failures counted."""
    return sqlite_server.fresh()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_world(request: pytest.FixtureRequest) -> World:
    """On SQLite, and on PostgreSQL."""
    name = "sqlite_server" if request.param == "sqlite" else "postgres_server"
    found: World = request.getfixturevalue(name)
    return found.fresh()
