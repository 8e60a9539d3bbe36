"""Deciding a review: who may, how many it takes, and one atomic end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from ..clients import registry
from ..contracts import Notice
from ..db import Transaction
from ..errors import Conflict, Forbidden, Invalid
from ..ledger import enter
from ..people import Act, demand, may, own, sat_since
from ..values import SYSTEM, Actor, By, Flaw, Happening
from . import asking, moves, outcome, records, sitters, tables
from .certification import earliest
from .desk import Desk, hand
from .records import Basis, Kind, Review, ReviewState, Vote
from .standing import demand_reason

APPROVE, DENY = "approve", "deny"
ANOTHER = "Leave it to another reviewer."


def decide(
    tx: Transaction,
    desk: Desk,
    by: By,
    review_id: str,
    decision: str,
    *,
    reason: str,
    scopes: Iterable[str] | None = None,
    until: dt.datetime | None = None,
    version: int | None = None,
) -> Review:
    """One person's word. A denial ends the review; approvals end it when there are enough of them.

    Of several approvals the least counts: scopes that all of them name, the earliest date. ``version`` is that of the
    review the person looked at.

    :raises Forbidden: the requester, somebody of their organization, or nobody who decides.
    :raises Conflict: decided already, decided twice by the same person, changed since ``version``, too early.
    :raises Invalid: no reason, scopes beyond what is asked for, a date that has passed.
    """
    # The application first: whoever retires it takes the same order.
    moves.locked(tx, records.get(tx, review_id, tx.now).application_id)
    found = records.get(tx, review_id, tx.now, locked=True)
    judges = sitters.judges(tx, tx.now)
    lone = asking.is_lone(tx, found, judges)
    _demand_judge(tx, by, found, judges, lone)
    if not found.live:
        raise Conflict(f"This review is {found.state} already.", "Read it to see how it ended.")
    if version is not None and version != found.version:
        raise Conflict("The review has changed since you looked at it.", "Read it again, then decide.")
    vote = _vote(tx, by, found, decision, reason, scopes, until)
    if decision == DENY:
        return _deny(tx, desk, by, found, vote)
    if lone:
        return _alone(tx, desk, by, found, vote)
    return _together(tx, desk, by, found, vote, judges)


def by_policy(tx: Transaction, desk: Desk, review: Review) -> Review:
    """Approve what the policy needs nobody for."""
    vote = Vote(hand(SYSTEM), review.scopes, None, "Approved by the house's policy for this risk.", tx.now, 0)
    return _approve(tx, desk, SYSTEM, review, [vote], basis=Basis.POLICY, exception=False)


def _demand_judge(tx: Transaction, by: By, review: Review, judges: set[str], lone: bool) -> None:
    if by.kind is Actor.OPERATOR and not judges:
        return  # A house that nobody sits in yet is run from its command line, and decides as one that is alone.
    if by.kind is not Actor.PERSON:
        raise Forbidden(
            "People decide reviews, and a command acts as one.", "reviewer", "Act with a reviewer's person token."
        )
    if lone and by.id in judges and may(by, Act.ONBOARDING_REVIEW_DECIDE):
        return
    if review.requested_by == hand(by):
        raise Forbidden("Nobody decides what they asked for themselves.", "another reviewer", ANOTHER)
    if own(by, review.organization_id) or sat_since(tx, by.id, review.organization_id, review.requested_at):
        raise Forbidden("Nobody decides for their own organization.", "reviewer of another organization", ANOTHER)
    demand(by, Act.ONBOARDING_REVIEW_DECIDE, review.organization_id)


def _vote(
    tx: Transaction,
    by: By,
    review: Review,
    decision: str,
    reason: str,
    scopes: Iterable[str] | None,
    until: dt.datetime | None,
) -> Vote:
    demand_reason(reason)
    flaws = []
    if decision not in (APPROVE, DENY):
        flaws.append(Flaw("/decision", "Write approve or deny."))
    named = review.scopes if scopes is None else tuple(sorted(set(scopes)))
    if set(named) - set(review.scopes) or (review.scopes and not named and review.kind is not Kind.RECERTIFICATION):
        flaws.append(Flaw("/scopes", f"Name some of what is asked for: {' '.join(review.scopes)[:200]}."))
    if until is not None and review.kind in (Kind.PLAN, Kind.RESUME):
        flaws.append(Flaw("/until", f"A {review.kind} review has no end date: nothing would end there."))
    elif until is not None and (until.tzinfo is None or until <= tx.now):
        flaws.append(Flaw("/until", "Write a moment that is still to come, with its time zone."))
    if flaws:
        raise Invalid(flaws)
    application = registry.application(tx, review.application_id)
    return Vote(hand(by), named, until, reason.strip(), tx.now, application.version)


def _together(tx: Transaction, desk: Desk, by: By, review: Review, vote: Vote, judges: set[str]) -> Review:
    """Count those approvals that still stand: of people who may decide, for the application as it is now."""
    outsiders = judges - sitters.members(tx, review.organization_id, tx.now)
    seats = {f"{Actor.PERSON}:{one}" for one in outsiders} - {review.requested_by}
    standing = [
        one for one in review.votes if one.application_version == vote.application_version and one.voter in seats
    ]
    if any(one.voter == vote.voter for one in standing):
        raise Conflict("You have approved this already; it takes another person too.", ANOTHER)
    votes = [*standing, vote]
    if len(votes) >= max(1, review.needed):
        return _approve(tx, desk, by, review, votes, basis=Basis.PEOPLE, exception=False)
    return _seat(tx, by, review, vote)


def _alone(tx: Transaction, desk: Desk, by: By, review: Review, vote: Vote) -> Review:
    """The only administrator: once the notice is out for long enough, and listed as an exception."""
    if review.noticed_at is None:
        to = tuple(sorted({
            *sitters.judges_addresses(tx, tx.now), *sitters.owners_addresses(tx, review.organization_id, tx.now)
        }))  # fmt: skip
        text = "The only administrator is about to approve alone. From now on it takes the house's waiting time.\n"
        desk.notify(tx, Notice(f"alone:{review.id}", "An approval by one person", text, to, "warning"))
        return _seat(tx, by, review, vote, noticed_at=tx.now)
    ripe = review.noticed_at + desk.policy.lone_wait
    if tx.now < ripe:
        raise Conflict(
            f"One administrator alone may approve from {ripe.isoformat(timespec='minutes')} on.",
            "Wait until then, or seat a second reviewer.",
        )
    return _approve(tx, desk, by, review, [vote], basis=Basis.PEOPLE, exception=True)


def _seat(tx: Transaction, by: By, review: Review, vote: Vote, **values: Any) -> Review:
    """Keep an approval that is not enough yet."""
    if not records.turn(tx, review, **values):
        raise Conflict("Somebody else decided meanwhile.")
    _keep(tx, review, vote)
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_SEATED, f"review:{review.id}", reason=vote.reason,
        organization=review.organization_id,
        after={"scopes": list(vote.scopes), "until": _iso(vote.until), "needed": review.needed},
    )  # fmt: skip
    return records.get(tx, review.id, tx.now)


def _keep(tx: Transaction, review: Review, vote: Vote) -> None:
    table = tables.review_vote
    tx.execute(table.delete().where(table.c.review_id == review.id, table.c.voter == vote.voter))
    values = {name: getattr(vote, name) for name in Vote.__slots__} | {"scopes": list(vote.scopes)}
    tx.execute(table.insert().values(review_id=review.id, **values))


def _approve(
    tx: Transaction, desk: Desk, by: By, review: Review, votes: list[Vote], *, basis: Basis, exception: bool
) -> Review:
    scopes = tuple(sorted(set.intersection(*(set(vote.scopes) for vote in votes))))
    if review.scopes and not scopes and review.kind is not Kind.RECERTIFICATION:
        raise Conflict("The approvals have no scope in common.", "Approve scopes that the earlier one names, or deny.")
    until = earliest(*(vote.until for vote in votes))
    if until is not None and until <= tx.now:
        raise Conflict("The date of an earlier approval has passed.", "Deny this, and have it asked for anew.")
    last = votes[-1]
    ended = records.turn(
        tx, review, state=ReviewState.APPROVED, basis=basis, exception=exception, approved_scopes=list(scopes),
        until=until, decided_at=tx.now, decided_by=hand(by), decision_reason=last.reason,
    )  # fmt: skip
    if not ended:
        raise Conflict("Somebody else decided meanwhile.")
    if basis is Basis.PEOPLE:
        _keep(tx, review, last)
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_DECIDED, f"review:{review.id}", reason=last.reason,
        organization=review.organization_id, before={"state": review.state.value},
        after={"state": "approved", "scopes": list(scopes), "until": _iso(until), "basis": basis.value},
        evidence={"votes": [vote.voter for vote in votes], "exception": exception, "sampled": review.sampled},
    )  # fmt: skip
    approved = records.get(tx, review.id, tx.now)
    outcome.carry_out(tx, desk, by, approved)
    _tell(tx, desk, approved)
    return approved


def _deny(tx: Transaction, desk: Desk, by: By, review: Review, vote: Vote) -> Review:
    ended = records.turn(
        tx, review, state=ReviewState.DENIED, decided_at=tx.now, decided_by=hand(by), decision_reason=vote.reason
    )
    if not ended:
        raise Conflict("Somebody else decided meanwhile.")
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_DECIDED, f"review:{review.id}", reason=vote.reason,
        organization=review.organization_id, before={"state": review.state.value}, after={"state": "denied"},
    )  # fmt: skip
    denied = records.get(tx, review.id, tx.now)
    _tell(tx, desk, denied)
    return denied


def _tell(tx: Transaction, desk: Desk, review: Review) -> None:
    to = sitters.owners_addresses(tx, review.organization_id, tx.now)
    if not to:
        return
    text = f"Your request ({review.kind}, {review.environment}) is {review.state}.\n\n{review.decision_reason}\n"
    facts = {"review": review.id, "application": review.application_id, "state": review.state.value}
    desk.notify(tx, Notice(f"decided:{review.id}", f"Your request is {review.state}", text, to, facts=facts))


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
