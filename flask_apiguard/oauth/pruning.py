"""Clearing away what can be shown by nobody any more."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..db import Transaction
from .device_table import oauth_device, oauth_device_question
from .tables import oauth_code, oauth_pushed, oauth_request

#: A used code is kept this much longer, so that showing it again still ends what came of it.
KEPT = dt.timedelta(days=30)
PRUNED_AT_ONCE = 1000


def prune(tx: Transaction, now: dt.datetime, most: int = PRUNED_AT_ONCE) -> int:
    """Delete up to ``most`` rows of each kind that ended: questions, requests, and codes a month later."""
    return sum(
        int(tx.execute(table.delete().where(table.c.digest.in_(_ended(table, before, most)))).rowcount)
        for table, before in (
            (oauth_code, now - KEPT),
            (oauth_device, now - KEPT),
            (oauth_device_question, now),
            (oauth_pushed, now),
            (oauth_request, now),
        )
    )


def _ended(table: sa.Table, before: dt.datetime, most: int) -> sa.Select[tuple[str]]:
    return sa.select(table.c.digest).where(table.c.expires_at <= before).limit(most)
