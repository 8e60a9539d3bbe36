"""The table of this room: which idempotency keys were used, and what was answered."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Instant, metadata

idempotency = sa.Table(
    "apiguard_idempotency",
    metadata,
    # A digest of key and actor: nobody meets another's keys.
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("fingerprint", sa.String(64), nullable=False),
    sa.Column("created_at", Instant, nullable=False, index=True),
    sa.Column("status", sa.Integer),
    # None while it runs, and for an answer whose secret was shown.
    sa.Column("answer", sa.Text),
    sa.Column("location", sa.String(500), nullable=False, default=""),
)
