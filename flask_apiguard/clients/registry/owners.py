"""Writing about organizations and their applications."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from ...crypto import new_id
from ...db import Transaction
from ...errors import Conflict
from ...ledger import enter
from ...values import By, Happening, State
from .. import tables
from ..changes import changed
from .kinds import EDITABLE, Application, Organization
from .reading import application, organization


def create_organization(tx: Transaction, by: By, name: str, reason: str = "") -> Organization:
    """Register who will own applications."""
    made = Organization(new_id("org"), name, tx.now)
    tx.execute(tables.organization.insert().values(**asdict(made)))
    about = f"organization:{made.id}"
    enter(tx, by, Happening.CLIENTS_ORGANIZATION_CREATED, about, after={"name": name}, reason=reason)
    return made


def edit_organization(tx: Transaction, by: By, organization_id: str, name: str, reason: str = "") -> Organization:
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
        before={"name": before.name}, after={"name": name}, organization=before.id, reason=reason,
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
