"""What somebody who reads sees while others write."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from flask_apiguard.clients import registry
from flask_apiguard.clients.tables import organization
from flask_apiguard.db import Store
from flask_apiguard.values import SYSTEM

COUNT = sa.select(sa.func.count()).select_from(organization)


def write(store: Store) -> None:
    with store.write() as tx:
        registry.create_organization(tx, SYSTEM, "Acme")


def test_a_reader_sees_one_state_throughout_whatever_is_committed_meanwhile(store: Store) -> None:
    write(store)
    with store.read() as conn:
        assert conn.execute(COUNT).scalar() == 1
        write(store)
        assert conn.execute(COUNT).scalar() == 1
    with store.read() as conn:
        assert conn.execute(COUNT).scalar() == 2, "and the next reader the next one"


def test_who_asks_for_no_steadiness_sees_the_newest_state_with_each_statement(postgres_store: Store) -> None:
    with postgres_store.read(steady=False) as conn:
        assert conn.execute(COUNT).scalar() == 0
        write(postgres_store)
        assert conn.execute(COUNT).scalar() == 1


def test_a_reader_writes_nothing(postgres_store: Store) -> None:
    with pytest.raises(DBAPIError, match="read-only"), postgres_store.read() as conn:
        conn.execute(organization.delete())


def test_how_one_reads_stays_with_no_connection(postgres_store: Store) -> None:
    """There is one connection here, which everybody gets in turn."""
    modes = sa.text("SELECT current_setting('transaction_isolation'), current_setting('transaction_read_only')")
    seen = []
    for _ in range(2):
        with postgres_store.read() as conn:
            seen.append(tuple(conn.execute(modes).one()))
        with postgres_store.write() as tx:
            seen.append(tuple(tx.execute(modes).one()))
        with postgres_store.read(steady=False) as conn:
            seen.append(tuple(conn.execute(modes).one()))
    assert seen == [("repeatable read", "on"), ("read committed", "off"), ("read committed", "off")] * 2
