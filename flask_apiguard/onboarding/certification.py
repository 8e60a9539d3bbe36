"""Recertification: how it stands is computed from one date, whenever somebody asks; the gate needs no scheduler.

Grants that a review gave carry the moment at which silence ends them: a scope that is more than a low-risk read ends
with the first step of degradation, the rest with the second. A confirmation writes the next date; everything is back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from enum import StrEnum

import sqlalchemy as sa

from ..access import Scope, ScopeBook, give, grants_of
from ..clients import Application, changed, registry
from ..clients.tables import application as application_table
from ..db import Transaction
from ..values import By, Environment, State
from . import tables
from .desk import Desk
from .policy import Certification, mild


class Certified(StrEnum):
    """How far silence has led. ``due``: soon, or for invited applications past its date with nothing but reminders."""

    CURRENT = "current"
    DUE = "due"
    OVERDUE = "overdue"
    REDUCED = "reduced"
    SUSPENDED = "suspended"


def certification_of(
    application: Application, now: dt.datetime, terms: Certification | None = None
) -> tuple[Certified, dt.datetime | None]:
    """How an application stands at ``now``, and when that changes next; None: never by itself."""
    terms = terms or Certification()
    date = application.recertify_at
    if date is None or application.state is not State.PRODUCTION:
        return Certified.CURRENT, None
    marks = [(date - terms.ahead, Certified.DUE), (date, Certified.OVERDUE)]
    if degrades(application, terms):
        marks += [(date + terms.reduced_after, Certified.REDUCED), (date + terms.suspended_after, Certified.SUSPENDED)]
    standing = Certified.CURRENT
    for moment, step in marks:
        if now < moment:
            return standing, moment
        standing = step
    return standing, None


def degrades(application: Application, terms: Certification) -> bool:
    """Whether silence takes anything from this application."""
    return terms.invited_too or not application.invited


def horizon(
    terms: Certification, application: Application, scope: Scope, recertify_at: dt.datetime | None
) -> dt.datetime | None:
    """When silence ends a grant of this scope in production; None: never."""
    if recertify_at is None or not degrades(application, terms):
        return None
    return recertify_at + (terms.suspended_after if mild(scope) else terms.reduced_after)


def role_ends(
    conn: sa.Connection, terms: Certification, scopes: ScopeBook, application_id: str, names: Iterable[str]
) -> dict[str, dt.datetime]:
    """When silence ends scopes that roles give in production: as it ends grants of the same scopes."""
    application = registry.application(conn, application_id)
    ends = {one.name: horizon(terms, application, one, application.recertify_at) for one in scopes.find(conn, names)}
    return {name: moment for name, moment in ends.items() if moment is not None}


def earliest(*moments: dt.datetime | None) -> dt.datetime | None:
    """The first of those that are set."""
    return min((moment for moment in moments if moment is not None), default=None)


def give_production(
    tx: Transaction,
    desk: Desk,
    by: By,
    application: Application,
    scopes: tuple[str, ...],
    *,
    until: dt.datetime | None,
    recertify_at: dt.datetime | None,
    review_id: str | None,
    reason: str,
) -> None:
    """Grant scopes in production until the review's date or the end that silence would bring, whichever is first."""
    for scope in desk.scopes.find(tx, scopes):
        end = earliest(until, horizon(desk.certification, application, scope, recertify_at))
        give(
            tx, by, application.id, Environment.PRODUCTION, (scope.name,), until=end, review_id=review_id,
            reason=reason,
        )  # fmt: skip


def renew(
    tx: Transaction, desk: Desk, by: By, application: Application, scopes: tuple[str, ...], reason: str
) -> dt.datetime:
    """Write the next date, and let what is kept live as long. A review's own end date stays; returns the date."""
    date = tx.now + desk.certification.every
    tx.execute(
        application_table.update()
        .where(application_table.c.id == application.id)
        .values(recertify_at=date, version=application_table.c.version + 1)
    )
    changed(tx, f"application:{application.id}")  # what its roles give lives as long
    for held in grants_of(tx, application.id, Environment.PRODUCTION):
        # One without a review was given by an administrator, whose end date is nobody's to move.
        if held.scope in scopes and held.review_id is not None:
            give_production(
                tx, desk, by, application, (held.scope,), until=_end_of(tx, held.review_id), recertify_at=date,
                review_id=held.review_id, reason=reason,
            )  # fmt: skip
    return date


def _end_of(tx: Transaction, review_id: str) -> dt.datetime | None:
    found: dt.datetime | None = tx.execute(
        sa.select(tables.review.c.until).where(tables.review.c.id == review_id)
    ).scalar_one_or_none()
    return found
