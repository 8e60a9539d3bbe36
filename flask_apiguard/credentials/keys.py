"""Making, rotating and revoking credentials.

Every act writes its ledger entry and its change subjects in the caller's transaction, and adds what hosts may hear of
to ``tx.notes["signals"]``: a list of ``(name, payload)``, where ``name`` is one of ``credential-created``,
``credential-rotated``, ``credential-revoked``. Whoever opened the transaction sends them after the commit.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ..clients import changed, hold, registry
from ..crypto import Secrets, new_id
from ..db import Transaction
from ..errors import Conflict, Invalid
from ..ledger import enter
from ..values import Actor, By, Environment, Flaw, Happening, State
from . import tables
from .ends import revoke_tokens_of
from .format import Format, Made
from .records import Credential, Kind, Phase, get, told
from .settings import LIFETIME_AT_MOST

PURPOSE = "credential"
NAME_AT_MOST = 200
ROTATED_AT_ONCE = "Rotated without overlap."


class Keys:
    """Credentials of one brand. ``lifetimes`` are seconds by environment."""

    def __init__(self, format: Format, secrets: Secrets, lifetimes: Mapping[str, int]) -> None:
        self.format = format
        self._secrets = secrets
        self._lifetimes = lifetimes

    def create(
        self,
        tx: Transaction,
        by: By,
        client_id: str,
        *,
        kind: Kind | str = Kind.API_KEY,
        name: str,
        scopes: frozenset[str] | None = None,
        lifetime: dt.timedelta | None = None,
        reason: str = "",
    ) -> tuple[Credential, str]:
        """Make an API key or client secret. The secret is returned here and nowhere else, ever.

        :raises Missing: there is no such client.
        :raises Conflict: its application is retired.
        :raises Invalid: no name, a lifetime out of bounds, or a kind that can't be made.
        """
        environment = environment_for_new(tx, client_id)
        if kind not in (Kind.API_KEY, Kind.CLIENT_SECRET):
            raise Invalid([Flaw("/kind", "must be api_key or client_secret")])
        made, credential = self._new(tx, by, client_id, environment, Kind(kind), name, scopes, lifetime)
        self.write(tx, credential, self.digest(made.text))
        enter(
            tx, by, Happening.CREDENTIALS_CREDENTIAL_CREATED, f"credential:{credential.id}",
            after=told(credential), reason=reason, organization=registry.owner_of(tx, client_id=client_id),
        )  # fmt: skip
        signal(tx, "credential-created", credential)
        return credential, made.text

    def rotate(
        self,
        tx: Transaction,
        by: By,
        credential_id: str,
        overlap: dt.timedelta,
        *,
        lifetime: dt.timedelta | None = None,
        reason: str = "",
    ) -> tuple[Credential, str]:
        """Give a credential a successor with a fresh lifetime and the same name, kind and scopes.

        The old one works on for ``overlap``, never beyond its own expiry; zero revokes it at once. The successor of
        an imported key is an API key. A client itself gives the successor no longer life than the old one was given.

        :raises Conflict: it has ended, or has a successor that lives.
        :raises Invalid: a negative overlap.
        """
        if overlap < dt.timedelta(0):
            raise Invalid([Flaw("/overlap", "must not be negative")])
        old = get(tx, credential_id, locked=True)
        if old.phase(tx.now) in (Phase.REVOKED, Phase.EXPIRED):
            raise Conflict("This credential has ended.", "Create a new one.")
        if self._successor_lives(tx, old):
            raise Conflict("This credential was rotated already.", "Rotate its successor, or revoke that first.")
        environment = environment_for_new(tx, old.client_id)
        if by.kind is Actor.CLIENT:  # what was made to live briefly does not make itself live long
            usual = dt.timedelta(seconds=self._lifetimes[environment])
            lifetime = min(lifetime or usual, old.expires_at - old.created_at)
        kind = Kind.API_KEY if old.kind is Kind.IMPORTED_KEY else old.kind
        made, new = self._new(tx, by, old.client_id, environment, kind, old.name, old.scopes, lifetime, old.id)
        self.write(tx, new, self.digest(made.text))
        ending = self._retire(tx, old, overlap)
        enter(
            tx, by, Happening.CREDENTIALS_CREDENTIAL_ROTATED, f"credential:{old.id}",
            before=told(old), after={"retire_at": _iso(ending.retire_at), "successor": told(new) | {"id": new.id}},
            reason=reason, organization=registry.owner_of(tx, client_id=old.client_id),
        )  # fmt: skip
        signal(tx, "credential-rotated", new, replaced=ending)
        return new, made.text

    def digest(self, text: str) -> str:
        """How a credential of ours is stored."""
        return self._secrets.digest(PURPOSE, text)

    def expiry(self, now: dt.datetime, environment: Environment, lifetime: dt.timedelta | None) -> dt.datetime:
        """When something made now ends.

        :raises Invalid: out of bounds.
        """
        return now + bounded(dt.timedelta(seconds=self._lifetimes[environment]) if lifetime is None else lifetime)

    def _new(
        self,
        tx: Transaction,
        by: By,
        client_id: str,
        environment: Environment,
        kind: Kind,
        name: str,
        scopes: frozenset[str] | None,
        lifetime: dt.timedelta | None,
        replaces_id: str | None = None,
    ) -> tuple[Made, Credential]:
        made = self.format.make_key(environment) if kind is Kind.API_KEY else self.format.make_client_secret()
        expires_at = self.expiry(tx.now, environment, lifetime)
        return made, Credential(
            new_id("cred"), client_id, kind, named(name), made.hint, tx.now, by.id[:160], expires_at, scopes,
            replaces_id=replaces_id,
        )  # fmt: skip

    @staticmethod
    def write(tx: Transaction, credential: Credential, digest: str, algorithm: str | None = None) -> None:
        """Store one credential and tell the change log."""
        values: dict[str, Any] = dataclasses.asdict(credential)
        values["scopes"] = None if credential.scopes is None else sorted(credential.scopes)
        tx.execute(tables.credential.insert().values(**values, digest=digest, algorithm=algorithm))
        changed(tx, f"credential:{credential.id}", f"client:{credential.client_id}")

    @staticmethod
    def _successor_lives(tx: Transaction, old: Credential) -> bool:
        table = tables.credential
        query = sa.select(table.c.id).where(
            table.c.replaces_id == old.id, table.c.revoked_at.is_(None), table.c.expires_at > tx.now
        )
        return tx.execute(query.limit(1)).first() is not None

    @staticmethod
    def _retire(tx: Transaction, old: Credential, overlap: dt.timedelta) -> Credential:
        values: dict[str, Any] = {"rotated_at": tx.now, "retire_at": min(tx.now + overlap, old.expires_at)}
        if not overlap:
            values |= {"revoked_at": tx.now, "revoked_reason": ROTATED_AT_ONCE}
        tx.execute(tables.credential.update().where(tables.credential.c.id == old.id).values(values))
        changed(tx, f"credential:{old.id}")
        return dataclasses.replace(old, **values)


def revoke(tx: Transaction, by: By, credential_id: str, reason: str) -> Credential:
    """Let a credential, and what was issued for it, open nothing any more. Again is the same as once.

    :raises Missing: there is none.
    """
    before = get(tx, credential_id, locked=True)
    return before if before.revoked_at is not None else _revoke(tx, by, before, reason)


def revoke_all(tx: Transaction, by: By, client_id: str, reason: str) -> int:
    """Revoke everything that a client proves itself with or was issued; how many credentials that were."""
    hold(tx, client_id)
    table = tables.credential
    query = sa.select(table.c.id).where(table.c.client_id == client_id, table.c.revoked_at.is_(None))
    found = tx.execute(query.order_by(table.c.id)).scalars().all()
    for credential_id in found:
        revoke(tx, by, credential_id, reason)
    revoke_tokens_of(tx, by, client_id, reason)
    changed(tx, f"client:{client_id}")
    return len(found)


def _revoke(tx: Transaction, by: By, before: Credential, reason: str) -> Credential:
    values = {"revoked_at": tx.now, "revoked_reason": reason}
    tx.execute(tables.credential.update().where(tables.credential.c.id == before.id).values(values))
    after = dataclasses.replace(before, revoked_at=tx.now, revoked_reason=reason)
    enter(
        tx, by, Happening.CREDENTIALS_CREDENTIAL_REVOKED, f"credential:{before.id}", before=told(before),
        reason=reason, organization=registry.owner_of(tx, client_id=before.client_id),
    )  # fmt: skip
    changed(tx, f"credential:{before.id}", f"client:{before.client_id}")
    signal(tx, "credential-revoked", after)
    return after


def environment_for_new(tx: Transaction, client_id: str) -> Environment:
    """The environment of a client that may receive credentials.

    :raises Missing: there is no such client.
    :raises Conflict: its application is retired.
    """
    found = registry.client(tx, client_id)
    if registry.application(tx, found.application_id).state is State.RETIRED:
        raise Conflict("A retired application receives no credentials.", "Register a new application.")
    return found.environment


def bounded(lifetime: dt.timedelta) -> dt.timedelta:
    """How long something that a client proves itself with may live, whoever asks by whatever door.

    :raises Invalid: out of bounds.
    """
    if not dt.timedelta(0) < lifetime <= LIFETIME_AT_MOST:
        raise Invalid([Flaw("/lifetime", f"must be more than nothing and at most {LIFETIME_AT_MOST.days} days")])
    return lifetime


def named(name: str, pointer: str = "/name") -> str:
    """A credential's name, trimmed.

    :raises Invalid: empty, too long, or with characters that can't be printed.
    """
    name = name.strip()
    if not name or len(name) > NAME_AT_MOST or not name.isprintable():
        raise Invalid([Flaw(pointer, f"must be 1 to {NAME_AT_MOST} printable characters")])
    return name


def signal(tx: Transaction, name: str, credential: Credential, **facts: Any) -> None:
    """Note a signal for after the commit."""
    tx.notes.setdefault("signals", []).append((name, {"credential": credential, **facts}))


def _iso(moment: dt.datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
