"""The live request log: what was called, how it ended, and why it was refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from marshmallow import fields

from ..clients import registry
from ..errors import Invalid
from ..people import Act, demand
from ..values import Flaw, Mode
from .call import Answer, Call, Next
from .fields import Choice, Flag, Id, Moment, PageIn, Resource, Whole
from .paging import no_cursor
from .table import Table

table = Table("calls")
_PASSED = ("environment", "since", "until", "status_class", "reason", "mode", "allowed")


class FilterIn(PageIn):
    client_id = Id()
    application_id = Id()
    environment = Choice("sandbox", "production")
    since = Moment()
    until = Moment()
    status_class = Whole(1, 5, figures=True, metadata={"description": "4 is 400 to 499."})
    reason = Id()
    mode = Choice(*(mode.value for mode in Mode))
    allowed = Flag(metadata={"query": True, "description": "What was decided, also where the gate only observed."})


class CallOut(Resource):
    id = fields.String()
    time = fields.String(metadata={"format": "date-time"})
    phase = fields.String()
    method = fields.String()
    path = fields.String()
    route = fields.String(allow_none=True)
    application = fields.String(allow_none=True)
    client = fields.String(allow_none=True)
    environment = fields.String(allow_none=True)
    credential = fields.String(allow_none=True)
    mode = fields.String()
    allowed = fields.Boolean()
    reason = fields.String()
    need = fields.String()
    status = fields.Integer()
    latency = fields.Integer(metadata={"description": "Microseconds."})
    bytes_in = fields.Integer()
    bytes_out = fields.Integer()
    address = fields.String()
    explain = fields.String()


@table.get("/calls", "API calls, newest first, with why they were refused", query=FilterIn, out=CallOut, many=True,
           act=Act.EVENTS_EVENT_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    query = call.query
    _demand(call)
    wanted = {name: query[name] for name in _PASSED if name in query}
    try:
        found = call.house.recorder.query.calls(
            client=query.get("client_id"), application=query.get("application_id"), limit=query["limit"],
            cursor=query.get("cursor"), **wanted,
        )  # fmt: skip
    except ValueError:
        raise no_cursor() from None
    return Answer([told(call, line) for line in found.events], _next(call, found.events), cursor=found.cursor)


def _next(call: Call, lines: Sequence[dict[str, Any]]) -> list[Next]:
    follow = []
    refused = next((line for line in lines if not line["allowed"]), None)
    if refused is not None:
        why = "Why the newest of the refused ones was refused."
        follow.append(call.next("explain", "GET", "/explain/<id>", why, id=str(refused["id"])))
    if "client_id" in call.query:
        why = "See what is left of its plan."
        follow.append(call.next("usage", "GET", "/clients/<id>/usage", why, id=call.query["client_id"]))
    return follow


def _demand(call: Call) -> None:
    """Everybody sees the calls of their own; who sees all of them need not say whose.

    :raises Missing: somebody else's. :raises Invalid: it isn't said whose.
    """
    if "client_id" not in call.query and "application_id" not in call.query:
        if not call.may(Act.EVENTS_EVENT_READ):
            raise Invalid([Flaw("/application_id", "Name an application or a client of yours.", "query")])
        return
    with call.read() as conn:
        ids = []
        if "client_id" in call.query:
            ids.append(registry.client(conn, call.query["client_id"]).application_id)
        if "application_id" in call.query:
            ids.append(call.query["application_id"])
        for application_id in ids:
            owner = registry.application(conn, application_id)
            demand(call.by, Act.EVENTS_EVENT_READ, owner.organization_id)


def told(call: Call, line: dict[str, Any]) -> dict[str, Any]:
    """A line as ``CallOut`` shows it; a call that no route took has none."""
    return {**line, "route": line.get("route") or None, "explain": call.href("/explain/<id>", id=str(line["id"]))}
