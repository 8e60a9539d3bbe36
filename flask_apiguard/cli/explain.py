"""``explain``: why one call was answered as it was, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from ..house.explaining import reason_of, steps_of
from ..people import Act
from .common import Desk, Refused, alone, lines, table

COLUMNS = ("step", "outcome", "seen", "needed")


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
    reason = reason_of(event)
    told: dict[str, Any] = {
        "request_id": request_id, "time": event["time"], "call": f"{event['method']} {event['path']}",
        "route": event["route"], "client": event["client"], "status": event["status"], "allowed": event["allowed"],
        "reason": event["reason"], "title": reason.title, "next": reason.action,
        "mode": event["mode"], "steps": list(steps_of(event)), "events": events,
    }  # fmt: skip
    desk.answer(told, lambda: _page(told))


def _page(told: Mapping[str, Any]) -> str:
    facts = {name: value for name, value in told.items() if name not in ("steps", "events")}
    return f"{lines(facts)}\n\n{table([asdict(one) for one in told['steps']], COLUMNS)}"
