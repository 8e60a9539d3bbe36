"""Opening a review: what is asked for, what risk that is, what a reviewer needs to see, and who is told."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from ..access import Risk, grants_of
from ..clients import Application, Client, registry
from ..contracts import Notice
from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict, Invalid
from ..ledger import enter
from ..people import Act, demand
from ..quotas.plans import plan_of
from ..values import Actor, By, Environment, Flaw, Happening, Standing, State
from . import examine, graduation, moves, records, sitters, tables
from .desk import Desk, hand, person_of
from .policy import highest, worse
from .records import LIVE, Basis, Kind, Review, ReviewState
from .standing import demand_reason

#: In which states what may be asked for.
_STATES = {
    Kind.PRODUCTION: (State.SANDBOX,),
    Kind.SCOPES: (State.SANDBOX, State.PRODUCTION),
    Kind.PLAN: (State.SANDBOX, State.PRODUCTION),
    Kind.RECERTIFICATION: (State.PRODUCTION,),
    Kind.RESUME: (State.SANDBOX, State.PRODUCTION),
}


def request(
    tx: Transaction,
    desk: Desk,
    by: By,
    application_id: str,
    kind: Kind,
    *,
    environment: Environment,
    reason: str,
    scopes: Iterable[str] | None = None,
    plan: str | None = None,
) -> Review:
    """Open a review; nothing is decided yet.

    :raises Conflict: not from this state, the same is asked for already, or checks or graduation are in the way.
    :raises Invalid: an unknown scope or plan, nothing asked for, no reason.
    """
    application = moves.locked(tx, application_id)
    _demand_askable(by, application, kind, environment)
    demand_reason(reason)
    _close_stale(tx, application_id, kind, environment)
    wanted = None if scopes is None else tuple(sorted(set(scopes)))
    asked, left_out = _asked(tx, desk, application, kind, environment, wanted)
    _demand_plan(tx, kind, plan)
    client = _client_of(tx, application_id, kind, environment)
    evidence = _evidence(tx, desk, by, application, kind, environment, asked)
    plan = application.requested_plan if kind is Kind.PRODUCTION and plan is None else plan
    risk = _risk(tx, desk, kind, asked, plan)
    made = Review(
        new_id("rev"), application_id, application.organization_id, kind, environment, ReviewState.OPEN, asked,
        reason.strip(), risk, desk.policy.seats_needed(risk, confirming=kind is Kind.RECERTIFICATION), Basis.PEOPLE,
        hand(by), tx.now, tx.now + desk.policy.expiry, evidence, left_out,
        plan, client.id if client else None,
    )  # fmt: skip
    return open_(tx, desk, by, made)


def _demand_askable(by: By, application: Application, kind: Kind, environment: Environment) -> None:
    """Go on only when this actor may ask for this, and the application stands where it can be given."""
    act = Act.ONBOARDING_RECERTIFICATION_CONFIRM if kind is Kind.RECERTIFICATION else Act.ONBOARDING_REVIEW_OPEN
    demand(by, act, application.organization_id)
    if application.state not in _STATES[kind]:
        raise Conflict(f"A {kind} review can't be asked for in state {application.state}.")
    early = environment is Environment.PRODUCTION and application.state is not State.PRODUCTION
    if early and kind is not Kind.PRODUCTION:
        raise Conflict("The application is not in production.", "Ask for production first.")


def open_(tx: Transaction, desk: Desk, by: By, review: Review) -> Review:
    """Store a review, put it on record, and tell those who decide, where people decide.

    :raises Conflict: the same is asked for already.
    """
    judges = sitters.judges(tx, tx.now)
    lone = is_lone(tx, review, judges) and review.needed > 0
    review = _replace(review, noticed_at=tx.now if lone else None, sampled=_sampled(desk, review))
    try:
        records.write(tx, review)
    except IntegrityError:
        raise Conflict(
            f"A {review.kind} review of this application is open already.", "Wait for its decision, or withdraw it."
        ) from None
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_OPENED, f"review:{review.id}", reason=review.reason,
        organization=review.organization_id, evidence=review.evidence,
        after={
            "application": review.application_id, "kind": review.kind.value, "environment": review.environment.value,
            "scopes": list(review.scopes), "left_out": list(review.left_out), "plan": review.plan,
            "risk": review.risk.value, "needed": review.needed,
        },
    )  # fmt: skip
    if review.needed:
        _tell(tx, desk, review, lone)
    return review


def is_lone(tx: Transaction, review: Review, judges: set[str]) -> bool:
    """Whether this house has one person to decide at most, and can't do what the review needs with that one."""
    others = judges - sitters.members(tx, review.organization_id, tx.now) - {person_of(review.requested_by)}
    return len(judges) <= 1 and len(others) < max(1, review.needed)


