"""Looking at the change log.

On SQLite every request looks: at the mapped header of the WAL index, and when anybody moved that but we ourselves with
something that nobody remembers, by ``SELECT max(seq)`` on a kept raw connection. On PostgreSQL the look is made in line
when the last one is older than an interval: one round trip on a kept connection, which brings what is new along. A
memory that was not looked at for more than a second allows nothing: what can't be known to be fresh is not an allow.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..db import Store
from ..errors import StoreAway
from .changes import EVERYTHING, noticed
from .memory import FORKED, Memory
from .walindex import Position, WalIndex, commits_between, position_of

#: A cached allow whose last look is older than this is not an allow. Seconds.
STALE_AFTER = 1.0
#: How long PostgreSQL may take for a look. Everybody waits for it whose last one is too old.
LOOK_SECONDS = 2.0
INODE_EVERY = 1.0
ROWS_AT_MOST = 1000
#: Connections of a parent process: closing them in a child would speak on the parent's sockets.
_LEFT_TO_THE_PARENT: list[object] = []
_POSITION = "SELECT max(seq) FROM apiguard_change"
_AFTER = "SELECT seq, subject FROM apiguard_change WHERE seq > ? ORDER BY seq LIMIT ?"
#: Our own place too, in psycopg's manner: where it is missing, this is not the log that we stood in.
_FROM = "SELECT seq, subject FROM apiguard_change WHERE seq >= %s ORDER BY seq LIMIT %s"
#: What a look rests on; see ``Watch._base``.
Base = tuple[bytes, Position | None, int]


class Watch:
    """This process's place in the change log."""

    def __init__(self, store: Store, interval: float = 0.05, *, mapped: bool = False) -> None:
        """``interval`` is seconds between two looks on PostgreSQL. ``mapped`` maps SQLite's WAL index, for good."""
        self._store = store
        self._interval = interval
        self._mapped = mapped
        self._index: WalIndex | None = None
        #: The header at the last look, what it says, and how many quiet commits it may hold at most.
        self._base: Base = (b"", None, 0)
        self._forget: list[Callable[[Iterable[str]], None]] = []
        self._flush: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        FORKED.add(self)
        self._pid = 0
        self._seen: int | None = None
        self._noticed = 0
        self._looked = float("-inf")
        self._failed = float("-inf")
        self._raw: sqlite3.Connection | None = None
        self._kept: sa.Connection | None = None
        self._inode: tuple[int, int] | None = None
        self._inode_at = 0.0

    def attach(self, forget: Callable[[Iterable[str]], None], flush: Callable[[], None]) -> None:
        """Have a memory told what moved."""
        self._forget.append(forget)
        self._flush.append(flush)

    def memory(self, bound: int) -> Memory[Any]:
        """A memory of so many entries that is told what moved."""
        made: Memory[Any] = Memory(bound)
        self.attach(made.forget, made.flush)
        return made

    def forked(self) -> None:
        """In a child: nobody holds the lock, and what the parent had open is left to the parent at the next look."""
        self._lock, self._index = threading.Lock(), None

    def look(self) -> None:
        """See what changed since the last look, as far as the store's kind demands it now.

        :raises StoreAway: nothing could be seen for more than ``STALE_AFTER`` seconds.
        """
        now = time.monotonic()
        index = self._index
        if index is not None and now - self._inode_at < INODE_EVERY:
            done, header = self._store.quiet.done, index.header()
            if header == self._base[0] or self._is_ours(header, done):
                self._looked = now
                return
        if self._pid == os.getpid():
            if self._raw is not None:
                with self._lock:
                    if self._look_sqlite(now):
                        return
            elif now - self._looked < self._interval and self._noticed == noticed():
                return
        self._look_slowly(now)

    def _is_ours(self, header: bytes, done: int) -> bool:
        """Whether all that was committed between the last look and this header was quiet and ours.

        ``done`` was read before the header. One that was repaired after a crash counts from zero: should that ever fit
        by chance, the look that is made each second finds what it hid.
        """
        _, before, begun = self._base
        if done <= begun:
            return False
        position = position_of(header)
        if commits_between(before, position) != done - begun:
            return False
        self._base = header, position, self._store.quiet.begun
        return True

    def _look_sqlite(self, now: float) -> bool:
        """One look on the kept connection; False when it must be made anew."""
        if self._raw is None or (now - self._inode_at > INODE_EVERY and not self._same_file(now)):
            return False
        # Read before the statement: what is committed in between moves it again, and the next look finds that.
        header = self._index.header() if self._index is not None else b""
        base = header, position_of(header), self._store.quiet.begun
        try:
            newest = self._newest()
            if newest != self._seen:
                self._catch_up(newest)
        except sqlite3.Error:
            return False
        self._base, self._looked = base, now
        return True

    def _look_slowly(self, now: float) -> None:
        # One thread looks. The others go on while the last look is young enough to stand on, and wait when it is not.
        young = now - self._looked < min(2 * self._interval, STALE_AFTER)
        if not self._lock.acquire(blocking=not (young and self._pid == os.getpid() and self._noticed == noticed())):
            return
        try:
            now = time.monotonic()  # it may have been a long wait
            if self._pid != os.getpid():
                self._reset()
            seen_all = self._noticed == noticed()
            if seen_all and self._kept is not None and now - self._looked < self._interval:
                return
            stale = now - self._looked >= STALE_AFTER
            if now - self._failed < self._interval and (stale or seen_all):
                if stale:
                    raise StoreAway("state", retry_after=2)
                return
            try:
                self._reopen(now)
            except (sqlite3.Error, sa.exc.DBAPIError, sa.exc.TimeoutError, StoreAway) as error:
                self._failed = time.monotonic()
                self._close()
                if self._failed - self._looked >= STALE_AFTER:
                    raise StoreAway("state", retry_after=2) from error
        finally:
            self._lock.release()

    def _reopen(self, now: float) -> None:
        """Look once more on a connection that is known to be good."""
        own = noticed()
        path = self._store.path
        if path is None:
            self._look_postgresql()
        else:
            if self._stat(path) != self._inode and (self._inode is not None or not path.exists()):
                self._store.close()  # its connections go on reading the file that was here before
            self._store.open()
            if self._raw is not None:
                self._index = None
                self._raw.close()
            self._raw = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
            newest = self._newest()
            self._map(path)
            seen = self._stat(path)
            if self._inode is not None and self._inode != seen:
                self._everything(newest)  # another file stands where ours was: nothing that we remember holds
            self._inode, self._inode_at = seen, now
            if newest != self._seen:
                self._catch_up(newest)
        self._noticed, self._looked = own, now

    def _look_postgresql(self) -> None:
        if self._kept is None:
            self._kept = self._store.impatient(LOOK_SECONDS)
        if self._seen is None:
            self._everything(self._newest())
            return
        found = self._kept.exec_driver_sql(_FROM, (self._seen, ROWS_AT_MOST + 1))
        rows = [(int(seq), str(subject)) for seq, subject in found]
        if rows and rows[0][0] == self._seen:
            del rows[0]
        elif self._seen:
            self._everything(self._newest())
            return
        if rows:
            self._tell(rows)

    def _map(self, path: Path) -> None:
        """Map the WAL index, if there is one; the next look reads its header first."""
        self._base = b"", None, 0
        try:
            self._index = WalIndex(path) if self._mapped else None
        except OSError:
            self._index = None

    def _newest(self) -> int:
        if self._raw is not None:
            return int(self._raw.execute(_POSITION).fetchone()[0] or 0)
        return 0 if self._kept is None else int(self._kept.exec_driver_sql(_POSITION).scalar() or 0)

    def _catch_up(self, newest: int) -> None:
        if self._seen is None or newest < self._seen or self._raw is None:
            self._everything(newest)
            return
        self._tell(self._raw.execute(_AFTER, (self._seen, ROWS_AT_MOST)).fetchall())

    def _tell(self, rows: Sequence[tuple[int, str]]) -> None:
        """Tell the memories which subjects moved; whatever doesn't add up is told as everything."""
        subjects = [subject for _, subject in rows]
        contiguous = bool(rows) and rows[0][0] == (self._seen or 0) + 1 and rows[-1][0] - rows[0][0] == len(rows) - 1
        if not contiguous or len(rows) >= ROWS_AT_MOST or EVERYTHING in subjects:
            self._everything(self._newest())
            return
        for forget in self._forget:
            forget(subjects)
        self._seen = rows[-1][0]

    def _everything(self, newest: int) -> None:
        for flush in self._flush:
            flush()
        self._seen = newest

    def _same_file(self, now: float) -> bool:
        self._inode_at = now
        return self._store.path is not None and self._stat(self._store.path) == self._inode

    @staticmethod
    def _stat(path: Path) -> tuple[int, int] | None:
        """Which file stands there; None for no file."""
        try:
            seen = os.stat(path)
        except OSError:
            return None
        return seen.st_dev, seen.st_ino

    def _reset(self) -> None:
        """After a fork: the parent's connections are left to the parent, nothing remembered is trusted."""
        _LEFT_TO_THE_PARENT.extend(kept for kept in (self._raw, self._kept) if kept is not None)
        self._raw, self._kept, self._inode, self._index = None, None, None, None
        self._pid, self._looked, self._failed = os.getpid(), float("-inf"), float("-inf")
        self._everything(0)
        self._seen = None

    def _close(self) -> None:
        self._index = None
        if self._raw is not None:
            self._raw.close()
        if self._kept is not None:
            self._kept.invalidate()
            self._kept.close()
        self._raw, self._kept = None, None

    def close(self) -> None:
        """Let go of this process's connections."""
        with self._lock:
            if self._pid == os.getpid():
                self._close()
