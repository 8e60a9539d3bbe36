"""``clients``: how each stands, what it is entitled to, and how it speaks to the authorization server."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import click

from ..access import roles_of
from ..clients import registry
from ..clients.registry import Application
from ..db import Transaction
from ..oauth import CHOOSABLE, chosen_of, set_device, set_grant_types, set_public
from ..people import Act
from ..quotas.plans import end_override, overrides_of, put_override
from .common import Desk, command, lines, moment, reasoned, table

ANY, DEFAULT = "any", "default"


@click.group()
def clients() -> None:
    """Clients, each an application in one environment: show, plan, roles, override, usage, change."""


def owner_of(desk: Desk, source: Any, client_id: str, act: Act) -> Application:
    """The application of a client, for an actor who may.

    :raises Missing: there is no such client. :raises ConfigurationError: there is no authorization server.
    """
    found = registry.application(source, registry.client(source, client_id).application_id)
    desk.demand(act, found.organization_id)
    _ = desk.house.issuing_places
    return found


def _told(desk: Desk, source: Any, client_id: str, owner: Application) -> dict[str, Any]:
    found, chosen = registry.client(source, client_id), chosen_of(source, client_id)
    own = overrides_of(getattr(source, "conn", source), client_id, desk.house.clock.now())
    told = {
        "client": found.id, "application": owner.id, "environment": found.environment, "standing": found.standing,
        "standing_reason": found.standing_reason, "plan": found.plan, "roles": sorted(roles_of(source, client_id)),
        "overrides": [
            {**one.item.as_dict(), "until": one.until, "reason": one.reason, "by": one.by} for one in own
        ],
    }  # fmt: skip
    if desk.house.places is None:
        return told
    speaks = {name: getattr(chosen, name) for name in chosen.__slots__}
    return {**told, **speaks, "redirect_uris": owner.redirect_uris}


@command(clients, "show")
@click.argument("client_id", metavar="CLIENT")
def show(desk: Desk, client_id: str) -> None:
    """Show one client: its standing, plan, roles and own limits, and how it speaks OAuth where that is on."""
    with desk.house.store.read() as conn:
        owner = registry.application(conn, registry.client(conn, client_id).application_id)
        desk.demand(Act.CLIENTS_APPLICATION_READ, owner.organization_id)
        told = _told(desk, conn, client_id, owner)
    desk.facts(told)


def _changed(desk: Desk, client_id: str, act: Act, change: Callable[[Transaction], object]) -> None:
    """Change a client of somebody's, and tell how it stands after that."""
    with desk.house.store.write() as tx:
        owner = registry.application(tx, registry.client(tx, client_id).application_id)
        desk.demand(act, owner.organization_id)
        change(tx)
        told = _told(desk, tx, client_id, owner)
    desk.facts(told)


@command(clients, "plan")
@click.argument("client_id", metavar="CLIENT")
@click.argument("plan", required=False)
@click.option("--take", is_flag=True, help="Take its plan away instead; APIGUARD_DEFAULT_PLAN counts then.")
@reasoned
def plan_(desk: Desk, client_id: str, plan: str | None, take: bool, reason: str) -> None:
    """Entitle a client to a plan. What it used so far goes on counting."""
    if (plan is None) != take:
        raise click.UsageError("Name a plan, or --take.")
    onboarding = desk.house.onboarding
    _changed(
        desk, client_id, Act.QUOTAS_PLAN_WRITE, lambda tx: onboarding.set_plan(tx, desk.by, client_id, plan, reason)
    )


@command(clients, "roles")
@click.argument("client_id", metavar="CLIENT")
@click.argument("names", metavar="ROLE...", nargs=-1)
@reasoned
def roles(desk: Desk, client_id: str, names: tuple[str, ...], reason: str) -> None:
    """Give a client exactly these roles; without one, none. People give those of low risk, the rest takes a review."""
    onboarding = desk.house.onboarding
    _changed(
        desk, client_id, Act.ACCESS_GRANT_WRITE, lambda tx: onboarding.set_roles(tx, desk.by, client_id, names, reason)
    )


