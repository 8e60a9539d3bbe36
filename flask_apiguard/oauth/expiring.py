"""Public keys and certificates that end soon, for whoever announces it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import sqlalchemy as sa

from ..clients.tables import client
from ..db import Transaction
from ..onboarding import Ending
from .certificate_table import oauth_certificate as certificate
from .tables import oauth_key as key

KEY_FIX = "Register another one before, unless one has taken its place already."
CERTIFICATE_FIX = "Rotate it before."


def expiring(source: Transaction | sa.Connection, now: dt.datetime, until: dt.datetime) -> Iterator[Ending]:
    """What ends after ``now`` and not after ``until``, but no certificate that has a successor.

    Keys have none: which of a client's keys takes the place of which, nobody but the client knows.
    """
    for row in source.execute(_ending(key, now, until)):
        title = f"The public key {row.id}"
        yield Ending("public key", row.id, title, row.application_id, row.expires_at, KEY_FIX)
    successor = certificate.alias("successor")
    replaced = sa.exists().where(successor.c.replaces_id == certificate.c.id, successor.c.revoked_at.is_(None))
    for row in source.execute(_ending(certificate, now, until).where(~replaced)):
        title = f"The certificate {row.id}"
        yield Ending("certificate", row.id, title, row.application_id, row.expires_at, CERTIFICATE_FIX)


def _ending(table: sa.Table, now: dt.datetime, until: dt.datetime) -> sa.Select[tuple[str, dt.datetime, str]]:
    return (
        sa.select(table.c.id, table.c.expires_at, client.c.application_id)
        .join(client, client.c.id == table.c.client_id)
        .where(table.c.revoked_at.is_(None), table.c.expires_at > now, table.c.expires_at <= until)
    )
