"""``public-keys``: keys that clients sign their assertions with (RFC 7523)."""

from __future__ import annotations

import datetime as dt
import json
from typing import IO, Any

import click

from ..oauth.public_keys import PublicKey, add_key, key_of, keys_of, revoke_key
from ..people import Act
from .clients import owner_of
from .common import Desk, Refused, cell, command, reasoned, span

BYTES_AT_MOST = 64 * 1024


@click.group("public-keys")
def public_keys() -> None:
    """Public keys of clients: add, list, revoke."""


def _told(found: PublicKey, now: dt.datetime) -> dict[str, Any]:
    return {
        "id": found.id, "client": found.client_id, "algorithm": found.algorithm, "thumbprint": found.thumbprint,
        "phase": found.phase(now), "created": found.created_at, "ends": found.expires_at, "jwk": found.jwk,
    }  # fmt: skip


@command(public_keys, "add")
@click.argument("client_id", metavar="CLIENT")
@click.argument("file", type=click.File("rb"))
@click.option(
    "--lifetime", type=span, default="365d", show_default=True, help="How long it proves the client; ten years at most."
)
@reasoned
def add(desk: Desk, client_id: str, file: IO[bytes], lifetime: dt.timedelta, reason: str) -> None:
    """Register a public key; the client proves itself with assertions that it signs.

    FILE is a JSON Web Key without its private members, or `-`: P-256, Ed25519, or RSA of 2048 bits or more.
    """
    try:
        given = json.loads(file.read(BYTES_AT_MOST))
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Refused("The file holds no JSON Web Key.", "Write an object with kty, crv, x and y.", status=2)
    with desk.house.store.write() as tx:
        owner_of(desk, tx, client_id, Act.CREDENTIALS_CREDENTIAL_CREATE)
        made = add_key(tx, desk.by, client_id, given, lifetime=lifetime, reason=reason)
    desk.facts(_told(made, desk.house.clock.now()))


@command(public_keys, "list")
@click.argument("client_id", metavar="CLIENT")
def list_(desk: Desk, client_id: str) -> None:
    """List the keys that a client ever registered."""
    with desk.house.store.read() as conn:
        owner_of(desk, conn, client_id, Act.CREDENTIALS_CREDENTIAL_READ)
        found = keys_of(conn, client_id)
    now = desk.house.clock.now()
    columns = ("id", "algorithm", "thumbprint", "phase", "ends")
    desk.rows([_told(one, now) for one in found], columns, "No public keys.")


@command(public_keys, "revoke")
@click.argument("key_id", metavar="KEY")
@reasoned
def revoke(desk: Desk, key_id: str, reason: str) -> None:
    """Let a key prove nothing any more, and what came of it open nothing, at once."""
    with desk.house.store.write() as tx:
        owner_of(desk, tx, key_of(tx, key_id).client_id, Act.CREDENTIALS_CREDENTIAL_REVOKE)
        found = revoke_key(tx, desk.by, key_id, reason)
    desk.answer(_told(found, desk.house.clock.now()), f"Revoked: {cell(key_id)} proves nothing any more.")
