"""The server's signing keys, one row each; private parts are sealed (see ``signing``)."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Instant, Json, metadata

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
