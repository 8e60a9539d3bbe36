"""One house for each test, and the people whom most tests need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flask_apiguard.values import By

from .house import House


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
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
