"""What a check may look at: one application, everything it holds, and what it was seen doing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from ..access import Grant, Scope, grants_of
from ..clients import Application, Client, registry
from ..credentials import Credential, list_of
from ..credentials.tables import credential
from ..quotas.plans import plans
from ..values import Environment
from . import graduation, sitters
from .desk import Desk, Source
from .policy import ReviewPolicy


@dataclass(frozen=True, slots=True)
class Dossier:
    """One application as it stands at ``now``. Checks read it and nothing else.

    ``known_scopes`` are declared, stored, or demanded by a route; ``shared`` maps a credential's id to the clients of
    others that prove themselves with the same secret; ``owners`` are ids of owners who can sign in;
    ``proved_addresses`` are members' own; ``exercised`` are scopes that a good sandbox call was observed for;
    ``credentials`` are those that live, by client id; ``lifetimes`` are the longest a credential should live, in
    seconds by environment.
    """

    application: Application
    now: dt.datetime
    known_scopes: Mapping[str, Scope] = field(default_factory=dict)
    clients: tuple[Client, ...] = ()
    credentials: Mapping[str, tuple[Credential, ...]] = field(default_factory=dict)
    grants: tuple[Grant, ...] = ()
    shared: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    owners: frozenset[str] = frozenset()
    proved_addresses: frozenset[str] = frozenset()
    plans: frozenset[str] = frozenset()
    exercised: frozenset[str] = frozenset()
    lifetimes: Mapping[str, int] = field(default_factory=dict)
    policy: ReviewPolicy = field(default_factory=ReviewPolicy)

    @property
    def environments(self) -> Mapping[str, Environment]:
        """Each client's environment."""
        return {client.id: client.environment for client in self.clients}


def gather(source: Source, desk: Desk, application: Application, now: dt.datetime) -> Dossier:
    """Everything there is to see of an application now."""
    conn = source if isinstance(source, sa.Connection) else source.conn
    clients = tuple(registry.clients_of(source, application.id))
    credentials = {
        client.id: tuple(one for one in list_of(source, client.id) if one.revoked_at is None and one.ends_at > now)
        for client in clients
    }
    return Dossier(
        application,
        now,
        known_scopes=desk.known_scopes(source),
        clients=clients,
        credentials=credentials,
        grants=tuple(grants_of(source, application.id)),
        shared=_shared(source, [client.id for client in clients]),
        owners=frozenset(sitters.owners(source, application.organization_id, now)),
        proved_addresses=sitters.proved_addresses(source, application.organization_id, now),
        plans=frozenset(plan.name for plan in plans(conn)),
        exercised=graduation.exercised(source, desk, application),
        lifetimes=desk.lifetimes,
        policy=desk.policy_in(source),
    )


def _shared(source: Source, client_ids: list[str]) -> dict[str, tuple[str, ...]]:
    """Which of these clients' live credentials have the digest of another client's."""
    if not client_ids:
        return {}
    mine, other = credential.alias("mine"), credential.alias("other")
    rows = source.execute(
        sa.select(mine.c.id, other.c.client_id)
        .join(other, sa.and_(other.c.digest == mine.c.digest, other.c.client_id != mine.c.client_id))
        .where(mine.c.client_id.in_(client_ids), mine.c.revoked_at.is_(None))
    )
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row.id, set()).add(row.client_id)
    return {one: tuple(sorted(clients)) for one, clients in found.items()}
