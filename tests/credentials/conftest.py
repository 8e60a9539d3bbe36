"""The room on both stores."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.credentials.house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """On SQLite."""
    house = House(f"sqlite:///{tmp_path}/apiguard.db")
    yield house
    house.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_house(request: pytest.FixtureRequest) -> Iterator[House]:
    """On SQLite, and on PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("house")
        return
    house = House(request.getfixturevalue("ready_postgres_url"))
    yield house
    house.close()
