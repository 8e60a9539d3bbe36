"""Reading: one thing by its id, whose it is, and lists page by page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import sqlalchemy as sa

from ...db import Transaction
from ...errors import Missing
from ...values import Environment, Standing, State
from .. import tables
from ..rows import page, typed
from .kinds import Application, Client, Organization

Row = TypeVar("Row")
Source = Transaction | sa.Connection
_ENUMS: Mapping[str, Any] = {"state": State, "environment": Environment, "standing": Standing}


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
    query = page(table, after, limit)
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
    query = page(table, after, limit)
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


def _row(kind: type[Row], values: Mapping[Any, Any]) -> Row:
    return kind(**typed(values, (spec.name for spec in fields(kind)), _ENUMS))  # type: ignore[arg-type]
