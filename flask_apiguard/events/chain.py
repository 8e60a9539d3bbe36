"""Batches in the event store: each is written by one statement and bound to all before it.

``chain = SHA-256(chain before || canonical facts of this batch)``; the facts hold two digests of the lines, with and
without addresses, so that cutting addresses and deleting with age leave every proof of the rest valid.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..db import Store, Transaction
from .line import TIME, bare, load
from .tables import REPEATED, access_event, event_batch

#: What the first batch is chained to.
ORIGIN = "0" * 64
#: One number for all who append, so that batches get their numbers in the order of their commits (PostgreSQL).
_LOCK_KEY = 0x61706965
_BATCHES_AT_ONCE = 200

_TYPES = {"time": "timestamptz", "status": "integer", "allowed": "boolean", "latency": "bigint"}


def _insertion(dialect: str) -> sa.TextClause:
    """One statement for a whole batch, given as a JSON array of its lines.

    The database takes the array apart, so that Python's lock is free for requests meanwhile; it gives each element
    back as the text it was.
    """
    if dialect == "sqlite":
        # LIMIT keeps the subquery a subquery: otherwise `value` would be rendered anew for every column.
        place, line, source = "key", "value", "(SELECT key, value FROM json_each(:lines) LIMIT -1) WHERE true"
        columns = [f"json_extract(value, '$.{name}')" for name in REPEATED]
        columns[REPEATED.index("time")] = "replace(substr(value, 10, 26), 'T', ' ')"  # as db.Instant keeps it
    else:
        place, line = "place - 1", "CAST(line AS text)"
        columns = [f"CAST(fields ->> '{name}' AS {_TYPES.get(name, 'text')})" for name in REPEATED]
        source = (
            "json_array_elements(CAST(:lines AS json)) WITH ORDINALITY AS given(line, place)"
            " CROSS JOIN LATERAL (SELECT CAST(line AS jsonb) AS fields) AS read ORDER BY place"
        )
    return sa.text(
        f"INSERT INTO apiguard_access_event (batch, place, {', '.join(REPEATED)}, line) "  # noqa: S608 - our own names
        f"SELECT :batch, {place}, {', '.join(columns)}, {line} FROM {source} ON CONFLICT DO NOTHING"
    )


_INSERT = {dialect: _insertion(dialect) for dialect in ("sqlite", "postgresql")}


@dataclass(frozen=True, slots=True)
class Head:
    """The newest batch: a checkpoint of it in the ledger makes the tail as safe as the middle."""

    seq: int
    chain: str

    def as_dict(self) -> dict[str, Any]:
        """For a ledger entry."""
        return {"seq": self.seq, "chain": self.chain}


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found. ``bad`` is the number of the first batch that does not hold, ``why`` says what is wrong there.

    ``early`` is the first batch whose events were pruned before their age asked for it, as after a longer retention
    was set, or when somebody hides a deletion behind the mark.
    """

    head: Head
    batches: int
    events: int
    pruned: int
    reduced: int
    bad: int | None = None
    why: str = ""
    early: int | None = None

    def __bool__(self) -> bool:
        return self.bad is None


def append(tx: Transaction, lines: Sequence[bytes]) -> int:
    """Write one batch as the next of the chain; what is there already (by id and phase) is left out.

    Returns how many events are new.
    """
    if tx.store.dialect == "postgresql":
        tx.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK_KEY)))
    before = _head(tx)
    seq = before.seq + 1
    given = f"[{b','.join(lines).decode('ascii')}]"
    statement = _INSERT[tx.store.dialect].execution_options(preserve_rowcount=True)
    count = tx.execute(statement, {"batch": seq, "lines": given}).rowcount
    if count == 0:
        return 0
    if count != len(lines):
        found = tx.execute(
            sa.select(access_event.c.line).where(access_event.c.batch == seq).order_by(access_event.c.place)
        )
        lines = [text.encode("ascii") for text in found.scalars()]
    tx.execute(event_batch.insert().values(facts_of(seq, lines, before.chain)))
    return count


def facts_of(seq: int, lines: Sequence[bytes], before: str) -> dict[str, Any]:
    """The row of a batch."""
    times = [line[TIME] for line in lines]
    row = {
        "seq": seq,
        "first_id": load(lines[0])["id"],
        "last_id": load(lines[-1])["id"],
        "count": len(lines),
        "oldest": dt.datetime.fromisoformat(min(times).decode()),
        "newest": dt.datetime.fromisoformat(max(times).decode()),
        "digest": _digest(bare(line) for line in lines),
        "full": _digest(lines),
    }
    return row | {"chain": _link(before, row)}


def _digest(lines: Iterable[bytes]) -> str:
    return hashlib.sha256(b"\n".join(lines)).hexdigest()  # no line holds a newline


def _link(before: str, row: Any) -> str:
    facts = [row[name] for name in ("seq", "first_id", "last_id", "count")]
    facts += [row[name].isoformat(timespec="microseconds") for name in ("oldest", "newest")]
    facts += [row["digest"], row["full"]]
    return hashlib.sha256((before + json.dumps(facts, separators=(",", ":"))).encode()).hexdigest()


