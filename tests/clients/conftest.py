"""The room's store, on both servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """On SQLite."""
    store = Store(STATE, lambda: f"sqlite:///{tmp_path}/apiguard.db", clock.now)
    yield store
    store.close()


@pytest.fixture
def postgres_store(ready_postgres_url: str, clock: Clock) -> Iterator[Store]:
    """On PostgreSQL."""
    store = Store(STATE, lambda: ready_postgres_url, clock.now)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """On SQLite, and on PostgreSQL."""
    found: Store = request.getfixturevalue("store" if request.param == "sqlite" else "postgres_store")
    return found
