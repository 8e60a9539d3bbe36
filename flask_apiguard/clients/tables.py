"""The tables of this room: who is onboarded, and as whom it calls."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Instant, Json, metadata

organization = sa.Table(
    "apiguard_organization",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, default=1),
)

application = sa.Table(
    "apiguard_application",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("organization_id", sa.String(40), sa.ForeignKey(organization.c.id), nullable=False, index=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False, default=""),
    sa.Column("contact_email", sa.String(254), nullable=False, default=""),
    sa.Column("contact_proved_at", Instant),
    sa.Column("redirect_uris", Json, nullable=False, default=list),
    sa.Column("requested_scopes", Json, nullable=False, default=dict),
    sa.Column("requested_plan", sa.String(80)),
    sa.Column("data_class", sa.String(40), nullable=False, default=""),
    sa.Column("expected_calls_per_day", sa.Integer),
    sa.Column("addresses", Json, nullable=False, default=list),
    sa.Column("reference", sa.String(200), index=True),
    sa.Column("state", sa.String(20), nullable=False),
    sa.Column("invited", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
    sa.Column("recertify_at", Instant, index=True),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.Index(None, "state", "id"),  # lists narrowed to a state go page by page in the order of ids
)

client = sa.Table(
    "apiguard_client",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("application_id", sa.String(40), sa.ForeignKey(application.c.id), nullable=False),
    sa.Column("environment", sa.String(20), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("standing", sa.String(20), nullable=False),
    sa.Column("standing_reason", sa.Text, nullable=False, default=""),
    sa.Column("suspended_at", Instant),
    sa.Column("plan", sa.String(80)),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("version", sa.Integer, nullable=False, default=1),
    sa.UniqueConstraint("application_id", "environment"),
)
