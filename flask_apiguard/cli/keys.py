"""``keys``: what clients prove themselves with. A key is shown where it is made, and nowhere else, ever."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import IO, Any

import click

from .. import credentials
from ..clients import registry
from ..clients.registry import Application, Client
from ..db import Transaction
from ..people import Act
from ..values import Environment
from .common import Desk, Refused, cell, command, lines, reasoned, span
from .keyfile import read_entries
from .walk import every_application

ENVIRONMENTS = [one.value for one in Environment]


@click.group()
def keys() -> None:
    """API keys: make, list, rotate, revoke, import."""


@command(keys, "create")
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, help="A scope that the key opens; may be repeated.")
@click.option("--client", "client_id", help="Bring in nobody: a further key for this client, narrowed to --scope.")
@click.option("--kind", type=click.Choice(["api_key", "client_secret"]), help="With --client; api_key by default.")
@click.option("--organization", help="Id of an organization, or the name of a new one; by default NAME.")
@click.option("--reference", help="Your own id of this customer or tenant.")
@click.option("--contact", metavar="ADDRESS", help="Who answers for the application.")
@click.option("--purpose", help="What the application is for; by default the reason.")
@click.option("--data-class", help="The kind of data that it handles, for checks of your own.")
@click.option("--environment", type=click.Choice(ENVIRONMENTS), help="Where; production by default.")
@click.option("--plan", help="The plan that it is entitled to.")
@click.option("--lifetime", type=span, help="How long the key lives, such as 90d.")
@reasoned
def create(desk: Desk, name: str, scopes: tuple[str, ...], client_id: str | None, **told: Any) -> None:
    """Bring in an application with one command: organization, application, client, checks, grants and key.

    With --client only the key is made, for a client that is there.
    """
    if client_id is not None:
        _further(desk, name, scopes, client_id, told)
        return
    if not scopes or told["kind"] is not None:
        raise click.UsageError("--kind goes with --client." if scopes else "Name at least one --scope.")
    with desk.house.store.write() as tx:
        made = desk.house.onboarding.invite(
            tx, desk.by, organization=told["organization"] or name, name=name, scopes=scopes, reason=told["reason"],
            contact_email=told["contact"] or "", reference=told["reference"], plan=told["plan"],
            environment=told["environment"] or Environment.PRODUCTION, purpose=told["purpose"] or "",
            data_class=told["data_class"] or "", lifetime=told["lifetime"],
        )  # fmt: skip
    facts = {
        "organization": made.application.organization_id, "application": made.application.id,
        "client": made.client.id, "environment": made.client.environment, "credential": made.credential.id,
        "scopes": sorted(scopes), "plan": made.client.plan, "reference": made.application.reference,
        "expires": made.credential.expires_at,
    }  # fmt: skip
    show_secret(desk, facts, made.secret)


def _further(desk: Desk, name: str, scopes: tuple[str, ...], client_id: str, told: dict[str, Any]) -> None:
    """A key for a client that is there, which opens no more than the client may."""
    for other in ("organization", "reference", "contact", "purpose", "data_class", "environment", "plan"):
        if told[other] is not None:
            raise click.UsageError(f"--{other.replace('_', '-')} is the client's already; leave it out with --client.")
    with desk.house.store.write() as tx:
        _demand_for(desk, tx, client_id, Act.CREDENTIALS_CREDENTIAL_CREATE)
        desk.house.demand_held(tx, registry.client(tx, client_id), scopes)
        made, secret = desk.house.keys.create(
            tx, desk.by, client_id, kind=told["kind"] or credentials.Kind.API_KEY, name=name,
            scopes=frozenset(scopes) or None, lifetime=told["lifetime"], reason=told["reason"],
        )  # fmt: skip
    facts = {"client": client_id, "credential": made.id, "scopes": made.scopes, "expires": made.expires_at}
    show_secret(desk, facts, secret)


def show_secret(desk: Desk, facts: dict[str, Any], secret: str) -> None:
    """A key, once."""
    desk.answer(
        {**facts, "key": secret}, lambda: f"{lines(facts)}\n\nThe key, shown once; hand it over safely:\n{secret}"
    )


@command(keys, "list")
@click.option("--client", "client_id", help="Only this client's.")
@click.option("--application", "application_id", help="Only this application's.")
@click.option("--organization", "organization_id", help="Only this organization's.")
@click.option("--reference", help="Only those of the customer with this reference.")
@click.option("--all", "ended_too", is_flag=True, help="Those that have ended too.")
def list_(desk: Desk, ended_too: bool, **narrowing: str | None) -> None:
    """List credentials, when they end and when they were last used; never their secrets."""
    now = desk.house.clock.now()
    with desk.house.store.read() as conn:
        found: list[dict[str, Any]] = []
        for application, client in _clients(desk, conn, **narrowing):
            held = credentials.list_of(conn, client.id)
            uses = credentials.uses_of(conn, [one.id for one in held])
            found += [
                _row(application, client, one, uses.get(one.id), now)
                for one in held
                if ended_too or one.phase(now) in (credentials.Phase.LIVE, credentials.Phase.RETIRING)
            ]
    columns = ("id", "application", "environment", "kind", "name", "hint", "scopes", "phase", "ends", "last_used")
    desk.rows(found, columns, 'No credentials. Make one with: flask apiguard keys create "Acme Pay" --help')


def _row(
    application: Application, client: Client, one: credentials.Credential, use: credentials.Use | None, now: dt.datetime
) -> dict[str, Any]:
    return {
        "id": one.id, "application": application.name, "application_id": application.id, "client": client.id,
        "environment": client.environment, "kind": one.kind, "name": one.name, "hint": one.hint,
        "scopes": "all granted" if one.scopes is None else one.scopes, "phase": one.phase(now), "ends": one.ends_at,
        "created": one.created_at, "created_by": one.created_by, "last_used": use.last_used_at if use else None,
        "last_route": use.route if use else None, "reference": application.reference,
    }  # fmt: skip


def _clients(
    desk: Desk,
    conn: Any,
    client_id: str | None,
    application_id: str | None,
    organization_id: str | None,
    reference: str | None,
) -> Iterable[tuple[Application, Client]]:
    if client_id is not None:
        client = registry.client(conn, client_id)
        owner = registry.application(conn, client.application_id)
        desk.demand(Act.CREDENTIALS_CREDENTIAL_READ, owner.organization_id)
        yield owner, client
        return
    owners: Iterable[Application]
    if application_id is not None:
        owners = [registry.application(conn, application_id)]
    else:
        owners = every_application(desk, conn, Act.CREDENTIALS_CREDENTIAL_READ, organization_id, reference=reference)
    for owner in owners:
        desk.demand(Act.CREDENTIALS_CREDENTIAL_READ, owner.organization_id)
        for client in registry.clients_of(conn, owner.id):
            yield owner, client


def _demand_for(desk: Desk, tx: Transaction, client_id: str, act: Act) -> None:
    owner = registry.application(tx, registry.client(tx, client_id).application_id)
    desk.demand(act, owner.organization_id)


@command(keys, "rotate")
@click.argument("credential_id", metavar="CREDENTIAL")
@click.option(
    "--overlap", type=span, default="7d", show_default=True,
    help="How long the old one works on; 0 when it leaked.",
)  # fmt: skip
@click.option("--lifetime", type=span, help="How long the new one lives.")
@reasoned
def rotate(desk: Desk, credential_id: str, overlap: dt.timedelta, lifetime: dt.timedelta | None, reason: str) -> None:
    """Give a credential a successor; the old one works on for a while, never beyond its own end."""
    with desk.house.store.write() as tx:
        old = credentials.get(tx, credential_id)
        _demand_for(desk, tx, old.client_id, Act.CREDENTIALS_CREDENTIAL_ROTATE)
        made, secret = desk.house.keys.rotate(tx, desk.by, credential_id, overlap, lifetime=lifetime, reason=reason)
        ending = credentials.get(tx, credential_id)
    facts = {
        "credential": made.id, "replaces": ending.id, "client": made.client_id, "expires": made.expires_at,
        "old_ends": ending.revoked_at or ending.ends_at,
    }  # fmt: skip
    show_secret(desk, facts, secret)


@command(keys, "revoke")
@click.argument("credential_id", metavar="CREDENTIAL", required=False)
@click.option("--client", "client_id", help="Everything that this client proves itself with, tokens too.")
@reasoned
def revoke(desk: Desk, credential_id: str | None, client_id: str | None, reason: str) -> None:
    """Let a credential, or all of a client's, open nothing from the next request on."""
    if (credential_id is None) == (client_id is None):
        raise click.UsageError("Name one credential, or a client with --client.")
    from ..oauth.ending import end_proofs  # and with it what reads keys and certificates

    with desk.house.store.write() as tx:
        if credential_id is not None:
            client_id = credentials.get(tx, credential_id).client_id
            _demand_for(desk, tx, client_id, Act.CREDENTIALS_CREDENTIAL_REVOKE)
            credentials.revoke(tx, desk.by, credential_id, reason)
            count = 1
        else:
            assert client_id is not None
            _demand_for(desk, tx, client_id, Act.CREDENTIALS_CREDENTIAL_REVOKE)
            count = credentials.revoke_all(tx, desk.by, client_id, reason) + end_proofs(tx, desk.by, client_id, reason)
    told = {"client": client_id, "credential": credential_id, "revoked": count}
    desk.answer(told, f"{count} revoked: {cell(credential_id or client_id)} opens nothing from the next request on.")


@command(keys, "import")
@click.argument("file", type=click.File("r", encoding="utf-8-sig"))
@click.option("--client", "client_id", required=True, help="The client whose keys these become.")
@reasoned
def import_(desk: Desk, file: IO[str], client_id: str, reason: str) -> None:
    """Take over your own keys by their hashes: all, or none.

    FILE is CSV with a header, or JSON lines, or `-`: name, hash, and optionally algorithm (sha256), encoding (hex or
    base64), expires, scopes (separated by spaces).
    """
    entries = read_entries(file)
    if not entries:
        raise Refused("The file holds no key.", "Give it a header, and a line for each key.", status=2)
    with desk.house.store.write() as tx:
        _demand_for(desk, tx, client_id, Act.CREDENTIALS_CREDENTIAL_IMPORT)
        taken = credentials.import_hashed(desk.house.keys, desk.house.secrets, tx, desk.by, client_id, entries, reason)
    found = [{"id": one.id, "name": one.name, "ends": one.ends_at} for one in taken]
    desk.rows(found, ("id", "name", "ends"))
