"""Organizations, applications and clients: made, read, edited, suspended.

Every write appends to the change log what it can turn, and to the ledger what was done. How far an application may
go is moved by ``onboarding`` alone; ``set_state`` here only writes what that room has decided.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, TypeVar

import sqlalchemy as sa

from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict, Missing
from ..ledger import enter
from ..values import By, Environment, Happening, Standing, State
from . import tables
from .changes import changed

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Organization:
    """Who owns applications."""

    id: str
    name: str
    created_at: dt.datetime
    version: int = 1


@dataclass(frozen=True, slots=True)
class Application:
    """One integration. ``requested_scopes`` maps each scope to the reason given for it."""

    id: str
    organization_id: str
    name: str
    created_at: dt.datetime
    moved_at: dt.datetime
    state: State
    purpose: str = ""
    contact_email: str = field(default="", repr=False)
    contact_proved_at: dt.datetime | None = None
    redirect_uris: tuple[str, ...] = ()
    requested_scopes: Mapping[str, str] = field(default_factory=dict)
    requested_plan: str | None = None
    data_class: str = ""
    expected_calls_per_day: int | None = None
    addresses: tuple[str, ...] = ()
    reference: str | None = None
    invited: bool = False
    recertify_at: dt.datetime | None = None
    version: int = 1


@dataclass(frozen=True, slots=True)
class Client:
    """An application's identity in one environment; its id is the OAuth ``client_id``."""

    id: str
    application_id: str
    environment: Environment
    name: str
    standing: Standing
    created_at: dt.datetime
    standing_reason: str = ""
    suspended_at: dt.datetime | None = None
    plan: str | None = None
    version: int = 1


#: What may be edited after registration; everything else moves by a review or not at all.
EDITABLE = frozenset({
    "name", "purpose", "contact_email", "redirect_uris", "requested_scopes", "requested_plan", "data_class",
    "expected_calls_per_day", "addresses",
})  # fmt: skip


def create_organization(tx: Transaction, by: By, name: str) -> Organization:
    """Register who will own applications."""
    made = Organization(new_id("org"), name, tx.now)
    tx.execute(tables.organization.insert().values(**asdict(made)))
    enter(tx, by, Happening.CLIENTS_ORGANIZATION_CREATED, f"organization:{made.id}", after={"name": name})
    return made


def edit_organization(tx: Transaction, by: By, organization_id: str, name: str) -> Organization:
    """Give an organization another name.

    :raises Missing: there is none. :raises Conflict: somebody else changed it meanwhile.
    """
    before = organization(tx, organization_id)
    if before.name == name:
        return before
    table = tables.organization
    mine = (table.c.id == before.id, table.c.version == before.version)
    if tx.execute(table.update().where(*mine).values(name=name, version=before.version + 1)).rowcount != 1:
        raise Conflict("Somebody else changed this organization meanwhile.")
    enter(
        tx, by, Happening.CLIENTS_ORGANIZATION_CHANGED, f"organization:{before.id}",
        before={"name": before.name}, after={"name": name}, organization=before.id,
    )  # fmt: skip
    return organization(tx, before.id)


def create_application(
    tx: Transaction,
    by: By,
    organization_id: str,
    name: str,
    *,
    state: State = State.DRAFT,
    reason: str = "",
    **facts: Any,
) -> Application:
    """Register one integration.

    :raises Missing: there is no such organization.
    """
    organization(tx, organization_id)
    made = Application(new_id("app"), organization_id, name, tx.now, tx.now, state, **facts)
    tx.execute(tables.application.insert().values(**_plain(made)))
    enter(
        tx, by, Happening.CLIENTS_APPLICATION_CREATED, f"application:{made.id}",
        after=_told(made), reason=reason, personal=_personal(made), organization=organization_id,
    )  # fmt: skip
    return made


def edit_application(
    tx: Transaction, by: By, application_id: str, changes: Mapping[str, Any], reason: str = ""
) -> Application:
    """Change facts that its owner may change. A new contact address is unproved again.

    :raises Conflict: the application is retired.
    """
    before = application(tx, application_id)
    if before.state is State.RETIRED:
        raise Conflict("A retired application is kept as it was.", "Register a new application.")
    values = {name: value for name, value in changes.items() if name in EDITABLE and getattr(before, name) != value}
    if not values:
        return before
    if "contact_email" in values:
        values["contact_proved_at"] = None
    return _write_application(tx, by, before, values, reason)


def set_reference(tx: Transaction, by: By, application_id: str, reference: str | None) -> Application:
    """Bind the application to the host's own id of a customer or tenant. Operators only: the caller sees to that."""
    before = application(tx, application_id)
    return before if before.reference == reference else _write_application(tx, by, before, {"reference": reference})


