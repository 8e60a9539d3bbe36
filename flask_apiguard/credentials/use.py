"""When each credential was last used: kept in memory, written in batches.

Losing the last half minute when a process is killed is the price of not writing to the store on every request.
"""

from __future__ import annotations

import atexit
import datetime as dt
import os
import threading
import weakref
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..clock import Clock
from ..db import Store, insert_into
from ..errors import StoreAway
from ..values import instant, network_of
from .records import Source
from .tables import credential_use as table

EVERY_SECONDS = 30.0
#: Uses kept until they are written. Far more than a process sees in half a minute: a thread that writes takes the
#: interpreter's lock from requests.
AT_MOST = 10_000
_CHUNK = 200
ROUTE_AT_MOST = 200

_users: weakref.WeakSet[LastUse] = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Use:
    """The last known use of one credential."""

    credential_id: str
    last_used_at: dt.datetime
    route: str = ""
    address_prefix: str = ""


class LastUse:
    """What this process saw since it last wrote."""

    def __init__(self, store: Store, clock: Clock, *, background: bool = False) -> None:
        """``background`` writes beside the requests; without it (tests) the request that is due writes."""
        self._background = background
        self._store = store
        self._clock = clock
        self._seen: dict[str, tuple[float, str | None, str]] = {}
        self._lock = threading.Lock()
        self._flushed = clock.monotonic()
        self._due: threading.Timer | None = None
        self._at_exit = False
        _users.add(self)

    def touch(self, credential_id: str | None, route: str | None, address: str, at: float) -> None:
        """Take down one use, ``at`` seconds since the epoch. Tokens are left out.

        Every half minute, or when there are as many as are kept, all are written.
        """
        if credential_id is None or credential_id[:5] != "cred_":
            return
        seen, due = self._seen, self._due
        seen[credential_id] = (at, route, address)
        if due is not None and len(seen) < AT_MOST:
            return  # a thread waits to write it
        full = len(seen) >= AT_MOST
        if self._background:
            if due is None or due.interval:
                self._write_later(0 if full else EVERY_SECONDS)
        elif full or self._clock.monotonic() - self._flushed >= EVERY_SECONDS:
            self._flushed = self._clock.monotonic()
            self._flush_if_possible()

    def _write_later(self, seconds: float) -> None:
        """Beside the requests, of which none must wait for the store's write lock because of a statistic."""
        if not self._at_exit:
            self._at_exit = True
            weak = weakref.WeakMethod(self._flush_if_possible)
            atexit.register(lambda: (flush := weak()) and flush())
        if self._due is not None:
            self._due.cancel()
        self._due = threading.Timer(seconds, self._flush_if_possible)
        self._due.name, self._due.daemon = "apiguard-last-use", True
        self._due.start()

    def forked(self) -> None:
        """In a child: what the parent saw, the parent writes."""
        self._seen, self._lock, self._due = {}, threading.Lock(), None

    def _flush_if_possible(self) -> None:
        self._due = None
        try:
            self.flush()
        except StoreAway:
            pass  # nobody's request fails because a statistic could not be written; it is tried again later

    def flush(self) -> int:
        """Write what was seen; how many credentials that were. At once when another thread is at it.

        :raises StoreAway: the store does not answer; what was seen is kept, up to its bound.
        """
        if not self._lock.acquire(blocking=False):
            return 0
        try:
            seen, self._seen = self._seen, {}
            try:
                self._write(seen)
            except BaseException:
                if len(seen) < AT_MOST:
                    self._seen = seen | self._seen
                raise
            self._flushed = self._clock.monotonic()
            return len(seen)
        finally:
            self._lock.release()

    def _write(self, seen: dict[str, tuple[float, str | None, str]]) -> None:
        # In the order of ids, so that two processes never wait for each other's rows.
        rows = [
            {
                "credential_id": credential_id,
                "last_used_at": instant(at),
                "route": (route or "")[:ROUTE_AT_MOST],
                "address_prefix": network_of(address),
            }
            for credential_id, (at, route, address) in sorted(seen.items())
        ]
        if not rows:
            return
        with self._store.write() as tx:
            for start in range(0, len(rows), _CHUNK):
                tx.execute(_upsert(self._store.dialect, rows[start : start + _CHUNK]))


def _after_fork() -> None:
    for last_use in list(_users):
        last_use.forked()


os.register_at_fork(after_in_child=_after_fork)


def _upsert(dialect: str, rows: list[dict[str, Any]]) -> Any:
    insert = insert_into(table, dialect).values(rows)
    new = insert.excluded
    return insert.on_conflict_do_update(
        index_elements=[table.c.credential_id],
        set_={
            "last_used_at": new.last_used_at,
            "route": new.route,
            "address_prefix": new.address_prefix,
        },
        where=new.last_used_at > table.c.last_used_at,
    )


def uses_of(source: Source, credential_ids: Iterable[str]) -> dict[str, Use]:
    """The last known use of each credential that has one."""
    query = sa.select(table).where(table.c.credential_id.in_(list(credential_ids)))
    return {row.credential_id: Use(**row._mapping) for row in source.execute(query)}
