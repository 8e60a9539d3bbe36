"""The same ledger on PostgreSQL: its own types, one steady look while others write, tampering found all the same."""

from __future__ import annotations

import sqlalchemy as sa

from flask_apiguard.clock import Clock
from flask_apiguard.crypto import Secrets
from flask_apiguard.db import Store
from flask_apiguard.ledger import Ledger, enter
from flask_apiguard.ledger.tables import ledger, personal
from flask_apiguard.values import By, Happening

from .conftest import ANN, SECRET


def test_the_ledger_keeps_its_promises_on_postgresql(postgres_store: Store, clock: Clock) -> None:
    book = Ledger(postgres_store, Secrets(SECRET), clock)
    with postgres_store.write() as tx:
        nasty = By(ANN.kind, "per_\x00\ud800", "N\x00", request_id="\x00")
        enter(
            tx, ANN, Happening.CLIENTS_CLIENT_CREATED, "client:\x00a", after={"\x00": "\ud800", "n": 0.5}, reason="\x00"
        )
        enter(tx, nasty, Happening.CLIENTS_CLIENT_CREATED, "client:a", personal={"email": "a@example.org"})
        book.checkpoint(tx, {"events": {"seq": 3, "chain": "ab"}})
    with postgres_store.write() as tx:
        assert book.erase(tx, ANN, "per_ann") == 2
    with postgres_store.write() as tx:
        book.checkpoint(tx)
    found = book.verify()
    assert (found.ok, found.count, found.wrong) == (True, 4, "")
    assert [entry.seq for entry in book.entries(happening="clients:", limit=1).entries] == [2]
    for statement, seq in [
        (personal.update().where(personal.c.field == "email").values(value="b@example.org"), 2),
        (ledger.update().where(ledger.c.seq == 2).values(subject="client:b"), 2),
        (ledger.delete().where(ledger.c.seq == 1), 1),
    ]:
        with postgres_store.write() as tx:
            tx.execute(statement)
        assert book.verify().first_bad == seq


def test_a_look_that_others_write_into_sees_one_state(postgres_store: Store, clock: Clock) -> None:
    book = Ledger(postgres_store, Secrets(SECRET), clock)
    with postgres_store.write() as tx:
        enter(tx, ANN, Happening.CLIENTS_CLIENT_CREATED, "client:a")
    with postgres_store.read() as conn:
        assert conn.execute(sa.select(sa.func.count()).select_from(ledger)).scalar() == 1
        with postgres_store.write() as tx:
            enter(tx, ANN, Happening.CLIENTS_CLIENT_CREATED, "client:b")
        assert conn.execute(sa.select(sa.func.count()).select_from(ledger)).scalar() == 1
    assert book.verify().count == 2
