"""How a client's plan stands, and what its calls came to."""

from __future__ import annotations

import datetime as dt
from typing import Any

from marshmallow import fields

from ..people import Act
from .call import Answer, Call
from .fields import In, Moment, Out, Resource, Whole
from .lookups import client_of
from .table import Table, Who

table = Table("usage")


class WindowIn(In):
    hours = Whole(1, 24 * 90, figures=True, load_default=24, metadata={"description": "How far to look back."})


class LimitOut(Out):
    name = fields.String()
    kind = fields.String()
    limit = fields.String()
    amount = fields.Integer()
    used = fields.Integer()
    remaining = fields.Integer()
    resets_at = Moment()
    own = fields.Boolean()


class CountsOut(Out):
    since = Moment()
    total = fields.Integer()
    allowed = fields.Integer()
    by_status = fields.Dict(keys=fields.String(), values=fields.Integer())
    by_reason = fields.Dict(keys=fields.String(), values=fields.Integer())
    by_route = fields.List(fields.Dict())


class UsageOut(Resource):
    client_id = fields.String()
    plan = fields.String(allow_none=True)
    limits = fields.List(fields.Nested(LimitOut))
    calls = fields.Nested(CountsOut)


@table.get("/clients/<client_id>/usage", "Quota and usage of a client", who=Who.CLIENT, query=WindowIn, out=UsageOut,
           act=Act.MONITOR_USAGE_READ)  # fmt: skip
def read(call: Call) -> Answer:
    with call.read() as conn:
        client, _ = client_of(call, conn, Act.MONITOR_USAGE_READ)
    since = call.house.clock.now() - dt.timedelta(hours=call.query["hours"])
    counted = call.house.recorder.query.summary(client=client.id, since=since)
    routes: list[dict[str, Any]] = [
        {"method": method, "route": route, "calls": calls}
        for (method, route), calls in sorted(counted.by_route.items(), key=lambda pair: -pair[1])[:100]
    ]
    value = {
        "client_id": client.id, "plan": client.plan, "limits": call.house.quotas.usage(client.id, client.plan),
        "calls": {
            "since": since, "total": counted.total, "allowed": counted.allowed,
            "by_status": {str(status): calls for status, calls in sorted(counted.by_status.items())},
            "by_reason": dict(sorted(counted.by_reason.items())), "by_route": routes,
        },
    }  # fmt: skip
    follow = (
        []
        if call.caller
        else [call.next("calls", "GET", "/calls?client_id=<id>", "See them one by one.", id=client.id)]
    )
    return Answer(value, follow)
