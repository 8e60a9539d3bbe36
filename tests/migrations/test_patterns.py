"""Stores after the first of a process are copies of its empty one: the same tables, nothing in them, still in WAL."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.db import EVENTS, STATE, Schema, Store, make_engine
from flask_apiguard.migrations import _create


def described(path: Path) -> list[tuple[str, ...]]:
    with sqlite3.connect(path) as conn:
        return sorted(conn.execute("SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"))


@pytest.mark.parametrize("schema", [STATE, EVENTS], ids=lambda schema: schema.name)
def test_a_copied_store_is_one_that_was_made(tmp_path: Path, schema: Schema) -> None:
    made = make_engine(f"sqlite:///{tmp_path}/made.db")
    _create(made, schema)
    made.dispose()
    for number in range(3):
        path = tmp_path / f"{number}.db"
        store = Store(schema, lambda path=path: f"sqlite:///{path}", Clock().now)
        with store.read() as conn:
            assert conn.execute(sa.text("PRAGMA journal_mode")).scalar() == "wal"
            for table in schema.metadata.sorted_tables:
                assert conn.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
            version = sa.text(f"SELECT version_num FROM {schema.version_table}")
            assert conn.execute(version).scalar() == schema.head
        store.close()
        assert described(path) == described(tmp_path / "made.db")


def test_what_is_written_to_one_copy_is_in_no_other(tmp_path: Path) -> None:
    from flask_apiguard.clients import registry
    from flask_apiguard.testing import TESTER

    stores = [Store(STATE, lambda n=n: f"sqlite:///{tmp_path}/{n}.db", Clock().now) for n in range(2)]
    with stores[0].write() as tx:
        registry.create_organization(tx, TESTER, "One")
    with stores[1].read() as conn:
        table = STATE.metadata.tables["apiguard_organization"]
        assert conn.execute(sa.select(sa.func.count()).select_from(table)).scalar() == 0
    for store in stores:
        store.close()
