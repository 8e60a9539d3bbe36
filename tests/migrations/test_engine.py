"""The engine's manners: what an error tells, and when a transaction begins."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.db import STATE, Store, make_engine
from flask_apiguard.migrations import create


def refused(url: str) -> str:
    engine = make_engine(url)
    try:
        with engine.connect() as conn, pytest.raises(sa.exc.DBAPIError) as caught:
            conn.execute(sa.text("INSERT INTO nowhere VALUES (:address)"), {"address": "ann@example.com"})
        return str(caught.value)
    finally:
        engine.dispose()


def test_an_error_on_sqlite_names_no_values(tmp_path: Path) -> None:
    told = refused(f"sqlite:///{tmp_path}/apiguard.db")
    assert "INSERT INTO nowhere" in told
    assert "ann@example.com" not in told


def test_an_error_on_postgresql_names_no_values(postgres_url: str) -> None:
    told = refused(postgres_url)
    assert "INSERT INTO nowhere" in told
    assert "ann@example.com" not in told


def test_a_read_that_need_not_be_steady_begins_no_transaction_on_postgresql(postgres_url: str) -> None:
    store = Store(STATE, lambda: postgres_url, Clock().now)
    create(store.engine, STATE)

    def moments(conn: sa.Connection) -> int:
        """How many moments two statements see: a transaction has one."""
        return len({conn.execute(sa.select(sa.func.now())).scalar() for _ in range(2)})

    with store.read(steady=False) as conn:
        assert moments(conn) == 2
    with store.read() as conn:
        assert moments(conn) == 1
    with store.write() as tx:
        assert moments(tx.conn) == 1, "the connection came back as it was"
    store.close()
