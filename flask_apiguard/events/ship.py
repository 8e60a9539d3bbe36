"""From the spool into the event store: in batches, each event once, also those of processes that are gone.

How far a file has been taken over stands in the event store and moves in the transaction that takes it over, by
comparison with where it stood. So any process may ship any file at any time: who comes second finds the place moved.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path

import sqlalchemy as sa

from ..crypto import new_id
from ..db import Store, Transaction
from ..errors import StoreAway
from . import chain
from .line import is_whole, parse, pieces
from .spool import Spool, adopted, files
from .tables import dead_event, event_spool, put_first

CHUNK = 512 * 1024
#: The sink name under which events lie that this store itself can't take.
STORE = "store"


class _MovedError(Exception):
    """Somebody else has taken over this part of the file."""


class Shipper:
    """Takes over what lies in one folder. One per process; safe for threads, forks and other processes."""

    def __init__(self, spool: Spool, store: Store) -> None:
        self._spool = spool
        self._store = store
        self.lock = threading.Lock()
        self._own: tuple[Path, int] | None = None
        self._places: dict[str, int] = {}

    def ship_own(self) -> int:
        """Take over what this process wrote; returns the number of new events. Needs the lock.

        :raises StoreAway: the event store does not answer; nothing is lost.
        """
        path, written = self._spool.written()
        shipped = 0
        if self._own is not None and self._own[0] != path:
            shipped += self._drain(*self._own)  # another file is written by now: this one is as it will stay
            self._let_go()
        if self._own is None and path is not None:
            self._own = self._spool.tail()
        self._spool.leave_removed()
        if self._own is not None and self._own[0] == path:
            shipped += self._drain(*self._own, written)
        return shipped

    def ship_all(self) -> int:
        """Take over everything in the folder, and remove the files that nobody writes any more. Needs the lock.

        :raises StoreAway: the event store does not answer; nothing is lost.
        """
        shipped = self.ship_own()
        for path in files(self._spool.folder):
            if self._own is not None and path == self._own[0]:
                continue
            try:
                fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:  # finished by another process
                continue
            try:
                shipped += self._drain(path, fd, living=True)
            finally:
                os.close(fd)
            shipped += self._finish(path)
        self._spool.measure()
        return shipped

    def finish_own(self, path: Path | None) -> None:
        """Take over the rest of what this process wrote, and remove its file, which it has closed. Needs the lock.

        :raises StoreAway: the event store does not answer; nothing is lost.
        """
        self.ship_own()
        if path is not None:
            self._finish(path)

    def _finish(self, path: Path) -> int:
        """Remove an orphan. What stands behind its last newline was never confirmed to anybody."""
        with adopted(path) as fd:
            if fd is None:
                return 0
            shipped = self._drain(path, fd)
            path.unlink(missing_ok=True)
        # In this order: a place without a file does no harm, a file without its place would be read again.
        with self._store.write() as tx:
            tx.execute(event_spool.delete().where(event_spool.c.name == path.name))
        self._places.pop(path.name, None)
        return shipped

    def _drain(self, path: Path, fd: int, written: int | None = None, *, living: bool = False) -> int:
        """Take over a file as far as it is ``written``; of one that may still be ``living``, what is surely whole."""
        name, shipped = path.name, 0
        place = self._places.get(name)
        while True:
            if place is None:
                place = self._look_up(name)
            data = os.pread(fd, CHUNK if written is None else max(0, min(CHUNK, written - place)), place)
            found = list(pieces(data))
            if living:  # its owner may be at a line just now, and of that any part can be seen first
                found = list(takewhile(_is_settled, found))
            if not found:
                self._places[name] = place
                return shipped
            try:
                shipped += self._take(name, place, found)
                place += _length(found)
            except _MovedError:
                place = None

    def _look_up(self, name: str) -> int:
        with self._store.read() as conn:
            return conn.execute(sa.select(event_spool.c.place).where(event_spool.c.name == name)).scalar() or 0

    def _take(self, name: str, place: int, found: Sequence[bytes]) -> int:
        """Commit these pieces; one that the store refuses for itself is put aside and holds up nobody."""
        try:
            return self._commit(name, place, found)
        except StoreAway:
            if all(_is_sound(piece) for piece in found):
                raise  # away it is; a database that stumbles over a piece may say the same
        except sa.exc.DBAPIError as error:
            if len(found) == 1:
                return self._put_aside(name, place, found[0], str(error.orig))
        if len(found) == 1:
            return self._put_aside(name, place, found[0], "not an access event")
        half = len(found) // 2
        return self._take(name, place, found[:half]) + self._take(name, place + _length(found[:half]), found[half:])

    def _commit(self, name: str, place: int, found: Sequence[bytes]) -> int:
        # What is not whole was never confirmed: its writer was killed at it, or interrupted and left a gap of zeros.
        lines = [line for line in (piece.lstrip(b"\0") for piece in found) if is_whole(line)]
        with self._store.write() as tx:
            self._move(tx, name, place, place + _length(found))
            return chain.append(tx, lines) if lines else 0

    def _put_aside(self, name: str, place: int, piece: bytes, error: str) -> int:
        with self._store.write() as tx:
            self._move(tx, name, place, place + _length([piece]))
            tx.execute(
                dead_event.insert().values(
                    id=new_id("dead"), sink=STORE, at=tx.now, error=error[:500],
                    line=piece.decode("ascii", "backslashreplace").replace("\0", "\\x00"),
                )
            )  # fmt: skip
        return 0

    def _move(self, tx: Transaction, name: str, old: int, new: int) -> None:
        if old == 0:
            put_first(tx, event_spool, name=name, place=0, moved_at=tx.now)
        moved = tx.execute(
            event_spool.update()
            .where(event_spool.c.name == name, event_spool.c.place == old)
            .values(place=new, moved_at=tx.now)
        )
        if moved.rowcount != 1:
            raise _MovedError

    def close(self) -> None:
        """Let go of the file."""
        self._let_go()

    def forked(self) -> None:
        """In a child: begin anew."""
        self.lock = threading.Lock()
        self._let_go()
        self._places.clear()

    def _let_go(self) -> None:
        own, self._own = self._own, None
        if own is not None:
            self._places.pop(own[0].name, None)
            os.close(own[1])

    def __del__(self) -> None:
        if getattr(self, "_own", None) is not None:
            self._let_go()


def _length(found: Sequence[bytes]) -> int:
    return sum(map(len, found)) + len(found)


def _is_settled(piece: bytes) -> bool:
    """Whether nobody is at it any more: a line in one piece, or what fills a window's end."""
    return not piece or (is_whole(piece) and b"\0" not in piece)


def _is_sound(piece: bytes) -> bool:
    piece = piece.lstrip(b"\0")
    if not is_whole(piece):
        return True  # never offered to the store
    try:
        parse(piece)
    except ValueError:
        return False
    return True
