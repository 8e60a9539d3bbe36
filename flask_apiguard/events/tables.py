"""The tables of the event store. Only this room writes them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..db import Instant, Transaction, events_metadata, index_where, insert_into

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")

#: One access event. ``line`` is the record; the other columns are taken out of it for looking things up.
access_event = sa.Table(
    "apiguard_access_event",
    events_metadata,
    sa.Column("batch", _Number, primary_key=True, autoincrement=False),
    sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("id", sa.Text, nullable=False),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("time", Instant, nullable=False),
    sa.Column("application", sa.Text),
    sa.Column("client", sa.Text),
    sa.Column("environment", sa.Text),
    sa.Column("credential", sa.Text),
    sa.Column("method", sa.Text, nullable=False),
    sa.Column("route", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("need", sa.Text, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("mode", sa.Text, nullable=False),
    sa.Column("latency", _Number, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
    sa.UniqueConstraint("id", "phase"),
    sa.Index(None, "time"),
    sa.Index(None, "client", "time"),
    sa.Index(None, "application", "time"),
)
#: A stream's first record stands for nothing yet; written out, because only a literal finds a partial index.
CLOSED: sa.ColumnElement[bool] = access_event.c.phase != sa.literal_column("'opened'")
SANDBOX: sa.ColumnElement[bool] = access_event.c.environment == sa.literal_column("'sandbox'")
#: Sandbox calls by kind: what an application has shown there is asked again and again, and read kind by kind.
_SHOWN = sa.and_(SANDBOX, CLOSED)
index_where(
    "ix_apiguard_access_event_sandbox_kinds",
    *(access_event.c[name] for name in ("application", "route", "method", "status", "reason", "time")),
    where=_SHOWN,
)

#: One batch of events as it was written. ``digest`` is over the lines without addresses, ``full`` over the lines as
#: they came; ``chain`` binds both to everything before. A row stays when its events are pruned.
event_batch = sa.Table(
    "apiguard_event_batch",
    events_metadata,
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("first_id", sa.Text, nullable=False),
    sa.Column("last_id", sa.Text, nullable=False),
    sa.Column("count", sa.Integer, nullable=False),
    sa.Column("oldest", Instant, nullable=False),
    sa.Column("newest", Instant, nullable=False, index=True),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("full", sa.String(64), nullable=False),
    sa.Column("chain", sa.String(64), nullable=False),
    sa.Column("reduced_at", Instant),
    sa.Column("pruned_at", Instant),
)

#: How far each spool file has been taken over; moves in the transaction that takes it over.
event_spool = sa.Table(
    "apiguard_event_spool",
    events_metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("place", _Number, nullable=False),
    sa.Column("moved_at", Instant, nullable=False),
)

#: How far each sink has been served.
event_sink = sa.Table(
    "apiguard_event_sink",
    events_metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("batch", _Number, nullable=False),
    sa.Column("place", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_try", Instant, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("served_at", Instant),
)

#: What a sink (or, under the name ``store``, this store itself) refused for good.
dead_event = sa.Table(
    "apiguard_event_dead",
    events_metadata,
    sa.Column("id", sa.String(40), primary_key=True),
    sa.Column("sink", sa.String(80), nullable=False, index=True),
    sa.Column("at", Instant, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("line", sa.Text, nullable=False),
)

#: Columns that repeat a field of the line, in the line's words.
REPEATED = (
    "id", "phase", "time", "application", "client", "environment", "credential", "method", "route", "reason", "need",
    "status", "allowed", "mode", "latency",
)  # fmt: skip


def put_first(tx: Transaction, table: sa.Table, **values: Any) -> None:
    """Insert a row unless one with its key is there."""
    tx.execute(insert_into(table, tx.store.dialect).values(values).on_conflict_do_nothing())
