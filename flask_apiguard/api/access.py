"""What scopes and roles there are, what an application holds, and the scopes that its gate demands."""

from __future__ import annotations

from marshmallow import fields

from ..access import grants_of
from ..access import roles as all_roles
from ..people import Act
from ..values import Environment, State
from .call import Answer, Call
from .fields import SCOPE_AT_MOST, Choice, Id, In, Moment, Prose, Resource, Several
from .lookups import application_of
from .table import Table

table = Table("access")


class ScopeOut(Resource):
    name = fields.String()
    description = fields.String()
    risk = fields.String()
    access = fields.String()
    sender_constrained = fields.Boolean()


class RoleOut(Resource):
    name = fields.String()
    description = fields.String()
    scopes = fields.Function(lambda role: sorted(role.scopes))


class GrantOut(Resource):
    id = fields.String()
    application_id = fields.String()
    environment = fields.String()
    scope = fields.String()
    since = Moment()
    until = Moment(allow_none=True)
    review_id = fields.String(allow_none=True)


class GrantIn(In):
    environment = Choice("sandbox", "production", required=True)
    scopes = Several(Id(SCOPE_AT_MOST), 50, required=True)
    until = Moment()
    reason = Prose(1, 2000, required=True)


class EndIn(In):
    environment = Choice("sandbox", "production", required=True)
    scopes = Several(Id(SCOPE_AT_MOST), 50, required=True)
    reason = Prose(1, 2000, required=True)


@table.get("/scopes", "Scopes, and what each opens", out=ScopeOut, many=True)
def scopes(call: Call) -> Answer:
    with call.read() as conn:
        found = call.house.scopes.all(conn)
    follow = [call.next("applications", "GET", "/applications", "See what your applications hold, and ask for more.")]
    return Answer([found[name] for name in sorted(found)], follow)


@table.get("/roles", "Roles, and the scopes in them", out=RoleOut, many=True)
def roles(call: Call) -> Answer:
    with call.read() as conn:
        found = all_roles(conn)
    return Answer([found[name] for name in sorted(found)])


@table.get("/applications/<application_id>/grants", "What an application holds", out=GrantOut, many=True,
           act=Act.CLIENTS_APPLICATION_READ)  # fmt: skip
def grants(call: Call) -> Answer:
    with call.read() as conn:
        found = application_of(call, conn, Act.CLIENTS_APPLICATION_READ)
        path, why = "/applications/<id>/reviews", "Ask for more scopes."
        follow = [call.next("request-scopes", "POST", path, why, id=found.id)]
        may_ask = call.may(Act.ONBOARDING_REVIEW_OPEN, found.organization_id) and found.state is not State.RETIRED
        return Answer(grants_of(conn, found.id), follow if may_ask else ())


@table.post("/applications/<application_id>/grants", "Give scopes outside a review", body=GrantIn, out=GrantOut,
            many=True, act=Act.ACCESS_GRANT_WRITE)  # fmt: skip
def give_(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        found = application_of(call, tx, Act.ACCESS_GRANT_WRITE)
        given = call.house.onboarding.give_scopes(
            tx, call.by, found.id, Environment(body["environment"]), body["scopes"], until=body.get("until"),
            reason=body["reason"],
        )  # fmt: skip
    return Answer(given)


@table.post("/applications/<application_id>/grants/end", "End scopes of an application", body=EndIn, out=GrantOut,
            many=True, act=Act.ACCESS_GRANT_WRITE)  # fmt: skip
def end_(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        found = application_of(call, tx, Act.ACCESS_GRANT_WRITE)
        ended = call.house.onboarding.end_scopes(
            tx, call.by, found.id, Environment(body["environment"]), body["scopes"], body["reason"]
        )
    return Answer(ended)
