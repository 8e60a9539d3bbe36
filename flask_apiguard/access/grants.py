"""Who holds what: grants of scopes to applications, roles of clients, and what follows from both."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from ..clients import changed, registry
from ..crypto import new_id
from ..db import Transaction
from ..errors import Missing
from ..ledger import enter
from ..values import By, Entitlement, Environment, Happening
from . import tables

Source = Transaction | sa.Connection
#: When each of these scopes ends that roles give to an application's client; one that never does is not named.
RoleEnds = Callable[[sa.Connection, str, "set[str]"], Mapping[str, dt.datetime]]


@dataclass(frozen=True, slots=True)
class Grant:
    """That an application holds a scope in an environment: since when, until when, by which review."""

    id: str
    application_id: str
    environment: Environment
    scope: str
    since: dt.datetime
    until: dt.datetime | None = None
    review_id: str | None = None
    ended_at: dt.datetime | None = None


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of scopes for clients."""

    name: str
    scopes: frozenset[str] = frozenset()
    description: str = ""


def give(
    tx: Transaction,
    by: By,
    application_id: str,
    environment: Environment,
    scopes: Iterable[str],
    *,
    until: dt.datetime | None = None,
    review_id: str | None = None,
    reason: str = "",
) -> list[Grant]:
    """Grant scopes. One that is held already gets the new end and review; the old grant's entry stays on record."""
    held = {found.scope: found for found in grants_of(tx, application_id, environment)}
    given, owner = [], registry.owner_of(tx, application_id=application_id)
    for name in sorted(set(scopes)):
        old = held.get(name)
        if old is not None and old.until == until:
            given.append(old)
            continue
        if old is not None:
            _end(tx, old)
        made = Grant(new_id("grt"), application_id, environment, name, tx.now, until, review_id)
        tx.execute(tables.grant.insert().values({field: getattr(made, field) for field in Grant.__slots__}))
        enter(
            tx, by, Happening.ACCESS_GRANT_GIVEN, f"application:{application_id}", reason=reason,
            before=_told(old) if old else None, after=_told(made), organization=owner,
        )  # fmt: skip
        given.append(made)
    changed(tx, f"application:{application_id}")
    return given


def end(
    tx: Transaction, by: By, application_id: str, environment: Environment, scopes: Iterable[str] | None, reason: str
) -> list[Grant]:
    """End grants of the named scopes, or of all. From the next request on they open nothing."""
    wanted = None if scopes is None else set(scopes)
    ended = [found for found in grants_of(tx, application_id, environment) if wanted is None or found.scope in wanted]
    for found in ended:
        _end(tx, found)
        enter(
            tx, by, Happening.ACCESS_GRANT_ENDED, f"application:{application_id}", before=_told(found), reason=reason,
            organization=registry.owner_of(tx, application_id=application_id),
        )  # fmt: skip
    if ended:
        changed(tx, f"application:{application_id}")
    return ended


def _end(tx: Transaction, found: Grant) -> None:
    tx.execute(tables.grant.update().where(tables.grant.c.id == found.id).values(ended_at=tx.now))


def _told(found: Grant) -> dict[str, str | None]:
    return {
        "scope": found.scope,
        "environment": found.environment.value,
        "until": found.until.isoformat() if found.until else None,
        "review": found.review_id,
    }


def grants_of(source: Source, application_id: str, environment: Environment | None = None) -> list[Grant]:
    """Live grants of an application, by scope; one past its ``until`` is still listed until it is ended."""
    table = tables.grant
    query = sa.select(table).where(table.c.application_id == application_id, table.c.ended_at.is_(None))
    if environment is not None:
        query = query.where(table.c.environment == environment)
    rows = source.execute(query.order_by(table.c.scope))
    return [Grant(**{**row._mapping, "environment": Environment(row.environment)}) for row in rows]


def put_role(tx: Transaction, by: By, role: Role) -> bool:
    """Write a role's scopes; False when it already had them."""
    before = roles(tx).get(role.name)
    if before == role:
        return False
    values = {"description": role.description, "scopes": sorted(role.scopes)}
    table = tables.role
    if before is None:
        tx.execute(table.insert().values(name=role.name, **values))
    else:
        tx.execute(table.update().where(table.c.name == role.name).values(**values))
    enter(
        tx, by, Happening.ACCESS_ROLE_CHANGED, f"role:{role.name}",
        before={"scopes": sorted(before.scopes)} if before else None, after={"scopes": sorted(role.scopes)},
    )  # fmt: skip
    changed(tx, f"role:{role.name}")
    return True


def roles(source: Source) -> dict[str, Role]:
    """Every role by name."""
    rows = source.execute(sa.select(tables.role))
    return {row.name: Role(row.name, frozenset(row.scopes), row.description) for row in rows}


def set_roles(tx: Transaction, by: By, client_id: str, names: Iterable[str], reason: str = "") -> None:
    """Give a client exactly these roles.

    :raises Missing: one of them doesn't exist.
    """
    wanted, known = set(names), roles(tx)
    for name in sorted(wanted - set(known)):
        raise Missing(f"There is no role {name[:60]}.")
    table = tables.client_role
    before = roles_of(tx, client_id)
    if before == wanted:
        return
    tx.execute(table.delete().where(table.c.client_id == client_id))
    if wanted:
        tx.execute(
            table.insert().values([{"client_id": client_id, "role": name, "since": tx.now} for name in sorted(wanted)])
        )
    enter(
        tx, by, Happening.ACCESS_ROLE_CHANGED, f"client:{client_id}",
        before={"roles": sorted(before)}, after={"roles": sorted(wanted)}, reason=reason,
        organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")


def roles_of(source: Source, client_id: str) -> set[str]:
    """Names of a client's roles."""
    table = tables.client_role
    return set(source.execute(sa.select(table.c.role).where(table.c.client_id == client_id)).scalars())


def entitle(
    conn: sa.Connection,
    application_id: str,
    client_id: str,
    environment: Environment,
    narrowing: frozenset[str] | None,
    now: dt.datetime,
    *,
    role_ends: RoleEnds | None = None,
) -> Entitlement:
    """What a client may do at ``now``: its application's grants and its roles' scopes, narrowed to a credential's own.

    ``role_ends`` says when silence ends a scope that a role gives in production, as grants carry it themselves.
    ``expires_at`` is the next moment at which one of all these ends: what is remembered of the answer ends then.
    """
    scopes: set[str] = set()
    expires_at = float("inf")
    for found in grants_of(conn, application_id, environment):
        if found.until is not None:
            if found.until <= now:
                continue
            expires_at = min(expires_at, found.until.timestamp())
        scopes.add(found.scope)
    names = roles_of(conn, client_id)
    if names:
        known, by_role = roles(conn), set[str]()
        for name in names:
            by_role |= known[name].scopes if name in known else set()
        if role_ends is not None and environment is Environment.PRODUCTION:
            ends = role_ends(conn, application_id, by_role - scopes)
            by_role -= {name for name, moment in ends.items() if moment <= now}
            expires_at = min([expires_at, *(moment.timestamp() for moment in ends.values() if moment > now)])
        scopes |= by_role
    if narrowing is not None:
        scopes &= narrowing
    subjects = (f"application:{application_id}", *(f"role:{name}" for name in sorted(names)))
    return Entitlement(frozenset(scopes), frozenset(names), expires_at, subjects)
