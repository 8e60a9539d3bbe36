"""Organizations: who owns applications."""

from __future__ import annotations

from marshmallow import fields

from ..clients import Organization, registry
from ..people import Act, demand
from .call import Answer, Call, Next
from .fields import In, Line, Moment, PageIn, Resource
from .paging import page
from .table import Table

table = Table("organizations")


class OrganizationIn(In):
    name = Line(1, 200, required=True)


class OrganizationOut(Resource):
    id = fields.String()
    name = fields.String()
    created_at = Moment()
    version = fields.Integer()


def _next(call: Call, found: Organization) -> list[Next]:
    follow = [call.next("applications", "GET", "/applications", "See its applications.")]
    if call.may(Act.CLIENTS_APPLICATION_CREATE, found.id) and call.house.onboarding.door == "open":
        follow.append(call.next("create-application", "POST", "/applications", "Register what will call."))
    if call.may(Act.CLIENTS_ORGANIZATION_CHANGE, found.id):
        path, why = "/organizations/<id>", "Give it another name; name the version that you read in If-Match."
        follow.append(call.next("edit", "PATCH", path, why, id=found.id))
    if call.may(Act.PEOPLE_INVITATION_SEND, found.id):
        path, why = "/organizations/<id>/invitations", "Bring somebody in."
        follow.append(call.next("invite", "POST", path, why, id=found.id))
    return follow


def _answer(call: Call, found: Organization, **headers: str) -> Answer:
    return Answer(found, _next(call, found), headers={"ETag": f'"{found.version}"', **headers})


@table.get("/organizations", "Organizations", query=PageIn, out=OrganizationOut, many=True,
           act=Act.CLIENTS_ORGANIZATION_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    def read(after: str, limit: int) -> list[Organization]:
        with call.read() as conn:
            return registry.organizations(
                conn, ids=call.organizations(Act.CLIENTS_ORGANIZATION_READ), after=after, limit=limit
            )

    follow = []
    if call.house.onboarding.door == "open" or call.may(Act.CLIENTS_ORGANIZATION_CREATE):
        follow.append(call.next("create-organization", "POST", "/organizations", "Applications belong to one."))
    return page(call, read, follow)


@table.post("/organizations", "Register an organization", body=OrganizationIn, out=OrganizationOut, status=201,
            act=Act.CLIENTS_ORGANIZATION_CREATE)  # fmt: skip
def create(call: Call) -> Answer:
    with call.write() as tx:
        made, call.by = call.house.onboarding.register_organization(tx, call.by, call.body["name"])
    href = call.href("/organizations/<id>", id=made.id)
    return _answer(call, made, Location=href)


@table.get("/organizations/<organization_id>", "An organization", out=OrganizationOut,
           act=Act.CLIENTS_ORGANIZATION_READ)  # fmt: skip
def read(call: Call) -> Answer:
    demand(call.by, Act.CLIENTS_ORGANIZATION_READ, call.path["organization_id"])
    with call.read() as conn:
        found = registry.organization(conn, call.path["organization_id"])
    return _answer(call, found)


@table.patch("/organizations/<organization_id>", "Edit facts of an organization; needs If-Match",
             body=OrganizationIn, out=OrganizationOut, act=Act.CLIENTS_ORGANIZATION_CHANGE)  # fmt: skip
def edit(call: Call) -> Answer:
    demand(call.by, Act.CLIENTS_ORGANIZATION_CHANGE, call.path["organization_id"])
    with call.write() as tx:
        call.demand_version(registry.organization(tx, call.path["organization_id"]).version)
        found = call.house.onboarding.rename_organization(
            tx, call.by, call.path["organization_id"], call.body["name"]
        )  # fmt: skip
    return _answer(call, found)
