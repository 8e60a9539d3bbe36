"""The table of registered certificates. It holds nothing secret: a certificate is shown to whoever is called."""

from __future__ import annotations

import sqlalchemy as sa

from ..clients.tables import client
from ..db import Instant, metadata

oauth_certificate = sa.Table(
    "apiguard_oauth_certificate",
    metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False, index=True),
    # A KnownBy: one of the five names of RFC 8705, section 2.1.2, or the thumbprint of a self-signed certificate.
    sa.Column("known_by", sa.String(20), nullable=False),
    sa.Column("value", sa.Text, nullable=False),
    # The digest of the public key in a certificate that was registered itself: no two clients share one.
    sa.Column("key", sa.String(64), index=True),
    # What no other client may register meanwhile; of a name NULL once it has ended, of a thumbprint never.
    sa.Column("claim", sa.String(64), unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("replaces_id", sa.String(40)),
    sa.Column("revoked_at", Instant),
)
