"""The authorization server on real sockets, on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_apiguard.db import EVENTS, STATE, make_engine
from flask_apiguard.migrations import create
from tests.oauth.world import World, make_app, running


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """On SQLite."""
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/apiguard.db")) as world:
        yield world


@pytest.fixture
def postgres_world(postgres_url: str) -> Iterator[World]:
    """On PostgreSQL."""
    engine = make_engine(postgres_url)
    create(engine, STATE)
    create(engine, EVENTS)
    engine.dispose()
    with running(lambda base: make_app(base, postgres_url)) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
def any_world(request: pytest.FixtureRequest) -> World:
    """On SQLite, and on PostgreSQL."""
    found: World = request.getfixturevalue("world" if request.param == "sqlite" else "postgres_world")
    return found
