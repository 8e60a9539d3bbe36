"""Who is watched since when, and what was found."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Instant, Json, metadata

monitoring = sa.Table(
    "apiguard_monitoring",
    metadata,
    sa.Column("client_id", sa.String(40), primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("ended_at", Instant),
)

#: ``sentences`` are three: what happened, where and since when, what to do. ``evidence`` are some of the calls.
anomaly = sa.Table(
    "apiguard_anomaly",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("client_id", sa.String(40), nullable=False),
    sa.Column("kind", sa.String(40), nullable=False),
    sa.Column("score", sa.Integer, nullable=False),
    sa.Column("severity", sa.String(20), nullable=False),
    sa.Column("sentences", Json, nullable=False),
    sa.Column("evidence", Json, nullable=False),
    sa.Column("raised_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("muted_until", Instant),
    sa.Column("closed_at", Instant),
    sa.Index(None, "client_id", "kind", "raised_at"),
    sa.Index(None, "state", "id"),
)
