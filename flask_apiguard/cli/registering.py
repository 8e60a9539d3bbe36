"""``applications`` again: registered alone, what they say of themselves, and the proof of their contact address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from ..clients import registry
from ..clients.registry import Application
from ..people.fields import normal_email
from .applications import applications
from .common import Body, Desk, command, reasoned


def address(value: str) -> str:
    """A mail address in its one form; an empty text stands for none.

    :raises click.BadParameter: it is none.
    """
    found = "" if value == "" else normal_email(value)
    if found is None:
        raise click.BadParameter(f"{value!r} is not an e-mail address, such as ann@example.com.")
    return found


#: What an application says of itself, as options; those of a list take the place of the whole list.
_OPTIONS = (
    click.option("--purpose", help="What it does and for whom, in a sentence."),
    click.option("--contact", "contact_email", type=address, metavar="ADDRESS", help="Who answers within a day."),
    click.option(
        "--scope", "requested_scopes", type=(str, str), multiple=True, metavar="SCOPE WHY",
        help="A scope that is asked for, and what for; may be repeated.",
    ),
    click.option("--plan", "requested_plan", help="The plan that is asked for."),
    click.option("--redirect-uri", "redirect_uris", multiple=True, help="Where users return to; may be repeated."),
    click.option("--data-class", help="The kind of data that it handles."),
    click.option("--calls-per-day", "expected_calls_per_day", type=click.IntRange(0), help="How many are expected."),
    click.option("--address", "addresses", multiple=True, help="Where its servers call from; may be repeated."),
)  # fmt: skip


def described(body: Body) -> Body:
    """Take the options with which an application is described."""
    for option in reversed(_OPTIONS):
        body = option(body)
    return body


def facts_of(told: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, as the registry keeps it. Of a text and of a list, an empty text stands for nothing."""
    facts = {name: value for name, value in told.items() if value is not None and value != ()}
    for name in ("redirect_uris", "addresses"):
        if name in facts:
            facts[name] = tuple(one for one in facts[name] if one)
    if "requested_scopes" in facts:
        facts["requested_scopes"] = {scope: why for scope, why in facts["requested_scopes"] if scope}
    if "requested_plan" in facts:
        facts["requested_plan"] = facts["requested_plan"] or None
    return facts


def _told(found: Application) -> dict[str, Any]:
    return {
        "application": found.id, "organization": found.organization_id, "state": found.state, "name": found.name,
        "purpose": found.purpose, "contact": found.contact_email, "contact_proved": found.contact_proved_at,
        "scopes": found.requested_scopes, "plan": found.requested_plan, "redirect_uris": found.redirect_uris,
        "data_class": found.data_class, "calls_per_day": found.expected_calls_per_day, "addresses": found.addresses,
        "version": found.version,
    }  # fmt: skip


@command(applications, "register")
@click.argument("organization_id", metavar="ORGANIZATION")
@click.argument("name")
@described
@reasoned
def register(desk: Desk, organization_id: str, name: str, reason: str, **told: Any) -> None:
    """Register a draft, and nothing else: checks, sandbox and reviews come after, as for everybody's.

    The contact address gets a code, unless it is the proved one of who registers. `keys create` does all of it at once.
    """
    onboarding = desk.house.onboarding
    with desk.house.store.write() as tx:
        registry.organization(tx, organization_id)
        made = onboarding.register(tx, desk.by, organization_id, {"name": name, **facts_of(told)}, reason)
        made = onboarding.settle_contact(tx, desk.by, made)
    desk.facts(_told(made))


@command(applications, "edit")
@click.argument("application_id", metavar="APPLICATION")
@click.option("--name", help="Another name.")
@described
@reasoned
def edit(desk: Desk, application_id: str, reason: str, **told: Any) -> None:
    """Change what an application says of itself; what is not named stays, an empty text takes away.

    Behind the draft the checks run again, and nothing is written that they would have kept out. A new contact address
    gets a code.
    """
    facts, onboarding = facts_of(told), desk.house.onboarding
    if not facts:
        raise click.UsageError("Name at least one thing to change.")
    with desk.house.store.read() as conn:
        seen = onboarding.look(conn, application_id)
    with desk.house.store.write() as tx:
        before = registry.application(tx, application_id)
        found = onboarding.edit(tx, desk.by, application_id, facts, reason, calls=seen)
        if found.contact_email != before.contact_email:
            found = onboarding.settle_contact(tx, desk.by, found)
    desk.facts(_told(found))


@command(applications, "prove")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("code", required=False)
def prove(desk: Desk, application_id: str, code: str | None) -> None:
    """Prove the contact address with the CODE of its mail; without one, have the mail sent again."""
    onboarding = desk.house.onboarding
    with desk.house.store.write() as tx:
        if code is None:
            onboarding.send_contact_proof(tx, desk.by, application_id)
            found = registry.application(tx, application_id)
        else:
            found = onboarding.prove_contact(tx, desk.by, application_id, code)
    desk.facts({
        "application": found.id, "contact": found.contact_email, "contact_proved": found.contact_proved_at,
        "sent": code is None,
    })  # fmt: skip
