"""Clearing away what can be shown by nobody any more."""

from __future__ import annotations

import datetime as dt
from typing import Any

import sqlalchemy as sa

from ..db import Transaction
from .device_table import oauth_device, oauth_device_question
from .tables import oauth_code, oauth_pushed, oauth_request

#: A used code is kept this much longer, so that showing it again still ends what came of it.
KEPT = dt.timedelta(days=30)
PRUNED_AT_ONCE = 1000
#: By whoever adds a row of the same kind.
CLEARED_AT_ONCE = 100


def prune(tx: Transaction, now: dt.datetime, most: int = PRUNED_AT_ONCE) -> int:
    """Delete up to ``most`` rows of each kind that ended: questions, requests, and codes a month later."""
    return sum(
        clear(tx, table, before, most=most)
        for table, before in (
            (oauth_code, now - KEPT),
            (oauth_device, now - KEPT),
            (oauth_device_question, now),
            (oauth_pushed, now),
            (oauth_request, now),
        )
    )


def clear(tx: Transaction, table: sa.Table, before: dt.datetime, *more: Any, most: int = CLEARED_AT_ONCE) -> int:
    """Delete up to ``most`` rows that ended, and of which ``more`` holds; how many those were.

    Rows that another transaction is at are left to it: nobody waits for somebody else's cleaning, and no two of them
    for each other.
    """
    ended = sa.select(table.c.digest).where(table.c.expires_at <= before, *more).limit(most)
    found = ended.with_for_update(skip_locked=True)
    return int(tx.execute(table.delete().where(table.c.digest.in_(found))).rowcount)
