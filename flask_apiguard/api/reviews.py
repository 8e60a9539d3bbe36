"""Reviews: asked for, read with their evidence, decided, questioned, answered, withdrawn; and recertification."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from marshmallow import fields

from ..clients import Application
from ..onboarding import Call as Observed
from ..onboarding import Kind, Review, ReviewState
from ..people import Act, demand
from ..values import Environment
from .acting import act_on
from .call import Answer, Call, Next
from .fields import (
    PLAN_AT_MOST,
    SCOPE_AT_MOST,
    Choice,
    Flag,
    Id,
    In,
    Moment,
    Out,
    PageIn,
    Prose,
    Resource,
    Several,
    Whole,
)
from .lookups import application_of
from .paging import page
from .table import Table

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..db import Transaction

table = Table("reviews")


class RequestIn(In):
    kind = Choice(*(kind.value for kind in Kind if kind is not Kind.RECERTIFICATION), required=True)
    environment = Choice("sandbox", "production", load_default="production")
    scopes = Several(Id(SCOPE_AT_MOST), 50)
    plan = Id(PLAN_AT_MOST)
    reason = Prose(1, 2000, required=True)


class RecertifyIn(In):
    keep = Several(Id(SCOPE_AT_MOST), 100, metadata={"description": "Scopes to keep; all of them by default."})
    reason = Prose(1, 2000, required=True)


class DecisionIn(In):
    decision = Choice("approve", "deny", required=True)
    reason = Prose(1, 2000, required=True)
    scopes = Several(Id(SCOPE_AT_MOST), 50, metadata={"description": "Some of what is asked for, to approve less."})
    until = Moment()
    version = Whole(1, 10**9)


class QuestionIn(In):
    question = Prose(1, 5000, required=True)


class TextIn(In):
    text = Prose(1, 5000, required=True)


class WithdrawIn(In):
    reason = Prose(0, 2000, load_default="")


class QueueIn(PageIn):
    state = Choice(*(state.value for state in ReviewState))
    application_id = Id()
    organization_id = Id()
    sampled = Flag(metadata={"query": True})
    exception = Flag(metadata={"query": True})


class VoteOut(Out):
    voter = fields.String()
    scopes = fields.List(fields.String())
    until = Moment(allow_none=True)
    reason = fields.String()
    at = Moment()


class MessageOut(Out):
    id = fields.String()
    kind = fields.String()
    by = fields.String()
    at = Moment()
    text = fields.String()


class ReviewOut(Resource):
    id = fields.String()
    application_id = fields.String()
    organization_id = fields.String()
    kind = fields.String()
    environment = fields.String()
    state = fields.String()
    scopes = fields.List(fields.String())
    left_out = fields.List(fields.String())
    plan = fields.String(allow_none=True)
    client_id = fields.String(allow_none=True)
    reason = fields.String()
    risk = fields.String()
    needed = fields.Integer()
    basis = fields.String()
    requested_by = fields.String()
    requested_at = Moment()
    deadline = Moment()
    approved_scopes = fields.List(fields.String())
    until = Moment(allow_none=True)
    decided_at = Moment(allow_none=True)
    decided_by = fields.String(allow_none=True)
    decision_reason = fields.String()
    exception = fields.Boolean()
    sampled = fields.Boolean()
    version = fields.Integer()


class EvidenceOut(ReviewOut):
    """A review with its evidence, votes and messages: what a reviewer needs on one screen."""

    evidence = fields.Dict()
    votes = fields.List(fields.Nested(VoteOut))
    messages = fields.List(fields.Nested(MessageOut))


def _of(call: Call, source: Transaction | sa.Connection, act: Act) -> Review:
    found = call.house.onboarding.review(source, call.path["review_id"])
    demand(call.by, Act.ONBOARDING_REVIEW_READ, found.organization_id)
    demand(call.by, act, found.organization_id)
    return found


def _answer(call: Call, source: Transaction | sa.Connection, found: Review) -> Answer:
    value: dict[str, Any] = {name: getattr(found, name) for name in Review.__slots__}
    return Answer(value, _next(call, source, found), headers={"ETag": f'"{found.version}"'})


def _next(call: Call, source: Transaction | sa.Connection, found: Review) -> list[Next]:
    if not found.live:
        return call.followed(call.house.onboarding.next_of(source, call.by, found.application_id))
    follow, owner = [], found.organization_id
    mine = found.requested_by == f"{call.by.kind}:{call.by.id}"
    if call.may(Act.ONBOARDING_REVIEW_DECIDE, owner) and not mine:
        why = f"Approve, approve less, or deny; it takes {max(1, found.needed)}."
        follow.append(call.next("decide", "POST", "/reviews/<id>/decisions", why, id=found.id))
        if found.state is ReviewState.OPEN:
            why = "Ask the requester; the clock stands still meanwhile."
            follow.append(call.next("ask", "POST", "/reviews/<id>/questions", why, id=found.id))
    if found.state is ReviewState.ASKED and call.may(Act.ONBOARDING_REVIEW_ANSWER, owner):
        why = "A reviewer waits for the answer."
        follow.append(call.next("answer", "POST", "/reviews/<id>/answers", why, id=found.id))
    if call.may(Act.ONBOARDING_REVIEW_WITHDRAW, owner):
        follow.append(call.next("withdraw", "POST", "/reviews/<id>/withdrawal", "Take it back.", id=found.id))
    path, why = "/applications/<id>", "See what it is about."
    follow.append(call.next("application", "GET", path, why, id=found.application_id))
    return follow


@table.post("/applications/<application_id>/reviews", "Ask for more: production, scopes, a plan, or to resume",
            body=RequestIn, out=EvidenceOut, status=201, act=Act.ONBOARDING_REVIEW_OPEN)  # fmt: skip
def request(call: Call) -> Answer:
    body = call.body

    def ask_for(tx: Transaction, owner: Application, seen: list[Observed]) -> Review:
        return call.house.onboarding.request(
            tx, call.by, owner.id, body["kind"], scopes=body.get("scopes"), plan=body.get("plan"),
            environment=Environment(body["environment"]), reason=body["reason"], calls=seen,
        )  # fmt: skip

    return _opened(call, Act.ONBOARDING_REVIEW_OPEN, ask_for)


@table.post("/applications/<application_id>/recertification", "Confirm what production still needs",
            body=RecertifyIn, out=EvidenceOut, status=201, act=Act.ONBOARDING_RECERTIFICATION_CONFIRM)  # fmt: skip
def recertify(call: Call) -> Answer:
    def confirm(tx: Transaction, owner: Application, seen: list[Observed]) -> Review:
        return call.house.onboarding.recertify(
            tx, call.by, owner.id, keep=call.body.get("keep"), reason=call.body["reason"], calls=seen
        )

    return _opened(call, Act.ONBOARDING_RECERTIFICATION_CONFIRM, confirm)


def _opened(call: Call, act: Act, open_: Callable[[Transaction, Application, list[Observed]], Review]) -> Answer:
    """Open a review of the application in the path, by the calls that were observed before."""
    with call.read() as conn:
        seen = call.house.onboarding.look(conn, application_of(call, conn, act).id)

    def answer(conn: sa.Connection, found: Review) -> Answer:
        told = _answer(call, conn, found)
        return replace(told, headers={**told.headers, "Location": call.href("/reviews/<id>", id=found.id)})

    return act_on(
        call, lambda tx: application_of(call, tx, act), lambda tx, owner: open_(tx, owner, seen), answer
    )  # fmt: skip


@table.get("/reviews", "The queue of reviews", query=QueueIn, out=ReviewOut, many=True,
           act=Act.ONBOARDING_REVIEW_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    query, mine = call.query, call.organizations(Act.ONBOARDING_REVIEW_READ)
    if "organization_id" in query:
        demand(call.by, Act.ONBOARDING_REVIEW_READ, query["organization_id"])
        mine = [query["organization_id"]]

    def read_(after: str, limit: int) -> list[Review]:
        with call.read() as conn:
            return call.house.onboarding.reviews(
                conn, state=query.get("state"), organization_ids=mine, application_id=query.get("application_id"),
                sampled=query.get("sampled"), exception=query.get("exception"), after=after, limit=limit,
            )  # fmt: skip

    return page(call, read_)


@table.get("/reviews/<review_id>", "A review with its evidence", out=EvidenceOut, act=Act.ONBOARDING_REVIEW_READ)
def read(call: Call) -> Answer:
    with call.read() as conn:
        return _answer(call, conn, _of(call, conn, Act.ONBOARDING_REVIEW_READ))


def _changed(call: Call, act: Act, change: Callable[[Transaction, Review], Review]) -> Answer:
    """Change the review in the path; the answer tells how it stands after that."""
    return act_on(call, lambda tx: _of(call, tx, act), change, lambda conn, found: _answer(call, conn, found))


@table.post("/reviews/<review_id>/decisions", "Approve, approve less, or deny", body=DecisionIn, out=EvidenceOut,
            act=Act.ONBOARDING_REVIEW_DECIDE)  # fmt: skip
def decide(call: Call) -> Answer:
    body, onboarding = call.body, call.house.onboarding
    with call.read() as conn:
        seen = onboarding.look(conn, _of(call, conn, Act.ONBOARDING_REVIEW_READ).application_id)

    def change(tx: Transaction, found: Review) -> Review:
        return onboarding.decide(
            tx, call.by, found.id, body["decision"], reason=body["reason"], scopes=body.get("scopes"),
            until=body.get("until"), version=body.get("version"), calls=seen,
        )  # fmt: skip

    return _changed(call, Act.ONBOARDING_REVIEW_READ, change)


@table.post("/reviews/<review_id>/questions", "Ask the requester", body=QuestionIn, out=EvidenceOut,
            act=Act.ONBOARDING_REVIEW_ASK)  # fmt: skip
def ask(call: Call) -> Answer:
    def change(tx: Transaction, found: Review) -> Review:
        return call.house.onboarding.ask(tx, call.by, found.id, call.body["question"])

    return _changed(call, Act.ONBOARDING_REVIEW_ASK, change)


@table.post("/reviews/<review_id>/answers", "Answer a reviewer's question", body=TextIn, out=EvidenceOut,
            act=Act.ONBOARDING_REVIEW_ANSWER)  # fmt: skip
def answer(call: Call) -> Answer:
    def change(tx: Transaction, found: Review) -> Review:
        return call.house.onboarding.answer(tx, call.by, found.id, call.body["text"])

    return _changed(call, Act.ONBOARDING_REVIEW_ANSWER, change)


@table.post("/reviews/<review_id>/withdrawal", "Take a request back", body=WithdrawIn, out=EvidenceOut,
            act=Act.ONBOARDING_REVIEW_WITHDRAW)  # fmt: skip
def withdraw(call: Call) -> Answer:
    def change(tx: Transaction, found: Review) -> Review:
        return call.house.onboarding.withdraw(tx, call.by, found.id, call.body["reason"])

    return _changed(call, Act.ONBOARDING_REVIEW_WITHDRAW, change)