def head(store: Store) -> Head:
    """The head of the chain; number zero and ``ORIGIN`` while there is nothing."""
    with store.read() as conn:
        return _head(conn)


def _head(conn: sa.Connection | Transaction) -> Head:
    newest = sa.select(event_batch.c.seq, event_batch.c.chain).order_by(event_batch.c.seq.desc()).limit(1)
    row = conn.execute(newest).first()
    return Head(row.seq, row.chain) if row is not None else Head(0, ORIGIN)


def verify(store: Store, *, expected: Head | None = None, keep: dt.timedelta | None = None) -> Verification:
    """Go through every batch and compare what is there with what was chained.

    ``expected`` is a head taken down earlier, elsewhere: it finds a cut tail and a chain written anew. ``keep`` is the
    retention, for `Verification.early`.
    """
    walk = _Walk(expected, keep, store.now())
    with store.read() as conn:  # one state throughout: events that retention prunes meanwhile must not look stolen
        while walk.bad is None:
            rows = conn.execute(
                sa.select(event_batch)
                .where(event_batch.c.seq > walk.seq)
                .order_by(event_batch.c.seq)
                .limit(_BATCHES_AT_ONCE)
            ).all()
            if not rows:
                break
            events = _events(conn, rows[0].seq, rows[-1].seq)
            for row in rows:
                walk.step(row._mapping, events.get(row.seq, []))
        if walk.bad is None:
            walk.end(conn)
    return walk.result()


def _events(conn: sa.Connection, first: int, last: int) -> dict[int, list[Any]]:
    columns = [access_event.c[name] for name in REPEATED]
    found: dict[int, list[Any]] = {}
    for row in conn.execute(
        sa.select(access_event.c.batch, access_event.c.line, *columns)
        .where(access_event.c.batch.between(first, last))
        .order_by(access_event.c.batch, access_event.c.place)
    ):
        found.setdefault(row.batch, []).append(row)
    return found


class _Walk:
    """One verification in progress."""

    def __init__(self, expected: Head | None, keep: dt.timedelta | None, now: dt.datetime) -> None:
        self._expected = expected
        self._kept_since = now - keep if keep is not None else None
        self.seq, self._chain = 0, ORIGIN
        self._batches = self._count = self._pruned = self._reduced = 0
        self.bad: int | None = None
        self._early: int | None = None
        self._why = ""

    def step(self, row: Any, events: list[Any]) -> None:
        """Judge the next batch in order; after the first bad one nothing more is judged."""
        if self.bad is not None:
            return
        wrong = self._chained(row) or self._held(row, events)
        if wrong:
            # A missing batch is named by its own number, not by the one found in its place.
            self._fail(self.seq + 1, wrong)
            return
        self.seq, self._chain = row["seq"], row["chain"]
        self._batches += 1
        self._count += len(events)
        self._pruned += row["pruned_at"] is not None
        self._reduced += row["reduced_at"] is not None
        if row["pruned_at"] is not None and self._kept_since is not None and row["newest"] > self._kept_since:
            self._early = self._early or row["seq"]

    def _chained(self, row: Any) -> str:
        if row["seq"] != self.seq + 1:
            return "the batch is missing"
        if _link(self._chain, row) != row["chain"]:
            return "the batch does not follow from the one before"
        seen = self._expected
        if seen is not None and seen.seq == row["seq"] and seen.chain != row["chain"]:
            return "the chain is not the one that was taken down earlier"
        return ""

    def _held(self, row: Any, events: list[Any]) -> str:
        if row["pruned_at"] is not None:
            return "" if not events else "events came back into a pruned batch"
        if len(events) != row["count"]:
            return f"{row['count']} events were written, {len(events)} are there"
        lines = [event.line.encode() for event in events]
        if row["reduced_at"] is None and _digest(lines) != row["full"]:
            return "an event was changed or moved"
        if _digest(bare(line) for line in lines) != row["digest"]:
            return "an event was changed or moved"
        return next((f"a column of event {event.id} was changed" for event in events if _differs(event)), "")

    def end(self, conn: sa.Connection) -> None:
        """What no single batch can show: a cut tail, and events that no batch has."""
        if self._expected is not None and self._expected.seq > self.seq:
            self._fail(self.seq + 1, "the end of the chain is missing")
            return
        stray = sa.select(sa.func.min(access_event.c.batch)).where(
            access_event.c.batch.not_in(sa.select(event_batch.c.seq))
        )
        found = conn.execute(stray).scalar()
        if found is not None:
            self._fail(found, "events lie outside of any batch")

    def _fail(self, seq: int, why: str) -> None:
        self.bad, self._why = seq, why

    def result(self) -> Verification:
        """The finding."""
        return Verification(
            Head(self.seq, self._chain),
            self._batches, self._count, self._pruned, self._reduced, self.bad, self._why, self._early,
        )  # fmt: skip


def _differs(event: Any) -> bool:
    fields = load(event.line)
    fields["time"] = dt.datetime.fromisoformat(fields["time"])
    return any(getattr(event, name) != fields[name] for name in REPEATED)
