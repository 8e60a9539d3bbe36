"""A lease: of several who would do the same work at the same time, one does."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..db import Store
from . import tables


def take(store: Store, name: str, holder: str, span: dt.timedelta, now: dt.datetime) -> bool:
    """Hold a lease from now on, or again. False while another holder's has not run out."""
    table = tables.lease
    free = sa.or_(table.c.until <= now, table.c.holder == holder)
    try:
        with store.write() as tx:
            values = {"holder": holder, "until": now + span}
            if tx.execute(table.update().where(table.c.name == name, free).values(**values)).rowcount:
                return True
            if tx.execute(sa.select(table.c.name).where(table.c.name == name)).first() is not None:
                return False
            tx.execute(table.insert().values(name=name, **values))
            return True
    except IntegrityError:
        return False  # another inserted the row at the same moment, and holds it


def release(store: Store, name: str, holder: str, now: dt.datetime) -> None:
    """Let go of it before its time."""
    table = tables.lease
    with store.write() as tx:
        tx.execute(table.update().where(table.c.name == name, table.c.holder == holder).values(until=now))
