"""``signing-keys``: the keys that the authorization server signs tokens with."""

from __future__ import annotations

import click

from ..oauth import listed_keys
from ..people import Act
from .common import Desk, cell, command, reasoned


@click.group("signing-keys")
def signing_keys() -> None:
    """Signing keys of the authorization server: list, rotate, revoke."""


@command(signing_keys, "list")
def list_(desk: Desk) -> None:
    """List every signing key there ever was, the newest first."""
    desk.demand(Act.OAUTH_SIGNING_KEY_READ)
    _ = desk.house.issuing_places
    with desk.house.store.read() as conn:
        found = listed_keys(conn, desk.house.clock.now())
    rows = [{name: getattr(one, name) for name in one.__slots__} for one in found]
    columns = ("id", "algorithm", "phase", "created_at", "active_at", "ends_at")
    desk.rows(rows, columns, "No signing keys; the first is made when it is needed.")


@command(signing_keys, "rotate")
@reasoned
def rotate(desk: Desk, reason: str) -> None:
    """Make the next key before its time: published from now on, signing a day later."""
    desk.demand(Act.OAUTH_SIGNING_KEY_ROTATE)
    _ = desk.house.issuing_places
    with desk.house.store.write() as tx:
        made = desk.house.signing_keys.rotate(tx, desk.by, reason)
        (found,) = (one for one in listed_keys(tx, tx.now) if one.id == made)
    desk.facts({name: getattr(found, name) for name in found.__slots__})


@command(signing_keys, "revoke")
@click.argument("key_id", metavar="KEY")
@reasoned
def revoke(desk: Desk, key_id: str, reason: str) -> None:
    """Let nothing that a key ever signed open anything any more, at once. The next key signs from now on."""
    from ..oauth.signing_keys import revoke_signing_key  # and with it what signs

    desk.demand(Act.OAUTH_SIGNING_KEY_REVOKE)
    _ = desk.house.issuing_places
    with desk.house.store.write() as tx:
        revoke_signing_key(tx, desk.by, key_id, reason)
    desk.answer({"id": key_id, "phase": "revoked"}, f"Revoked: nothing that {cell(key_id)} signed opens anything.")
