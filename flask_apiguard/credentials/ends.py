"""How tokens end: by themselves, given back by their client, or revoked with whatever they descend from."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..clients import changed, hold, registry
from ..clients.tables import client
from ..db import Transaction
from ..ledger import enter
from ..values import By, Happening
from .tables import in_family
from .tables import token as table

#: How long an ended token is kept, so that its holder hears "expired" and not "unknown".
KEPT = dt.timedelta(days=1)
PRUNED_AT_ONCE = 1000


def revoke_tokens_for(tx: Transaction, user_id: str, client_id: str | None = None) -> list[str]:
    """End every token that a client, or any, holds for a user; whose they were, one for each.

    The consent behind them has its own entry.
    """
    ended = _end(tx, table.c.user_id == user_id, sa.true() if client_id is None else table.c.client_id == client_id)
    changed(tx, f"user:{user_id}")
    return ended


def revoke_tokens_by(tx: Transaction, client_id: str, credential_id: str) -> int:
    """End every token that a client was issued on one credential; how many that were.

    The credential's end has its own entry.
    """
    ended = _end(tx, table.c.client_id == client_id, table.c.credential_id == credential_id)
    changed(tx, f"credential:{credential_id}")
    return len(ended)


def revoke_token(tx: Transaction, token_id: str) -> bool:
    """End one token (RFC 7009); whether it was alive. What its own client gives back is not governance: no entry."""
    done = tx.execute(
        table.update().where(table.c.id == token_id, table.c.revoked_at.is_(None)).values(revoked_at=tx.now)
    )
    if done.rowcount:
        changed(tx, f"token:{token_id}")
    return bool(done.rowcount)


def revoke_family(tx: Transaction, by: By, family_id: str, reason: str) -> int:
    """End everything that descends from one authorization; how many tokens that were."""
    ended = _end(tx, in_family(table, family_id))
    if ended:
        changed(tx, f"family:{family_id}")
        enter(
            tx, by, Happening.CREDENTIALS_TOKENS_REVOKED, f"family:{family_id}",
            after={"tokens": len(ended)}, reason=reason, organization=registry.owner_of(tx, client_id=ended[0]),
        )  # fmt: skip
    return len(ended)


def revoke_tokens_of(tx: Transaction, by: By, client_id: str, reason: str) -> int:
    """End every token of a client that has not ended, also those that are just being issued; how many that were."""
    hold(tx, client_id)
    ended = _end(tx, table.c.client_id == client_id, table.c.expires_at > tx.now)
    if ended:
        changed(tx, f"client:{client_id}")
        enter(
            tx, by, Happening.CREDENTIALS_TOKENS_REVOKED, f"client:{client_id}",
            after={"tokens": len(ended)}, reason=reason, organization=registry.owner_of(tx, client_id=client_id),
        )  # fmt: skip
    return len(ended)


def _end(tx: Transaction, *which: sa.ColumnElement[bool]) -> list[str]:
    """End the living among some tokens; whose they were, one for each.

    On PostgreSQL in the order of their ids, and until none is left: while one waited for a token that was being used,
    the next came, and one statement does not see what came after it began.
    """
    living = sa.and_(*which, table.c.revoked_at.is_(None))
    ending = table.update().where(living).values(revoked_at=tx.now).returning(table.c.client_id)
    if tx.store.dialect == "sqlite":
        return list(tx.execute(ending).scalars())
    locked = sa.select(table.c.id).where(living).order_by(table.c.id).with_for_update().subquery()
    ended: list[str] = []
    while tx.execute(sa.select(sa.func.count()).select_from(locked)).scalar():
        ended += tx.execute(ending).scalars()
    return ended


def prune(tx: Transaction, now: dt.datetime, most: int = PRUNED_AT_ONCE) -> int:
    """Delete up to ``most`` tokens whose whole family ended a day ago: a consumed one tells reuse until then."""
    cutoff = now - KEPT
    sibling = table.alias()
    lives = sa.exists().where(in_family(sibling, table.c.family_id), sibling.c.expires_at > cutoff)
    # Of each client, for that is how they are found: the index is by client first.
    of_any = table.c.client_id.in_(sa.select(client.c.id))
    ended = sa.select(table.c.id).where(of_any, table.c.expires_at <= cutoff, ~lives).limit(most)
    return int(tx.execute(table.delete().where(table.c.id.in_(ended))).rowcount)
