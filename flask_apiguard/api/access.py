"""What scopes and roles there are, what an application holds, and the scopes that its gate demands."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from marshmallow import fields

from ..access import Risk, end, give, grants_of
from ..access import roles as all_roles
from ..clients import Application
from ..db import Transaction
from ..errors import Conflict, Forbidden, Invalid
from ..people import Act
from ..values import Environment, Flaw, State
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
        environment, until = Environment(body["environment"]), body.get("until")
        demand_place(found, environment)
        unknown = sorted(set(body["scopes"]) - set(call.house.scopes.all(tx)))
        if unknown or ("until" in body and body["until"] <= tx.now):
            raise Invalid(
                [Flaw("/scopes", f"Nobody declared {unknown[0][:100]}.")] if unknown
                else [Flaw("/until", "This moment has passed.")]
            )  # fmt: skip
        demand_direct(call, tx, found, _more(tx, found, environment, body["scopes"], until))
        given = give(tx, call.by, found.id, environment, body["scopes"], until=until, reason=body["reason"])
    return Answer(given)


def demand_place(owner: Application, environment: Environment) -> None:
    """Go on only where this application may receive scopes and roles in this environment.

    :raises Conflict: it is retired, or is not in production yet: only a review takes it there.
    """
    if owner.state is State.RETIRED:
        raise Conflict("A retired application receives nothing.", "Register a new application.")
    if environment is Environment.PRODUCTION and owner.state is not State.PRODUCTION:
        raise Conflict("This application is not in production yet.", "Open a review for production.")


def demand_direct(call: Call, tx: Transaction, owner: Application, scopes: Iterable[str]) -> None:
    """Go on only when these scopes may be given outside a review: all of them are of low risk.

    More than one pair of eyes looks at the rest: a review gives them, or an operator of the machine with a reason.

    :raises Forbidden: naming those that take a review.
    """
    risky = [scope.name for scope in call.house.scopes.find(tx, set(scopes)) if scope.risk is not Risk.LOW]
    if risky:
        raise Forbidden(
            f"Only a review gives scopes that are not of low risk: {' '.join(risky)[:200]}.", "an approved review",
            "Open a review.", owner.organization_id,
        )  # fmt: skip


def _more(
    tx: Transaction, owner: Application, environment: Environment, scopes: Iterable[str], until: dt.datetime | None
) -> set[str]:
    """Which of these scopes are not held as long as that already: to shorten what is held gives nothing."""
    held = {one.scope: one.until for one in grants_of(tx, owner.id, environment)}
    never = dt.datetime.max.replace(tzinfo=dt.UTC)
    return {name for name in scopes if name not in held or (until or never) > (held[name] or never)}


@table.post("/applications/<application_id>/grants/end", "End scopes of an application", body=EndIn, out=GrantOut,
            many=True, act=Act.ACCESS_GRANT_WRITE)  # fmt: skip
def end_(call: Call) -> Answer:
    body = call.body
    with call.write() as tx:
        found = application_of(call, tx, Act.ACCESS_GRANT_WRITE)
        ended = end(tx, call.by, found.id, Environment(body["environment"]), body["scopes"], body["reason"])
    return Answer(ended)
