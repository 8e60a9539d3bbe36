"""The authorization server on real sockets, on both stores. The tests of one file share a server, not its clients."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

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
def world(sqlite_server: World) -> World:
    """On SQLite, at the present time, with no failures counted."""
    return sqlite_server.fresh()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_world(request: pytest.FixtureRequest) -> World:
    """On SQLite, and on PostgreSQL."""
    name = "sqlite_server" if request.param == "sqlite" else "postgres_server"
    found: World = request.getfixturevalue(name)
    return found.fresh()
