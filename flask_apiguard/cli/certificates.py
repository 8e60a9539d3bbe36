"""``certificates``: what clients prove themselves with by TLS (RFC 8705)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import IO, Any, TypeVar

import click

from ..oauth.certificate_names import KnownBy
from ..oauth.client_certificates import (
    ClientCertificate,
    Wanted,
    add_certificate,
    by_certificate,
    by_key_set,
    by_name,
    certificate_of,
    certificates_of,
    revoke_certificate,
    rotate_certificate,
)
from ..people import Act
from .clients import owner_of
from .common import Desk, Refused, cell, command, reasoned, span

BYTES_AT_MOST = 256 * 1024
F = TypeVar("F", bound=Callable[..., Any])


@click.group()
def certificates() -> None:
    """Certificates of clients: add, list, rotate, revoke."""


def _what(body: F) -> F:
    """The options that say which certificate is meant: exactly one of them."""
    for option in reversed((
        click.option("--certificate", type=click.File("rb"), help="A file in PEM; the client signed it itself."),
        click.option("--jwks", type=click.File("rb"), help="A file with a JWK Set: every certificate in its x5c."),
        click.option("--subject-dn", help="The whole subject, such as CN=payments,O=Acme,C=DE."),
        click.option("--san-dns", help="A DNS name among the alternative names."),
        click.option("--san-uri", help="A URI among the alternative names."),
        click.option("--san-ip", help="An IP address among the alternative names."),
        click.option("--san-email", help="An address among the alternative names."),
        click.option(
            "--lifetime", type=span, default="365d", show_default=True,
            help="How long it proves the client; ten years at most.",
        ),
    )):  # fmt: skip
        body = option(body)
    return body


def _wanted(told: dict[str, Any]) -> list[Wanted]:
    given = [name for name in ("certificate", "jwks", *_NAMES) if told.get(name) is not None]
    if len(given) != 1:
        raise click.UsageError("Name exactly one: --certificate, --jwks, --subject-dn, or one of --san-...")
    (name,) = given
    if name in _NAMES:
        return [by_name(_NAMES[name], told[name])]
    text = _read(told[name])
    if name == "certificate":
        return [by_certificate(text)]
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    found = by_key_set(document)
    if not found:
        raise Refused("No key in the file has a certificate.", "Put it into the key's x5c.", status=2)
    return found


def _read(file: IO[bytes]) -> str:
    return file.read(BYTES_AT_MOST).decode("utf-8", "replace")


def _told(found: ClientCertificate, now: dt.datetime) -> dict[str, Any]:
    return {
        "id": found.id, "client": found.client_id, "method": found.method, "known_by": found.known_by,
        "value": found.value, "phase": found.phase(now), "created": found.created_at, "ends": found.expires_at,
        "replaces": found.replaces_id,
    }  # fmt: skip


@command(certificates, "add")
@click.argument("client_id", metavar="CLIENT")
@_what
@reasoned
def add(desk: Desk, client_id: str, lifetime: dt.timedelta, reason: str, **told: Any) -> None:
    """Register a certificate, beside those that are there; the client proves itself with it by TLS.

    By a name: whatever an authority issues to that name, once your proxy followed its chain. By itself: this one only.
    """
    wanted = _wanted(told)
    with desk.house.store.write() as tx:
        owner_of(desk, tx, client_id, Act.CREDENTIALS_CREDENTIAL_CREATE)
        made = [add_certificate(tx, desk.by, client_id, one, lifetime=lifetime, reason=reason) for one in wanted]
    desk.rows([_told(one, desk.house.clock.now()) for one in made], _COLUMNS)


@command(certificates, "list")
@click.argument("client_id", metavar="CLIENT")
def list_(desk: Desk, client_id: str) -> None:
    """List the certificates that a client ever registered."""
    with desk.house.store.read() as conn:
        owner_of(desk, conn, client_id, Act.CREDENTIALS_CREDENTIAL_READ)
        found = certificates_of(conn, client_id)
    now = desk.house.clock.now()
    desk.rows([_told(one, now) for one in found], _COLUMNS, "No certificates.")


@command(certificates, "rotate")
@click.argument("certificate_id", metavar="CERTIFICATE")
@_what
@click.option(
    "--overlap", type=span, default="7d", show_default=True,
    help="How long the old one works on; 0 when its key leaked.",
)  # fmt: skip
@reasoned
def rotate(
    desk: Desk, certificate_id: str, overlap: dt.timedelta, lifetime: dt.timedelta, reason: str, **told: Any
) -> None:  # fmt: skip
    """Give a certificate a successor; the old one works on for a while, never beyond its own end."""
    wanted = _wanted(told)
    if len(wanted) != 1:
        raise Refused("A certificate has one successor.", "Leave one key in the file, or add the others.", status=2)
    with desk.house.store.write() as tx:
        owner_of(desk, tx, certificate_of(tx, certificate_id).client_id, Act.CREDENTIALS_CREDENTIAL_ROTATE)
        made = rotate_certificate(
            tx, desk.by, certificate_id, wanted[0], overlap, lifetime=lifetime, reason=reason
        )  # fmt: skip
        old = certificate_of(tx, certificate_id)
    desk.facts({**_told(made, desk.house.clock.now()), "old_ends": old.expires_at})


@command(certificates, "revoke")
@click.argument("certificate_id", metavar="CERTIFICATE")
@reasoned
def revoke(desk: Desk, certificate_id: str, reason: str) -> None:
    """Let a certificate prove nothing any more, and what came of it open nothing, at once."""
    with desk.house.store.write() as tx:
        owner_of(desk, tx, certificate_of(tx, certificate_id).client_id, Act.CREDENTIALS_CREDENTIAL_REVOKE)
        found = revoke_certificate(tx, desk.by, certificate_id, reason)
    told = _told(found, desk.house.clock.now())
    desk.answer(told, f"Revoked: {cell(certificate_id)} proves nothing any more.")


_NAMES = {name.value: name for name in KnownBy if name is not KnownBy.THUMBPRINT}
_COLUMNS = ("id", "method", "known_by", "value", "phase", "ends")
