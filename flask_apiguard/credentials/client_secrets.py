"""Client secrets: several may live at once, and an unknown client costs what a known one does."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..crypto import Secrets
from ..values import ClientFacts
from .keys import PURPOSE
from .presented import LENGTH_AT_MOST
from .records import COLUMNS, Credential, Kind, credential_of
from .standing import CLIENT, facts, judge_client, with_client
from .tables import credential

_NOBODYS = "0" * 64
_OWN = [column for column in COLUMNS if column.name != "client_id"]
_LIVE = (
    sa.select(*_OWN, credential.c.digest, *CLIENT)
    .select_from(with_client(credential))
    .where(
        credential.c.client_id == sa.bindparam("client"),
        credential.c.kind == Kind.CLIENT_SECRET,
        credential.c.revoked_at.is_(None),
    )
)


def check_client_secret(
    conn: sa.Connection, secrets: Secrets, client_id: str, secret: str, now: dt.datetime
) -> tuple[ClientFacts, Credential] | None:
    """The client that a secret proves, and the credential it is; None for any wrong, ended or unknown one.

    Compared in constant time with every live secret of the client, and with one of nobody's when there is none.

    :raises Denied: the secret is right, but the client is not in standing.
    """
    presented = secrets.digest(PURPOSE, secret if len(secret) <= LENGTH_AT_MOST else "")
    right: sa.RowMapping | None = None
    secrets.same(presented, _NOBODYS)
    for row in conn.execute(_LIVE, {"client": client_id[:40]}).mappings():
        ended = row["expires_at"] <= now or (row["retire_at"] is not None and row["retire_at"] <= now)
        if secrets.same(presented, row["digest"]) and not ended:
            right = row
    if right is None:
        return None
    judge_client(right)
    return facts(right), credential_of(right)
