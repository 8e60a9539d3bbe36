"""Single rows on kept connections: each is durable by itself, and the log that they fill is emptied beside them."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.clients.tables import organization
from flask_apiguard.clock import Clock
from flask_apiguard.credentials.alone import Insert
from flask_apiguard.db import STATE, Store, kept, single
from flask_apiguard.db.single import Kept
from flask_apiguard.errors import StoreAway
from tests.waiting import wait_for

pytestmark = pytest.mark.sqlite


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(STATE, lambda: f"sqlite:///{tmp_path}/apiguard.db", Clock().now)
    yield made
    made.close()


INSERT = Insert(organization, "id", "created_at")


def write(store: Store, first: int, last: int) -> None:
    rows = INSERT.rows(store, {"name": "Acme " * 20, "version": 1})
    for number in range(first, last):
        rows.add(f"org_{number}", store.now())


def writing(store: Store) -> Kept:
    found = kept(store.engine)
    assert found is not None
    return found


def written(store: Store) -> int:
    """Rows that a stranger to this process's connections sees."""
    assert store.path is not None
    other = sqlite3.connect(store.path)
    try:
        return int(other.execute("SELECT count(*) FROM apiguard_organization").fetchone()[0])
    finally:
        other.close()


def test_each_row_is_there_for_everybody_when_its_writer_goes_on(store: Store) -> None:
    for number in range(3):
        write(store, number, number + 1)
        assert written(store) == number + 1
    assert len(writing(store)._free) == 1, "one connection was enough, and it is kept"


def test_the_log_is_emptied_beside_the_writers_and_by_none_of_them(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    began: list[str] = []
    act = Kept._checkpoint

    def checkpoint(self: Kept) -> None:
        began.append(threading.current_thread().name)
        act(self)

    monkeypatch.setattr(Kept, "_checkpoint", checkpoint)
    monkeypatch.setattr(single, "ROWS", 10)
    write(store, 0, 9)
    assert began == []
    write(store, 9, 10)
    wait_for(lambda: began)
    store.close()
    assert began == ["apiguard-checkpoint"]
    assert not [thread for thread in threading.enumerate() if thread.name == "apiguard-checkpoint"]
    assert written(store) == 10


def test_a_long_log_begins_anew_and_a_reader_holds_up_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(single, "PAGES", 50)
    write(store, 0, 40)
    assert store.path is not None
    size = store.path.with_name(store.path.name + "-wal").stat().st_size
    with store.read() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(organization)) == 40
        write(store, 40, 41)
        writing(store)._checkpoint()  # begins nothing anew, since somebody still reads there; and comes back
        write(store, 41, 42)
        assert conn.scalar(sa.select(sa.func.count()).select_from(organization)) == 40
    writing(store)._checkpoint()
    write(store, 42, 60)
    assert store.path.with_name(store.path.name + "-wal").stat().st_size < 1.2 * size
    assert written(store) == 60


def test_connections_end_with_their_store(store: Store) -> None:
    write(store, 0, 1)
    old = writing(store)
    (connection,) = old._free
    store.close()
    assert old._free == []
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    write(store, 1, 2)
    assert writing(store) is not old
    assert written(store) == 2


def test_what_sqlite_refuses_is_told_and_its_connection_is_not_used_again(store: Store) -> None:
    write(store, 0, 1)
    (connection,) = writing(store)._free
    with pytest.raises(sqlite3.IntegrityError):
        write(store, 0, 1)
    assert writing(store)._free == []
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
    write(store, 1, 2)


def test_a_store_that_is_locked_for_too_long_is_away(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_apiguard.db.engines.BUSY_SECONDS", 0.05)
    write(store, 0, 1)
    assert store.path is not None
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreAway):
        write(store, 1, 2)
    other.execute("ROLLBACK")
    other.close()
    write(store, 1, 2)
    assert written(store) == 2


def test_a_store_in_memory_is_one_connection_for_all() -> None:
    made = Store(STATE, lambda: "sqlite://", Clock().now)
    write(made, 0, 3)
    assert kept(made.engine) is None
    with made.read() as conn:
        assert conn.scalar(sa.select(sa.func.count()).select_from(organization)) == 3
    made.close()