@command(clients, "override")
@click.argument("client_id", metavar="CLIENT")
@click.argument("name")
@click.option("--rate", help="A short limit, such as 20/second.")
@click.option("--quota", type=click.IntRange(0), help="A long allowance; goes with --per.")
@click.option("--per", type=click.Choice(["hour", "day", "week", "month"]), help="The period of --quota.")
@click.option("--timezone", help="Whose midnight ends the period of --quota, such as Europe/Berlin; UTC by default.")
@click.option("--scope", help="Count only on routes that demand this scope.")
@click.option("--endpoint", "endpoints", multiple=True, help="Count only where this pattern fits; may be repeated.")
@click.option("--until", type=moment, metavar="DATE", help="Until when; by default without end.")
@click.option("--take", is_flag=True, help="Take the client's own limit away instead; the plan's counts again.")
@reasoned
def override(
    desk: Desk, client_id: str, name: str, until: dt.datetime | None, take: bool, reason: str, **told: Any
) -> None:
    """Give a client a limit of its own, in place of its plan's one of that NAME or beside them."""
    item = {key: list(value) if isinstance(value, tuple) else value for key, value in told.items() if value}
    item |= {"quota": told["quota"]} if told["quota"] is not None else {}
    if take and (item or until):
        raise click.UsageError("--take goes alone.")

    def change(tx: Transaction) -> None:
        if take:
            end_override(tx, desk.by, client_id, name, reason=reason)
        else:
            put_override(tx, desk.by, client_id, {**item, "name": name}, until=until, reason=reason)

    _changed(desk, client_id, Act.QUOTAS_OVERRIDE_WRITE, change)


@command(clients, "usage")
@click.argument("client_id", metavar="CLIENT")
@click.option("--hours", type=click.IntRange(1, 24 * 90), default=24, show_default=True, help="How far to look back.")
def usage(desk: Desk, client_id: str, hours: int) -> None:
    """Show what is left of a client's limits, and what its calls came to."""
    with desk.house.store.read() as conn:
        client = registry.client(conn, client_id)
        desk.demand(Act.MONITOR_USAGE_READ, registry.application(conn, client.application_id).organization_id)
    since = desk.house.clock.now() - dt.timedelta(hours=hours)
    counted = desk.house.recorder.query.summary(client=client.id, since=since)
    limits = desk.house.quotas.usage(client.id, client.plan)
    rows = [{name: getattr(one, name) for name in type(one).__slots__} for one in limits]
    told = {
        "client": client.id, "plan": client.plan, "since": since, "calls": counted.total, "allowed": counted.allowed,
        "by_status": {str(status): count for status, count in sorted(counted.by_status.items())},
    }  # fmt: skip
    columns = ("name", "limit", "used", "remaining", "resets_at", "own")
    desk.answer(
        {**told, "limits": rows}, lambda: "\n\n".join([lines(told), table(rows, columns) if rows else "No limits."])
    )


@command(clients, "change")
@click.argument("client_id", metavar="CLIENT")
@click.option("--public/--confidential", default=None, help="Whether it is an app that can keep no secret.")
@click.option(
    "--token-format", type=click.Choice(["jwt", "opaque", DEFAULT]),
    help="What its access tokens are; `default` leaves it to APIGUARD_TOKEN_FORMAT.",
)  # fmt: skip
@click.option(
    "--certificate-bound/--not-certificate-bound", default=None,
    help="Whether its tokens are bound to its TLS certificate (RFC 8705).",
)  # fmt: skip
@click.option(
    "--device/--no-device", default=None,
    help="Whether it may use the device authorization grant (RFC 8628): for what has no browser.",
)  # fmt: skip
@click.option(
    "--grant-type", "grant_types", type=click.Choice([*CHOOSABLE, ANY]), multiple=True,
    help="A grant type that it may use, and no other; may be repeated. `any` takes that back.",
)  # fmt: skip
@reasoned
def change(
    desk: Desk, client_id: str, public: bool | None, token_format: str | None, certificate_bound: bool | None,
    device: bool | None, grant_types: tuple[str, ...], reason: str,
) -> None:  # fmt: skip
    """Choose how a client speaks OAuth; what is not named stays as it is."""
    from ..oauth.token_formats import set_certificate_bound, set_token_format  # and with it what signs

    if (public, token_format, certificate_bound, device, grant_types) == (None, None, None, None, ()):
        raise click.UsageError("Name at least one thing to change.")
    with desk.house.store.write() as tx:
        owner = owner_of(desk, tx, client_id, Act.OAUTH_CLIENT_CHANGE)
        if public is not None:
            set_public(tx, desk.by, client_id, public, reason)
        if token_format is not None:
            set_token_format(tx, desk.by, client_id, None if token_format == DEFAULT else token_format, reason)
        if certificate_bound is not None:
            set_certificate_bound(tx, desk.by, client_id, certificate_bound, reason)
        if device is not None:
            set_device(tx, desk.by, client_id, device, reason)
        if grant_types:
            set_grant_types(tx, desk.by, client_id, None if ANY in grant_types else grant_types, reason)
        told = _told(desk, tx, client_id, owner)
    desk.facts(told)
