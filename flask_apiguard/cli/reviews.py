"""``reviews``: requests for more, with their evidence on one screen, and their decisions."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from ..clients import registry
from ..onboarding import Review, ReviewState
from ..people import Act, may
from .common import Desk, command, lines, moment, reasoned, table

PAGE = 200


@click.group()
def reviews() -> None:
    """Reviews: list, show, approve, deny, ask, answer, withdraw."""


@command(reviews, "list")
@click.option("--state", type=click.Choice([one.value for one in ReviewState]), help="Only those in this state.")
@click.option("--application", "application_id", help="Only this application's.")
@click.option("--all", "ended_too", is_flag=True, help="Those that have ended too.")
def list_(desk: Desk, state: str | None, application_id: str | None, ended_too: bool) -> None:
    """List reviews that wait for somebody."""
    with desk.house.store.read() as conn:
        names: dict[str, str] = {}
        found = []
        for one in every_review(desk, conn, state, application_id):
            if not (one.live or ended_too or state):
                continue
            if one.application_id not in names:
                names[one.application_id] = registry.application(conn, one.application_id).name
            found.append(_row(one, names[one.application_id]))
    columns = ("id", "application_name", "kind", "environment", "risk", "state", "scopes", "deadline")
    desk.rows(found, columns, "No review waits.")


def every_review(desk: Desk, conn: Any, state: str | None = None, application_id: str | None = None) -> list[Review]:
    """All that the actor may see, the oldest first."""
    found: list[Review] = []
    after = ""
    while True:
        page = desk.house.onboarding.reviews(conn, state=state, application_id=application_id, after=after, limit=PAGE)
        found += [one for one in page if may(desk.by, Act.ONBOARDING_REVIEW_READ, one.organization_id)]
        if len(page) < PAGE:
            return found
        after = page[-1].id


def _row(one: Review, name: str) -> dict[str, Any]:
    return {
        "id": one.id, "application": one.application_id, "application_name": name, "kind": one.kind,
        "environment": one.environment, "risk": one.risk, "needed": one.needed, "state": one.state,
        "scopes": one.scopes, "requested_by": one.requested_by, "requested_at": one.requested_at,
        "deadline": one.deadline, "reason": one.reason,
    }  # fmt: skip


@command(reviews, "show")
@click.argument("review_id", metavar="REVIEW")
def show(desk: Desk, review_id: str) -> None:
    """Show one review with its evidence, votes and messages."""
    with desk.house.store.read() as conn:
        found = desk.house.onboarding.review(conn, review_id)
        desk.demand(Act.ONBOARDING_REVIEW_READ, found.organization_id)
        name = registry.application(conn, found.application_id).name
    desk.answer(found, lambda: _page(found, name))


def _page(found: Review, name: str) -> str:
    evidence = found.evidence
    parts = [
        lines({
            **_row(found, name), "left_out": found.left_out, "basis": found.basis, "plan": found.plan,
            "decided_by": found.decided_by, "decision_reason": found.decision_reason, "until": found.until,
        }),
        *(f"{title}\n{lines(evidence[key])}" for title, key in (
            ("Checks", "checks"), ("Scopes", "scopes"), ("Risks", "risks"),
        ) if evidence.get(key)),
    ]  # fmt: skip
    if evidence.get("routes"):
        parts.append("Newly reachable\n" + "\n".join(str(one) for one in evidence["routes"]))
    if found.votes:
        votes = [_told(one) for one in found.votes]
        parts.append("Votes\n" + table(votes, ("voter", "at", "scopes", "until", "reason")))
    if found.messages:
        parts.append("Messages\n" + table([_told(one) for one in found.messages], ("kind", "by", "at", "text")))
    return "\n\n".join(parts)


def _told(one: Any) -> dict[str, Any]:
    return {name: getattr(one, name) for name in type(one).__slots__}


@command(reviews, "approve")
@click.argument("review_id", metavar="REVIEW")
@click.option("--scope", "scopes", multiple=True, help="Approve less: only these of the scopes asked for.")
@click.option("--until", type=moment, metavar="DATE", help="Until when; by default without end.")
@reasoned
def approve(desk: Desk, review_id: str, scopes: tuple[str, ...], until: dt.datetime | None, reason: str) -> None:
    """Approve what is asked for, or less of it, or until a date."""
    _decide(desk, review_id, "approve", reason, scopes or None, until)


@command(reviews, "deny")
@click.argument("review_id", metavar="REVIEW")
@reasoned
def deny(desk: Desk, review_id: str, reason: str) -> None:
    """Deny what is asked for; what is held already stays."""
    _decide(desk, review_id, "deny", reason)


def _decide(
    desk: Desk,
    review_id: str,
    decision: str,
    reason: str,
    scopes: tuple[str, ...] | None = None,
    until: dt.datetime | None = None,
) -> None:
    onboarding = desk.house.onboarding
    with desk.house.store.read() as conn:
        seen = onboarding.look(conn, onboarding.review(conn, review_id).application_id)
    with desk.house.store.write() as tx:
        found = onboarding.decide(
            tx, desk.by, review_id, decision, reason=reason, scopes=scopes, until=until, calls=seen
        )
    told = {
        "review": found.id, "state": found.state, "scopes": found.approved_scopes, "until": found.until,
        "approvals": len(found.votes), "needed": found.needed, "remaining": found.remaining,
    }  # fmt: skip
    desk.facts(told)


@command(reviews, "ask")
@click.argument("review_id", metavar="REVIEW")
@click.argument("question")
def ask(desk: Desk, review_id: str, question: str) -> None:
    """Ask the requester something; the reviewers' clock stands still meanwhile."""
    with desk.house.store.write() as tx:
        found = desk.house.onboarding.ask(tx, desk.by, review_id, question)
    _talked(desk, found)


@command(reviews, "answer")
@click.argument("review_id", metavar="REVIEW")
@click.argument("text")
def answer(desk: Desk, review_id: str, text: str) -> None:
    """Answer a reviewer's question; the reviewers' clock goes on."""
    with desk.house.store.write() as tx:
        found = desk.house.onboarding.answer(tx, desk.by, review_id, text)
    _talked(desk, found)


def _talked(desk: Desk, found: Review) -> None:
    desk.facts({"review": found.id, "state": found.state, "deadline": found.deadline})


@command(reviews, "withdraw")
@click.argument("review_id", metavar="REVIEW")
@reasoned
def withdraw(desk: Desk, review_id: str, reason: str) -> None:
    """Take a request back; what is held already stays."""
    with desk.house.store.write() as tx:
        found = desk.house.onboarding.withdraw(tx, desk.by, review_id, reason)
    desk.facts({"review": found.id, "state": found.state})
