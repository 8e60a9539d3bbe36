"""Why one call was answered as it was, step by step, for who made it and for who looks after it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from marshmallow import fields

from ..clients import registry
from ..errors import Missing
from ..house.explaining import reason_of, steps_of
from ..people import Act, may
from ..values import Actor, Reason
from .call import Answer, Call, Next
from .calls import CallOut, told
from .fields import Moment, Out, Resource
from .table import Table, Who

table = Table("explain")
#: What more may be asked for, and what is mended by another credential.
_ASK = frozenset({Reason.APPLICATION_NOT_READY, Reason.CLIENT_SUSPENDED, Reason.SCOPE_MISSING})
_RENEW = frozenset({Reason.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REVOKED})


class StepOut(Out):
    step = fields.String()
    title = fields.String()
    outcome = fields.String(
        metadata={"description": "passed, refused, not reached, only recorded (while observing), or unknown."}
    )
    seen = fields.String()
    needed = fields.String()


class ExplainOut(Resource):
    """One call and its way: each step, what was seen, what was needed, and what to do next."""

    call = fields.Nested(CallOut(exclude=("next",)))
    at = Moment()
    answer = fields.String()
    why = fields.String()
    action = fields.String()
    steps = fields.List(fields.Nested(StepOut))


@table.get("/explain/<request_id>", "Why a call was answered as it was", who=Who.CLIENT, out=ExplainOut,
           act=Act.EVENTS_EVENT_READ)  # fmt: skip
def read(call: Call) -> Answer:
    found = call.house.recorder.query.find(call.path["request_id"])
    if not found:
        raise Missing
    line = found[-1]
    organization_id = _demand(call, line)
    reason = reason_of(line)
    value = {
        "call": told(call, line),
        "answer": f"{line['status']} {reason.title}", "why": _why(line, reason), "action": reason.action,
        "steps": list(steps_of(line)),
    }  # fmt: skip
    return Answer(value, list(_next(call, line, reason, organization_id)))


def _why(line: dict[str, Any], reason: Reason) -> str:
    """The reason's title; of a policy its own sentence, which the refusal told already."""
    return str(line.get("have") or "") or reason.title if reason is Reason.POLICY_REFUSED else reason.title


def _demand(call: Call, line: dict[str, Any]) -> str | None:
    """The organization whose call it was, for who may see it.

    :raises Missing: the call is none of the actor's business, as little as one that never was.
    """
    client_id = line.get("client")
    if call.by.kind is Actor.CLIENT:
        if client_id != call.by.id:
            raise Missing
        return None
    owner_id = None
    if client_id is not None:
        with call.read() as conn:
            owner_id = registry.application(conn, registry.client(conn, client_id).application_id).organization_id
    if not may(call.by, Act.EVENTS_EVENT_READ, owner_id):
        raise Missing
    return owner_id


def _next(call: Call, line: dict[str, Any], reason: Reason, owner_id: str | None) -> Iterator[Next]:
    if reason is Reason.ALLOWED:
        return
    application, client = line.get("application"), line.get("client")
    path = "/problems/<slug>"
    yield call.next("problem", "GET", path, f"{reason.title}: {reason.action}", slug=reason.slug)
    if client is None or application is None:
        return
    if reason in (Reason.LIMIT_EXCEEDED, Reason.QUOTA_EXCEEDED):
        yield call.next("usage", "GET", "/clients/<id>/usage", "See what is left, and when it comes back.", id=client)
    if reason in _ASK and call.may(Act.ONBOARDING_REVIEW_OPEN, owner_id):
        yield call.next("request", "POST", "/applications/<id>/reviews", reason.action, id=application)
    if reason in _RENEW and call.may(Act.CREDENTIALS_CREDENTIAL_CREATE, owner_id):
        yield call.next("create-credential", "POST", "/clients/<id>/credentials", reason.action, id=client)
