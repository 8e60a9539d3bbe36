"""That a user lets a client act for them: given with every scope once, remembered, withdrawn at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ..clients import registry
from ..clients.tables import application, client
from ..credentials import revoke_tokens_for
from ..db import Transaction, insert_into
from ..ledger import enter
from ..people import is_enabled
from ..values import Actor, By, Happening, is_account, person_of
from .refusals import Error, Refused
from .tables import oauth_consent as table

Source = Transaction | sa.Connection


@dataclass(frozen=True, slots=True)
class Consent:
    """What a user allowed a client, all in all."""

    user_id: str
    client_id: str
    scopes: frozenset[str]
    given_at: dt.datetime


def consent_of(
    source: Source, user_id: str, client_id: str, *, locked: bool = False, kept: bool = False
) -> Consent | None:
    """What a user allowed a client, or None.

    ``locked`` keeps it as it is until the transaction ends, for whoever changes it; so does ``kept``, for any number
    who issue tokens on it: whoever withdraws it waits for those, and ends them.
    """
    query = sa.select(table).where(table.c.user_id == user_id, table.c.client_id == client_id)
    if locked or kept:
        query = query.with_for_update(read=kept)
    row = source.execute(query).first()
    return None if row is None else Consent(row.user_id, row.client_id, frozenset(row.scopes), row.given_at)


def consents_of(source: Source, user_id: str) -> list[Consent]:
    """Everything that a user allowed, newest first."""
    rows = source.execute(sa.select(table).where(table.c.user_id == user_id).order_by(table.c.given_at.desc()))
    return [Consent(row.user_id, row.client_id, frozenset(row.scopes), row.given_at) for row in rows]


def consents_page(
    source: Source, *, organization_ids: Sequence[str] | None = None, client_id: str | None = None,
    user_id: str | None = None, after: tuple[str, str] = ("", ""), limit: int = 50,
) -> list[Consent]:  # fmt: skip
    """A page of consents in the order of client and user, those after ``after``; of some organizations, or of all."""
    query = sa.select(table).where(sa.tuple_(table.c.client_id, table.c.user_id) > after)
    if organization_ids is not None:
        query = (
            query.join(client, client.c.id == table.c.client_id)
            .join(application, application.c.id == client.c.application_id)
            .where(application.c.organization_id.in_(organization_ids))
        )
    if client_id is not None:
        query = query.where(table.c.client_id == client_id)
    if user_id is not None:
        query = query.where(table.c.user_id == user_id)
    rows = source.execute(query.order_by(table.c.client_id, table.c.user_id).limit(limit))
    return [Consent(row.user_id, row.client_id, frozenset(row.scopes), row.given_at) for row in rows]


def give(tx: Transaction, user_id: str, client_id: str, scopes: Iterable[str], *, address: str = "") -> None:
    """Remember a user's yes. What was allowed before stays allowed.

    :raises Refused: a person with an account of ours, who was shut out while answering.
    """
    if is_account(user_id) and not is_enabled(tx, person_of(user_id)):
        raise Refused(Error.ACCESS_DENIED, "This account is disabled.")
    asked = frozenset(scopes)
    insert = insert_into(table, tx.store.dialect)
    first = insert.values(user_id=user_id, client_id=client_id, scopes=sorted(asked), given_at=tx.now)
    is_new = tx.execute(first.on_conflict_do_nothing().returning(table.c.user_id)).first() is not None
    before = None if is_new else consent_of(tx, user_id, client_id, locked=True)
    wanted = asked | (before.scopes if before is not None else frozenset())
    if before is not None and before.scopes == wanted:
        return
    if before is not None:
        here = (table.c.user_id == user_id, table.c.client_id == client_id)
        tx.execute(table.update().where(*here).values(scopes=sorted(wanted), given_at=tx.now))
    enter(
        tx, By(Actor.USER, user_id, address=address), Happening.OAUTH_CONSENT_GIVEN, f"client:{client_id}",
        before=None if before is None else {"scopes": sorted(before.scopes)}, after={"scopes": sorted(wanted)},
        organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip


def withdraw(tx: Transaction, by: By, user_id: str, client_id: str, reason: str = "") -> bool:
    """Disconnect a client from a user: nothing that it holds for them opens anything from the next request on."""
    before = consent_of(tx, user_id, client_id, locked=True)
    if before is None:
        return False
    tx.execute(table.delete().where(table.c.user_id == user_id, table.c.client_id == client_id))
    ended = len(revoke_tokens_for(tx, user_id, client_id))
    enter(
        tx, by, Happening.OAUTH_CONSENT_WITHDRAWN, f"client:{client_id}",
        before={"user": user_id, "scopes": sorted(before.scopes)}, after={"tokens": ended}, reason=reason,
        organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip
    return True
