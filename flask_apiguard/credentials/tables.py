"""The tables of this room. Secrets stand in them as HMAC-SHA-256 under a key derived from ``APIGUARD_SECRET``."""

from __future__ import annotations

import sqlalchemy as sa

from ..clients.tables import client
from ..db import Instant, Json, OptionalJson, index_where, metadata

credential = sa.Table(
    "apiguard_credential",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False, index=True),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("name", sa.String(200), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    # How the host hashed it, for an imported key.
    sa.Column("algorithm", sa.String(10)),
    sa.Column("hint", sa.String(60), nullable=False),
    sa.Column("scopes", OptionalJson),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("created_by", sa.String(160), nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("rotated_at", Instant),
    sa.Column("retire_at", Instant),
    sa.Column("replaces_id", sa.String(40), index=True),
    sa.Column("revoked_at", Instant),
    sa.Column("revoked_reason", sa.Text, nullable=False, default=""),
)

# No foreign key: a batch must not fail as a whole because one row of another table is gone.
credential_use = sa.Table(
    "apiguard_credential_use",
    metadata,
    sa.Column("credential_id", sa.String(40), primary_key=True),
    sa.Column("last_used_at", Instant, nullable=False),
    sa.Column("route", sa.String(200), nullable=False, default=""),
    sa.Column("address_prefix", sa.String(50), nullable=False, default=""),
)

token = sa.Table(
    "apiguard_token",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    # None where the id is made of it. An index over all would be one more to write with each token.
    sa.Column("digest", sa.String(64)),
    sa.Column("family_id", sa.String(40), nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, default=0),
    sa.Column("parent_id", sa.String(40)),
    sa.Column("kind", sa.String(10), nullable=False),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False),
    sa.Column("credential_id", sa.String(40)),
    sa.Column("user_id", sa.String(200)),
    sa.Column("scopes", Json, nullable=False, default=list),
    sa.Column("audience", Json, nullable=False, default=list),
    sa.Column("cnf", OptionalJson),
    sa.Column("environment", sa.String(20), nullable=False),
    sa.Column("issued_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("consumed_at", Instant),
    sa.Column("revoked_at", Instant),
    # One for both: whoever asks for the ended ones asks client by client, and each index is written with every token.
    sa.Index("ix_apiguard_token_client_id_expires_at", "client_id", "expires_at"),
)
index_where("uq_apiguard_token_digest", token.c.digest, where=token.c.digest.is_not(None), unique=True)
# A client's own token is alone in its family, and no user's: most are, and these two cost them nothing.
index_where("ix_apiguard_token_family_id", token.c.family_id, where=token.c.family_id != token.c.id)
index_where(
    "ix_apiguard_token_user_id_client_id", token.c.user_id, token.c.client_id, where=token.c.user_id.is_not(None)
)


def in_family(tokens: sa.FromClause, family_id: sa.ColumnElement[str] | str) -> sa.ColumnElement[bool]:
    """Whether a token is of a family: said so that its first one is found by its id and all others by their index."""
    others = sa.and_(tokens.c.family_id == family_id, tokens.c.family_id != tokens.c.id)
    return sa.or_(others, sa.and_(tokens.c.id == family_id, tokens.c.family_id == tokens.c.id))
