"""The tables of this room: what scopes and roles mean, and who holds what, since when, until when."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Instant, Json, metadata

scope = sa.Table(
    "apiguard_scope",
    metadata,
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("description", sa.Text, nullable=False, default=""),
    sa.Column("risk", sa.String(20), nullable=False),
    sa.Column("access", sa.String(20), nullable=False),
    # Whether it is held only by tokens that are bound to a key.
    sa.Column("sender_constrained", sa.Boolean, nullable=False, default=False),
)

role = sa.Table(
    "apiguard_role",
    metadata,
    sa.Column("name", sa.String(120), primary_key=True),
    sa.Column("description", sa.Text, nullable=False, default=""),
    sa.Column("scopes", Json, nullable=False, default=list),
)

client_role = sa.Table(
    "apiguard_client_role",
    metadata,
    sa.Column("client_id", sa.String(40), primary_key=True),
    sa.Column("role", sa.String(120), primary_key=True),
    sa.Column("since", Instant, nullable=False),
)

grant = sa.Table(
    "apiguard_grant",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("application_id", sa.String(40), nullable=False),
    sa.Column("environment", sa.String(20), nullable=False),
    sa.Column("scope", sa.String(120), nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant),
    sa.Column("review_id", sa.String(40)),
    sa.Column("ended_at", Instant),
    sa.Index("ix_apiguard_grant_live", "application_id", "environment", "ended_at"),
)
