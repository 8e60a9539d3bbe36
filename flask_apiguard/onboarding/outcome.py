"""What an approved review brings about, in the transaction of its approval."""

from __future__ import annotations

import datetime as dt

from ..access import end, give, grants_of
from ..clients import Client, registry
from ..db import Transaction
from ..errors import Conflict
from ..ledger import enter
from ..values import By, Environment, Happening, Standing, State
from . import certification, moves, standing
from .desk import Desk
from .records import Kind, Review


def carry_out(tx: Transaction, desk: Desk, by: By, review: Review) -> None:
    """Do what was approved.

    :raises Conflict: the application no longer stands where this could be done.
    """
    {
        Kind.PRODUCTION: _production,
        Kind.SCOPES: _scopes,
        Kind.PLAN: _plan,
        Kind.RECERTIFICATION: _recertification,
        Kind.RESUME: _resume,
    }[review.kind](tx, desk, by, review)


def _production(tx: Transaction, desk: Desk, by: By, review: Review) -> None:
    """The move, a new client, its grants, the date of the next confirmation, and monitoring, all at once."""
    recertify_at = tx.now + desk.certification.every
    moved = moves.make(
        tx, desk, by, review.application_id, State.PRODUCTION, reason=review.decision_reason, review_id=review.id,
        recertify_at=recertify_at,
    )  # fmt: skip
    client = registry.create_client(tx, by, moved.id, Environment.PRODUCTION, plan=review.plan)
    certification.give_production(
        tx, desk, by, moved, review.approved_scopes, until=review.until, recertify_at=recertify_at,
        review_id=review.id, reason=review.decision_reason,
    )  # fmt: skip
    desk.monitor_start(tx, by, client)


def _scopes(tx: Transaction, desk: Desk, by: By, review: Review) -> None:
    application = _standing_application(tx, review)
    if review.environment is Environment.PRODUCTION:
        certification.give_production(
            tx, desk, by, application, review.approved_scopes, until=review.until,
            recertify_at=application.recertify_at, review_id=review.id, reason=review.decision_reason,
        )  # fmt: skip
    else:
        give(
            tx, by, review.application_id, review.environment, review.approved_scopes, until=review.until,
            review_id=review.id, reason=review.decision_reason,
        )  # fmt: skip


def _plan(tx: Transaction, _: Desk, by: By, review: Review) -> None:
    _standing_application(tx, review)
    registry.set_plan(tx, by, _client(tx, review).id, review.plan, review.decision_reason)


def _resume(tx: Transaction, _: Desk, by: By, review: Review) -> None:
    _standing_application(tx, review)
    registry.resume(tx, by, _client(tx, review).id, review.decision_reason)


def _recertification(tx: Transaction, desk: Desk, by: By, review: Review) -> None:
    """Keep what was confirmed, end the rest, write the next date; a client that silence suspended may act again."""
    application = _standing_application(tx, review)
    kept = set(review.approved_scopes)
    dropped = [
        grant.scope for grant in grants_of(tx, application.id, Environment.PRODUCTION) if grant.scope not in kept
    ]
    if dropped:
        end(tx, by, application.id, Environment.PRODUCTION, dropped, review.reason)
    date = certification.renew(tx, desk, by, application, review.approved_scopes, review.reason)
    for client in registry.clients_of(tx, application.id):
        if client.standing is Standing.SUSPENDED and standing.cause_of(tx, client.id) == standing.BY_SILENCE:
            registry.resume(tx, by, client.id, "Confirmed again.")
    enter(
        tx, by, Happening.ONBOARDING_RECERTIFICATION_DONE, f"application:{application.id}", reason=review.reason,
        before={"recertify_at": _iso(application.recertify_at)}, organization=application.organization_id,
        after={"recertify_at": _iso(date), "kept": sorted(kept), "dropped": sorted(dropped)},
        evidence={"review": review.id, "confirmed_by": review.requested_by},
    )  # fmt: skip


def _standing_application(tx: Transaction, review: Review) -> registry.Application:
    application = moves.locked(tx, review.application_id)
    needed = State.PRODUCTION if review.environment is Environment.PRODUCTION else State.SANDBOX
    if application.state is not needed and application.state is not State.PRODUCTION:
        raise Conflict(f"The application is {application.state}; this can't be done any more.")
    return application


def _client(tx: Transaction, review: Review) -> Client:
    for client in registry.clients_of(tx, review.application_id):
        if client.id == review.client_id or (review.client_id is None and client.environment is review.environment):
            return client
    raise Conflict(f"The application has no client in {review.environment}.")


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
