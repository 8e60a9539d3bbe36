"""The tables of the device authorization grant (RFC 8628). Both codes of a device stand as digests only."""

from __future__ import annotations

import sqlalchemy as sa

from ..clients.tables import client
from ..db import Instant, Json, metadata

#: One device that asks. ``user_id`` and ``allowed`` are NULL until a user answered.
oauth_device = sa.Table(
    "apiguard_oauth_device",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("user_digest", sa.String(64), nullable=False, unique=True),
    sa.Column("family_id", sa.String(40), nullable=False),
    sa.Column("client_id", sa.String(40), sa.ForeignKey(client.c.id), nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("audience", Json, nullable=False),
    # The key that the device proved when it asked (DPoP), and that it must prove again; NULL is any, or none.
    sa.Column("jkt", sa.String(43)),
    # Seconds that the device is to wait between two polls, and the moment from which the next one is in time.
    sa.Column("interval", sa.Integer, nullable=False),
    sa.Column("poll_at", Instant, nullable=False),
    sa.Column("user_id", sa.String(200)),
    sa.Column("allowed", sa.Boolean),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("consumed_at", Instant),
)

#: What a user was asked about a device. The row is what is granted, whatever comes back from the browser.
oauth_device_question = sa.Table(
    "apiguard_oauth_device_question",
    metadata,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("device_digest", sa.String(64), nullable=False),
    sa.Column("user_id", sa.String(200), nullable=False),
    sa.Column("scopes", Json, nullable=False),
    sa.Column("expires_at", Instant, nullable=False, index=True),
    sa.Column("consumed_at", Instant),
)
