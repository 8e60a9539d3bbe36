"""The first tables of the events store."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "apiguard_access_event",
        sa.Column("batch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("phase", sa.Text(), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("environment", sa.Text(), nullable=True),
        sa.Column("credential", sa.Text(), nullable=True),
        sa.Column("method", sa.Text(), nullable=False),
        sa.Column("route", sa.Text(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("need", sa.Text(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=False),
        sa.Column("allowed", sa.Boolean(), nullable=False),
        sa.Column("mode", sa.Text(), nullable=False),
        sa.Column("latency", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("batch", "place", name=op.f("pk_apiguard_access_event")),
        sa.UniqueConstraint("id", "phase", name=op.f("uq_apiguard_access_event_id_phase")),
    )
    op.create_index(
        op.f("ix_apiguard_access_event_application_time"),
        "apiguard_access_event",
        ["application", "time"],
        unique=False,
    )
    op.create_index(
        op.f("ix_apiguard_access_event_client_time"), "apiguard_access_event", ["client", "time"], unique=False
    )
    sandbox = sa.text("environment = 'sandbox' AND phase != 'opened'")
    op.create_index(
        "ix_apiguard_access_event_sandbox_kinds",
        "apiguard_access_event",
        ["application", "route", "method", "status", "reason", "time"],
        unique=False,
        sqlite_where=sandbox,
        postgresql_where=sandbox,
    )
    op.create_index(op.f("ix_apiguard_access_event_time"), "apiguard_access_event", ["time"], unique=False)
    op.create_table(
        "apiguard_event_batch",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("first_id", sa.Text(), nullable=False),
        sa.Column("last_id", sa.Text(), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("newest", sa.DateTime(timezone=True), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("full", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("reduced_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("pruned_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_apiguard_event_batch")),
    )
    op.create_index(op.f("ix_apiguard_event_batch_newest"), "apiguard_event_batch", ["newest"], unique=False)
    op.create_table(
        "apiguard_event_dead",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("sink", sa.String(length=80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_event_dead")),
    )
    op.create_index(op.f("ix_apiguard_event_dead_sink"), "apiguard_event_dead", ["sink"], unique=False)
    op.create_table(
        "apiguard_event_sink",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("batch", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try", sa.DateTime(timezone=True), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("served_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apiguard_event_sink")),
    )
    op.create_table(
        "apiguard_event_spool",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("place", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apiguard_event_spool")),
    )
