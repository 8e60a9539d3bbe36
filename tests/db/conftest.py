"""The state store by itself, on SQLite and on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """On both."""
    sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path}/apiguard.db" if sqlite else request.getfixturevalue("ready_postgres_url")
    made = Store(STATE, lambda: url, Clock().now)
    yield made
    made.close()


@pytest.fixture
def postgres_store(ready_postgres_url: str) -> Iterator[Store]:
    """On PostgreSQL."""
    made = Store(STATE, lambda: ready_postgres_url, Clock().now)
    yield made
    made.close()
