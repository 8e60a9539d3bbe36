"""One house for each test, and the people whom most tests need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_apiguard.values import By

from .house import House


@pytest.fixture(scope="session")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once: each test starts with a copy of it."""
    path = tmp_path_factory.mktemp("empty") / "apiguard.db"
    made = House(f"sqlite:///{path}")
    made.store.open()
    made.close()
    return path


@pytest.fixture
def house(tmp_path: Path, empty: Path) -> Iterator[House]:
    shutil.copy(empty, tmp_path / "apiguard.db")
    made = House(f"sqlite:///{tmp_path}/apiguard.db")
    yield made
    made.close()


@pytest.fixture
def acme(house: House) -> str:
    return house.organization("Acme")


@pytest.fixture
def ann(house: House, acme: str) -> By:
    return house.person("ann", "owner", acme)


@pytest.fixture
def rita(house: House) -> By:
    return house.person("rita", "reviewer")


@pytest.fixture
def rob(house: House) -> By:
    return house.person("rob", "reviewer")
