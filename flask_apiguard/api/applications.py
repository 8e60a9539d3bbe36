"""Applications: registered, read, edited, taken to the sandbox, retired."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..access import grants_of
from ..clients import Application, registry
from ..onboarding.moves import locked
from ..people import Act, demand
from ..values import Environment, State
from .acting import act_on
from .call import Answer, Call
from .dossiers import (
    ApplicationIn,
    ApplicationOut,
    ContactIn,
    EnteredOut,
    FactsIn,
    FilterIn,
    InviteIn,
    ReferenceIn,
    WholeOut,
)
from .fields import Done, ReasonIn
from .lookups import application_of
from .paging import page
from .table import Table

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..db import Transaction

table = Table("applications")


def _whole(call: Call, source: Transaction | sa.Connection, found: Application) -> Answer:
    standing, changes_at = call.house.onboarding.certification_of(found)
    value = {name: getattr(found, name) for name in Application.__slots__} | {
        "clients": registry.clients_of(source, found.id), "grants": grants_of(source, found.id),
        "certification": {"standing": standing.value, "changes_at": changes_at},
    }  # fmt: skip
    follow = call.followed(call.house.onboarding.next_of(source, call.by, found.id))
    return Answer(value, follow, headers={"ETag": f'"{found.version}"'})


def _facts(body: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as the registry keeps them."""
    told = {name: value for name, value in body.items() if name != "organization_id"}
    return {name: tuple(value) if isinstance(value, list) else value for name, value in told.items()}


@table.get("/applications", "Applications", query=FilterIn, out=ApplicationOut, many=True,
           act=Act.CLIENTS_APPLICATION_READ)  # fmt: skip
def list_(call: Call) -> Answer:
    query, mine = call.query, call.organizations(Act.CLIENTS_APPLICATION_READ)
    if "organization_id" in query:
        demand(call.by, Act.CLIENTS_APPLICATION_READ, query["organization_id"])
        mine = [query["organization_id"]]
    state = State(query["state"]) if "state" in query else None

    def read(after: str, limit: int) -> list[Application]:
        with call.read() as conn:
            return registry.applications(
                conn, organization_ids=mine, state=state, reference=query.get("reference"), after=after, limit=limit
            )

    follow = []
    if call.house.onboarding.door == "open" and call.organizations(Act.CLIENTS_APPLICATION_CREATE) != []:
        follow.append(call.next("create-application", "POST", "/applications", "Register what will call."))
    return page(call, read, follow)


@table.post("/applications", "Register an application", body=ApplicationIn, out=WholeOut, status=201,
            act=Act.CLIENTS_APPLICATION_CREATE)  # fmt: skip
def create(call: Call) -> Answer:
    owner = call.body.get("organization_id") or call.organization()
    demand(call.by, Act.CLIENTS_APPLICATION_CREATE, owner)
    with call.write() as tx:
        registry.organization(tx, owner)
        made = call.house.onboarding.register(tx, call.by, owner, _facts(call.body))
        made = call.house.onboarding.settle_contact(tx, call.by, made)
    with call.read() as conn:
        answer = _whole(call, conn, made)
    href = call.href("/applications/<id>", id=made.id)
    return Answer(answer.value, answer.next, headers={**answer.headers, "Location": href})


@table.post("/invited-applications", "Bring in an application at once, as an operator", body=InviteIn,
            out=EnteredOut, status=201, secret=True, act=Act.CLIENTS_ORGANIZATION_CREATE)  # fmt: skip
def invite(call: Call) -> Answer:
    demand(call.by, Act.CLIENTS_ORGANIZATION_CREATE)
    body = dict(call.body)
    body["environment"] = Environment(body["environment"])
    with call.write() as tx:
        made = call.house.onboarding.invite(tx, call.by, **body)
    return _entered(call, made, made.review_id)


def _entered(call: Call, made: Any, review_id: str | None) -> Answer:
    value = {
        "application": made.application, "client": made.client, "review_id": review_id,
        "credential": {name: getattr(made.credential, name) for name in made.credential.__slots__}
        | {"secret": made.secret},
    }  # fmt: skip
    with call.read() as conn:
        follow = call.followed(call.house.onboarding.next_of(conn, call.by, made.application.id))
    href = call.href("/applications/<id>", id=made.application.id)
    return Answer(value, follow, headers={"Location": href})