def _tell(tx: Transaction, desk: Desk, review: Review, lone: bool) -> None:
    text = f"{review.kind} in {review.environment} is asked for: {' '.join(review.scopes) or review.plan or ''}\n"
    if lone:
        hours = int(desk.policy.lone_wait.total_seconds() // 3600)
        text += f"This house has one administrator, who may decide alone after {hours} hours. It will be listed.\n"
    to = set(sitters.judges_addresses(tx, tx.now))
    if lone:
        to.update(sitters.owners_addresses(tx, review.organization_id, tx.now))
    facts = {"review": review.id, "application": review.application_id, "risk": review.risk.value}
    desk.notify(tx, Notice(f"review:{review.id}", "A review waits", text, tuple(sorted(to)), facts=facts))


def _asked(
    tx: Transaction,
    desk: Desk,
    application: Application,
    kind: Kind,
    environment: Environment,
    scopes: tuple[str, ...] | None,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What is asked for in the end, and what was left out because nobody saw it used."""
    if kind in (Kind.PLAN, Kind.RESUME):
        return (), ()
    held = {grant.scope for grant in grants_of(tx, application.id, environment)}
    if kind is Kind.RECERTIFICATION:
        keep = tuple(sorted(held)) if scopes is None else scopes
        beyond = sorted(set(keep) - held)
        if beyond:
            raise Invalid([Flaw("/scopes", f"Not held: {' '.join(beyond)[:200]}.")])
        return keep, ()
    wanted = set(application.requested_scopes if scopes is None else scopes)
    unknown = sorted(wanted - set(desk.known_scopes(tx)))
    if unknown:
        raise Invalid([Flaw("/scopes", f"Nobody declared {' '.join(unknown)[:200]}.")])
    if kind is Kind.PRODUCTION and not application.invited:
        graduation.demand(tx, desk, application)
        used = graduation.exercised(tx, desk, application)
        offered, left_out = wanted & used, wanted - used
    else:
        offered, left_out = (wanted - held if scopes is None else wanted), set()
    if not offered:
        raise Conflict("Nothing is left to ask for.", "Make a good sandbox call with each scope, or name other scopes.")
    return tuple(sorted(offered)), tuple(sorted(left_out))


def _demand_plan(tx: Transaction, kind: Kind, plan: str | None) -> None:
    if kind is Kind.PLAN and plan is None:
        raise Invalid([Flaw("/plan", "Name the plan.")])
    if plan is not None and (kind not in (Kind.PLAN, Kind.PRODUCTION) or plan_of(tx.conn, plan) is None):
        raise Invalid([Flaw("/plan", "There is no such plan, or not for this kind of review.")])


def _client_of(tx: Transaction, application_id: str, kind: Kind, environment: Environment) -> Client | None:
    """The client that a plan or a return is asked for; None where a review is about the application.

    :raises Conflict: nothing there has to return.
    """
    if kind not in (Kind.PLAN, Kind.RESUME):
        return None
    clients = registry.clients_of(tx, application_id)
    found = next((client for client in clients if client.environment is environment), None)
    if kind is Kind.RESUME and (found is None or found.standing is not Standing.SUSPENDED):
        raise Conflict(f"The application has no suspended client in {environment}.", "Name the other environment.")
    return found


def _risk(tx: Transaction, desk: Desk, kind: Kind, scopes: tuple[str, ...], plan: str | None) -> Risk:
    if kind is Kind.PLAN:
        return desk.policy.plan_risk
    if kind is Kind.PRODUCTION and plan is not None:
        return worse(desk.policy.plan_risk, highest(desk.scopes.find(tx, scopes)))
    if kind is Kind.RESUME:
        return desk.policy.resume_risk
    return highest(desk.scopes.find(tx, scopes))


def _evidence(
    tx: Transaction,
    desk: Desk,
    by: By,
    application: Application,
    kind: Kind,
    environment: Environment,
    asked: tuple[str, ...],
) -> dict[str, Any]:
    """What stands on the reviewer's one screen."""
    held = frozenset(grant.scope for grant in grants_of(tx, application.id, environment))
    evidence: dict[str, Any] = {
        "scopes": {"held": sorted(held), "asked": list(asked), "added": sorted(set(asked) - held)},
        "risks": {scope.name: scope.risk.value for scope in desk.scopes.find(tx, asked)},
        "why": {scope: str(application.requested_scopes.get(scope, "")) for scope in asked},
        "exercised": sorted(graduation.exercised(tx, desk, application)),
        "routes": sorted(desk.reachable(frozenset(asked) | held, held)),
        "application_version": application.version,
    }
    if kind in (Kind.PRODUCTION, Kind.SCOPES):
        before = "enter_production" if environment is Environment.PRODUCTION else "enter_sandbox"
        evidence["checks"] = examine.told(examine.demand_checks(tx, desk, by, application, before))
    if kind is Kind.PRODUCTION:
        graduation.tick(tx, desk, by, application)
        evidence["graduation"] = [
            {"step": step.name, "at": step.at.isoformat() if step.at else None, "request": step.evidence}
            for step in graduation.steps(tx, desk, application)
        ]
    return evidence


def _close_stale(tx: Transaction, application_id: str, kind: Kind, environment: Environment) -> None:
    """An expired review that ``tick`` has not met yet must not stand in the way of a new one."""
    table = tables.review
    rows = tx.execute(sa.select(table.c.id).where(
        table.c.application_id == application_id, table.c.kind == kind, table.c.environment == environment,
        table.c.state.in_(LIVE), table.c.deadline <= tx.now,
    )).scalars().all()  # fmt: skip
    for review_id in rows:
        expire(tx, records.get(tx, review_id, tx.now))


def expire(tx: Transaction, review: Review) -> bool:
    """Write down that nobody spoke in time. False when somebody did meanwhile."""
    if not records.turn(tx, review, state=ReviewState.EXPIRED, decided_at=tx.now):
        return False
    enter(
        tx, By(Actor.SYSTEM, "apiguard"), Happening.ONBOARDING_REVIEW_CLOSED, f"review:{review.id}",
        after={"state": ReviewState.EXPIRED.value}, reason="Nobody spoke in time.",
        organization=review.organization_id,
    )  # fmt: skip
    return True


def _sampled(desk: Desk, review: Review) -> bool:
    """Whether an approval by policy is looked at afterwards: drawn from its id, so that nobody chooses."""
    if review.needed or review.basis is not Basis.PEOPLE:
        return False
    return int.from_bytes(hashlib.sha256(review.id.encode()).digest()[:4], "big") % 100 < desk.policy.sample


def _replace(review: Review, **values: Any) -> Review:
    return Review(**{name: getattr(review, name) for name in Review.__slots__} | values)


def deadline_left(review: Review, now: dt.datetime) -> int:
    """Seconds that are left on the reviewers' clock."""
    return max(0, int((review.deadline - now).total_seconds()))
