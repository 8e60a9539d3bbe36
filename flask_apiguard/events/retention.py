"""What age takes away: first the last part of addresses, then the event. The chain over all of it stays whole."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import sqlalchemy as sa

from ..db import Store, Transaction
from .delivery import Delivery
from .line import END, PERSONAL
from .tables import access_event, event_batch

#: Batches per transaction, so that nobody waits long for the store.
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Retained:
    """What one round of retention did, in events."""

    reduced: int
    pruned: int


def retain(
    store: Store, delivery: Delivery, now: dt.datetime, keep: dt.timedelta, keep_addresses: dt.timedelta
) -> Retained:
    """Cut addresses of batches older than ``keep_addresses`` to their network, delete events of those beyond ``keep``.

    A batch goes whole, when its newest event is old enough and every required sink has taken it.
    """
    with store.read() as conn:
        held = delivery.held_from(conn)
    pruned = reduced = 0
    unpruned = event_batch.c.pruned_at.is_(None)
    free = event_batch.c.seq < held if held is not None else sa.true()
    while found := _some(store, event_batch.c.newest < now - keep, unpruned, free):
        with store.write() as tx:
            pruned += tx.execute(access_event.delete().where(access_event.c.batch.in_(found))).rowcount
            _mark(tx, found, "pruned_at", now)
    unreduced = event_batch.c.reduced_at.is_(None)
    while found := _some(store, event_batch.c.newest < now - keep_addresses, unreduced, unpruned):
        with store.write() as tx:
            reduced += _reduce(tx, found)
            _mark(tx, found, "reduced_at", now)
    return Retained(reduced, pruned)


def _some(store: Store, *conditions: sa.ColumnElement[bool]) -> list[int]:
    wanted = sa.select(event_batch.c.seq).where(*conditions).order_by(event_batch.c.seq).limit(_AT_ONCE)
    with store.read() as conn:
        return list(conn.execute(wanted).scalars())


def _mark(tx: Transaction, found: list[int], column: str, now: dt.datetime) -> None:
    tx.execute(event_batch.update().where(event_batch.c.seq.in_(found)).values({column: now}))


def _reduce(tx: Transaction, found: list[int]) -> int:
    """Cut the tail off each line; the network stands before it and stays."""
    position = sa.func.strpos if tx.store.dialect == "postgresql" else sa.func.instr
    line = access_event.c.line
    cut = position(line, PERSONAL.decode())
    reduced = tx.execute(
        access_event.update()
        .where(access_event.c.batch.in_(found), cut > 0)
        .values(line=sa.func.substr(line, 1, cut - 1).concat(END.decode()))
    )
    return reduced.rowcount
