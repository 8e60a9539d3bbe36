"""Monitoring: begins in the transaction of the move to production, looks whenever calls come in and at every tick."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ..clients import registry
from ..clock import Clock
from ..db import Store, Transaction
from ..events import Query
from ..ledger import enter
from ..notices import Outbox
from ..values import By, Happening
from . import anomalies
from .anomalies import Anomaly, AnomalyState
from .bursts import KIND, RefusalBurst
from .rounds import Rounds
from .tables import monitoring

#: Seconds for which a process trusts its list of watched clients.
FRESH = 5.0
#: A look may take this share of a process's time for one client: who is called ten times as often is looked at less.
DUTY = 20
#: Seconds between a refusal and the look at its client: by then it stands in the event store.
PAUSE = 1.0


class Monitor:
    """Watches production clients: whoever records a refusal says so (``refused``), and the tick looks at all.

    ``query`` answers questions to the event store. ``to`` names the addresses to tell about a client; ``raised`` is
    called after commit; ``outbox`` delivers at once.
    """

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
        self._watched: dict[str, dt.datetime] = {}
        self._watched_at = float("-inf")
        #: A set that threads share without a lock, which a fork might find taken: each step on a dict is one step.
        self._waiting: dict[str, None] = {}
        self._not_before: dict[str, float] = {}
        self._rounds = Rounds(self._round, PAUSE, "apiguard-monitor")

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
        owner = registry.owner_of(tx, client_id=client_id)
        enter(
            tx, by, Happening.MONITOR_MONITORING_STARTED, f"client:{client_id}", after={"since": tx.now},
            organization=owner,
        )  # fmt: skip

    def end(self, tx: Transaction, by: By, client_id: str) -> None:
        """Watch a client no longer; nothing when it is not watched."""
        ending = monitoring.update().where(monitoring.c.client_id == client_id, monitoring.c.ended_at.is_(None))
        if tx.execute(ending.values(ended_at=tx.now)).rowcount:
            owner = registry.owner_of(tx, client_id=client_id)
            enter(tx, by, Happening.MONITOR_MONITORING_ENDED, f"client:{client_id}", organization=owner)

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

    def refused(self, client_id: str) -> None:
        """A call of this client was refused: look at it in a second, beside the requests. Costs nothing but a set."""
        if client_id not in self._waiting and (client_id in self._watched or not self._is_fresh()):
            self._waiting[client_id] = None
            self._rounds.rouse()

    def saw(self, events: Iterable[Mapping[str, Any]]) -> tuple[Anomaly, ...]:
        """Look, here and now, at the watched clients that these events (fields of their lines) refuse."""
        for event in events:
            if event.get("client") and not event["allowed"]:
                self._waiting[event["client"]] = None
        return self.check()

    def check(self) -> tuple[Anomaly, ...]:
        """Look at the clients of whom refusals were told; what was raised.

        A client that many calls make costly to look at waits for a later check, or for the tick.
        """
        watched, moment = self._clients(), self.clock.monotonic()
        found = []
        for client_id in list(self._waiting):
            if self._not_before.get(client_id, 0.0) > moment:
                continue
            self._waiting.pop(client_id, None)  # before the look: a refusal that comes during it counts for the next
            if client_id not in watched:
                continue
            began = self.clock.monotonic()
            found.append(self._examine(client_id, watched[client_id], self.clock.now()))
            spent = self.clock.monotonic() - began
            self._not_before[client_id] = began + (DUTY + 1) * spent
        return self._told(found)

    def stop(self) -> None:
        """End the work beside the requests."""
        self._rounds.end()

    def _round(self) -> bool:
        self.check()
        return bool(self._waiting)

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

    def anomaly(self, source: Transaction | sa.Connection, anomaly_id: str) -> Anomaly | None:
        """One of them, by its id."""
        return anomalies.find(source, anomaly_id)

    def close(self, tx: Transaction, by: By, anomaly_id: str, reason: str) -> Anomaly:
        """Close an anomaly, as ``anomalies.close`` has it."""
        return anomalies.close(tx, by, anomaly_id, reason)

    def mute(self, tx: Transaction, by: By, anomaly_id: str, until: dt.datetime, reason: str) -> Anomaly:
        """Mute an anomaly's kind for its client, as ``anomalies.mute`` has it."""
        return anomalies.mute(tx, by, anomaly_id, until, reason)

    def _clients(self, fresh: bool = False) -> dict[str, dt.datetime]:
        moment = self.clock.monotonic()
        if fresh or not self._is_fresh():
            query = sa.select(monitoring.c.client_id, monitoring.c.since).where(monitoring.c.ended_at.is_(None))
            with self.store.read() as conn:
                self._watched = {row.client_id: row.since for row in conn.execute(query)}
            self._watched_at = moment
            self._not_before = {one: at for one, at in self._not_before.items() if at > moment}
        return self._watched

    def _is_fresh(self) -> bool:
        return self.clock.monotonic() - self._watched_at <= FRESH

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
