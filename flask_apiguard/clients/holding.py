"""Whoever issues something for a client and whoever ends all that it holds take turns.

PostgreSQL's UPDATE sees what was committed when it began: tokens that another transaction is just writing it would
miss. So each of both takes hold of the client before it reads anything. Locks are taken in one order everywhere, so
that nobody waits for somebody who waits for them: the client, what it proved itself with, the consent, the code, the
tokens by their ids.
"""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Transaction

#: Two numbers make a lock of ours: this one, and what PostgreSQL makes of the client's id.
_LOCK_KEY = 0x6170696C


def hold(tx: Transaction, client_id: str, *, shared: bool = False) -> None:
    """Keep others from holding a client until the transaction ends; with ``shared`` only those who end things.

    An advisory lock and none of the row's: it is first come first served, so who ends something gets their turn however
    many ask for tokens meanwhile, and nobody else who writes the row waits. On SQLite who writes is alone anyway.
    """
    if tx.store.dialect == "postgresql":
        lock = sa.func.pg_advisory_xact_lock_shared if shared else sa.func.pg_advisory_xact_lock
        tx.execute(sa.select(lock(_LOCK_KEY, sa.func.hashtext(client_id))))
