"""Public keys that clients prove themselves with (RFC 7517): registered by their client, told apart by thumbprint.

One algorithm belongs to each kind of key, so that nobody chooses one: P-256 is ES256, Ed25519 is EdDSA, RSA is PS256.
What a key may be is read in ``jwk``.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..clients import changed, registry
from ..credentials import Phase, revoke_tokens_by
from ..credentials.keys import bounded, environment_for_new
from ..crypto import new_id
from ..db import Transaction
from ..errors import Conflict, Invalid, Missing
from ..ledger import enter
from ..values import By, Flaw, Happening
from .jwk import BadKey, VerifyingKey, public_key
from .tables import oauth_key as table

Source = Transaction | sa.Connection
KEYS_AT_MOST = 10
TAKEN = "This key is registered already; make a new one for each client and environment."
LIFETIME = dt.timedelta(days=365)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One registered key. ``jwk`` has its public members only."""

    id: str
    client_id: str
    thumbprint: str
    algorithm: str
    jwk: Mapping[str, str]
    created_at: dt.datetime
    expires_at: dt.datetime
    revoked_at: dt.datetime | None = None

    @property
    def verifying(self) -> VerifyingKey:
        """What judges signatures."""
        return public_key(self.jwk)

    def phase(self, now: dt.datetime) -> Phase:
        """Where it stands at a moment; never retiring, because its successor is a key of its own."""
        if self.revoked_at is not None:
            return Phase.REVOKED
        return Phase.EXPIRED if self.expires_at <= now else Phase.LIVE


def add_key(
    tx: Transaction, by: By, client_id: str, given: Mapping[str, Any], *, lifetime: dt.timedelta = LIFETIME,
    reason: str = "",
) -> PublicKey:  # fmt: skip
    """Register a key for a client.

    :raises Invalid: it is private, symmetric, weak, or of a kind that we don't take, or would live too long.
    :raises Conflict: some client has it already, this one has too many, or its application is retired.
    :raises Missing: there is no such client.
    """
    environment_for_new(tx, client_id)
    key = _key_in(given)
    if tx.execute(sa.select(table.c.id).where(table.c.thumbprint == key.thumbprint)).first() is not None:
        raise Conflict(TAKEN)
    if len(live_keys(tx, client_id, tx.now)) >= KEYS_AT_MOST:
        raise Conflict(f"A client has {KEYS_AT_MOST} keys at most.")
    made = PublicKey(
        new_id("key"), client_id, key.thumbprint, key.algorithm, dict(key.jwk), tx.now, tx.now + bounded(lifetime)
    )  # fmt: skip
    try:
        tx.execute(table.insert().values(**{name: getattr(made, name) for name in PublicKey.__slots__}))
    except sa.exc.IntegrityError:  # another transaction registered it between the look and now
        raise Conflict(TAKEN) from None
    enter(
        tx, by, Happening.OAUTH_KEY_ADDED, f"client:{client_id}", reason=reason,
        after={"key": made.id, "algorithm": made.algorithm, "thumbprint": made.thumbprint},
        organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
    return made


def revoke_key(tx: Transaction, by: By, key_id: str, reason: str) -> PublicKey:
    """End a key, and every token that was issued on it. Again is the same as once.

    :raises Missing: there is no such key.
    """
    live = (table.c.id == key_id, table.c.revoked_at.is_(None))
    found = tx.execute(table.update().where(*live).values(revoked_at=tx.now).returning(table.c.client_id)).first()
    if found is not None:
        ended = revoke_tokens_by(tx, found.client_id, key_id)
        enter(
            tx, by, Happening.OAUTH_KEY_REVOKED, f"client:{found.client_id}", reason=reason, before={"key": key_id},
            after={"tokens": ended}, organization=registry.owner_of(tx, client_id=found.client_id),
        )  # fmt: skip
    return key_of(tx, key_id)


def live_keys(source: Source, client_id: str, now: dt.datetime) -> list[PublicKey]:
    """The keys that prove something now."""
    return list(read_keys(source, live(client_id, now).order_by(table.c.id)))


def live(client_id: str | sa.BindParameter[Any], now: dt.datetime | sa.BindParameter[Any]) -> sa.Select[Any]:
    """The query for those."""
    mine = (table.c.client_id == client_id, table.c.revoked_at.is_(None), table.c.expires_at > now)
    return sa.select(table).where(*mine)


def keys_of(source: Source, client_id: str) -> list[PublicKey]:
    """Every key that a client ever registered, the oldest first."""
    return list(read_keys(source, sa.select(table).where(table.c.client_id == client_id).order_by(table.c.id)))


def read_keys(
    source: Source, query: sa.Select[Any] | sa.CompoundSelect[Any], parameters: Mapping[str, Any] | None = None
) -> Iterator[PublicKey]:  # fmt: skip
    """The keys of a query for whole rows."""
    return (PublicKey(**row._mapping) for row in source.execute(query, parameters))


def key_of(source: Source, key_id: str) -> PublicKey:
    """One key.

    :raises Missing: there is none.
    """
    row = source.execute(sa.select(table).where(table.c.id == key_id)).first()
    if row is None:
        raise Missing(f"There is no key {key_id[:60]}.")
    return PublicKey(**row._mapping)


def _key_in(given: Mapping[str, Any]) -> VerifyingKey:
    try:
        return public_key(given)
    except BadKey as bad:
        raise Invalid([Flaw("", str(bad))]) from None
