"""``explain``: why one call was answered as it was, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..people import Act
from ..values import Reason
from .common import Desk, Refused, alone, lines, table

#: The steps of the way, and what each looks at.
STEPS = {
    "perimeter": "can the request be read in one way, and is it not too large",
    "rule": "what does this route demand",
    "identify": "who calls",
    "standing": "may the caller act here and now",
    "access": "scopes, roles, policies",
    "count": "limits and quotas",
    "validate": "what came in",
    "view": "the host's own function",
}
_OF = {
    Reason.PATH_AMBIGUOUS: "perimeter", Reason.BODY_TOO_LARGE: "perimeter", Reason.PREFLIGHT_REFUSED: "rule",
    Reason.ORIGIN_REFUSED: "identify", Reason.AUDIENCE_WRONG: "identify", Reason.ATTEMPTS_EXCEEDED: "identify",
    Reason.CLIENT_SUSPENDED: "standing", Reason.SUBJECT_RETIRED: "standing", Reason.APPLICATION_NOT_READY: "standing",
    Reason.ENVIRONMENT_WRONG: "standing", Reason.ROUTE_UNDECLARED: "access", Reason.SCOPE_MISSING: "access",
    Reason.ROLE_MISSING: "access", Reason.POLICY_REFUSED: "access", Reason.LIMIT_EXCEEDED: "count",
    Reason.QUOTA_EXCEEDED: "count", Reason.DOCUMENT_INVALID: "validate", Reason.DOCUMENT_MALFORMED: "validate",
    Reason.MEDIA_TYPE_UNSUPPORTED: "validate", Reason.ROUTE_UNKNOWN: "view", Reason.METHOD_UNSUPPORTED: "view",
    Reason.RESPONSE_INVALID: "view",
}  # fmt: skip


@alone("explain")
@click.argument("request_id", metavar="REQUEST_ID")
def explain(desk: Desk, request_id: str) -> None:
    """Tell why a call was answered as it was: each step, what it saw and needed, and what to do next."""
    events = desk.house.recorder.query.find(request_id)
    if not events:
        desk.demand(Act.EVENTS_EVENT_READ)
        raise Refused(
            f"No call has the id {request_id[:60]}.",
            "It is the request_id of an answer, and is kept as long as APIGUARD_RETENTION says.",
        )
    event = events[-1]
    desk.demand(Act.EVENTS_EVENT_READ, event.get("organization"))
    reason = next((one for one in Reason if str(one) == event["reason"]), None)
    told: dict[str, Any] = {
        "request_id": request_id, "time": event["time"], "call": f"{event['method']} {event['path']}",
        "route": event["route"], "client": event["client"], "status": event["status"], "allowed": event["allowed"],
        "reason": event["reason"], "title": reason.title if reason else event["reason"],
        "next": reason.action if reason else "", "mode": event["mode"], "steps": steps_of(event, reason),
        "events": events,
    }  # fmt: skip
    desk.answer(told, lambda: _page(told))


def _page(told: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in told.items() if name not in ("steps", "events")}
    return f"{lines(facts)}\n\n{table(told['steps'], ('step', 'result', 'saw', 'needed'))}"


def steps_of(event: Mapping[str, Any], reason: Reason | None) -> list[dict[str, Any]]:
    """Every step in its order: ``passed``, ``refused``, ``not reached``; what the refusing one saw and needed."""
    refusing = None if event["allowed"] or reason is None else refusing_step(reason)
    found, result = [], "passed"
    for name, looks_at in STEPS.items():
        saw, needed = _saw(name, event), ""
        if name == refusing:
            result = "refused"
            saw, needed = event.get("have") or saw, event.get("need") or (reason.title if reason else "")
        found.append({"step": name, "asks": looks_at, "result": result, "saw": saw, "needed": needed})
        if name == refusing:
            # While observing, a refusal is only taken down and the view runs all the same.
            result = "only recorded" if event.get("mode") == "observe" else "not reached"
    return found


def refusing_step(reason: Reason) -> str | None:
    """The step that answers with a reason; None for those that a fault of ours or a store gives."""
    if str(reason).startswith("gate:credential:"):
        return "identify"
    return _OF.get(reason)


def _saw(step: str, event: Mapping[str, Any]) -> str:
    if step == "perimeter":
        return f"{event['bytes_in']} bytes from {event['address']}"
    if step == "rule":
        return event["route"] or "no route"
    if step == "identify":
        proof = event.get("credential_kind") or ("the host's session" if event.get("first_party") else "nothing")
        return f"{event['client'] or 'nobody'} by {proof}"
    if step == "standing":
        return event.get("environment") or ""
    return f"answered {event['status']}" if step == "view" and event["allowed"] else ""
