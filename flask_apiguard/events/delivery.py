"""Sinks are served from the event store, at least once, each at its own pace.

A sink's place (batch and number in it) stands in the store. A sink that fails is left alone for a growing while and
gets smaller helpings. When after ``TRIES`` failures one single event is refused while one of the next is taken, it is
put aside as dead and the rest goes on; a sink that is only away loses nothing.
A required sink has no dead events: it holds the line, and what it has not taken is not pruned.
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..contracts import EventSink
from ..crypto import new_id
from ..db import Store
from .line import load
from .tables import access_event, dead_event, event_sink, put_first

log = logging.getLogger("flask_apiguard.events")
HELPING = 512
#: Failed tries after which a single event may be dead; the waits between them add up to about two minutes.
TRIES = 8
#: Events behind a refused one that are offered to learn whether it is the event or the sink.
PROBES = 8
LONGEST_WAIT = 300
#: Seconds for which one process serves a sink before another may take over.
LEASE = 60


@dataclass(frozen=True, slots=True)
class Lag:
    """How far behind a sink is. ``behind`` is the age of the oldest event it has not taken."""

    sink: str
    waiting: int
    behind: dt.timedelta
    dead: int
    attempts: int
    error: str


class Delivery:
    """Serves the sinks of this process."""

    def __init__(self, store: Store, sinks: Sequence[EventSink]) -> None:
        self._store = store
        self.sinks = tuple(sinks)
        self.lock = threading.Lock()

    def round(self) -> int:
        """Serve every sink that is due until it has everything; returns how many events were taken.

        :raises StoreAway: the event store does not answer.
        """
        with self.lock:
            return sum(self._serve(sink) for sink in self.sinks)

    def _serve(self, sink: EventSink) -> int:
        taken = 0
        while True:
            row = self._row(sink.name)
            size = max(1, HELPING >> 2 * row.attempts)
            if row.next_try > self._store.now() or not (events := self._after(row.batch, row.place, size)):
                return taken
            if not self._claim(row):
                return taken
            try:
                sink.write([load(event.line) for event in events])
            except Exception as error:  # noqa: BLE001 - a stranger's part may raise anything; the events stay and are tried again
                if not self._failed(sink, row, events, error):
                    return taken
            else:
                # A sink that just recovered gets larger helpings step by step, or all at once when it has caught up.
                attempts = max(0, row.attempts - 1) if len(events) == size else 0
                self._move(sink.name, events[-1], attempts)
                taken += len(events)

    def _row(self, name: str) -> Any:
        wanted = sa.select(event_sink).where(event_sink.c.name == name)
        with self._store.read() as conn:
            row = conn.execute(wanted).first()
        if row is None:
            with self._store.write() as tx:
                put_first(tx, event_sink, name=name, batch=0, place=-1, attempts=0, next_try=tx.now, error="")
                row = tx.execute(wanted).one()
        return row

    def _claim(self, row: Any) -> bool:
        """Take the sink for a while; false when another process was quicker."""
        known = [event_sink.c[name] == getattr(row, name) for name in ("name", "batch", "place", "next_try")]
        with self._store.write() as tx:
            until = tx.now + dt.timedelta(seconds=LEASE)
            return tx.execute(event_sink.update().where(*known).values(next_try=until)).rowcount == 1

    def _after(self, batch: int, place: int, limit: int) -> Sequence[Any]:
        with self._store.read() as conn:
            return conn.execute(
                sa.select(access_event.c.batch, access_event.c.place, access_event.c.line)
                .where(_later(batch, place))
                .order_by(access_event.c.batch, access_event.c.place)
                .limit(limit)
            ).all()

    def _move(self, name: str, last: Any, attempts: int = 0) -> None:
        with self._store.write() as tx:
            tx.execute(
                event_sink.update()
                .where(event_sink.c.name == name)
                .values(
                    batch=last.batch, place=last.place, attempts=attempts, error="", next_try=tx.now, served_at=tx.now
                )
            )

    def _failed(self, sink: EventSink, row: Any, events: Sequence[Any], error: Exception) -> bool:
        """Take the failure down; true when a dead event was put aside and the next may be tried."""
        attempts = row.attempts + 1
        said = f"{type(error).__name__}: {error}"[:500].replace("\0", "")
        if attempts >= TRIES and len(events) == 1 and not sink.required and self._takes_another(sink, events[0]):
            with self._store.write() as tx:
                dead = {"id": new_id("dead"), "sink": sink.name, "at": tx.now, "error": said, "line": events[0].line}
                tx.execute(dead_event.insert().values(dead))
            log.error("The sink %s refused an event %d times; it is put aside as dead: %s", sink.name, attempts, said)
            self._move(sink.name, events[0])
            return True
        if attempts == 1:
            log.warning("The sink %s does not take events; it is tried again: %s", sink.name, said)
        wait = min(LONGEST_WAIT, 2 ** min(attempts - 1, 16))
        with self._store.write() as tx:
            tx.execute(
                event_sink.update()
                .where(event_sink.c.name == sink.name)
                .values(attempts=attempts, error=said, next_try=tx.now + dt.timedelta(seconds=wait))
            )
        return False

    def _takes_another(self, sink: EventSink, refused: Any) -> bool:
        """Whether the event is the reason: a sink that takes one of the next does not suffer from being away."""
        for event in self._after(refused.batch, refused.place, PROBES):
            try:
                sink.write([load(event.line)])
            except Exception as error:  # noqa: BLE001 - the same stranger as above
                log.debug("The sink %s refused another event, too: %s", sink.name, error)
            else:
                return True
        return False

    def lag(self) -> list[Lag]:
        """How far behind each sink is, in the order they were given."""
        with self._store.read() as conn:
            return [self._lag(conn, sink.name) for sink in self.sinks]

    def _lag(self, conn: sa.Connection, name: str) -> Lag:
        row = conn.execute(sa.select(event_sink).where(event_sink.c.name == name)).first()
        batch, place = (row.batch, row.place) if row is not None else (0, -1)
        waiting, oldest = conn.execute(
            sa.select(sa.func.count(), sa.func.min(access_event.c.time)).where(_later(batch, place))
        ).one()
        dead = conn.execute(sa.select(sa.func.count()).where(dead_event.c.sink == name)).scalar_one()
        behind = max(dt.timedelta(), self._store.now() - oldest) if oldest is not None else dt.timedelta()
        return Lag(name, waiting, behind, dead, row.attempts if row else 0, row.error if row else "")

    def held_from(self, conn: sa.Connection) -> int | None:
        """The first batch that some required sink has not taken whole; None when there is none."""
        held: list[int] = []
        for sink in self.sinks:
            if sink.required:
                row = conn.execute(sa.select(event_sink).where(event_sink.c.name == sink.name)).first()
                later = _later(row.batch, row.place) if row is not None else sa.true()
                first = conn.execute(sa.select(sa.func.min(access_event.c.batch)).where(later)).scalar()
                held += [first] if first is not None else []
        return min(held, default=None)


def _later(batch: int, place: int) -> sa.ColumnElement[bool]:
    return sa.tuple_(access_event.c.batch, access_event.c.place) > sa.tuple_(sa.literal(batch), sa.literal(place))
