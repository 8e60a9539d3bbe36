"""What the authorization server knows of a client before it proved anything."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from ..clients import changed, registry
from ..clients.tables import application, client
from ..clock import Clock
from ..credentials.standing import CLIENT, Entitle, facts, judge_client
from ..db import Store, Transaction, insert_into
from ..errors import Invalid
from ..ledger import enter
from ..values import By, ClientFacts, Flaw, Happening
from . import tables

#: Grant types that may be taken from a client. That of devices (RFC 8628) nobody has who was not given it.
CHOOSABLE = ("authorization_code", "client_credentials", "refresh_token")

REGISTRATION = (
    sa.select(
        *CLIENT, application.c.redirect_uris, application.c.name.label("application_name"),
        tables.oauth_client.c.public, tables.oauth_client.c.grant_types,
    )
    .select_from(
        client.join(application, application.c.id == client.c.application_id)
        .outerjoin(tables.oauth_client, tables.oauth_client.c.client_id == client.c.id)
    )
    .where(client.c.id == sa.bindparam("client"))
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Registration:
    """A client as it is registered, and what it may do now. A public one has no way to prove itself."""

    facts: ClientFacts
    name: str
    public: bool
    redirect_uris: tuple[str, ...]
    scopes: frozenset[str]
    roles: frozenset[str]
    expires_at: float
    subjects: tuple[str, ...]
    #: Which grant types it may use, the device's apart; None is any.
    grant_types: frozenset[str] | None = None


class Registrations:
    """Looks clients up by their id."""

    def __init__(self, store: Store, clock: Clock, entitle: Entitle) -> None:
        self._store = store
        self._clock = clock
        self._entitle = entitle

    def find(self, client_id: str) -> Registration | None:
        """The client of an id, or None.

        :raises Denied: there is one, and it is not in standing.
        :raises StoreAway: nobody can tell.
        """
        with self._store.read() as conn:
            row = conn.execute(REGISTRATION, {"client": client_id[:40]}).mappings().first()
            if row is None:
                return None
            judge_client(row)
            found = facts(row)
            entitled = self._entitle(conn, found.application_id, found.id, found.environment, None, self._clock.now())
        return Registration(
            found, row["application_name"], bool(row["public"]), tuple(row["redirect_uris"]), entitled.scopes,
            entitled.roles, entitled.expires_at, entitled.subjects,
            None if row["grant_types"] is None else frozenset(row["grant_types"]),
        )  # fmt: skip


def set_public(tx: Transaction, by: By, client_id: str, public: bool, reason: str = "") -> None:
    """Say whether a client is public (RFC 6749, section 2.1): an app on people's devices, which can keep no secret.

    :raises Missing: there is no such client.
    """
    choose(tx, by, client_id, "public", public, reason)


def set_device(tx: Transaction, by: By, client_id: str, allowed: bool, reason: str = "") -> None:
    """Say whether a client may use the device authorization grant (RFC 8628). None may until somebody says so.

    :raises Missing: there is no such client.
    """
    choose(tx, by, client_id, "device", allowed, reason)


def set_grant_types(tx: Transaction, by: By, client_id: str, chosen: Collection[str] | None, reason: str = "") -> None:
    """Say which grant types a client may use, out of ``CHOOSABLE``; None is any of them.

    A request with another one is an ``unauthorized_client`` (RFC 6749, sections 4.1.2.1 and 5.2). Tokens that are out
    stay good; refresh tokens are of use only where ``refresh_token`` is among the chosen.

    :raises Invalid: another word. :raises Missing: there is no such client.
    """
    if chosen is not None and not set(chosen) <= set(CHOOSABLE):
        raise Invalid([Flaw("/grant_types", f"must be among {', '.join(CHOOSABLE)}")])
    choose(tx, by, client_id, "grant_types", None if chosen is None else sorted(set(chosen)), reason)


def choose(
    tx: Transaction, by: By, client_id: str, name: str, chosen: str | bool | list[str] | None, reason: str
) -> None:
    """Set one of a client's columns in ``oauth_client``; what is so already is left alone.

    :raises Missing: there is no such client.
    """
    registry.client(tx, client_id)
    table = tables.oauth_client
    first = insert_into(table, tx.store.dialect).values({"client_id": client_id, "public": False, name: chosen})
    is_new = tx.execute(first.on_conflict_do_nothing().returning(table.c.client_id)).first() is not None
    here = table.c.client_id == client_id
    before = None if is_new else tx.execute(sa.select(table.c[name]).where(here).with_for_update()).scalar_one()
    if not is_new and before == chosen:
        return
    if not is_new:
        tx.execute(table.update().where(here).values({name: chosen}))
    enter(
        tx, by, Happening.OAUTH_CLIENT_CHANGED, f"client:{client_id}", reason=reason,
        before={name: before}, after={name: chosen},
        organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
