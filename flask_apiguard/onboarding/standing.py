"""Suspension and its undoing, and retirement."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..access import end
from ..clients import Application, Client, changed, registry
from ..credentials import revoke_all
from ..db import Transaction
from ..errors import Conflict, Invalid
from ..ledger import enter
from ..people import Act, demand
from ..values import By, Environment, Flaw, Happening, Standing, State
from . import moves, tables
from .desk import Desk, Source, hand
from .records import LIVE, ReviewState

BY_HAND, BY_SILENCE = "hand", "silence"


def demand_reason(reason: str) -> str:
    """A reason that says something.

    :raises Invalid: it doesn't.
    """
    if not reason.strip():
        raise Invalid([Flaw("/reason", "Write why.")])
    return reason.strip()


def suspend(tx: Transaction, by: By, client_id: str, reason: str) -> Client:
    """Stop a client from its next request on; who did it may take it back for a few minutes.

    :raises Conflict: it is suspended already, or its application is retired.
    """
    owner = registry.application(tx, registry.client(tx, client_id).application_id)
    demand(by, Act.CLIENTS_CLIENT_SUSPEND, owner.organization_id)
    _demand_in_service(owner)
    return stop(tx, by, client_id, demand_reason(reason), BY_HAND)


def stop(tx: Transaction, by: By, client_id: str, reason: str, cause: str) -> Client:
    """Suspend, and take down who did it and whether a person or silence was the cause.

    A hand takes over what silence suspended, so that confirming again does not undo it.
    """
    silent = registry.client(tx, client_id).standing is Standing.SUSPENDED and cause_of(tx, client_id) == BY_SILENCE
    again = silent and cause == BY_HAND
    stopped = (registry.suspend_anew if again else registry.suspend)(tx, by, client_id, reason)
    table = tables.suspension
    values = {"by": hand(by), "at": tx.now, "cause": cause}
    if tx.execute(table.update().where(table.c.client_id == client_id).values(**values)).rowcount == 0:
        tx.execute(table.insert().values(client_id=client_id, **values))
    return stopped


def resume(tx: Transaction, desk: Desk, by: By, client_id: str, reason: str) -> Client:
    """Take back one's own suspension at once. Later, or somebody else's, takes an approved review.

    :raises Conflict: it is not suspended, a review is needed, or its application is retired.
    """
    found = registry.client(tx, client_id)
    owner = registry.application(tx, found.application_id)
    demand(by, Act.CLIENTS_CLIENT_SUSPEND, owner.organization_id)
    _demand_in_service(owner)
    if found.standing is not Standing.SUSPENDED:
        raise Conflict("The client is not suspended.", "Nothing is left to do.")
    if not is_own(tx, desk, by, client_id, tx.now):
        minutes = int(desk.policy.undo.total_seconds() // 60)
        raise Conflict(
            f"Only who suspended a client takes it back, within {minutes} minutes.", "Ask for a review of kind resume."
        )
    return registry.resume(tx, by, client_id, demand_reason(reason))


def _demand_in_service(application: Application) -> None:
    if application.state is State.RETIRED:
        raise Conflict("A retired application's clients are suspended for good.", "Nothing is left to do.")


def is_own(source: Source, desk: Desk, by: By, client_id: str, now: dt.datetime) -> bool:
    """Whether this actor suspended the client a moment ago, and may take that back."""
    row = source.execute(sa.select(tables.suspension).where(tables.suspension.c.client_id == client_id)).one_or_none()
    return row is not None and row.by == hand(by) and row.at + desk.policy.undo >= now


def cause_of(source: Source, client_id: str) -> str | None:
    """Whether a hand or silence suspended a client last."""
    found: str | None = source.execute(
        sa.select(tables.suspension.c.cause).where(tables.suspension.c.client_id == client_id)
    ).scalar_one_or_none()
    return found


def retire(tx: Transaction, desk: Desk, by: By, application_id: str, reason: str) -> Application:
    """Take an application out of service for good: everything it holds is revoked at once, its history is kept."""
    demand_reason(reason)
    retired = moves.make(tx, desk, by, application_id, State.RETIRED, reason=reason)
    for client in registry.clients_of(tx, application_id):
        revoke_all(tx, by, client.id, reason)
        if client.standing is Standing.ACTIVE:
            registry.suspend(tx, by, client.id, reason)
        changed(tx, f"client:{client.id}")
        if client.environment is Environment.PRODUCTION:
            desk.monitor_end(tx, by, client)
    for environment in Environment:
        end(tx, by, application_id, environment, None, reason)
    _close_reviews(tx, by, retired)
    return retired


def _close_reviews(tx: Transaction, by: By, application: Application) -> None:
    table = tables.review
    live = sa.and_(table.c.application_id == application.id, table.c.state.in_(LIVE))
    for review_id in tx.execute(sa.select(table.c.id).where(live).order_by(table.c.id)).scalars().all():
        values = {"state": ReviewState.CLOSED, "decided_at": tx.now, "version": table.c.version + 1}
        tx.execute(table.update().where(table.c.id == review_id).values(**values))
        enter(
            tx, by, Happening.ONBOARDING_REVIEW_CLOSED, f"review:{review_id}", reason="The application was retired.",
            after={"state": ReviewState.CLOSED.value}, organization=application.organization_id,
        )  # fmt: skip