def prove_contact(tx: Transaction, by: By, application_id: str) -> Application:
    """Take down that the contact address was proved, now."""
    return _write_application(tx, by, application(tx, application_id), {"contact_proved_at": tx.now})


def _write_application(
    tx: Transaction, by: By, before: Application, values: dict[str, Any], reason: str = ""
) -> Application:
    values["version"] = before.version + 1
    table = tables.application
    done = tx.execute(table.update().where(table.c.id == before.id, table.c.version == before.version).values(values))
    if done.rowcount != 1:
        raise Conflict("Somebody else changed this application meanwhile.")
    after = application(tx, before.id)
    names = [name for name in values if name != "version"]
    old, new = _told(before), _told(after)
    enter(
        tx, by, Happening.CLIENTS_APPLICATION_CHANGED, f"application:{before.id}",
        before={name: old[name] for name in names if name in old},
        after={name: new[name] for name in names if name in new}, reason=reason,
        personal=_personal(after) if "contact_email" in values else None, organization=before.organization_id,
    )  # fmt: skip
    changed(tx, f"application:{before.id}")
    return after


def set_state(tx: Transaction, application_id: str, state: State, recertify_at: dt.datetime | None = None) -> None:
    """Write the state that ``onboarding`` moved an application to; that room has the checks and the ledger entry."""
    table = tables.application
    values: dict[str, Any] = {"state": state, "moved_at": tx.now, "version": table.c.version + 1}
    if recertify_at is not None:
        values["recertify_at"] = recertify_at
    tx.execute(table.update().where(table.c.id == application_id).values(values))
    changed(tx, f"application:{application_id}")


def create_client(
    tx: Transaction, by: By, application_id: str, environment: Environment, *, plan: str | None = None
) -> Client:
    """Give an application its identity in one environment.

    :raises Conflict: it has one there already.
    """
    owner = application(tx, application_id)
    if any(found.environment is environment for found in clients_of(tx, application_id)):
        raise Conflict(f"The application has its {environment} client already.", "Use that one.")
    made = Client(new_id("cli"), application_id, environment, owner.name, Standing.ACTIVE, tx.now, plan=plan)
    tx.execute(tables.client.insert().values(**_plain(made)))
    enter(
        tx, by, Happening.CLIENTS_CLIENT_CREATED, f"client:{made.id}",
        after={"application": application_id, "environment": environment.value, "plan": plan},
        organization=owner.organization_id,
    )  # fmt: skip
    return made


def suspend(tx: Transaction, by: By, client_id: str, reason: str) -> Client:
    """Let a client act no more, from the next request on, in every process.

    :raises Conflict: it is suspended already.
    """
    return _set_standing(tx, by, client_id, Standing.SUSPENDED, reason, Happening.CLIENTS_CLIENT_SUSPENDED)


