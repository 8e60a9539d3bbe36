"""Connections to a SQLite file kept for single rows, with their checkpoints made beside the requests.

SQLite checkpoints at the end of whichever commit filled the write-ahead log: that one waits for two syncs of the disk,
and where every request writes, all of them together wait longer for these than for anything else they do. Here a thread
checkpoints as often, and nobody waits. What is durable when is the same: ``synchronous=NORMAL`` syncs at checkpoints
only.
"""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Sequence
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import Pool, QueuePool

#: Rows between two checkpoints: of a token three pages are written, and of 1000 SQLite itself would make one.
ROWS = 330
#: Pages in the log from which on writers are held up for a moment, so that it begins anew: 32 MiB.
PAGES = 8000
#: For how long at most, in milliseconds. A reader that takes longer is left alone, until the next checkpoint.
HELD_UP = 20
CONNECTIONS_AT_MOST = 64

_kept: weakref.WeakKeyDictionary[Engine, Kept] = weakref.WeakKeyDictionary()


class Kept:
    """The kept connections of one engine."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._free: list[sqlite3.Connection] = []
        self._closed = False
        self._rows = 0
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        #: The thread's own, kept from one checkpoint to the next: a new one reads the whole schema first.
        self._checkpointing: sqlite3.Connection | None = None

    def run(self, text: str, values: Sequence[Any]) -> None:
        """One statement, durable when this returns; no transaction may be left open by it.

        :raises sqlite3.Error: whatever SQLite says.
        :raises sqlalchemy.exc.DBAPIError: there is no new connection to be had.
        """
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._connect(f"PRAGMA wal_autocheckpoint={2 * PAGES}")
        try:
            connection.execute(text, values)
        except BaseException:
            connection.close()
            raise
        if self._closed or len(self._free) >= CONNECTIONS_AT_MOST:
            connection.close()
        else:
            self._free.append(connection)
        self._rows += 1  # two threads may count as one: it is no promise
        if self._rows >= ROWS:
            self._checkpoint_beside()

    def _connect(self, manner: str) -> sqlite3.Connection:
        fairy = self._pool.connect()
        connection: sqlite3.Connection = fairy.driver_connection  # type: ignore[assignment]
        fairy.detach()
        connection.execute(manner)
        return connection

    def _checkpoint_beside(self) -> None:
        with self._lock:
            if self._closed or (self._thread is not None and self._thread.is_alive()):
                return
            self._rows = 0
            self._thread = threading.Thread(target=self._checkpoint, name="apiguard-checkpoint", daemon=True)
            self._thread.start()

    def _checkpoint(self) -> None:
        connection, self._checkpointing = self._checkpointing, None
        try:
            if connection is None:
                connection = self._connect(f"PRAGMA busy_timeout={HELD_UP}")
            _, pages, _ = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            if pages >= PAGES:
                connection.execute("PRAGMA wal_checkpoint(RESTART)").fetchone()
        except (sqlite3.Error, SQLAlchemyError):  # the log grows on; whoever commits past the limit checkpoints,
            if connection is not None:  # and hears what is wrong
                connection.close()
            return
        self._checkpointing = connection

    def close(self) -> None:
        """Let go of every connection; one that is in use is closed after it."""
        with self._lock:
            self._closed, thread = True, self._thread
        if thread is not None:
            thread.join()
        while self._free:
            self._free.pop().close()
        if self._checkpointing is not None:
            self._checkpointing.close()
            self._checkpointing = None


def kept(engine: Engine) -> Kept | None:
    """An engine's kept connections, closed with it; None where it is not a SQLite file's."""
    found = _kept.get(engine)
    if found is None and engine.dialect.name == "sqlite" and isinstance(engine.pool, QueuePool):
        found = _kept.setdefault(engine, Kept(engine.pool))
        event.listen(engine, "engine_disposed", lambda _: found.close())
    return found
