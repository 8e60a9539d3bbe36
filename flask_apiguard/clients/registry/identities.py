"""Writing about clients: an application's identity in one environment, and its standing."""

from __future__ import annotations

from dataclasses import asdict

from ...crypto import new_id
from ...db import Transaction
from ...errors import Conflict
from ...ledger import enter
from ...values import By, Environment, Happening, Standing
from .. import tables
from ..changes import changed
from .kinds import Client
from .reading import application, client, clients_of, owner_of


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
    tx.execute(tables.client.insert().values(**asdict(made)))
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
