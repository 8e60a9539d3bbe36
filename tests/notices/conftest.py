"""An outbox in a store of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.contracts import Notice
from flask_apiguard.db import STATE, Store
from flask_apiguard.notices import notify


class Recorder:
    """A notifier that keeps what it is given, and fails as long as it is told to."""

    def __init__(self, name: str = "recorder") -> None:
        self.name = name
        self.sent: list[Notice] = []
        self.broken = False
        self.personal = False

    def send(self, notice: Notice) -> None:
        if self.broken:
            raise ConnectionError("nobody there")
        self.sent.append(notice)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(STATE, lambda: f"sqlite:///{tmp_path}/apiguard.db", clock.now)
    yield store
    store.close()


@pytest.fixture
def queue(store: Store) -> Callable[..., str]:
    """`queue(key="k", subject="s", ...)` commits one notice."""

    def queueing(key: str = "key", subject: str = "Something happened", text: str = "Look.", **rest: object) -> str:
        with store.write() as tx:
            return notify(tx, Notice(key, subject, text, **rest))  # type: ignore[arg-type]

    return queueing
