"""Why one call was answered as it was, step by step, for who made it and for who looks after it."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from ..clients import registry
from ..errors import Missing
from ..people import Act, may
from ..values import Actor, Reason
from .call import Answer, Call
from .calls import CallOut
from .fields import Moment, Out, Resource
from .table import Table, Who

table = Table("explain")

STEPS = ("perimeter", "identify", "standing", "access", "count", "validate")
_TITLES = {
    "perimeter": "The request can be read in one way and is not too large",
    "identify": "Somebody proved who calls",
    "standing": "The caller may act here and now",
    "access": "The caller holds what the route demands",
    "count": "Limits and quotas leave room",
    "validate": "What came in fits the schema",
}
_OF_REASON = {
    Reason.PATH_AMBIGUOUS: "perimeter", Reason.BODY_TOO_LARGE: "perimeter",
    Reason.CLIENT_SUSPENDED: "standing", Reason.SUBJECT_RETIRED: "standing", Reason.APPLICATION_NOT_READY: "standing",
    Reason.ENVIRONMENT_WRONG: "standing", Reason.CREDENTIAL_EXPIRED: "standing", Reason.CREDENTIAL_REVOKED: "standing",
    Reason.ATTEMPTS_EXCEEDED: "identify", Reason.AUDIENCE_WRONG: "identify", Reason.ORIGIN_REFUSED: "identify",
    Reason.PREFLIGHT_REFUSED: "identify", Reason.ROUTE_UNDECLARED: "access", Reason.ROUTE_UNKNOWN: "access",
    Reason.METHOD_UNSUPPORTED: "access", Reason.SCOPE_MISSING: "access", Reason.ROLE_MISSING: "access",
    Reason.POLICY_REFUSED: "access", Reason.LIMIT_EXCEEDED: "count", Reason.QUOTA_EXCEEDED: "count",
    Reason.DOCUMENT_INVALID: "validate", Reason.DOCUMENT_MALFORMED: "validate",
    Reason.MEDIA_TYPE_UNSUPPORTED: "validate",
}  # fmt: skip
_BY_NAME = {str(reason): reason for reason in Reason}


class StepOut(Out):
    step = fields.String()
    title = fields.String()
    outcome = fields.String(metadata={"description": "passed, refused, or not reached."})
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


def step_of(reason: Reason) -> str | None:
    """Which step gave a reason; None when none of them did: the call was allowed, or our side failed."""
    if reason in _OF_REASON:
        return _OF_REASON[reason]
    return "identify" if str(reason).startswith("gate:credential:") else None


@table.get("/explain/<request_id>", "Why a call was answered as it was", who=Who.CLIENT, out=ExplainOut,
           act=Act.EVENTS_EVENT_READ)  # fmt: skip
def read(call: Call) -> Answer:
    found = call.house.recorder.query.find(call.path["request_id"])
    if not found:
        raise Missing
    line = found[-1]
    insider = _demand(call, line)
    reason = _BY_NAME.get(str(line.get("reason") or ""), Reason.ALLOWED if line.get("allowed") else Reason.GATE_FAULT)
    told = {**line, "explain": call.href("/explain/<id>", id=call.path["request_id"])}
    if reason is Reason.POLICY_REFUSED and not insider:
        told["need"] = ""
    value = {
        "call": told, "answer": f"{line['status']} {reason.title}", "why": reason.title, "action": reason.action,
        "steps": list(_steps(line, reason, insider)),
    }  # fmt: skip
    return Answer(value, list(_next(call, line, reason)))


def _demand(call: Call, line: dict[str, Any]) -> bool:
    """Whether policy internals may be told as well.

    :raises Missing: the call is none of the actor's business, as little as one that never was.
    """
    client_id = line.get("client")
    if call.by.kind is Actor.CLIENT:
        if client_id != call.by.id:
            raise Missing
        return False
    if may(call.by, Act.EVENTS_EVENT_READ):
        return True
    if client_id is None:
        raise Missing
    with call.read() as conn:
        owner = registry.application(conn, registry.client(conn, client_id).application_id)
    if not may(call.by, Act.EVENTS_EVENT_READ, owner.organization_id):
        raise Missing
    return False


def _steps(line: dict[str, Any], reason: Reason, insider: bool) -> Any:
    refused = step_of(reason)
    reached = STEPS.index(refused) if refused is not None else len(STEPS)
    for place, step in enumerate(STEPS):
        outcome = "passed" if place < reached else "refused" if place == reached else "not reached"
        if reason is Reason.GATE_FAULT or (refused is None and reason is Reason.STORE_AWAY):
            outcome = "unknown"
        seen, needed = _seen(line, step), ""
        if place == reached:
            hidden = reason is Reason.POLICY_REFUSED and not insider
            seen = "" if hidden else str(line.get("have") or "") or seen
            needed = "" if hidden else str(line.get("need") or "") or reason.title
        yield {"step": step, "title": _TITLES[step], "outcome": outcome, "seen": seen, "needed": needed}


def _seen(line: dict[str, Any], step: str) -> str:
    if step == "perimeter":
        return f"{line['method']} {line['path']}, {line.get('bytes_in') or 0} bytes"
    if step == "identify":
        kind = line.get("credential_kind") or "nothing"
        return f"{kind} of {line['client']}" if line.get("client") else str(kind)
    if step == "standing":
        return str(line.get("environment") or "")
    return str(line.get("route") or "") if step == "access" else ""


def _next(call: Call, line: dict[str, Any], reason: Reason) -> Any:
    if reason is Reason.ALLOWED:
        return
    application, client = line.get("application"), line.get("client")
    path = "/problems/<slug>"
    yield call.next("problem", "GET", path, f"{reason.title}: {reason.action}", slug=reason.slug)
    if client is None or application is None:
        return
    if reason in (Reason.LIMIT_EXCEEDED, Reason.QUOTA_EXCEEDED):
        yield call.next("usage", "GET", "/clients/<id>/usage", "See what is left, and when it comes back.", id=client)
    if call.caller is None and reason in (Reason.SCOPE_MISSING, Reason.CLIENT_SUSPENDED, Reason.APPLICATION_NOT_READY):
        yield call.next("request", "POST", "/applications/<id>/reviews", reason.action, id=application)
    if call.caller is None and reason in (Reason.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REVOKED):
        yield call.next("create-credential", "POST", "/clients/<id>/credentials", reason.action, id=client)
