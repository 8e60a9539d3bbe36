"""``applications``: what was onboarded, and the moves that everybody makes, made from a terminal."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import click

from .. import access, credentials
from ..clients import registry
from ..clients.registry import Application, Client
from ..db import Transaction
from ..onboarding import Kind, Review, Waiver
from ..people import Act
from ..values import Environment, State
from .common import REFUSED, Desk, cell, command, lines, moment, reasoned, table
from .keys import ENVIRONMENTS, show_secret
from .walk import every_application


@click.group()
def applications() -> None:
    """Applications: register, edit, prove, list, show, check, waive, move, request, suspend, resume, retire."""


@command(applications, "list")
@click.option("--state", type=click.Choice([one.value for one in State]), help="Only those in this state.")
@click.option("--organization", "organization_id", help="Only this organization's.")
@click.option("--reference", help="Only those of the customer with this reference.")
def list_(desk: Desk, state: str | None, organization_id: str | None, reference: str | None) -> None:
    """List applications, with their clients and what they may do."""
    with desk.house.store.read() as conn:
        found = [
            {
                "id": one.id, "name": one.name, "organization": one.organization_id, "state": one.state,
                "reference": one.reference, "invited": one.invited, "since": one.moved_at,
                "clients": {
                    client.environment.value: f"{client.id} ({client.standing})"
                    for client in registry.clients_of(conn, one.id)
                },
            }
            for one in every_application(
                desk, conn, Act.CLIENTS_APPLICATION_READ, organization_id,
                state=None if state is None else State(state), reference=reference,
            )
        ]  # fmt: skip
    desk.rows(found, ("id", "name", "state", "reference", "clients"), "No applications.")


@command(applications, "show")
@click.argument("application_id", metavar="APPLICATION")
def show(desk: Desk, application_id: str) -> None:
    """Show one application: clients, grants, credentials, checks, graduation, certification, and what comes next."""
    house = desk.house
    with house.store.read() as conn:
        found = desk.application(conn, application_id)
        clients = registry.clients_of(conn, found.id)
        certified, next_date = house.onboarding.certification_of(found)
        told: dict[str, Any] = {
            "application": found,
            "clients": clients,
            "grants": access.grants_of(conn, found.id),
            "credentials": [
                {"phase": one.phase(house.clock.now()), "environment": client.environment, **_credential(one)}
                for client in clients
                for one in credentials.list_of(conn, client.id)
            ],
            "checks": house.onboarding.checks_of(conn, found.id),
            "waivers": house.onboarding.waivers(conn, found.id),
            "graduation": house.onboarding.graduation_of(conn, found.id),
            "certification": {"step": certified, "next": next_date},
            "reviews": [_review(one) for one in house.onboarding.reviews(conn, application_id=found.id)],
            "next": house.onboarding.next_of(conn, desk.by, found.id),
        }
    desk.answer(told, lambda: _page(told))


def _credential(one: credentials.Credential) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "name": one.name,
        "hint": one.hint,
        "ends": one.ends_at,
        "client": one.client_id,
    }


def _review(one: Review) -> dict[str, Any]:
    return {"id": one.id, "kind": one.kind, "environment": one.environment, "state": one.state, "risk": one.risk}


def _page(told: Mapping[str, Any]) -> str:
    app: Application = told["application"]
    parts = [
        lines({
            "application": app.id, "name": app.name, "organization": app.organization_id, "state": app.state,
            "reference": app.reference, "purpose": app.purpose, "contact": app.contact_email,
            "certification": told["certification"],
        }),
        _list("Clients", told["clients"], ("id", "environment", "standing", "plan", "standing_reason")),
        _list("Grants", told["grants"], ("scope", "environment", "since", "until", "review_id")),
        _list("Credentials", told["credentials"], ("id", "environment", "name", "hint", "phase", "ends")),
        _list("Checks", told["checks"], ("name", "verdict", "detail", "waived_until")),
        _list("Waivers", told["waivers"], ("id", "check", "until", "by", "seconded_by")),
        _list("Graduation", told["graduation"], ("name", "title", "done", "at")),
        _list("Reviews", told["reviews"], ("id", "kind", "environment", "state", "risk")),
        _list("Next", told["next"], ("action", "why")),
    ]  # fmt: skip
    return "\n\n".join(part for part in parts if part)


def _list(title: str, found: Any, columns: tuple[str, ...]) -> str:
    rows = [one if isinstance(one, Mapping) else {name: getattr(one, name) for name in columns} for one in found]
    return f"{title}\n{table(rows, columns)}" if rows else ""


@command(applications, "check")
@click.argument("application_id", metavar="APPLICATION")
def check(desk: Desk, application_id: str) -> None:
    """Run the automated checks; 1 when one of them is in the way."""
    with desk.house.store.read() as conn:
        seen = desk.house.onboarding.look(conn, application_id)
    with desk.house.store.write() as tx:
        found = desk.house.onboarding.run_checks(tx, desk.by, application_id, calls=seen)
    told = [
        {
            "name": one.name, "verdict": one.verdict, "detail": one.detail, "fix": one.fix, "blocks": one.blocks,
            "before": one.before, "waived_until": one.waived_until,
        }
        for one in found
    ]  # fmt: skip
    desk.rows(told, ("verdict", "name", "detail", "fix"))
    if any(one.blocks for one in found):
        desk.status = REFUSED


@command(applications, "move")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("state", type=click.Choice([one.value for one in State]))
@reasoned
def move(desk: Desk, application_id: str, state: str, reason: str) -> None:
    """Move an application to another state, as far as its checks and reviews let it.

    Into the sandbox comes with a client and a key, shown once.
    """
    onboarding = desk.house.onboarding
    if state == State.SANDBOX:
        with desk.house.store.write() as tx:
            entered = onboarding.enter_sandbox(tx, desk.by, application_id)
        facts = {
            "application": application_id, "state": entered.application.state, "client": entered.client.id,
            "credential": entered.credential.id, "review": entered.review.id if entered.review else None,
        }  # fmt: skip
        show_secret(desk, facts, entered.secret)
        return
    with desk.house.store.write() as tx:
        moved = onboarding.move(tx, desk.by, application_id, State(state), reason=reason)
    desk.facts({"application": moved.id, "state": moved.state})


@command(applications, "waive")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("check_name", metavar="CHECK")
@click.option("--until", type=moment, metavar="DATE", required=True, help="Until when the check is not waited for.")
@reasoned
def waive(desk: Desk, application_id: str, check_name: str, until: dt.datetime, reason: str) -> None:
    """Propose to go on without a check until a date; it counts once a second person agrees. Takes a person token."""
    with desk.house.store.write() as tx:
        made = desk.house.onboarding.waive(tx, desk.by, application_id, check_name, reason, until)
    desk.facts({**_waiver(made), "next": f"A second person: applications second {made.id}"})


@command(applications, "second")
@click.argument("waiver_id", metavar="WAIVER")
def second(desk: Desk, waiver_id: str) -> None:
    """Agree, as the second person, that a check is not waited for. Takes a person token."""
    with desk.house.store.write() as tx:
        desk.demand(Act.ONBOARDING_CHECK_WAIVE)
        made = desk.house.onboarding.second(tx, desk.by, waiver_id)
    desk.facts(_waiver(made))


def _waiver(one: Waiver) -> dict[str, Any]:
    return {
        "waiver": one.id, "application": one.application_id, "check": one.check, "until": one.until,
        "reason": one.reason, "proposed_by": one.by, "seconded_by": one.seconded_by,
    }  # fmt: skip


@command(applications, "refer")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("reference")
def refer(desk: Desk, application_id: str, reference: str) -> None:
    """Bind an application to your own id of a customer or tenant; an empty text unbinds it. Calls see it at once."""
    desk.demand(Act.CLIENTS_APPLICATION_REFER)
    with desk.house.store.write() as tx:
        bound = registry.set_reference(tx, desk.by, application_id, reference or None)
    desk.facts({"application": bound.id, "reference": bound.reference})


@command(applications, "request")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("kind", type=click.Choice([one.value for one in Kind]))
@click.option("--scope", "scopes", multiple=True, help="What is asked for; by default what was exercised.")
@click.option("--plan", help="The plan that is asked for.")
@click.option("--environment", type=click.Choice(ENVIRONMENTS), default="production", help="Where.")
@reasoned
def request(
    desk: Desk, application_id: str, kind: str, scopes: tuple[str, ...], plan: str | None, environment: str, reason: str
) -> None:
    """Ask for more: production, scopes, a plan, another term, or a suspended client's return."""
    with desk.house.store.read() as conn:
        seen = desk.house.onboarding.look(conn, application_id)
    with desk.house.store.write() as tx:
        opened = desk.house.onboarding.request(
            tx, desk.by, application_id, kind, scopes=scopes or None, plan=plan, environment=environment,
            reason=reason, calls=seen,
        )  # fmt: skip
    desk.facts({
        "review": opened.id, "state": opened.state, "risk": opened.risk, "needed": opened.needed,
        "scopes": opened.scopes, "left_out": opened.left_out, "deadline": opened.deadline,
    })  # fmt: skip


