"""``redirect-uris``: where an application may have its users sent back to."""

from __future__ import annotations

import click

from .common import Desk, command, reasoned


@click.group("redirect-uris")
def redirect_uris() -> None:
    """Redirect URIs of applications: list, set."""


@command(redirect_uris, "list")
@click.argument("application_id", metavar="APPLICATION")
def list_(desk: Desk, application_id: str) -> None:
    """List where an application may have its users sent back to."""
    with desk.house.store.read() as conn:
        found = desk.application(conn, application_id)
    desk.rows([{"redirect_uri": uri} for uri in found.redirect_uris], ("redirect_uri",), "No redirect URIs.")


@command(redirect_uris, "set")
@click.argument("application_id", metavar="APPLICATION")
@click.argument("uris", metavar="URI...", nargs=-1)
@reasoned
def set_(desk: Desk, application_id: str, uris: tuple[str, ...], reason: str) -> None:
    """Set where an application may have its users sent back to: exactly these, for all of its clients."""
    onboarding = desk.house.onboarding
    with desk.house.store.read() as conn:
        seen = onboarding.look(conn, application_id)
    with desk.house.store.write() as tx:
        found = onboarding.edit(tx, desk.by, application_id, {"redirect_uris": uris}, reason, calls=seen)
    desk.facts({"application": found.id, "redirect_uris": found.redirect_uris})
