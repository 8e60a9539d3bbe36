"""A user who is gone from the host: everything that acts for them ends at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import sqlalchemy as sa

from ..clients import registry
from ..credentials import revoke_tokens_for
from ..db import Transaction
from ..ledger import enter
from ..values import By, Happening
from .consents import withdraw
from .device_table import oauth_device, oauth_device_question
from .tables import oauth_code, oauth_consent, oauth_request


@dataclass(frozen=True, slots=True)
class Left:
    """What ended with a user: which clients they had allowed anything, and how many codes and questions waited."""

    clients: tuple[str, ...]
    waiting: int


def withdraw_all(tx: Transaction, by: By, user_id: str, reason: str) -> Left:
    """Disconnect every client from a user, and let nothing go on that they began. Again is the same as once.

    For hosts, when a user of theirs is removed or locked out: no token of any kind opens or refreshes anything from the
    next request on. Who signs in under the same id later may allow clients anew.
    """
    consents = sa.select(oauth_consent.c.client_id).where(oauth_consent.c.user_id == user_id)
    # All of them before any token: see clients.holding.
    allowed = tx.execute(consents.order_by(oauth_consent.c.client_id).with_for_update()).scalars().all()
    for client_id in allowed:
        withdraw(tx, by, user_id, client_id, reason)
    for client_id, count in sorted(Counter(revoke_tokens_for(tx, user_id)).items()):
        enter(
            tx, by, Happening.CREDENTIALS_TOKENS_REVOKED, f"client:{client_id}", before={"user": user_id},
            after={"tokens": count}, reason=reason, organization=registry.owner_of(tx, client_id=client_id),
        )  # fmt: skip
    tables = (oauth_code, oauth_device, oauth_device_question, oauth_request)
    return Left(tuple(allowed), sum(_expire(tx, table, user_id) for table in tables))


def _expire(tx: Transaction, table: sa.Table, user_id: str) -> int:
    """Let what waits for a user's answer, or for a client, wait no more; how much that was.

    What another transaction is at is left to it: it comes before, or finds no consent.
    """
    waits = sa.select(table.c.digest).where(
        table.c.user_id == user_id, table.c.consumed_at.is_(None), table.c.expires_at > tx.now
    )
    found = waits.order_by(table.c.digest).with_for_update(skip_locked=True)
    return int(tx.execute(table.update().where(table.c.digest.in_(found)).values(expires_at=tx.now)).rowcount)
