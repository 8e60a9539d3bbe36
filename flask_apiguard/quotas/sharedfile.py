"""Counting exactly across the processes and threads of one host, with no server: one mapped file."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from fcntl import LOCK_UN, flock
from functools import partial

from ..errors import StoreAway
from .counting import Demand, Taken, Window, counting, milliseconds, roll, settle
from .table import CURRENT_AT, CURRENT_END, PASSED, STATE_AT, WINDOW_AT, Full, Table, count_of, window_at
from .tablefile import TableFile

_REMEMBERED = 50_000
#: A named tuple made without the detour over its own constructor.
_taken: Callable[[tuple[int, int, int, int | None]], Taken] = partial(tuple.__new__, Taken)


class SharedFile(TableFile):
    """A :class:`~.counting.Counter` in a file. Cheap to make: the file is opened with the first call.

    ``path`` lies in a folder of a local disk that all processes may write; its name belongs to us.
    """

    def take(self, demands: Sequence[Demand], now: float) -> list[Taken]:
        """See :meth:`~.counting.Counter.take`."""
        at = int(now * 1000)
        with self._lock:
            try:
                opened = self._acquire()
                taken = self._take_known(opened, demands, at)
                while taken is None:
                    try:
                        taken = self._take(opened, demands, at)
                    except Full:
                        opened = self._grow(opened, at)
                return taken
            except OSError as error:
                raise StoreAway("counter") from error
            finally:
                if self._fd >= 0:
                    flock(self._fd, LOCK_UN)

    def _take_known(self, opened: Table, demands: Sequence[Demand], at: int) -> list[Taken] | None:
        """The common case in one go: every key has a slot in its current window, and every demand fits. Else None.

        The same arithmetic as in counting.judge, written out because it runs at every request.
        """
        buffer, known = opened.buffer, self._places
        taken: list[Taken] = []
        for key, amount, span, ends, cost in demands:
            remembered = known.get(key)
            if remembered is None:
                break
            place, digest = remembered
            state = buffer[place + STATE_AT]
            if state == PASSED or cost < 1 or buffer[place : place + 16] != digest:  # once used it is never EMPTY
                break
            place += WINDOW_AT[state]
            start, end, current, previous = window_at(buffer, place)
            current += cost
            remaining = amount - current
            if ends:
                if end != ends:
                    break
            elif not start <= at < end:
                break
            elif previous:
                remaining = (remaining * span - previous * (end - at)) // span
            if remaining < 0:
                break
            buffer[place + CURRENT_AT : place + CURRENT_END] = count_of(current)  # see table.write_count
            taken.append(_taken((amount - remaining, remaining, end - at, None)))
        else:
            return taken
        # One does not fit, so none was asked. The last first: whoever is killed here leaves what one killed while
        # counting leaves, the first few counted.
        for demand in reversed(demands[: len(taken)]):
            opened.add(known[demand.key][0], -demand.cost)
        return None

    def _take(self, opened: Table, demands: Sequence[Demand], at: int) -> list[Taken]:
        places: list[int] = []
        windows: list[Window] = []
        ahead: list[bool] = []
        for demand in demands:
            place = self._place(opened, demand.key)
            kept = opened.read(place) if place else None
            if kept is not None and (kept[1] == demand[3] or (not demand[3] and kept[0] <= at < kept[1])):
                windows.append(kept)
            else:
                windows.append(roll(kept, demand, at))
            places.append(place)
            ahead.append(kept is not None and windows[-1].start < kept.start)
        taken, counted = settle(windows, demands, at)
        if counted:
            self._make_room(opened, demands, windows, places, at)
        for place, window, demand, was_ahead in zip(places, windows, demands, ahead, strict=True):
            if counted and demand.cost and place:
                opened.write(place, *counting(window, demand.cost))
            elif was_ahead:  # a window from a clock that was wrong would stay ahead of the right one
                opened.write(place, *window)
        return taken

    def _make_room(
        self, opened: Table, demands: Sequence[Demand], windows: Sequence[Window], places: list[int], at: int
    ) -> None:
        """Give those a slot that have none and are about to be counted: who is refused takes no room.

        :raises Full: none of them was written yet.
        """
        for number, demand in enumerate(demands):
            if not places[number] and demand.cost > 0:
                digest = _digest(demand.key)
                places[number] = opened.insert(digest, windows[number], not demand.ends, at, places)
                self._remember(demand.key, places[number], digest)

    def edit(self, key: bytes, sliding: bool, now: float, change: Callable[[Window | None], Window | None]) -> None:
        """Let ``change`` look at what is kept under a key and put something in its place; None changes nothing."""
        at = milliseconds(now)
        with self._lock:
            try:
                opened = self._acquire()
                place = self._place(opened, key)
                after = change(opened.read(place) if place else None)
                if after is not None and place:
                    opened.write(place, *after)
                elif after is not None:
                    while not place:
                        try:
                            place = opened.insert(_digest(key), after, sliding, at)
                        except Full:
                            opened = self._grow(opened, at)
            except OSError as error:
                raise StoreAway("counter") from error
            finally:
                self._release()

    def _place(self, opened: Table, key: bytes) -> int:
        """Where a key's slot lies, or 0. Remembered places are looked at again: an expired slot may be another's."""
        remembered = self._places.get(key)
        if remembered is not None and opened.holds(*remembered):
            return remembered[0]
        digest = _digest(key)
        place = opened.find(digest)
        if place:
            self._remember(key, place, digest)
        return place

    def _remember(self, key: bytes, place: int, digest: bytes) -> None:
        if len(self._places) >= _REMEMBERED:
            self._places.clear()
        self._places[key] = (place, digest)


def _digest(key: bytes) -> bytes:
    return hashlib.blake2b(key, digest_size=16).digest()