def suspend_anew(tx: Transaction, by: By, client_id: str, reason: str) -> Client:
    """Put another reason in the place of that for which a suspended client is suspended.

    :raises Conflict: it is not suspended.
    """
    before, table = client(tx, client_id), tables.client
    done = tx.execute(
        table.update()
        .where(table.c.id == client_id, table.c.standing == Standing.SUSPENDED)
        .values(standing_reason=reason, version=table.c.version + 1)
    )
    if done.rowcount != 1:
        raise Conflict(f"The client is {before.standing}.", "Suspend it.")
    told = {"standing": Standing.SUSPENDED.value}
    enter(
        tx, by, Happening.CLIENTS_CLIENT_SUSPENDED, f"client:{client_id}", before=told, after=told, reason=reason,
        organization=owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
    return client(tx, client_id)


def resume(tx: Transaction, by: By, client_id: str, reason: str) -> Client:
    """Let a suspended client act again.

    :raises Conflict: it is not suspended.
    """
    return _set_standing(tx, by, client_id, Standing.ACTIVE, reason, Happening.CLIENTS_CLIENT_RESUMED)


def _set_standing(
    tx: Transaction, by: By, client_id: str, standing: Standing, reason: str, happening: Happening
) -> Client:
    before = client(tx, client_id)
    table = tables.client
    done = tx.execute(
        table.update()
        .where(table.c.id == client_id, table.c.standing != standing)
        .values(
            standing=standing,
            standing_reason=reason,
            suspended_at=tx.now if standing is Standing.SUSPENDED else None,
            version=table.c.version + 1,
        )
    )
    if done.rowcount != 1:
        raise Conflict(f"The client is {standing} already.", "Nothing is left to do.")
    enter(
        tx, by, happening, f"client:{client_id}",
        before={"standing": before.standing.value}, after={"standing": standing.value}, reason=reason,
        organization=owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
    return client(tx, client_id)


def set_plan(tx: Transaction, by: By, client_id: str, plan: str | None, reason: str = "") -> Client:
    """Entitle a client to a plan. Its counts stay."""
    before = client(tx, client_id)
    table = tables.client
    tx.execute(table.update().where(table.c.id == client_id).values(plan=plan, version=table.c.version + 1))
    enter(
        tx, by, Happening.QUOTAS_PLAN_CHANGED, f"client:{client_id}",
        before={"plan": before.plan}, after={"plan": plan}, reason=reason,
        organization=owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
    return client(tx, client_id)


Source = Transaction | sa.Connection


def organization(source: Source, organization_id: str) -> Organization:
    """:raises Missing: there is none."""
    return _one(source, tables.organization, organization_id, Organization)


def application(source: Source, application_id: str) -> Application:
    """:raises Missing: there is none."""
    return _one(source, tables.application, application_id, Application)


def client(source: Source, client_id: str) -> Client:
    """:raises Missing: there is none."""
    return _one(source, tables.client, client_id, Client)


def owner_of(source: Source, *, application_id: str = "", client_id: str = "") -> str | None:
    """Whose an application or client is: the organization that entries about it belong to. None: there is no such."""
    owner, mine = tables.application, tables.client
    query = sa.select(owner.c.organization_id)
    if client_id:
        query = query.join(mine, mine.c.application_id == owner.c.id).where(mine.c.id == client_id)
    else:
        query = query.where(owner.c.id == application_id)
    found: str | None = source.execute(query).scalar_one_or_none()
    return found


def clients_of(source: Source, application_id: str) -> list[Client]:
    """Its clients: at most one in each environment, sandbox last."""
    table = tables.client
    rows = source.execute(
        sa.select(table).where(table.c.application_id == application_id).order_by(table.c.environment)
    )
    return [_row(Client, row._mapping) for row in rows]


def organizations(
    source: Source, *, ids: list[str] | None = None, after: str = "", limit: int = 50
) -> list[Organization]:
    """A page of organizations in the order of their making; ``ids`` narrows to those a person sits in."""
    table = tables.organization
    query = sa.select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    if ids is not None:
        query = query.where(table.c.id.in_(ids))
    return [_row(Organization, row._mapping) for row in source.execute(query)]


def applications(
    source: Source,
    *,
    organization_ids: list[str] | None = None,
    state: State | None = None,
    reference: str | None = None,
    after: str = "",
    limit: int = 50,
) -> list[Application]:
    """A page of applications in the order of their making; filters combine by AND. ``after`` is the last id seen."""
    table = tables.application
    query = sa.select(table).where(table.c.id > after).order_by(table.c.id).limit(limit)
    if organization_ids is not None:
        query = query.where(table.c.organization_id.in_(organization_ids))
    if state is not None:
        query = query.where(table.c.state == state)
    if reference is not None:
        query = query.where(table.c.reference == reference)
    return [_row(Application, row._mapping) for row in source.execute(query)]


def _one(source: Source, table: sa.Table, id: str, kind: type[Row]) -> Row:
    found = source.execute(sa.select(table).where(table.c.id == id)).first()
    if found is None:
        raise Missing(f"There is no {table.name.removeprefix('apiguard_')} {id[:60]}.")
    return _row(kind, found._mapping)


_ENUMS: dict[str, Any] = {"state": State, "environment": Environment, "standing": Standing}


def _row(kind: type[Row], values: Mapping[Any, Any]) -> Row:
    """A typed row: enumerations by their class, JSON lists as tuples."""
    read: dict[str, Any] = {}
    for spec in fields(kind):  # type: ignore[arg-type]
        value = values[spec.name]
        if spec.name in _ENUMS:
            value = _ENUMS[spec.name](value)
        read[spec.name] = tuple(value) if isinstance(value, list) else value
    return kind(**read)


def _plain(row: Any) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(row).items()}


def _told(row: Application) -> dict[str, Any]:
    """What the ledger is told: no personal field, JSON types only."""
    told = _plain(row)
    for name in ("contact_email", "version", "created_at", "moved_at"):
        told.pop(name)
    return {name: value.isoformat() if isinstance(value, dt.datetime) else value for name, value in told.items()}


def _personal(row: Application) -> dict[str, str] | None:
    return {"contact_email": row.contact_email} if row.contact_email else None
