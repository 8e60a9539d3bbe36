"""``clients``: how a client speaks to the authorization server."""

from __future__ import annotations

from typing import Any

import click

from ..clients import registry
from ..clients.registry import Application
from ..oauth import CHOOSABLE, chosen_of, set_device, set_grant_types, set_public
from ..people import Act
from .common import Desk, command, reasoned

ANY, DEFAULT = "any", "default"


@click.group()
def clients() -> None:
    """Clients of the authorization server: show, change."""


def owner_of(desk: Desk, source: Any, client_id: str, act: Act) -> Application:
    """The application of a client, for an actor who may.

    :raises Missing: there is no such client. :raises ConfigurationError: there is no authorization server.
    """
    found = registry.application(source, registry.client(source, client_id).application_id)
    desk.demand(act, found.organization_id)
    _ = desk.house.issuing_places
    return found


def _told(source: Any, client_id: str, owner: Application) -> dict[str, Any]:
    chosen = chosen_of(source, client_id)
    return {
        "client": client_id, "application": owner.id, **{name: getattr(chosen, name) for name in chosen.__slots__},
        "redirect_uris": owner.redirect_uris,
    }  # fmt: skip


@command(clients, "show")
@click.argument("client_id", metavar="CLIENT")
def show(desk: Desk, client_id: str) -> None:
    """Show how a client speaks OAuth: what was chosen for it, and where it may send users back to."""
    with desk.house.store.read() as conn:
        owner = owner_of(desk, conn, client_id, Act.CLIENTS_APPLICATION_READ)
        told = _told(conn, client_id, owner)
    desk.facts(told)


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
        told = _told(tx, client_id, owner)
    desk.facts(told)
