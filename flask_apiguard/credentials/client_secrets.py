"""Client secrets: several may live at once, and an unknown client costs what a known one does."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from ..crypto import Secrets
from ..values import ClientFacts
from .keys import PURPOSE
from .presented import LENGTH_AT_MOST
from .records import COLUMNS, Credential, Kind, Phase, credential_of
from .standing import CLIENT, facts, judge_client, with_client
from .tables import credential

_NOBODYS = "0" * 64
_OWN = [column for column in COLUMNS if column.name != "client_id"]
_BY_DIGEST = (
    sa.select(*_OWN, credential.c.digest, *CLIENT)
    .select_from(with_client(credential))
    .where(credential.c.digest == sa.bindparam("digest"), credential.c.kind == Kind.CLIENT_SECRET)
)


def check_client_secret(
    conn: sa.Connection, secrets: Secrets, client_id: str, secret: str, now: dt.datetime
) -> tuple[ClientFacts, Credential] | None:
    """The client that a secret proves, and the credential it is; None for any wrong, ended or unknown one.

    It is found by its own digest and not by the client's id: a wrong secret costs the same whether or not there is
    such a client, however many secrets that has.

    :raises Denied: the secret is right, but the client is not in standing.
    """
    presented = secrets.digest(PURPOSE, secret if len(secret) <= LENGTH_AT_MOST else "")
    row = conn.execute(_BY_DIGEST, {"digest": presented}).mappings().first()
    right = secrets.same(presented, row["digest"] if row is not None else _NOBODYS)
    if row is None or not right or not secrets.same(client_id, row["client_id"]):
        return None
    found = credential_of(row)
    if found.phase(now) in (Phase.REVOKED, Phase.EXPIRED):
        return None
    judge_client(row)
    return facts(row), found
