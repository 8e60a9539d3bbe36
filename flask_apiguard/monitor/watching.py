"""Monitoring: begins in the transaction of the move to production, looks whenever calls come in and at every tick."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ..clock import Clock
from ..db import Store, Transaction
from ..events import Query
from ..ledger import enter
from ..notices import Outbox
from ..values import By, Happening
from . import anomalies
from .anomalies import Anomaly, AnomalyState
from .bursts import KIND, RefusalBurst
from .tables import monitoring

#: Seconds for which a process trusts its list of watched clients.
FRESH = 5.0
#: A look may take this share of a process's time for one client: who is called ten times as often is looked at less.
DUTY = 20


class Monitor:
    """Watches production clients. It is a sink of access events too (``name``, ``required``, ``write``).

    ``query`` answers questions to the event store without settling it: a look happens while events are delivered.
    ``to`` names the addresses to tell about a client; ``raised`` is called after commit; ``outbox`` delivers at once.
    """

    name = "monitor"
    required = False

    def __init__(
        self,
        store: Store,
        query: Query,
        clock: Clock,
        outbox: Outbox | None = None,
        *,
        burst: RefusalBurst | None = None,
        to: Callable[[str], Iterable[str]] = lambda client_id: (),
        raised: Callable[[Anomaly], None] | None = None,
    ) -> None:
        self.store = store
        self.clock = clock
        self._query = query
        self._outbox = outbox
        self._burst = burst or RefusalBurst()
        self._to = to
        self._raised = raised
        self._lock = threading.Lock()
        self._watched: dict[str, dt.datetime] = {}
        self._watched_at = float("-inf")
        self._waiting: set[str] = set()
        self._not_before: dict[str, float] = {}

    def start(self, tx: Transaction, by: By, client_id: str) -> None:
        """Watch a client from now on; said again, it changes nothing. Belongs in the move to production."""
        found = tx.execute(sa.select(monitoring).where(monitoring.c.client_id == client_id)).one_or_none()
        if found is not None and found.ended_at is None:
            return
        if found is None:
            tx.execute(monitoring.insert().values(client_id=client_id, since=tx.now))
        else:
            again = monitoring.update().where(monitoring.c.client_id == client_id)
            tx.execute(again.values(since=tx.now, ended_at=None))
        enter(tx, by, Happening.MONITOR_MONITORING_STARTED, f"client:{client_id}", after={"since": tx.now})

    def end(self, tx: Transaction, by: By, client_id: str) -> None:
        """Watch a client no longer; nothing when it is not watched."""
        ending = monitoring.update().where(monitoring.c.client_id == client_id, monitoring.c.ended_at.is_(None))
        if tx.execute(ending.values(ended_at=tx.now)).rowcount:
            enter(tx, by, Happening.MONITOR_MONITORING_ENDED, f"client:{client_id}")

    def since(self, client_id: str) -> dt.datetime | None:
        """Since when a client is watched; None when it is not."""
        with self.store.read() as conn:
            query = sa.select(monitoring.c.since).where(monitoring.c.client_id == client_id)
            return conn.execute(query.where(monitoring.c.ended_at.is_(None))).scalar()

    def look(self, now: dt.datetime | None = None) -> tuple[Anomaly, ...]:
        """Look at every watched client; what was raised. For the tick."""
        now = now or self.clock.now()
        found = [self._examine(client_id, since, now) for client_id, since in self._clients(fresh=True).items()]
        return self._told(found)

    def saw(self, events: Sequence[Mapping[str, Any]]) -> tuple[Anomaly, ...]:
        """Look at the watched clients that these events refuse; what was raised.

        A client that many calls make costly to look at waits for a later batch, or for the tick.
        """
        refused = {event["client"] for event in events if not event["allowed"] and event.get("client")}
        if not refused and not self._waiting:
            return ()
        watched, moment = self._clients(), self.clock.monotonic()
        with self._lock:
            self._waiting = {one for one in self._waiting | refused if one in watched}
            due = {one for one in self._waiting if self._not_before.get(one, 0.0) <= moment}
            self._waiting -= due
        found = []
        for client_id in sorted(due):
            began = self.clock.monotonic()
            found.append(self._examine(client_id, watched[client_id], self.clock.now()))
            self._not_before[client_id] = self.clock.monotonic() + DUTY * (self.clock.monotonic() - began)
        return self._told(found)

    def write(self, events: Sequence[Mapping[str, Any]]) -> None:
        """What a sink does with a batch: see it."""
        self.saw(events)

    def anomalies(
        self,
        *,
        client_id: str | None = None,
        state: AnomalyState | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> tuple[Anomaly, ...]:
        """What was found, the newest first; ``before`` is the id of the last one seen."""
        return anomalies.listed(self.store, client_id=client_id, state=state, limit=limit, before=before)

    def close(self, tx: Transaction, by: By, anomaly_id: str, reason: str) -> Anomaly:
        """Close an anomaly, as ``anomalies.close`` has it."""
        return anomalies.close(tx, by, anomaly_id, reason)

    def mute(self, tx: Transaction, by: By, anomaly_id: str, until: dt.datetime, reason: str) -> Anomaly:
        """Mute an anomaly's kind for its client, as ``anomalies.mute`` has it."""
        return anomalies.mute(tx, by, anomaly_id, until, reason)

    def _clients(self, fresh: bool = False) -> dict[str, dt.datetime]:
        moment = self.clock.monotonic()
        if fresh or moment - self._watched_at > FRESH:
            query = sa.select(monitoring.c.client_id, monitoring.c.since).where(monitoring.c.ended_at.is_(None))
            with self.store.read() as conn:
                self._watched = {row.client_id: row.since for row in conn.execute(query)}
            self._watched_at = moment
            self._not_before = {one: at for one, at in self._not_before.items() if at > moment}
        return self._watched

    def _examine(self, client_id: str, since: dt.datetime, now: dt.datetime) -> Anomaly | None:
        finding = self._burst.look(self._query, client_id, since, now)
        if finding is not None:
            with self.store.read() as conn:
                quiet = anomalies.quiet_until(conn, client_id, KIND, now)
            if quiet is not None and quiet > since:
                finding = self._burst.look(self._query, client_id, quiet, now)
        if finding is None:
            return None
        with self.store.write() as tx:
            return anomalies.put(tx, client_id, finding, tuple(self._to(client_id)))

    def _told(self, found: Iterable[Anomaly | None]) -> tuple[Anomaly, ...]:
        raised = tuple(one for one in found if one is not None)
        for one in raised:
            if self._raised is not None:
                self._raised(one)
        if raised and self._outbox is not None:
            self._outbox.deliver()
        return raised
