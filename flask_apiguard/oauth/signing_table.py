"""The server's signing keys, one row each; private parts are sealed (see ``signing``)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import sqlalchemy as sa

from ..db import Instant, Json, Transaction, metadata

signing_key = sa.Table(
    "apiguard_signing_key",
    metadata,
    # Also its `kid`.
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("algorithm", sa.String(10), nullable=False),
    sa.Column("jwk", Json, nullable=False),
    # Gone as soon as the key signs no more.
    sa.Column("sealed", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    # Published from its making on, signing only from here.
    sa.Column("active_at", Instant, nullable=False, index=True),
    # When the last token that it signed is over; not known before it has a successor.
    sa.Column("ends_at", Instant),
    sa.Column("revoked_at", Instant),
)


class SigningPhase(StrEnum):
    """Where a key stands: published only, signing, verifying only, or neither any more."""

    WAITING = "waiting"
    SIGNING = "signing"
    RETIRING = "retiring"
    ENDED = "ended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class ListedKey:
    """A signing key as people see it. ``jwk`` has its public members only; ``ends_at`` is when it verifies no more."""

    id: str
    algorithm: str
    phase: SigningPhase
    jwk: Mapping[str, str]
    created_at: dt.datetime
    active_at: dt.datetime
    ends_at: dt.datetime | None
    revoked_at: dt.datetime | None


def listed_keys(source: Transaction | sa.Connection, now: dt.datetime) -> list[ListedKey]:
    """Every key there ever was, the newest first."""
    rows = source.execute(sa.select(signing_key).order_by(signing_key.c.active_at.desc(), signing_key.c.id)).all()
    taken_over = [row for row in rows if row.revoked_at is None and row.active_at <= now]
    signs = taken_over[0].id if taken_over else None
    return [
        ListedKey(
            row.id, row.algorithm, _phase(row, now, signs), row.jwk, row.created_at, row.active_at, row.ends_at,
            row.revoked_at,
        )
        for row in rows
    ]  # fmt: skip


def _phase(row: sa.Row[tuple[object, ...]], now: dt.datetime, signs: str | None) -> SigningPhase:
    if row.revoked_at is not None:
        return SigningPhase.REVOKED
    if row.ends_at is not None and row.ends_at <= now:
        return SigningPhase.ENDED
    if row.active_at > now:
        return SigningPhase.WAITING
    return SigningPhase.SIGNING if row.id == signs else SigningPhase.RETIRING
