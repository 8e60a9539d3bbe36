"""What was chosen for a client of the authorization server, read for people."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from ..db import Transaction
from .tables import oauth_client as table


@dataclass(frozen=True, slots=True)
class Chosen:
    """A client's choices. ``token_format`` None leaves it to the setting."""

    public: bool = False
    token_format: str | None = None
    certificate_bound: bool = False
    #: Whether it may use the device authorization grant.
    device: bool = False
    #: Which of the other grant types it may use; None is any.
    grant_types: tuple[str, ...] | None = None


_PUBLIC = sa.select(sa.literal(1)).where(table.c.client_id == sa.bindparam("client"), table.c.public)


def chosen_of(source: Transaction | sa.Connection, client_id: str) -> Chosen:
    """The choices of one client; the defaults where nobody chose."""
    row = source.execute(sa.select(table).where(table.c.client_id == client_id)).first()
    if row is None:
        return Chosen()
    grant_types = None if row.grant_types is None else tuple(row.grant_types)
    return Chosen(row.public, row.token_format, bool(row.certificate_bound), bool(row.device), grant_types)


def is_public(source: Transaction | sa.Connection, client_id: str) -> bool:
    """Whether a client is registered as one that can't prove itself.

    One that can is found as little as an unknown one: what would be read of it would be told by the time it takes.
    """
    return source.execute(_PUBLIC, {"client": client_id}).first() is not None
