"""Organizations, applications, clients: what may be written, what is told, and what never changes by the side door."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from flask_apiguard.clients import Application, Client, registry
from flask_apiguard.clients.changes import change
from flask_apiguard.clock import Clock
from flask_apiguard.db import Store, Transaction
from flask_apiguard.errors import Conflict, Missing
from flask_apiguard.values import Actor, By, Environment, Standing, State

BY = By(Actor.PERSON, "per_1", "Ada", "org_1", frozenset({"owner"}))


def write(store: Store, act: Callable[[Transaction], Any]) -> Any:
    with store.write() as tx:
        return act(tx)


def onboarded(store: Store, **facts: Any) -> tuple[Application, Client]:
    with store.write() as tx:
        owner = registry.create_organization(tx, BY, "Acme")
        made = registry.create_application(tx, BY, owner.id, "Pay", state=State.SANDBOX, **facts)
        return made, registry.create_client(tx, BY, made.id, Environment.SANDBOX)


def subjects(store: Store) -> list[str]:
    with store.read() as conn:
        return list(conn.execute(sa.select(change.c.subject).order_by(change.c.seq)).scalars())


def entries(store: Store) -> list[dict[str, Any]]:
    with store.read() as conn:
        found = conn.exec_driver_sql("SELECT entry FROM apiguard_ledger ORDER BY seq").scalars().all()
    return [json.loads(entry) for entry in found]


def test_what_is_registered_reads_back_whole(any_store: Store) -> None:
    made, client = onboarded(
        any_store, purpose="Payments", contact_email="ada@example.org", redirect_uris=("https://a/cb",),
        requested_scopes={"orders:read": "to show them"}, addresses=("203.0.113.0/24",), reference="customer:42",
        expected_calls_per_day=10, invited=True,
    )  # fmt: skip
    with any_store.read() as conn:
        assert registry.application(conn, made.id) == made
        assert registry.client(conn, client.id) == client
        assert registry.clients_of(conn, made.id) == [client]
        assert [found.id for found in registry.organizations(conn)] == [made.organization_id]
        assert registry.applications(conn, reference="customer:42") == [made]
        assert registry.applications(conn, reference="customer:43") == []
        assert registry.applications(conn, state=State.SANDBOX, organization_ids=[made.organization_id]) == [made]
        assert registry.applications(conn, organization_ids=[]) == []
        assert registry.applications(conn, after=made.id) == []


def test_pages_follow_each_other_without_gap(store: Store) -> None:
    for _ in range(5):
        onboarded(store)
    with store.read() as conn:
        seen, after = [], ""
        while page := registry.applications(conn, after=after, limit=2):
            seen += [found.id for found in page]
            after = seen[-1]
        assert seen == [found.id for found in registry.applications(conn)]
        assert len(seen) == 5


def test_what_is_not_there_is_missing(store: Store) -> None:
    with store.write() as tx:
        for act in (
            lambda: registry.organization(tx, "org_x"),
            lambda: registry.application(tx, "app_x"),
            lambda: registry.client(tx, "cli_x"),
            lambda: registry.create_application(tx, BY, "org_x", "Pay"),
            lambda: registry.create_client(tx, BY, "app_x", Environment.SANDBOX),
            lambda: registry.suspend(tx, BY, "cli_x", "?"),
        ):
            with pytest.raises(Missing):
                act()


def test_an_application_has_one_client_in_each_environment(any_store: Store) -> None:
    made, sandbox = onboarded(any_store)
    with pytest.raises(Conflict):
        write(any_store, lambda tx: registry.create_client(tx, BY, made.id, Environment.SANDBOX))
    production = write(any_store, lambda tx: registry.create_client(tx, BY, made.id, Environment.PRODUCTION))
    with any_store.read() as conn:
        assert registry.clients_of(conn, made.id) == [production, sandbox]


def test_an_edit_changes_what_its_owner_may_change_and_nothing_else(store: Store) -> None:
    made, _ = onboarded(store, contact_email="ada@example.org")
    write(store, lambda tx: registry.prove_contact(tx, BY, made.id))
    forbidden = {"state": State.PRODUCTION, "reference": "customer:1", "organization_id": "org_2", "invited": True}
    assert write(store, lambda tx: registry.edit_application(tx, BY, made.id, forbidden)).version == 2
    after = write(
        store,
        lambda tx: registry.edit_application(tx, BY, made.id, {"name": "Pay 2", "contact_email": "b@example.org"}),
    )
    assert (after.name, after.contact_email, after.contact_proved_at, after.version) == (
        "Pay 2",
        "b@example.org",
        None,
        3,
    )
    assert (after.state, after.reference, after.organization_id) == (State.SANDBOX, None, made.organization_id)


def test_a_retired_application_stays_as_it_was(store: Store) -> None:
    made, _ = onboarded(store)
    write(store, lambda tx: registry.set_state(tx, made.id, State.RETIRED))
    with pytest.raises(Conflict):
        write(store, lambda tx: registry.edit_application(tx, BY, made.id, {"name": "x"}))


def test_every_change_that_turns_a_decision_is_in_the_change_log(any_store: Store) -> None:
    made, client = onboarded(any_store)
    assert subjects(any_store) == [], "what is new was not remembered by anybody"
    for act in (
        lambda tx: registry.suspend(tx, BY, client.id, "odd"),
        lambda tx: registry.resume(tx, BY, client.id, "fine"),
        lambda tx: registry.set_plan(tx, BY, client.id, "gold"),
        lambda tx: registry.set_reference(tx, BY, made.id, "customer:1"),
        lambda tx: registry.set_state(tx, made.id, State.PRODUCTION),
    ):
        write(any_store, act)
    assert subjects(any_store) == [f"client:{client.id}"] * 3 + [f"application:{made.id}"] * 2


def test_standing_moves_once_each_way(any_store: Store) -> None:
    _, client = onboarded(any_store)
    suspended = write(any_store, lambda tx: registry.suspend(tx, BY, client.id, "odd traffic"))
    assert (suspended.standing, suspended.standing_reason) == (Standing.SUSPENDED, "odd traffic")
    assert suspended.suspended_at is not None
    with pytest.raises(Conflict):
        write(any_store, lambda tx: registry.suspend(tx, BY, client.id, "again"))
    resumed = write(any_store, lambda tx: registry.resume(tx, BY, client.id, "explained"))
    assert (resumed.standing, resumed.suspended_at) == (Standing.ACTIVE, None)
    with pytest.raises(Conflict):
        write(any_store, lambda tx: registry.resume(tx, BY, client.id, "again"))


def test_the_ledger_is_told_each_act_and_no_personal_field(store: Store) -> None:
    made, client = onboarded(store, contact_email="ada@example.org")
    write(store, lambda tx: registry.suspend(tx, BY, client.id, "odd"))
    write(store, lambda tx: registry.edit_application(tx, BY, made.id, {"contact_email": "b@example.org"}))
    told = entries(store)
    assert [entry["happening"] for entry in told] == [
        "clients:organization:created", "clients:application:created", "clients:client:created",
        "clients:client:suspended", "clients:application:changed",
    ]  # fmt: skip
    assert "example.org" not in json.dumps(told)
    assert "example.org" not in repr(made)


def test_a_refused_write_leaves_no_trace(store: Store) -> None:
    _, client = onboarded(store)
    before = entries(store), subjects(store)
    with pytest.raises(RuntimeError), store.write() as tx:
        registry.suspend(tx, BY, client.id, "odd")
        raise RuntimeError
    assert (entries(store), subjects(store)) == before


def test_an_edit_that_somebody_else_overtook_is_a_conflict(store: Store, clock: Clock) -> None:
    made, _ = onboarded(store)
    with store.write() as tx:
        stale = registry.application(tx, made.id)
        registry.edit_application(tx, BY, made.id, {"name": "first"})
        with pytest.raises(Conflict):
            registry.owners._write_application(tx, BY, stale, {"name": "second"})