@command(applications, "suspend")
@click.argument("target", metavar="APPLICATION|CLIENT")
@click.option("--environment", type=click.Choice(ENVIRONMENTS), help="Of an application, only the client there.")
@reasoned
def suspend(desk: Desk, target: str, environment: str | None, reason: str) -> None:
    """Stop a client, or all of an application's, from the next request on."""
    with desk.house.store.write() as tx:
        done = [
            desk.house.onboarding.suspend(tx, desk.by, client.id, reason)
            for client in _clients(tx, target, environment)
        ]
    desk.answer(done, _standing(done))


@command(applications, "resume")
@click.argument("target", metavar="APPLICATION|CLIENT")
@click.option("--environment", type=click.Choice(ENVIRONMENTS), help="Of an application, only the client there.")
@reasoned
def resume(desk: Desk, target: str, environment: str | None, reason: str) -> None:
    """Take back one's own suspension within minutes; later it takes a review: applications request ID resume."""
    with desk.house.store.write() as tx:
        done = [
            desk.house.onboarding.resume(tx, desk.by, client.id, reason) for client in _clients(tx, target, environment)
        ]
    desk.answer(done, _standing(done))


def _clients(tx: Transaction, target: str, environment: str | None) -> list[Client]:
    if target.startswith("cli_"):
        return [registry.client(tx, target)]
    registry.application(tx, target)
    found = registry.clients_of(tx, target)
    chosen = [one for one in found if environment is None or one.environment == Environment(environment)]
    if not chosen:
        raise click.UsageError("The application has no client there.")
    return chosen


def _standing(done: list[Client]) -> str:
    return "\n".join(f"{one.id} ({one.environment}) is {cell(one.standing)} from the next request on." for one in done)


@command(applications, "retire")
@click.argument("application_id", metavar="APPLICATION")
@reasoned
def retire(desk: Desk, application_id: str, reason: str) -> None:
    """Take an application out of service for good: everything it holds is revoked at once, its history is kept."""
    with desk.house.store.write() as tx:
        desk.house.onboarding.retire(tx, desk.by, application_id, reason)
    desk.answer({"application": application_id, "state": State.RETIRED}, f"{application_id} is retired.")
