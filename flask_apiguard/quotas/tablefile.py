"""The shared counter file as a thing that is opened, locked, replaced and let go of.

How a call goes: thread lock, ``flock``, look at every window, write all or none, unlock. What may go wrong:

- *kill -9 at any point*: a window is written beside the valid one, then one byte is flipped. The kernel drops the lock
  of the dead. A call of several demands may have counted some of them: too much, never too little.
- *fork*: the child lets go of what it inherited and opens the file itself.
- *the file deleted or replaced*: the inode behind the path is compared once a second.
- *growth*: the new file is written beside and renamed over; a flag in the old one sends everybody to the new.
- *the machine itself crashing* may lose the last seconds of counts.
"""

from __future__ import annotations

import mmap
import os
import threading
import time
import weakref
from collections.abc import Sequence
from fcntl import LOCK_EX, LOCK_UN, flock
from pathlib import Path

from ..errors import ConfigurationError, StoreAway
from . import table
from .table import Table

INODE_SECONDS = 1.0
#: Slots at first, and at most (about 92 MB).
SLOTS_AT_FIRST = 2048
SLOTS_AT_MOST = 1 << 20
_FULL_SECONDS = 5.0

_open_ones: weakref.WeakSet[TableFile] = weakref.WeakSet()


class TableFile:
    """The file of a :class:`~.table.Table`, shared by processes and threads; numbers of slots are powers of two."""

    def __init__(
        self, path: str | Path, slots_at_first: int = SLOTS_AT_FIRST, slots_at_most: int = SLOTS_AT_MOST
    ) -> None:
        self._fd = -1
        self.path = Path(path)
        self._first = slots_at_first
        self._most = max(slots_at_most, slots_at_first)
        self._lock = threading.Lock()
        self._mapped: mmap.mmap | None = None
        self._table: Table | None = None
        self._places: dict[bytes, tuple[int, bytes]] = {}
        self._look_again = 0.0
        self._full_until = 0.0
        _open_ones.add(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    def open(self) -> None:
        """See :meth:`~.counting.Counter.open`; opens the file, and makes it when there is none."""
        with self._lock:
            try:
                self._acquire()
            finally:
                self._release()

    def clear(self) -> None:
        """Forget every count, for everybody."""
        with self._lock:
            try:
                opened = self._acquire()
                self._replace(opened, opened.capacity, ())
            except OSError as error:
                raise StoreAway("counter") from error
            finally:
                self._release()

    def close(self) -> None:
        """Let go of the file; the next call opens it again."""
        with self._lock:
            self._let_go()

    def __del__(self) -> None:
        # Hosts make many apps in their tests; a descriptor is not closed by itself.
        if self._fd >= 0:
            self._let_go()

    def _acquire(self) -> Table:
        """The current table, locked for this process. The thread lock is held."""
        try:
            opened = self._table
            if opened is None:  # also in a child, which let go of what it inherited
                self._let_go()
                return self._open()
            moment = time.monotonic()
            if moment >= self._look_again:
                self._look_again = moment + INODE_SECONDS
                if not self._is_at_path():
                    self._let_go()
                    return self._open()
            flock(self._fd, LOCK_EX)
            if opened.buffer[table.MOVED_AT]:
                self._let_go()
                return self._open()
            return opened
        except OSError as error:
            self._let_go()
            raise StoreAway("counter") from error

    def _release(self) -> None:
        if self._fd >= 0:
            flock(self._fd, LOCK_UN)

    def _open(self) -> Table:
        """Open what the path names, making it when there is nothing; returns with the lock held.

        :raises StoreAway: it is another kind of file, or was cut short; the cause says what to do.
        """
        while True:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._fd, self._look_again = fd, time.monotonic() + INODE_SECONDS
            flock(fd, LOCK_EX)
            if self._is_at_path():
                break
            self._let_go()  # renamed over while we waited for the lock
        size = os.fstat(fd).st_size
        head = os.pread(fd, table.HEADER, 0)
        if head[:8].strip(b"\0") and not head.startswith(table.MAGIC):
            self._let_go()
            fault = ConfigurationError(f"{self.path} is not a counter file.", "Move it away; it would be overwritten.")
            raise StoreAway("counter") from fault
        if not head.startswith(table.MAGIC):  # new, or somebody died while making it
            size = table.size_of(self._first)
            os.truncate(fd, 0)
            os.posix_fallocate(fd, 0, size)  # a full disk must say so here and not kill us at the first write
            os.pwrite(fd, table.header(self._first, 0), 0)
        self._mapped = mmap.mmap(fd, max(size, table.HEADER))
        self._table = Table(self._mapped)
        if self._table.size > size:
            self._let_go()
            fault = ConfigurationError(f"{self.path} was cut short.", "Delete it; its counts begin anew.")
            raise StoreAway("counter") from fault
        self._table.moved = False  # set, and yet at the path: somebody died before the rename
        return self._table

    def _is_at_path(self) -> bool:
        mine = os.fstat(self._fd)
        try:
            there = os.stat(self.path)
        except FileNotFoundError:
            return False
        return (mine.st_ino, mine.st_dev) == (there.st_ino, there.st_dev)

    def _grow(self, opened: Table, at: int) -> Table:
        """A table with room, without the dead. The lock is held before and after.

        :raises StoreAway: as many live counters as are allowed; nothing is thrown away in silence.
        """
        if time.monotonic() < self._full_until:
            raise StoreAway("counter")
        alive = list(opened.alive(at))
        capacity = self._first
        while capacity < self._most and len(alive) * 10 > capacity * 3:
            capacity *= 2
        if len(alive) * 10 > capacity * 8:
            self._full_until = time.monotonic() + _FULL_SECONDS
            raise StoreAway("counter")
        return self._replace(opened, capacity, alive)

    def _replace(self, opened: Table, capacity: int, slots: Sequence[bytes]) -> Table:
        beside = self.path.with_name(self.path.name + ".new")
        content = table.build(capacity, slots, may_grow=capacity < self._most)
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view) :]
        finally:
            os.close(fd)
        opened.moved = True
        try:
            os.replace(beside, self.path)
        except OSError:
            opened.moved = False
            raise
        self._let_go()
        return self._open()

    def _let_go(self) -> None:
        mapped, fd = self._mapped, self._fd
        self._fd, self._mapped, self._table, self._places = -1, None, None, {}
        if mapped is not None:
            mapped.close()
        if fd >= 0:
            os.close(fd)

    def _after_fork(self) -> None:
        # An inherited descriptor shares its lock with the parent: should the parent die holding it, we would keep it.
        self._lock = threading.Lock()
        self._let_go()


def _after_fork_in_child() -> None:
    for shared in list(_open_ones):
        shared._after_fork()


os.register_at_fork(after_in_child=_after_fork_in_child)
