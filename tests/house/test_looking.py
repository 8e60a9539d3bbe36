"""How old a look at the change log may be that a call stands on: the same with every kind of store and counter."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from flask import Flask

from flask_apiguard import APIGuard
from flask_apiguard.clients.watch import Watch
from flask_apiguard.extension import house_of
from flask_apiguard.house import House

ROOT = Path(__file__).parents[2]
#: What a revocation may be late by, in seconds, and what it is when two threads arrive at once: two intervals.
BUDGET = 0.1
MOVE = """
import sys
from flask_apiguard.clients import changed
from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store
with Store(STATE, lambda: sys.argv[1], Clock().now).write() as tx:
    changed(tx, sys.argv[2])
"""


@dataclass
class Hand:
    """A clock that stands until it is moved."""

    at: float = 1000.0

    def monotonic(self) -> float:
        return self.at


@pytest.fixture
def house(tmp_path: Path, ready_postgres_url: str, valkey_url: str) -> Iterator[House]:
    """On PostgreSQL, counting on Valkey, as several hosts have it."""
    app = Flask("both", instance_path=str(tmp_path))
    app.config.update(
        APIGUARD_DATABASE_URL=ready_postgres_url, APIGUARD_COUNTERS_URL=valkey_url, APIGUARD_SECRET="s" * 48
    )
    APIGuard(app, paths=["/api"], brand="acme")
    house = house_of(app)
    yield house
    house.close()


def said_to(watch: Watch) -> list[str]:
    """What a memory is told of from now on."""
    told: list[str] = []
    watch.attach(told.extend, lambda: told.append("FLUSH"))
    return told


def test_beside_valkey_a_look_is_never_older_than_half_the_budget(
    house: House, ready_postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand()
    monkeypatch.setattr("flask_apiguard.clients.watch.time", hand)
    watch = house.watch
    assert 2 * watch._interval <= BUDGET
    told = said_to(watch)
    watch.look()
    told.clear()
    for subject in ("client:1", "client:2"):
        command = [sys.executable, "-c", MOVE, ready_postgres_url, subject]
        subprocess.run(command, cwd=ROOT, check=True)
        hand.at += 0.6 * watch._interval
        watch.look()
        assert told == [], "what it knows is young enough to stand on"
        hand.at += 0.5 * watch._interval
        watch.look()
        assert told == [subject], "another process's change is seen by the first call after the interval"
        told.clear()
