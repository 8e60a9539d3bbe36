"""Plans that clients are entitled to."""

from __future__ import annotations

from marshmallow import fields

from ..people import Act, demand
from ..quotas.plans import plan_of, plans, put_plan
from .call import Answer, Call
from .fields import PLAN_AT_MOST, SCOPE_AT_MOST, Choice, Flag, Id, In, Line, Moment, Prose, Resource, Several, Whole
from .table import Table

table = Table("plans")


class LimitIn(In):
    """A ``rate`` such as 20/second, or a ``quota`` with its period."""

    name = Id(PLAN_AT_MOST, required=True)
    rate = Line(1, 100)
    quota = Whole(0, 10**12)
    per = Choice("hour", "day", "week", "month")
    timezone = Line(1, 60)
    scope = Id(SCOPE_AT_MOST)
    endpoints = Several(Line(1, 200), 20)


class PlanIn(In):
    title = Line(0, 120, load_default="")
    limits = Several(fields.Nested(LimitIn), 20, required=True)
    sender_constrained = Flag(load_default=False)
    reason = Prose(1, 2000, required=True)


class PlanOut(Resource):
    name = fields.String()
    title = fields.String()
    limits = fields.Function(lambda plan: [item.as_dict() for item in plan.items])
    sender_constrained = fields.Boolean()
    updated_at = Moment()


@table.get("/plans", "Plans", out=PlanOut, many=True)
def list_(call: Call) -> Answer:
    with call.read() as conn:
        found = plans(conn)
    follow = [call.next("applications", "GET", "/applications", "Ask for a plan for one of your applications.")]
    return Answer(found, follow)


@table.put("/plans/<name>", "Write a plan", body=PlanIn, out=PlanOut, act=Act.QUOTAS_PLAN_WRITE)
def write(call: Call) -> Answer:
    demand(call.by, Act.QUOTAS_PLAN_WRITE)
    body = call.body
    with call.write() as tx:
        put_plan(
            tx, call.by, call.path["name"], body["limits"], title=body["title"], reason=body["reason"],
            sender_constrained=body["sender_constrained"],
        )  # fmt: skip
        found = plan_of(tx.conn, call.path["name"])
    return Answer(found)
