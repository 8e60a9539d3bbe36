"""Plans and overrides: the tables, and the acts that write them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ..clients import EVERYTHING, changed, registry
from ..db import Instant, Json, Transaction, metadata
from ..errors import Invalid, Missing
from ..ledger import enter
from ..values import By, Flaw, Happening
from .items import Item, is_name, parse_item, parse_items

plan_table = sa.Table(
    "apiguard_plan",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("title", sa.String(120), nullable=False),
    sa.Column("limits", Json, nullable=False),
    # Whether its clients call only by tokens that are bound to a key.
    sa.Column("sender_constrained", sa.Boolean, nullable=False, default=False),
    sa.Column("updated_at", Instant, nullable=False),
)
override_table = sa.Table(
    "apiguard_override",
    metadata,
    sa.Column("client_id", sa.String(64), primary_key=True),
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("limit", Json, nullable=False),
    sa.Column("until", Instant),
    sa.Column("reason", sa.String(500), nullable=False),
    sa.Column("by", sa.String(160), nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What clients of one kind are entitled to."""

    name: str
    title: str
    items: tuple[Item, ...]
    updated_at: dt.datetime
    sender_constrained: bool = False


@dataclass(frozen=True, slots=True)
class Override:
    """One client's own limit: in place of the plan's item of that name, or beside them. Ends by itself at ``until``."""

    client_id: str
    item: Item
    until: dt.datetime | None
    reason: str
    by: str


def put_plan(
    tx: Transaction, by: By, name: str, items: Sequence[Mapping[str, Any]], *, title: str = "", reason: str = "",
    sender_constrained: bool = False,
) -> bool:  # fmt: skip
    """Write a plan. Counts go on under the new limits. Returns False when it stood there just so already.

    With ``sender_constrained`` its clients call only by tokens that are bound to a key.

    :raises Invalid: the name, the title or an item; pointers are those of ``{"name", "title", "limits"}``.
    """
    flaws = [] if is_name(name) else [Flaw("/name", "Write a name of a-z, 0-9, '.', '_' and '-'.")]
    if not isinstance(title, str) or len(title) > 120:
        flaws.append(Flaw("/title", "Write a text of at most 120 characters."))
    if flaws:
        raise Invalid(flaws)
    written = [item.as_dict() for item in parse_items(items, "/limits")]
    row = tx.execute(sa.select(plan_table).where(plan_table.c.name == name).with_for_update()).one_or_none()
    before = None
    if row is not None:
        before = {"title": row.title, "limits": row.limits, "sender_constrained": row.sender_constrained}
    after = {
        "title": title or (row.title if row is not None else name), "limits": written,
        "sender_constrained": sender_constrained,
    }  # fmt: skip
    if before == after:
        return False
    values = {**after, "updated_at": tx.now}
    if row is None:
        tx.execute(plan_table.insert().values(name=name, **values))
    else:
        tx.execute(plan_table.update().where(plan_table.c.name == name).values(**values))
    enter(tx, by, Happening.QUOTAS_PLAN_CHANGED, f"plan:{name}", before=before, after=after, reason=reason)
    changed(tx, f"plan:{name}")
    if sender_constrained != (before is not None and before["sender_constrained"]):
        changed(tx, EVERYTHING)
    return True


def put_override(
    tx: Transaction,
    by: By,
    client_id: str,
    item: Mapping[str, Any],
    *,
    until: dt.datetime | None = None,
    reason: str,
) -> Override:
    """Give one client its own limit under ``item["name"]``. The count goes on.

    :raises Invalid: the item, no reason, or a date that has passed.
    """
    read = parse_item(item)
    if not isinstance(reason, str) or not 0 < len(reason.strip()) <= 500:
        raise Invalid([Flaw("/reason", "Write why, in at most 500 characters.")])
    if until is not None and (until.tzinfo is None or until <= tx.now):
        raise Invalid([Flaw("/until", "Write a moment that is still to come, with its time zone.")])
    here = (override_table.c.client_id == client_id) & (override_table.c.name == read.name)
    row = tx.execute(sa.select(override_table).where(here).with_for_update()).one_or_none()
    values = {"limit": read.as_dict(), "until": until, "reason": reason.strip(), "by": by.id, "updated_at": tx.now}
    if row is None:
        tx.execute(override_table.insert().values(client_id=client_id, name=read.name, **values))
    else:
        tx.execute(override_table.update().where(here).values(**values))
    enter(
        tx, by, Happening.QUOTAS_OVERRIDE_CHANGED, f"client:{client_id}",
        before=_told(row.limit, row.until) if row is not None else None,
        after=_told(read.as_dict(), until), reason=reason.strip(),
        organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")
    return Override(client_id, read, until, reason.strip(), by.id)


def end_override(tx: Transaction, by: By, client_id: str, name: str, *, reason: str = "") -> None:
    """Take a client's own limit away; the plan's counts again.

    :raises Missing: it has none of that name.
    """
    here = (override_table.c.client_id == client_id) & (override_table.c.name == name)
    row = tx.execute(sa.select(override_table).where(here).with_for_update()).one_or_none()
    if row is None:
        raise Missing("This client has no limit of its own under that name.")
    tx.execute(override_table.delete().where(here))
    before = _told(row.limit, row.until)
    enter(
        tx, by, Happening.QUOTAS_OVERRIDE_CHANGED, f"client:{client_id}", before=before, reason=reason,
        organization=registry.owner_of(tx, client_id=client_id),
    )  # fmt: skip
    changed(tx, f"client:{client_id}")


def plan_of(conn: Connection, name: str) -> Plan | None:
    """A plan by its name."""
    row = conn.execute(sa.select(plan_table).where(plan_table.c.name == name)).one_or_none()
    return _plan(row) if row is not None else None


def is_constrained(conn: Connection, name: str) -> bool:
    """Whether the clients of a plan call only by tokens that are bound to a key."""
    return bool(conn.execute(sa.select(plan_table.c.sender_constrained).where(plan_table.c.name == name)).scalar())


def plans(conn: Connection) -> list[Plan]:
    """All plans by name."""
    return [_plan(row) for row in conn.execute(sa.select(plan_table).order_by(plan_table.c.name))]


def overrides_of(conn: Connection, client_id: str, now: dt.datetime) -> list[Override]:
    """A client's own limits that count at this moment, by name."""
    chosen = sa.select(override_table).where(
        override_table.c.client_id == client_id,
        sa.or_(override_table.c.until.is_(None), override_table.c.until > now),
    )
    return [
        Override(row.client_id, parse_item(row.limit), row.until, row.reason, row.by)
        for row in conn.execute(chosen.order_by(override_table.c.name))
    ]


def _plan(row: Any) -> Plan:
    return Plan(row.name, row.title, parse_items(row.limits), row.updated_at, row.sender_constrained)


def _told(limit: Mapping[str, Any], until: dt.datetime | None) -> dict[str, Any]:
    return {"limit": dict(limit), "until": until.isoformat() if until else None}
