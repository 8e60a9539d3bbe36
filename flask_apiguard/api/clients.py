"""Clients: an application's identity in one environment. Suspended, resumed, its plan, roles and own limits."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from marshmallow import fields

from ..access import roles_of
from ..clients import Application, Client, registry
from ..people import Act
from ..quotas.plans import end_override, overrides_of, put_override
from ..values import Standing, State
from .acting import act_on
from .call import Answer, Call, Next
from .fields import (
    PLAN_AT_MOST,
    SCOPE_AT_MOST,
    Choice,
    Done,
    Id,
    In,
    Line,
    Moment,
    Prose,
    ReasonIn,
    Resource,
    Several,
    Whole,
)
from .lookups import client_of
from .table import Table

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..db import Transaction

table = Table("clients")


class ClientOut(Resource):
    id = fields.String()
    application_id = fields.String()
    environment = fields.String()
    name = fields.String()
    standing = fields.String()
    standing_reason = fields.String()
    suspended_at = Moment(allow_none=True)
    plan = fields.String(allow_none=True)
    created_at = Moment()
    version = fields.Integer()


class DetailOut(ClientOut):
    """A client with its roles and own limits."""

    roles = fields.List(fields.String())
    overrides = fields.List(fields.Dict())


class PlanIn(In):
    plan = Id(PLAN_AT_MOST, required=True, allow_none=True)
    reason = Prose(1, 2000, required=True)


class RolesIn(In):
    roles = Several(Id(SCOPE_AT_MOST), 20, required=True)
    reason = Prose(1, 2000, required=True)


class OverrideIn(In):
    """One client's own limit: a ``rate`` such as 20/second, or a ``quota`` with its period."""

    rate = Line(1, 100)
    quota = Whole(0, 10**12)
    per = Choice("hour", "day", "week", "month")
    timezone = Line(1, 60)
    scope = Id(SCOPE_AT_MOST)
    endpoints = Several(Line(1, 200), 20)
    until = Moment()
    reason = Prose(1, 500, required=True)


def _answer(call: Call, source: Any, found: Client, owner: Application) -> Answer:
    own = [
        {**one.item.as_dict(), "until": one.until.isoformat() if one.until else None, "reason": one.reason}
        for one in overrides_of(getattr(source, "conn", source), found.id, call.house.clock.now())
    ]
    value = {name: getattr(found, name) for name in Client.__slots__}
    value |= {"roles": sorted(roles_of(source, found.id)), "overrides": own}
    return Answer(value, _next(call, source, found, owner), headers={"ETag": f'"{found.version}"'})


def _next(call: Call, source: Any, found: Client, owner: Application) -> list[Next]:
    whose = owner.organization_id
    follow = [
        call.next("credentials", "GET", "/clients/<id>/credentials", "See what it proves itself with.", id=found.id),
        call.next("usage", "GET", "/clients/<id>/usage", "See what is left of its plan.", id=found.id),
    ]
    if call.house.places is not None:
        follow.append(call.next("oauth", "GET", "/clients/<id>/oauth", "See how it speaks OAuth.", id=found.id))
    if owner.state is State.RETIRED:
        return follow
    if found.standing is Standing.ACTIVE and call.may(Act.CLIENTS_CLIENT_SUSPEND, whose):
        why = "Stop it from its next request on; that can be taken back."
        follow.append(call.next("suspend", "POST", "/clients/<id>/suspension", why, id=found.id))
    if found.standing is Standing.SUSPENDED:
        if call.may(Act.CLIENTS_CLIENT_SUSPEND, whose) and call.house.onboarding.may_resume(source, call.by, found.id):
            why = "You suspended it, and may take that back within minutes."
            follow.append(call.next("resume", "POST", "/clients/<id>/resumption", why, id=found.id))
        coming = call.followed(call.house.onboarding.next_of(source, call.by, owner.id))
        follow += [one for one in coming if one.action == "request-resume"]
    return follow


