"""An event store on both databases, a clock to move, and recorders that are closed with the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flask_apiguard import events
from flask_apiguard.clock import Clock
from flask_apiguard.db import EVENTS, Store


@pytest.fixture
def clock() -> Clock:
    return Clock()


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/events.db"


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    """The default event store: a SQLite file."""
    store = Store(EVENTS, lambda: sqlite_url(tmp_path), clock.now)
    yield store
    store.close()


@pytest.fixture
def postgres_store(ready_postgres_url: str, clock: Clock) -> Iterator[Store]:
    """An empty event store on PostgreSQL."""
    store = Store(EVENTS, lambda: ready_postgres_url, clock.now)
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request: pytest.FixtureRequest) -> Store:
    """Both kinds of event store, one after the other."""
    return request.getfixturevalue("store" if request.param == "sqlite" else "postgres_store")


@pytest.fixture
def spool_folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def make_recorder(clock: Clock, spool_folder: Path) -> Iterator[Callable[..., events.Recorder]]:
    """`make_recorder(store, **options)`: without a thread unless asked for; closed at the end, leaving none."""
    made: list[events.Recorder] = []
    before = set(threading.enumerate())

    def make(store: Store, **options: Any) -> events.Recorder:
        recorder = events.Recorder(options.pop("folder", spool_folder), store, clock, **{"background": False} | options)
        made.append(recorder)
        return recorder

    yield make
    for recorder in made:
        recorder.close()
    assert set(threading.enumerate()) <= before
