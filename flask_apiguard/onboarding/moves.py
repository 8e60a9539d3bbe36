"""Every move of an application in one table, and the one function that makes them.

Moving and recording are one transaction. Whoever calls ``make`` stands inside ``refusals``, so that an attempt that
was refused is an entry too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..clients import Application, registry
from ..clients.tables import application as application_table
from ..db import Transaction
from ..errors import Conflict
from ..ledger import enter
from ..people import Act, demand
from ..values import By, Happening, State
from . import examine, tables
from .desk import Desk


@dataclass(frozen=True, slots=True)
class Move:
    """From where to where, who may, whether checks and an approved review come first, and what the ledger calls it."""

    name: str
    source: State
    to: State
    act: Act
    checks: bool
    review: bool
    happening: Happening = Happening.ONBOARDING_MOVE_MADE


MOVES = (
    Move("enter_sandbox", State.DRAFT, State.SANDBOX, Act.ONBOARDING_APPLICATION_MOVE, checks=True, review=False),
    Move("enter_production", State.SANDBOX, State.PRODUCTION, Act.ONBOARDING_REVIEW_OPEN, checks=True, review=True),
    Move("retire", State.DRAFT, State.RETIRED, Act.ONBOARDING_APPLICATION_RETIRE, checks=False, review=False),
    Move("retire", State.SANDBOX, State.RETIRED, Act.ONBOARDING_APPLICATION_RETIRE, checks=False, review=False),
    Move("retire", State.PRODUCTION, State.RETIRED, Act.ONBOARDING_APPLICATION_RETIRE, checks=False, review=False),
)
_TABLE: Mapping[tuple[State, State], Move] = {(move.source, move.to): move for move in MOVES}


def locked(tx: Transaction, application_id: str) -> Application:
    """The application, kept from other writers until the transaction ends.

    :raises Missing: there is none.
    """
    tx.execute(
        sa.select(application_table.c.id).where(application_table.c.id == application_id).with_for_update()
    ).all()
    return registry.application(tx, application_id)


def make(
    tx: Transaction,
    desk: Desk,
    by: By,
    application_id: str,
    to: State,
    *,
    reason: str = "",
    review_id: str | None = None,
    recertify_at: dt.datetime | None = None,
) -> Application:
    """Move an application and put it on record.

    :raises Conflict: no such move from where it stands, a check blocks, or no approved review stands behind it.
    :raises Forbidden: the actor's seat is not enough.
    """
    before = locked(tx, application_id)
    move = _TABLE.get((before.state, to))
    if move is None:
        ended = "Register a new application." if before.state is State.RETIRED else ""
        raise Conflict(f"Nothing leads from {before.state} to {to}.", ended)
    evidence: dict[str, Any] = {}
    if move.review:
        _demand_review(tx, move, before, review_id)
        evidence["review"] = review_id
    else:
        demand(by, move.act, before.organization_id)
    if move.checks:
        evidence["checks"] = examine.told(examine.demand_checks(tx, desk, by, before, move.name))
    registry.set_state(tx, application_id, to, recertify_at)
    enter(
        tx, by, move.happening, f"application:{application_id}", reason=reason,
        before={"state": before.state.value}, after={"state": to.value, "move": move.name},
        evidence=evidence, organization=before.organization_id,
    )  # fmt: skip
    after = registry.application(tx, application_id)
    # Sent by whoever opened the transaction, once it is durable.
    tx.notes.setdefault("signals", []).append(("application-moved", {"application": after, "move": move.name}))
    return after


def _demand_review(tx: Transaction, move: Move, application: Application, review_id: str | None) -> None:
    """Only an approved review opens this way; the move itself can be made once, so an approval serves once."""
    table = tables.review
    query = sa.select(table.c.id).where(
        table.c.id == review_id,
        table.c.application_id == application.id,
        table.c.kind == "production",
        table.c.state == "approved",
    )
    if review_id is None or tx.execute(query).first() is None:
        raise Conflict(f"{move.name.replace('_', ' ').capitalize()} takes an approved review.", "Ask for one.")