@table.get("/applications/<application_id>", "An application", out=WholeOut, act=Act.CLIENTS_APPLICATION_READ)
def read(call: Call) -> Answer:
    with call.read() as conn:
        return _whole(call, conn, application_of(call, conn, Act.CLIENTS_APPLICATION_READ))


def _changed(call: Call, act: Act, change: Callable[[Transaction, Application], Application]) -> Answer:
    """Change the application in the path; the answer tells how it stands after that."""
    return act_on(call, lambda tx: application_of(call, tx, act), change, lambda conn, found: _whole(call, conn, found))


@table.patch("/applications/<application_id>", "Edit facts of an application; needs If-Match", body=FactsIn,
             out=WholeOut, act=Act.CLIENTS_APPLICATION_CHANGE)  # fmt: skip
def edit(call: Call) -> Answer:
    with call.read() as conn:
        seen = call.house.onboarding.look(conn, application_of(call, conn, Act.CLIENTS_APPLICATION_CHANGE).id)

    def change(tx: Transaction, _: Application) -> Application:
        found = locked(tx, call.path["application_id"])
        call.demand_version(found.version)
        changed = call.house.onboarding.edit(tx, call.by, found.id, _facts(call.body), calls=seen)
        if changed.contact_email == found.contact_email:
            return changed
        return call.house.onboarding.settle_contact(tx, call.by, changed)

    return _changed(call, Act.CLIENTS_APPLICATION_CHANGE, change)


@table.put("/applications/<application_id>/reference", "Bind an application to the host's customer",
           body=ReferenceIn, out=WholeOut, act=Act.CLIENTS_APPLICATION_REFER)  # fmt: skip
def refer(call: Call) -> Answer:
    def change(tx: Transaction, found: Application) -> Application:
        return registry.set_reference(tx, call.by, found.id, call.body["reference"])

    return _changed(call, Act.CLIENTS_APPLICATION_REFER, change)


@table.post("/applications/<application_id>/contact", "Send the contact address its code again", out=Done,
            status=202, act=Act.CLIENTS_APPLICATION_CHANGE)  # fmt: skip
def contact(call: Call) -> Answer:
    with call.write() as tx:
        found = application_of(call, tx, Act.CLIENTS_APPLICATION_CHANGE)
        call.house.onboarding.send_contact_proof(tx, call.by, found.id)
    path, why = "/applications/<id>/contact/proof", "The mail brings a code."
    return Answer({"done": True}, [call.next("prove-contact", "POST", path, why, id=found.id)])


@table.post("/applications/<application_id>/contact/proof", "Prove the contact address with the code of its mail",
            body=ContactIn, out=WholeOut, act=Act.CLIENTS_APPLICATION_CHANGE)  # fmt: skip
def prove_contact(call: Call) -> Answer:
    def change(tx: Transaction, found: Application) -> Application:
        return call.house.onboarding.prove_contact(tx, call.by, found.id, call.body["code"])

    return _changed(call, Act.CLIENTS_APPLICATION_CHANGE, change)


@table.post("/applications/<application_id>/sandbox", "Enter the sandbox", out=EnteredOut, status=201, secret=True,
            act=Act.ONBOARDING_APPLICATION_MOVE)  # fmt: skip
def enter_sandbox(call: Call) -> Answer:
    with call.write() as tx:
        found = application_of(call, tx, Act.ONBOARDING_APPLICATION_MOVE)
        made = call.house.onboarding.enter_sandbox(tx, call.by, found.id)
    return _entered(call, made, made.review.id if made.review else None)


@table.post("/applications/<application_id>/retirement", "Retire an application for good", body=ReasonIn,
            out=WholeOut, act=Act.ONBOARDING_APPLICATION_RETIRE)  # fmt: skip
def retire(call: Call) -> Answer:
    def change(tx: Transaction, found: Application) -> Application:
        return call.house.onboarding.retire(tx, call.by, found.id, call.body["reason"])

    return _changed(call, Act.ONBOARDING_APPLICATION_RETIRE, change)
