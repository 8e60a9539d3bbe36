"""``scopes``, ``roles``, ``plans`` and ``settings``: what there is, as the file of the house and the deployment say."""

from __future__ import annotations

import math
from typing import Any

import click

from .. import access, quotas
from ..people import Act
from .common import Desk, command


@click.group()
def scopes() -> None:
    """Scopes that can be granted: list."""


@command(scopes, "list")
def list_scopes(desk: Desk) -> None:
    """List scopes, declared in code or in the file of the house, and what each opens."""
    with desk.house.store.read() as conn:
        found = desk.house.scopes.all(conn)
    rows = [{key: getattr(found[name], key) for key in access.Scope.__slots__} for name in sorted(found)]
    desk.rows(rows, ("name", "risk", "access", "sender_constrained", "description"), "No scopes.")


@click.group()
def roles() -> None:
    """Roles that clients can have: list."""


@command(roles, "list")
def list_roles(desk: Desk) -> None:
    """List roles, and the scopes in them. They are written in the file that `apply` brings in."""
    with desk.house.store.read() as conn:
        found = access.roles(conn)
    rows = [{"name": name, "scopes": sorted(one.scopes), "description": one.description} for name, one in found.items()]
    desk.rows(sorted(rows, key=lambda row: str(row["name"])), ("name", "scopes", "description"), "No roles.")


@click.group()
def plans() -> None:
    """Plans that clients can be entitled to: list."""


@command(plans, "list")
def list_plans(desk: Desk) -> None:
    """List plans with their limits and quotas. They are written in the file that `apply` brings in."""
    with desk.house.store.read() as conn:
        found = quotas.plans(conn)
    rows = [
        {
            "name": one.name, "title": one.title, "limits": [item.as_dict() for item in one.items],
            "sender_constrained": one.sender_constrained, "updated": one.updated_at,
        }
        for one in found
    ]  # fmt: skip
    desk.rows(rows, ("name", "title", "limits"), "No plans.")


@click.group()
def settings() -> None:
    """Settings in force: list."""


@command(settings, "list")
def list_settings(desk: Desk) -> None:
    """List every setting, its value and where it came from; of a secret only whether it is set."""
    desk.demand(Act.SETTINGS_SETTING_WRITE)
    told = desk.house.settings
    rows = [
        {
            "name": one.name, "source": told.source(one), "doc": one.doc, "secret": one.secret,
            "value": _shown(told[one], one.secret),
        }
        for one in told.declared
    ]  # fmt: skip
    desk.rows(rows, ("name", "value", "source"))


def _shown(value: Any, secret: bool) -> Any:
    """A value as JSON knows it; of a secret only whether it is set."""
    if secret:
        return None if value is None else "set"
    return None if isinstance(value, float) and not math.isfinite(value) else value
