"""A ledger in a store of its own, with its checkpoint file outside of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flask_apiguard.clock import Clock
from flask_apiguard.crypto import Secrets
from flask_apiguard.db import STATE, Store
from flask_apiguard.ledger import Ledger, enter
from flask_apiguard.values import Actor, By, Happening

SECRET = b"a secret of the tests that is long enough"
ANN = By(Actor.PERSON, "per_ann", "Ann Example", "org_1", frozenset({"owner"}), "req_1", "192.0.2.7")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    store = Store(STATE, lambda: f"sqlite:///{tmp_path}/apiguard.db", clock.now)
    yield store
    store.close()


@pytest.fixture
def postgres_store(ready_postgres_url: str, clock: Clock) -> Iterator[Store]:
    store = Store(STATE, lambda: ready_postgres_url, clock.now)
    yield store
    store.close()


@pytest.fixture
def book(store: Store, clock: Clock, tmp_path: Path) -> Ledger:
    return Ledger(store, Secrets(SECRET), clock, file=tmp_path / "outside" / "checkpoints.jsonl")


@pytest.fixture
def write(store: Store) -> Callable[..., None]:
    """`write(3)` commits three entries, each in a transaction of its own."""

    def writing(count: int = 1, by: By = ANN, **fields: object) -> None:
        for number in range(count):
            with store.write() as tx:
                enter(tx, by, Happening.CLIENTS_CLIENT_CREATED, f"client:{number}", **fields)  # type: ignore[arg-type]

    return writing
