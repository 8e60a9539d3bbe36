"""Questions, answers, and taking a request back."""

from __future__ import annotations

import datetime as dt

from ..contracts import Notice
from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict, Forbidden, Invalid
from ..ledger import enter
from ..people import Act, demand
from ..values import Actor, By, Flaw, Happening
from . import asking, records, sitters, tables
from .desk import Desk, hand
from .records import Review, ReviewState

TEXT_AT_MOST = 5000


def ask(tx: Transaction, desk: Desk, by: By, review_id: str, question: str) -> Review:
    """Ask the requester. The reviewers' clock stands still until the answer; an unanswered question has its own.

    :raises Conflict: the review is over, or a question is open.
    """
    found = records.get(tx, review_id, tx.now)
    if by.kind is not Actor.PERSON:
        raise Forbidden("People ask, and a command acts as one.", "reviewer", "Act with a reviewer's person token.")
    demand(by, Act.ONBOARDING_REVIEW_ASK, found.organization_id)
    if found.state is not ReviewState.OPEN:
        raise Conflict(f"This review is {found.state}.")
    left = asking.deadline_left(found, tx.now)
    _turn(tx, found, state=ReviewState.ASKED, remaining=left, deadline=tx.now + desk.policy.expiry)
    _say(tx, found, by, "question", question)
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_ASKED, f"review:{review_id}", reason=question.strip(),
        organization=found.organization_id,
    )  # fmt: skip
    to = sitters.owners_addresses(tx, found.organization_id, tx.now)
    if to:
        text = f"A reviewer asks:\n\n{question.strip()}\n"
        desk.notify(tx, Notice(f"asked:{review_id}:{found.version}", "A question about your request", text, to))
    return records.get(tx, review_id, tx.now)


def answer(tx: Transaction, desk: Desk, by: By, review_id: str, text: str) -> Review:
    """Answer; the reviewers' clock goes on where it stood.

    :raises Conflict: nothing was asked.
    """
    found = records.get(tx, review_id, tx.now)
    demand(by, Act.ONBOARDING_REVIEW_ANSWER, found.organization_id)
    if found.state is not ReviewState.ASKED:
        raise Conflict("No question is open." if found.live else f"This review is {found.state}.")
    left = dt.timedelta(seconds=found.remaining or 0)
    _turn(tx, found, state=ReviewState.OPEN, remaining=None, deadline=tx.now + max(left, dt.timedelta(days=1)))
    _say(tx, found, by, "answer", text)
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_ANSWERED, f"review:{review_id}", reason=text.strip(),
        organization=found.organization_id,
    )  # fmt: skip
    to = sitters.judges_addresses(tx, tx.now)
    if to:
        desk.notify(tx, Notice(f"answered:{review_id}:{found.version}", "A review goes on", text.strip() + "\n", to))
    return records.get(tx, review_id, tx.now)


def withdraw(tx: Transaction, by: By, review_id: str, reason: str = "") -> Review:
    """Take a request back.

    :raises Conflict: it is over.
    """
    found = records.get(tx, review_id, tx.now)
    demand(by, Act.ONBOARDING_REVIEW_WITHDRAW, found.organization_id)
    if not found.live:
        raise Conflict(f"This review is {found.state} already.")
    _turn(tx, found, state=ReviewState.WITHDRAWN, decided_at=tx.now, decided_by=hand(by), decision_reason=reason)
    enter(
        tx, by, Happening.ONBOARDING_REVIEW_CLOSED, f"review:{review_id}", reason=reason,
        after={"state": ReviewState.WITHDRAWN.value}, organization=found.organization_id,
    )  # fmt: skip
    return records.get(tx, review_id, tx.now)


def _turn(tx: Transaction, review: Review, **values: object) -> None:
    if not records.turn(tx, review, **values):
        raise Conflict("Somebody else acted on this review meanwhile.")


def _say(tx: Transaction, review: Review, by: By, kind: str, text: str) -> None:
    if not text.strip() or len(text) > TEXT_AT_MOST:
        raise Invalid([Flaw("/text", f"Write 1 to {TEXT_AT_MOST} characters.")])
    values = {"id": new_id("msg"), "review_id": review.id, "kind": kind, "by": hand(by), "at": tx.now}
    tx.execute(tables.review_message.insert().values(**values, text=text.strip()))
