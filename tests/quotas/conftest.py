"""What the tests of this room share."""

from __future__ import annotations

from pathlib import Path

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store
from flask_apiguard.quotas import put_plan
from flask_apiguard.values import SYSTEM


class Still(Clock):
    """A clock that moves only when told to; it begins a little after a full minute."""

    def time(self) -> float:
        return 1_763_000_001.5 + self.offset


@pytest.fixture
def clock() -> Clock:
    return Still()


@pytest.fixture
def store(tmp_path: Path, clock: Clock):
    made = Store(STATE, lambda: f"sqlite:///{tmp_path}/apiguard.db", clock.now)
    yield made
    made.close()


@pytest.fixture
def plan(store: Store):
    """`plan(name, item, ...)` writes a plan."""

    def write(name: str, *items: dict) -> None:
        with store.write() as tx:
            put_plan(tx, SYSTEM, name, items)

    return write
