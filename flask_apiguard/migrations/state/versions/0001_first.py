"""The first tables of the state store."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "apiguard_announced",
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_apiguard_announced")),
    )
    op.create_index(op.f("ix_apiguard_announced_at"), "apiguard_announced", ["at"], unique=False)
    op.create_table(
        "apiguard_anomaly",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("score", sa.Integer(), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("sentences", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("evidence", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("muted_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_anomaly")),
    )
    op.create_index(
        op.f("ix_apiguard_anomaly_client_id_kind_raised_at"),
        "apiguard_anomaly",
        ["client_id", "kind", "raised_at"],
        unique=False,
    )
    op.create_index(op.f("ix_apiguard_anomaly_state_id"), "apiguard_anomaly", ["state", "id"], unique=False)
    op.create_table(
        "apiguard_change",
        sa.Column(
            "seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_apiguard_change")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_apiguard_change_at"), "apiguard_change", ["at"], unique=False)
    op.create_table(
        "apiguard_checkpoint",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), sa.Identity(always=False), nullable=False
        ),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("extra", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("public_key", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.String(length=128), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_checkpoint")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_apiguard_checkpoint_seq"), "apiguard_checkpoint", ["seq"], unique=False)
    op.create_table(
        "apiguard_client_role",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("role", sa.String(length=120), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "role", name=op.f("pk_apiguard_client_role")),
    )
    op.create_table(
        "apiguard_credential_use",
        sa.Column("credential_id", sa.String(length=40), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("address_prefix", sa.String(length=50), nullable=False),
        sa.PrimaryKeyConstraint("credential_id", name=op.f("pk_apiguard_credential_use")),
    )
    op.create_table(
        "apiguard_grant",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("scope", sa.String(length=120), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("review_id", sa.String(length=40), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_grant")),
    )
    op.create_index(
        "ix_apiguard_grant_live", "apiguard_grant", ["application_id", "environment", "ended_at"], unique=False
    )
    op.create_table(
        "apiguard_idempotency",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("location", sa.String(length=500), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_idempotency")),
    )
    op.create_index(op.f("ix_apiguard_idempotency_created_at"), "apiguard_idempotency", ["created_at"], unique=False)
    op.create_table(
        "apiguard_invitation",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=True),
        sa.Column("seat", sa.String(length=20), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("accepted_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_invitation")),
    )
    op.create_index(op.f("ix_apiguard_invitation_email"), "apiguard_invitation", ["email"], unique=False)
    op.create_index(
        op.f("ix_apiguard_invitation_organization_id"), "apiguard_invitation", ["organization_id"], unique=False
    )
    op.create_table(
        "apiguard_lease",
        sa.Column("name", sa.String(length=60), nullable=False),
        sa.Column("holder", sa.String(length=60), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apiguard_lease")),
    )
    op.create_table(
        "apiguard_ledger",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("happening", sa.String(length=80), nullable=False),
        sa.Column("actor_kind", sa.String(length=20), nullable=False),
        sa.Column("actor_id", sa.String(length=160), nullable=False),
        sa.Column("organization_id", sa.String(length=64), nullable=True),
        sa.Column("subject", sa.String(length=160), nullable=False),
        sa.Column("request_id", sa.String(length=160), nullable=False),
        sa.Column("entry", sa.Text(), nullable=False),
        sa.Column("leaf", sa.String(length=64), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_apiguard_ledger")),
    )
    op.create_index(op.f("ix_apiguard_ledger_actor_id_seq"), "apiguard_ledger", ["actor_id", "seq"], unique=False)
    op.create_index(op.f("ix_apiguard_ledger_at"), "apiguard_ledger", ["at"], unique=False)
    op.create_index(op.f("ix_apiguard_ledger_happening_seq"), "apiguard_ledger", ["happening", "seq"], unique=False)
    op.create_index(
        op.f("ix_apiguard_ledger_organization_id_seq"), "apiguard_ledger", ["organization_id", "seq"], unique=False
    )
    op.create_index(op.f("ix_apiguard_ledger_subject_seq"), "apiguard_ledger", ["subject", "seq"], unique=False)
    op.create_table(
        "apiguard_ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("chain", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_ledger_head")),
    )
    op.create_table(
        "apiguard_ledger_personal",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=False, nullable=False),
        sa.Column("field", sa.String(length=200), nullable=False),
        sa.Column("owner", sa.String(length=181), nullable=False),
        sa.Column("value", sa.Text(), nullable=True),
        sa.Column("salt", sa.String(length=32), nullable=True),
        sa.Column("erased", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("seq", "field", name=op.f("pk_apiguard_ledger_personal")),
    )
    op.create_index(op.f("ix_apiguard_ledger_personal_erased"), "apiguard_ledger_personal", ["erased"], unique=False)
    op.create_index(op.f("ix_apiguard_ledger_personal_owner"), "apiguard_ledger_personal", ["owner"], unique=False)
    op.create_table(
        "apiguard_monitoring",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_apiguard_monitoring")),
    )
    op.create_table(
        "apiguard_notice",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("to", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("severity", sa.String(length=20), nullable=False),
        sa.Column("facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("confidential", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("repeated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_notice")),
    )
    op.create_index(op.f("ix_apiguard_notice_created_at"), "apiguard_notice", ["created_at"], unique=False)
    op.create_index(op.f("ix_apiguard_notice_key_created_at"), "apiguard_notice", ["key", "created_at"], unique=False)
    op.create_table(
        "apiguard_onboarding_setting",
        sa.Column("name", sa.String(length=140), nullable=False),
        sa.Column("value", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apiguard_onboarding_setting")),
    )
    op.create_table(
        "apiguard_organization",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_organization")),
    )
    op.create_table(
        "apiguard_override",
        sa.Column("client_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("limit", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("by", sa.String(length=160), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("client_id", "name", name=op.f("pk_apiguard_override")),
    )
    op.create_table(
        "apiguard_person",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("email_proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("password_hash", sa.String(length=200), nullable=True),
        sa.Column("host_user_id", sa.String(length=255), nullable=True),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_person")),
        sa.UniqueConstraint("email", name=op.f("uq_apiguard_person_email")),
        sa.UniqueConstraint("host_user_id", name=op.f("uq_apiguard_person_host_user_id")),
    )
    op.create_table(
        "apiguard_plan",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("title", sa.String(length=120), nullable=False),
        sa.Column("limits", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("sender_constrained", sa.Boolean(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apiguard_plan")),
    )
    op.create_table(
        "apiguard_role",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apiguard_role")),
    )
    op.create_table(
        "apiguard_scope",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("risk", sa.String(length=20), nullable=False),
        sa.Column("access", sa.String(length=20), nullable=False),
        sa.Column("sender_constrained", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_apiguard_scope")),
    )
    op.create_table(
        "apiguard_signing_key",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("algorithm", sa.String(length=10), nullable=False),
        sa.Column("jwk", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("active_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_signing_key")),
    )
    op.create_index(op.f("ix_apiguard_signing_key_active_at"), "apiguard_signing_key", ["active_at"], unique=False)
    op.create_table(
        "apiguard_application",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("contact_email", sa.String(length=254), nullable=False),
        sa.Column("contact_proved_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("redirect_uris", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("requested_scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("requested_plan", sa.String(length=80), nullable=True),
        sa.Column("data_class", sa.String(length=40), nullable=False),
        sa.Column("expected_calls_per_day", sa.Integer(), nullable=True),
        sa.Column("addresses", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("reference", sa.String(length=200), nullable=True),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("invited", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recertify_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organization_id"], ["apiguard_organization.id"], name=op.f("fk_apiguard_application_organization_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_application")),
    )
    op.create_index(
        op.f("ix_apiguard_application_organization_id"), "apiguard_application", ["organization_id"], unique=False
    )
    op.create_index(
        op.f("ix_apiguard_application_recertify_at"), "apiguard_application", ["recertify_at"], unique=False
    )
    op.create_index(op.f("ix_apiguard_application_reference"), "apiguard_application", ["reference"], unique=False)
    op.create_index(op.f("ix_apiguard_application_state_id"), "apiguard_application", ["state", "id"], unique=False)
    op.create_table(
        "apiguard_delivery",
        sa.Column("notice_id", sa.String(length=40), nullable=False),
        sa.Column("notifier", sa.String(length=60), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("dead_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("error", sa.String(length=500), nullable=False),
        sa.ForeignKeyConstraint(
            ["notice_id"], ["apiguard_notice.id"], name=op.f("fk_apiguard_delivery_notice_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("notice_id", "notifier", name=op.f("pk_apiguard_delivery")),
    )
    op.create_index("ix_apiguard_delivery_due", "apiguard_delivery", ["notifier", "next_try_at"], unique=False)
    op.create_table(
        "apiguard_person_token",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("seats", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["person_id"], ["apiguard_person.id"], name=op.f("fk_apiguard_person_token_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_person_token")),
    )
    op.create_index(op.f("ix_apiguard_person_token_person_id"), "apiguard_person_token", ["person_id"], unique=False)
    op.create_table(
        "apiguard_seat",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("person_id", sa.String(length=40), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=True),
        sa.Column("seat", sa.String(length=20), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("by", sa.String(length=120), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["apiguard_person.id"], name=op.f("fk_apiguard_seat_person_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_seat")),
        sa.UniqueConstraint(
            "person_id", "organization_id", "seat", name=op.f("uq_apiguard_seat_person_id_organization_id_seat")
        ),
    )
    op.create_index(op.f("ix_apiguard_seat_organization_id"), "apiguard_seat", ["organization_id"], unique=False)
    op.create_index(
        "uq_apiguard_seat_house",
        "apiguard_seat",
        ["person_id", "seat"],
        unique=True,
        sqlite_where=sa.text("organization_id IS NULL"),
        postgresql_where=sa.text("organization_id IS NULL"),
    )
    op.create_table(
        "apiguard_check",
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("verdict", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("fix", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["apiguard_application.id"], name=op.f("fk_apiguard_check_application_id")
        ),
        sa.PrimaryKeyConstraint("application_id", "name", name=op.f("pk_apiguard_check")),
    )
    op.create_table(
        "apiguard_client",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("standing", sa.String(length=20), nullable=False),
        sa.Column("standing_reason", sa.Text(), nullable=False),
        sa.Column("suspended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("plan", sa.String(length=80), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["apiguard_application.id"], name=op.f("fk_apiguard_client_application_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_client")),
        sa.UniqueConstraint(
            "application_id", "environment", name=op.f("uq_apiguard_client_application_id_environment")
        ),
    )
    op.create_table(
        "apiguard_graduation",
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("step", sa.String(length=140), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("request_id", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["apiguard_application.id"], name=op.f("fk_apiguard_graduation_application_id")
        ),
        sa.PrimaryKeyConstraint("application_id", "step", name=op.f("pk_apiguard_graduation")),
    )
    op.create_table(
        "apiguard_review",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("organization_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("left_out", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("plan", sa.String(length=80), nullable=True),
        sa.Column("client_id", sa.String(length=40), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("risk", sa.String(length=20), nullable=False),
        sa.Column("needed", sa.Integer(), nullable=False),
        sa.Column("basis", sa.String(length=20), nullable=False),
        sa.Column("evidence", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("requested_by", sa.String(length=160), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deadline", sa.DateTime(timezone=True), nullable=False),
        sa.Column("remaining", sa.Integer(), nullable=True),
        sa.Column("noticed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("exception", sa.Boolean(), nullable=False),
        sa.Column("sampled", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("approved_scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("decided_by", sa.String(length=160), nullable=True),
        sa.Column("decision_reason", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["application_id"], ["apiguard_application.id"], name=op.f("fk_apiguard_review_application_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_review")),
    )
    op.create_index(op.f("ix_apiguard_review_application_id"), "apiguard_review", ["application_id"], unique=False)
    op.create_index(op.f("ix_apiguard_review_deadline"), "apiguard_review", ["deadline"], unique=False)
    op.create_index(op.f("ix_apiguard_review_organization_id"), "apiguard_review", ["organization_id"], unique=False)
    op.create_index(op.f("ix_apiguard_review_state_id"), "apiguard_review", ["state", "id"], unique=False)
    op.create_index(
        "uq_apiguard_review_open",
        "apiguard_review",
        ["application_id", "kind", "environment"],
        unique=True,
        sqlite_where=sa.text("state IN ('open', 'asked')"),
        postgresql_where=sa.text("state IN ('open', 'asked')"),
    )
    op.create_table(
        "apiguard_waiver",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("application_id", sa.String(length=40), nullable=False),
        sa.Column("check", sa.String(length=80), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=160), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconded_by", sa.String(length=160), nullable=True),
        sa.Column("seconded_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["application_id"], ["apiguard_application.id"], name=op.f("fk_apiguard_waiver_application_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_waiver")),
    )
    op.create_index(op.f("ix_apiguard_waiver_application_id"), "apiguard_waiver", ["application_id"], unique=False)
    op.create_table(
        "apiguard_credential",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("algorithm", sa.String(length=10), nullable=True),
        sa.Column("hint", sa.String(length=60), nullable=False),
        sa.Column(
            "scopes",
            sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql"),
            nullable=True,
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=160), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rotated_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("retire_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("replaces_id", sa.String(length=40), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_credential_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_credential")),
        sa.UniqueConstraint("digest", name=op.f("uq_apiguard_credential_digest")),
    )
    op.create_index(op.f("ix_apiguard_credential_client_id"), "apiguard_credential", ["client_id"], unique=False)
    op.create_index(op.f("ix_apiguard_credential_expires_at"), "apiguard_credential", ["expires_at"], unique=False)
    op.create_index(op.f("ix_apiguard_credential_replaces_id"), "apiguard_credential", ["replaces_id"], unique=False)
    op.create_table(
        "apiguard_oauth_certificate",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("known_by", sa.String(length=20), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=True),
        sa.Column("claim", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("replaces_id", sa.String(length=40), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_certificate_client_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_oauth_certificate")),
        sa.UniqueConstraint("claim", name=op.f("uq_apiguard_oauth_certificate_claim")),
    )
    op.create_index(
        op.f("ix_apiguard_oauth_certificate_client_id"), "apiguard_oauth_certificate", ["client_id"], unique=False
    )
    op.create_index(op.f("ix_apiguard_oauth_certificate_key"), "apiguard_oauth_certificate", ["key"], unique=False)
    op.create_table(
        "apiguard_oauth_client",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("public", sa.Boolean(), nullable=False),
        sa.Column("token_format", sa.String(length=10), nullable=True),
        sa.Column("certificate_bound", sa.Boolean(), nullable=True),
        sa.Column("device", sa.Boolean(), nullable=True),
        sa.Column("grant_types", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_client_client_id")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_apiguard_oauth_client")),
    )
    op.create_table(
        "apiguard_oauth_code",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("family_id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("audience", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_code_client_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_apiguard_oauth_code")),
    )
    op.create_index(op.f("ix_apiguard_oauth_code_expires_at"), "apiguard_oauth_code", ["expires_at"], unique=False)
    op.create_table(
        "apiguard_oauth_consent",
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_consent_client_id")
        ),
        sa.PrimaryKeyConstraint("user_id", "client_id", name=op.f("pk_apiguard_oauth_consent")),
    )
    op.create_table(
        "apiguard_oauth_device",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("user_digest", sa.String(length=64), nullable=False),
        sa.Column("family_id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("audience", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=True),
        sa.Column("interval", sa.Integer(), nullable=False),
        sa.Column("poll_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=True),
        sa.Column("allowed", sa.Boolean(), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_device_client_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_apiguard_oauth_device")),
        sa.UniqueConstraint("user_digest", name=op.f("uq_apiguard_oauth_device_user_digest")),
    )
    op.create_index(op.f("ix_apiguard_oauth_device_expires_at"), "apiguard_oauth_device", ["expires_at"], unique=False)
    op.create_table(
        "apiguard_oauth_device_question",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("device_digest", sa.String(length=64), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_apiguard_oauth_device_question")),
    )
    op.create_index(
        op.f("ix_apiguard_oauth_device_question_expires_at"),
        "apiguard_oauth_device_question",
        ["expires_at"],
        unique=False,
    )
    op.create_table(
        "apiguard_oauth_key",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("thumbprint", sa.String(length=60), nullable=False),
        sa.Column("algorithm", sa.String(length=10), nullable=False),
        sa.Column("jwk", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_key_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_oauth_key")),
        sa.UniqueConstraint("thumbprint", name=op.f("uq_apiguard_oauth_key_thumbprint")),
    )
    op.create_index(op.f("ix_apiguard_oauth_key_client_id"), "apiguard_oauth_key", ["client_id"], unique=False)
    op.create_table(
        "apiguard_oauth_pushed",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_pushed_client_id")),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_apiguard_oauth_pushed")),
    )
    op.create_index(op.f("ix_apiguard_oauth_pushed_expires_at"), "apiguard_oauth_pushed", ["expires_at"], unique=False)
    op.create_table(
        "apiguard_oauth_request",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("user_id", sa.String(length=200), nullable=False),
        sa.Column("redirect_uri", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=True),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("audience", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("challenge", sa.String(length=43), nullable=False),
        sa.Column("jkt", sa.String(length=43), nullable=True),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_oauth_request_client_id")
        ),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_apiguard_oauth_request")),
    )
    op.create_index(
        op.f("ix_apiguard_oauth_request_expires_at"), "apiguard_oauth_request", ["expires_at"], unique=False
    )
    op.create_table(
        "apiguard_review_message",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("review_id", sa.String(length=40), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("by", sa.String(length=160), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["review_id"], ["apiguard_review.id"], name=op.f("fk_apiguard_review_message_review_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_review_message")),
    )
    op.create_index(
        op.f("ix_apiguard_review_message_review_id"), "apiguard_review_message", ["review_id"], unique=False
    )
    op.create_table(
        "apiguard_review_vote",
        sa.Column("review_id", sa.String(length=40), nullable=False),
        sa.Column("voter", sa.String(length=160), nullable=False),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("application_version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["review_id"], ["apiguard_review.id"], name=op.f("fk_apiguard_review_vote_review_id")),
        sa.PrimaryKeyConstraint("review_id", "voter", name=op.f("pk_apiguard_review_vote")),
    )
    op.create_table(
        "apiguard_suspension",
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("by", sa.String(length=160), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("cause", sa.String(length=20), nullable=False),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_suspension_client_id")),
        sa.PrimaryKeyConstraint("client_id", name=op.f("pk_apiguard_suspension")),
    )
    op.create_table(
        "apiguard_token",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=True),
        sa.Column("family_id", sa.String(length=40), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("parent_id", sa.String(length=40), nullable=True),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("client_id", sa.String(length=40), nullable=False),
        sa.Column("credential_id", sa.String(length=40), nullable=True),
        sa.Column("user_id", sa.String(length=200), nullable=True),
        sa.Column("scopes", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("audience", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column(
            "cnf",
            sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql"),
            nullable=True,
        ),
        sa.Column("environment", sa.String(length=20), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("consumed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["client_id"], ["apiguard_client.id"], name=op.f("fk_apiguard_token_client_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_apiguard_token")),
    )
    op.create_index(
        "uq_apiguard_token_digest",
        "apiguard_token",
        ["digest"],
        unique=True,
        sqlite_where=sa.text("digest IS NOT NULL"),
        postgresql_where=sa.text("digest IS NOT NULL"),
    )
    op.create_index(
        "ix_apiguard_token_client_id_expires_at", "apiguard_token", ["client_id", "expires_at"], unique=False
    )
    op.create_index(
        "ix_apiguard_token_family_id",
        "apiguard_token",
        ["family_id"],
        unique=False,
        sqlite_where=sa.text("family_id != id"),
        postgresql_where=sa.text("family_id != id"),
    )
    op.create_index(
        "ix_apiguard_token_user_id_client_id",
        "apiguard_token",
        ["user_id", "client_id"],
        unique=False,
        sqlite_where=sa.text("user_id IS NOT NULL"),
        postgresql_where=sa.text("user_id IS NOT NULL"),
    )
