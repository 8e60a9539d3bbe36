"""Where persons, seats, invitations and person tokens are kept. Secrets are kept as digests only."""

from __future__ import annotations

import sqlalchemy as sa

from ..db import Instant, Json, index_where, metadata

person = sa.Table(
    "apiguard_person",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    # None for somebody whom only the host knows: an address that nobody proved would squat the real owner's.
    sa.Column("email", sa.String(254), unique=True),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("email_proved_at", Instant),
    sa.Column("password_hash", sa.String(200)),
    sa.Column("host_user_id", sa.String(255), unique=True),
    sa.Column("disabled_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
)

seat = sa.Table(
    "apiguard_seat",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("person_id", sa.ForeignKey("apiguard_person.id"), nullable=False),
    # None is a seat of the house.
    sa.Column("organization_id", sa.String(40), index=True),
    sa.Column("seat", sa.String(20), nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant),
    sa.Column("by", sa.String(120), nullable=False),
    sa.UniqueConstraint("person_id", "organization_id", "seat"),
    # A unique constraint holds NULLs apart, so the house's seats need one of their own.
    index_where(
        "uq_apiguard_seat_house", "person_id", "seat", where=sa.literal_column("organization_id IS NULL"), unique=True
    ),
)

invitation = sa.Table(
    "apiguard_invitation",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("email", sa.String(254), nullable=False, index=True),
    sa.Column("organization_id", sa.String(40), index=True),
    sa.Column("seat", sa.String(20), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("accepted_at", Instant),
    sa.Column("withdrawn_at", Instant),
    sa.Column("by", sa.String(120), nullable=False),
)

person_token = sa.Table(
    "apiguard_person_token",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("person_id", sa.ForeignKey("apiguard_person.id"), nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    # None: every seat that the person holds at the moment of use.
    sa.Column("seats", Json),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("last_used_at", Instant),
    sa.Column("revoked_at", Instant),
    sa.Column("consumed_at", Instant),
)
