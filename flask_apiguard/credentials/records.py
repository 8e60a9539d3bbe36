"""Credentials as values, and reading them. A digest never leaves the table."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ..db import Transaction
from ..errors import Missing
from .tables import credential

Source = Transaction | sa.Connection


class Kind(StrEnum):
    """What a client proves itself with."""

    API_KEY = "api_key"
    CLIENT_SECRET = "client_secret"  # noqa: S105 - a word, no password
    IMPORTED_KEY = "imported_key"


class Phase(StrEnum):
    """Where in its life a credential is at a moment."""

    LIVE = "live"
    RETIRING = "retiring"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Credential:
    """One credential. ``scopes`` None is all that the client holds; ``retire_at`` ends the overlap with a successor."""

    id: str
    client_id: str
    kind: Kind
    name: str
    hint: str
    created_at: dt.datetime
    created_by: str
    expires_at: dt.datetime
    scopes: frozenset[str] | None = None
    rotated_at: dt.datetime | None = None
    retire_at: dt.datetime | None = None
    replaces_id: str | None = None
    revoked_at: dt.datetime | None = None
    revoked_reason: str = ""

    @property
    def ends_at(self) -> dt.datetime:
        """The earlier of its expiry and the end of its overlap."""
        return self.expires_at if self.retire_at is None else min(self.expires_at, self.retire_at)

    def phase(self, now: dt.datetime) -> Phase:
        """Live, retiring, expired or revoked at ``now``."""
        if self.revoked_at is not None:
            return Phase.REVOKED
        if self.ends_at <= now:
            return Phase.EXPIRED
        return Phase.LIVE if self.retire_at is None else Phase.RETIRING


#: What may be read into a value: everything but the digest.
COLUMNS = tuple(column for column in credential.c if column.name not in ("digest", "algorithm"))


def credential_of(values: Mapping[Any, Any]) -> Credential:
    """A row of ``COLUMNS`` as a value."""
    read = {column.name: values[column.name] for column in COLUMNS}
    scopes = read["scopes"]
    read["scopes"] = None if scopes is None else frozenset(scopes)
    read["kind"] = Kind(read["kind"])
    return Credential(**read)


def get(source: Source, credential_id: str, *, locked: bool = False) -> Credential:
    """One credential; ``locked`` keeps others from changing it until the transaction ends.

    :raises Missing: there is none.
    """
    query = sa.select(*COLUMNS).where(credential.c.id == credential_id)
    found = source.execute(query.with_for_update() if locked else query).first()
    if found is None:
        raise Missing(f"There is no credential {credential_id[:60]}.")
    return credential_of(found._mapping)


def list_of(source: Source, client_id: str) -> list[Credential]:
    """A client's credentials, in the order of their making; ended ones too."""
    query = sa.select(*COLUMNS).where(credential.c.client_id == client_id)
    return [credential_of(row._mapping) for row in source.execute(query.order_by(credential.c.id))]


def told(row: Credential) -> dict[str, Any]:
    """What the ledger is told of it: JSON types only, nothing that helps to guess it."""
    return {
        "client": row.client_id,
        "kind": row.kind.value,
        "name": row.name,
        "hint": row.hint,
        "scopes": None if row.scopes is None else sorted(row.scopes),
        "expires_at": row.expires_at.isoformat(),
        "retire_at": None if row.retire_at is None else row.retire_at.isoformat(),
        "replaces": row.replaces_id,
    }