@table.get("/clients/<client_id>", "A client", out=DetailOut, act=Act.CLIENTS_APPLICATION_READ)
def read(call: Call) -> Answer:
    with call.read() as conn:
        return _answer(call, conn, *client_of(call, conn, Act.CLIENTS_APPLICATION_READ))


def _changed(call: Call, act: Act, change: Callable[[Transaction, Client, Application], object]) -> Answer:
    """Change the client in the path; the answer tells how it stands after that."""

    def look_up(tx: Transaction) -> tuple[Client, Application]:
        return client_of(call, tx, act)

    def make(tx: Transaction, found: tuple[Client, Application]) -> Application:
        change(tx, *found)
        return found[1]

    def answer(conn: sa.Connection, owner: Application) -> Answer:
        return _answer(call, conn, registry.client(conn, call.path["client_id"]), owner)

    return act_on(call, look_up, make, answer)


@table.post("/clients/<client_id>/suspension", "Stop a client at once", body=ReasonIn, out=DetailOut,
            act=Act.CLIENTS_CLIENT_SUSPEND)  # fmt: skip
def suspend(call: Call) -> Answer:
    def change(tx: Transaction, found: Client, _: Application) -> None:
        call.house.onboarding.suspend(tx, call.by, found.id, call.body["reason"])

    return _changed(call, Act.CLIENTS_CLIENT_SUSPEND, change)


@table.post("/clients/<client_id>/resumption", "Take one's own suspension back", body=ReasonIn, out=DetailOut,
            act=Act.CLIENTS_CLIENT_SUSPEND)  # fmt: skip
def resume(call: Call) -> Answer:
    def change(tx: Transaction, found: Client, _: Application) -> None:
        call.house.onboarding.resume(tx, call.by, found.id, call.body["reason"])

    return _changed(call, Act.CLIENTS_CLIENT_SUSPEND, change)


@table.put("/clients/<client_id>/plan", "Entitle a client to a plan", body=PlanIn, out=DetailOut,
           act=Act.QUOTAS_PLAN_WRITE)  # fmt: skip
def plan(call: Call) -> Answer:
    def change(tx: Transaction, found: Client, _: Application) -> None:
        call.house.onboarding.set_plan(tx, call.by, found.id, call.body["plan"], call.body["reason"])

    return _changed(call, Act.QUOTAS_PLAN_WRITE, change)


@table.put("/clients/<client_id>/roles", "Give a client exactly these roles", body=RolesIn, out=DetailOut,
           act=Act.ACCESS_GRANT_WRITE)  # fmt: skip
def roles(call: Call) -> Answer:
    def change(tx: Transaction, found: Client, _: Application) -> None:
        call.house.onboarding.set_roles(tx, call.by, found.id, call.body["roles"], call.body["reason"])

    return _changed(call, Act.ACCESS_GRANT_WRITE, change)


@table.put("/clients/<client_id>/overrides/<name>", "Give a client a limit of its own", body=OverrideIn,
           out=DetailOut, act=Act.QUOTAS_OVERRIDE_WRITE)  # fmt: skip
def override(call: Call) -> Answer:
    item = {name: value for name, value in call.body.items() if name not in ("until", "reason")}

    def change(tx: Transaction, found: Client, _: Application) -> None:
        put_override(
            tx, call.by, found.id, {**item, "name": call.path["name"]}, until=call.body.get("until"),
            reason=call.body["reason"],
        )  # fmt: skip

    return _changed(call, Act.QUOTAS_OVERRIDE_WRITE, change)


@table.post("/clients/<client_id>/overrides/<name>/end", "Take a client's own limit away", body=ReasonIn, out=Done,
            act=Act.QUOTAS_OVERRIDE_WRITE)  # fmt: skip
def end_override_(call: Call) -> Answer:
    with call.write() as tx:
        found, _ = client_of(call, tx, Act.QUOTAS_OVERRIDE_WRITE)
        end_override(tx, call.by, found.id, call.path["name"], reason=call.body["reason"])
    return Answer({"done": True}, [call.next("client", "GET", "/clients/<id>", "See what holds now.", id=found.id)])
