"""The tables of this room. What is secret in them stands as an HMAC under a key derived from ``APIGUARD_SECRET``."""

from __future__ import annotations

import sqlalchemy as sa

from ..clients.tables import client
from ..db import Instant, Json, OptionalJson, metadata

#: How a client proves itself; no row for a client with secrets or keys only.
oauth_client = sa.Table(
    "apiguard_oauth_client",
    metadata,
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), primary_key=True),
    sa.Column("public", sa.Boolean, nullable=False),
    # "jwt" or "opaque"; NULL leaves it to the setting.
    sa.Column("token_format", sa.String(10)),
    # Whether its tokens are bound to its TLS certificate (RFC 8705, section 3).
    sa.Column("certificate_bound", sa.Boolean),
    # Whether it may use the device authorization grant (RFC 8628).
    sa.Column("device", sa.Boolean),
    # Which of the other grant types it may use; NULL is any.
    sa.Column("grant_types", OptionalJson),
)

oauth_key = sa.Table(
    "apiguard_oauth_key",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False, index=True),
    sa.Column("thumbprint", sa.String(60), nullable=False, unique=True),
    sa.Column("algorithm", sa.String(10), nullable=False),
    sa.Column("jwk", Json, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant),
)

#: What a user is asked. The row is what is granted, whatever comes back from the browser.
oauth_request = sa.Table(
    "apiguard_oauth_request",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False),
    sa.Column("user_id", sa.String(200), nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("state", sa.Text),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("audience", Json, nullable=False),
    sa.Column("challenge", sa.String(43), nullable=False),
    # The key that the code may be redeemed with alone (RFC 9449, section 10).
    sa.Column("jkt", sa.String(43)),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("consumed_at", Instant),
)

#: Requests that clients pushed, in the written form of a query (RFC 9126).
oauth_pushed = sa.Table(
    "apiguard_oauth_pushed",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False),
    sa.Column("query", sa.Text, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("consumed_at", Instant),
)

oauth_code = sa.Table(
    "apiguard_oauth_code",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("family_id", sa.String(40), nullable=False),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False),
    sa.Column("user_id", sa.String(200), nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("audience", Json, nullable=False),
    sa.Column("challenge", sa.String(43), nullable=False),
    # The key that the code may be redeemed with alone (RFC 9449, section 10).
    sa.Column("jkt", sa.String(43)),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("consumed_at", Instant),
)

oauth_consent = sa.Table(
    "apiguard_oauth_consent",
    metadata,
    sa.Column("user_id", sa.String(200), primary_key=True),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), primary_key=True),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
)
