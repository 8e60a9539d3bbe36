"""``consents``: which users let which clients act for them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from ..clients import registry
from ..oauth import Consent, consents_page, withdraw, withdraw_all
from ..people import Act, may
from .clients import owner_of
from .common import Desk, Refused, cell, command, reasoned

PAGE = 200


@click.group("consents")
def consents() -> None:
    """What users allowed: list, withdraw."""


@command(consents, "list")
@click.option("--client", "client_id", help="Only what this client was allowed.")
@click.option("--user", "user_id", help="Only what this user of yours allowed, by your own id.")
@click.option("--organization", "organization_id", help="Only what this organization's applications were allowed.")
def list_(desk: Desk, client_id: str | None, user_id: str | None, organization_id: str | None) -> None:
    """List who allowed what; organizations see what their own applications were allowed."""
    with desk.house.store.read() as conn:
        _ = desk.house.issuing_places
        if client_id is not None:
            owner_of(desk, conn, client_id, Act.OAUTH_CONSENT_READ)
        if organization_id is not None:
            desk.demand(Act.OAUTH_CONSENT_READ, organization_id)
            registry.organization(conn, organization_id)
        mine = _organizations(desk) if organization_id is None else [organization_id]
        found = [
            {"user": one.user_id, "client": one.client_id, "scopes": one.scopes, "given": one.given_at}
            for one in _every(conn, mine, client_id, user_id)
        ]
    desk.rows(found, ("user", "client", "scopes", "given"), "No consents.")


def _organizations(desk: Desk) -> list[str] | None:
    """Whose consents the actor sees; None: everybody's."""
    if may(desk.by, Act.OAUTH_CONSENT_READ):
        return None
    places = {seat.partition("@")[2] for seat in desk.by.seats if "@" in seat}
    return sorted(place for place in places if may(desk.by, Act.OAUTH_CONSENT_READ, place))


def _every(conn: Any, mine: list[str] | None, client_id: str | None, user_id: str | None) -> Iterator[Consent]:
    after = ("", "")
    while True:
        page = consents_page(
            conn, organization_ids=mine, client_id=client_id, user_id=user_id, after=after, limit=PAGE
        )  # fmt: skip
        yield from page
        if len(page) < PAGE:
            return
        after = (page[-1].client_id, page[-1].user_id)


@command(consents, "withdraw")
@click.argument("client_id", metavar="CLIENT")
@click.argument("user_id", metavar="USER")
@reasoned
def withdraw_(desk: Desk, client_id: str, user_id: str, reason: str) -> None:
    """Disconnect a client from a user: nothing that it holds for them opens anything from the next request on."""
    with desk.house.store.write() as tx:
        owner_of(desk, tx, client_id, Act.OAUTH_CONSENT_WITHDRAW)
        if not withdraw(tx, desk.by, user_id, client_id, reason):
            raise Refused(f"{cell(user_id)} allowed {cell(client_id)} nothing.", "flask apiguard consents list")
    desk.answer({"client": client_id, "user": user_id, "withdrawn": True}, "Withdrawn.")


@command(consents, "withdraw-all")
@click.argument("user_id", metavar="USER")
@reasoned
def withdraw_all_(desk: Desk, user_id: str, reason: str) -> None:
    """Disconnect every client from a user who is gone: nothing acts for them from the next request on."""
    _ = desk.house.issuing_places
    with desk.house.store.write() as tx:
        left = withdraw_all(tx, desk.demand(Act.OAUTH_CONSENT_WITHDRAW), user_id, reason)
    told = {"user": user_id, "clients": left.clients, "waiting": left.waiting}
    desk.answer(told, f"{len(left.clients)} disconnected: nothing acts for {cell(user_id)} any more.")
