"""The change log: whatever can turn a decision appends its subject here, in the transaction of the change.

Subjects are ``kind:id``: ``application:…``, ``client:…``, ``credential:…``, ``family:…`` (of tokens),
``organization:…``, ``plan:…``, ``policy:…``, ``role:…``, ``scope:…``, ``signing_key:…``, ``token:…``,
``user:…``; and ``imported_keys``, ``signing_keys`` and ``everything``. Each process holds its place in the log and lets
go of what it remembers about the subjects that moved.
"""

from __future__ import annotations

import itertools

import sqlalchemy as sa

from ..db import Instant, Transaction, metadata

#: Before the ledger, which comes last of all.
FLUSH_ORDER = 50
EVERYTHING = "everything"
#: One number for everyone who appends: on PostgreSQL commits must become visible in the order of `seq`.
_LOCK_KEY = 0x61706967


class _Own:
    """Changes that this very process committed. The newest number is another one after each."""

    numbers = itertools.count(1)
    newest = 0


change = sa.Table(
    "apiguard_change",
    metadata,
    sa.Column("seq", sa.BigInteger().with_variant(sa.Integer, "sqlite"), sa.Identity(), primary_key=True),
    sa.Column("subject", sa.String(160), nullable=False),
    sa.Column("at", Instant, nullable=False, index=True),
    sqlite_autoincrement=True,
)


def changed(tx: Transaction, *subjects: str) -> None:
    """Tell every process, when this transaction commits, that what it knows about these subjects is stale."""
    waiting: list[str] | None = tx.notes.get("changes")
    if waiting is None:
        waiting = tx.notes["changes"] = []
        tx.before_commit(FLUSH_ORDER, lambda: _append(tx))
        tx.after_commit(_notice)
    waiting.extend(subject for subject in subjects if subject not in waiting)


def noticed() -> int:
    """A number that is another one after each change that this very process committed."""
    return _Own.newest


def _notice() -> None:
    # What a process did itself it knows at once, however young its last look into the store is.
    _Own.newest = next(_Own.numbers)


def _append(tx: Transaction) -> None:
    if tx.store.dialect == "postgresql":
        # A sequence hands out numbers before commit; without the lock 6 could be visible while 5 is still to come,
        # and whoever had looked in between would never see 5. Held to the end of the transaction, which is near.
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
    tx.execute(change.insert(), [{"subject": subject, "at": tx.now} for subject in tx.notes["changes"]])
