"""``organizations``: who owns applications."""

from __future__ import annotations

from typing import Any

import click

from ..clients.registry import Organization
from ..people import Act, may
from .common import Desk, command, reasoned
from .walk import every_organization


@click.group()
def organizations() -> None:
    """Organizations, who own applications: list, create, rename."""


@command(organizations, "list")
def list_(desk: Desk) -> None:
    """List organizations, as far as the actor may see them."""
    with desk.house.store.read() as conn:
        found = [one for one in every_organization(conn) if may(desk.by, Act.CLIENTS_ORGANIZATION_READ, one.id)]
    desk.rows([_row(one) for one in found], ("organization", "name", "created"), "No organizations.")


@command(organizations, "create")
@click.argument("name")
@reasoned
def create(desk: Desk, name: str, reason: str) -> None:
    """Register who will own applications. At the open door a person registers their own, and is its first owner."""
    with desk.house.store.write() as tx:
        desk.act = Act.CLIENTS_ORGANIZATION_CREATE
        made, _ = desk.house.onboarding.register_organization(tx, desk.by, name, reason)
    desk.facts(_row(made))


@command(organizations, "rename")
@click.argument("organization_id", metavar="ORGANIZATION")
@click.argument("name")
@reasoned
def rename(desk: Desk, organization_id: str, name: str, reason: str) -> None:
    """Give an organization another name."""
    with desk.house.store.write() as tx:
        desk.demand(Act.CLIENTS_ORGANIZATION_CHANGE, organization_id)
        found = desk.house.onboarding.rename_organization(tx, desk.by, organization_id, name, reason)
    desk.facts(_row(found))


def _row(one: Organization) -> dict[str, Any]:
    return {"organization": one.id, "name": one.name, "created": one.created_at, "version": one.version}
