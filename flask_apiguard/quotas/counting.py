"""What counting means: demands, what was taken, and the arithmetic that every counter shares.

All times inside are whole milliseconds, so that the same inputs give the same answer in Python and in Lua.

- A **rate** is a sliding window made of two counters: the current window (aligned to the epoch) counts in full, the
  one before by the share of it that the sliding window still covers. O(1) in the limit.
- A **quota** is one counter over a period with a fixed end (a day in some time zone, a month).

A window never runs backwards: when the clock is stepped back, what was counted stays counted.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple, Protocol


class Kind(Enum):
    """What a demand counts against. A plain enum with small values: they are written into files."""

    RATE = 1
    QUOTA = 2


class Demand(NamedTuple):
    """One thing to count. ``key`` names client and limit, never the amount; the keys of one call are distinct.

    ``window`` is the length of the window or period, ``ends`` the moment a quota's period ends (0 for a rate), both
    in milliseconds. ``cost`` 0 only looks; -1 takes back a 1 that was counted, and leaves nothing below 0.
    """

    key: bytes
    amount: int
    window: int
    ends: int = 0
    cost: int = 1

    @property
    def kind(self) -> Kind:
        """A period with an end is a quota's."""
        return Kind.QUOTA if self.ends else Kind.RATE


class Taken(NamedTuple):
    """What became of one demand; spans in milliseconds from the ``now`` it was asked at.

    ``used`` and ``remaining`` are as they stand after the call. ``retry`` is None when the demand fits; when any
    demand of a call does not, nothing of that call was counted.
    """

    used: int
    remaining: int
    reset: int
    retry: int | None = None


class Window(NamedTuple):
    """What is kept under one key: where the window lies, what it counted, and what the one before counted."""

    start: int
    end: int
    current: int = 0
    previous: int = 0


class Counter(Protocol):
    """Something that counts exactly for everybody who shares it."""

    def take(self, demands: Sequence[Demand], now: float) -> list[Taken]:
        """Count all demands, or none when one would exceed; in one round trip. ``now`` is seconds since the epoch.

        :raises flask_apiguard.errors.StoreAway: it can't be counted now.
        """
        ...

    def open(self) -> None:
        """Find out whether it can count, as far as that shows without asking anybody.

        :raises flask_apiguard.errors.StoreAway: it can't; the cause says why.
        :raises flask_apiguard.errors.ConfigurationError: what it needs is not there.
        """
        ...

    def close(self) -> None:
        """Let go of files and connections; the next ``take`` opens them again."""
        ...


def milliseconds(now: float) -> int:
    """Seconds since the epoch as whole milliseconds."""
    return int(now * 1000)


def wanted(demand: Demand, at: int) -> Window:
    """The empty window that a demand at this moment belongs to."""
    end = demand.ends or at - at % demand.window + demand.window
    return Window(end - demand.window, end)


def roll(kept: Window | None, demand: Demand, at: int) -> Window:
    """The window to count in: the kept one, moved on to this moment."""
    want = wanted(demand, at)
    if kept is None:
        return want
    if want.start >= kept.end:
        follows = not demand.ends and want.start == kept.end
        return Window(want.start, want.end, 0, kept.current if follows else 0)
    if kept.start >= want.end and kept.start - at <= demand.window:
        # Somebody with a slightly later clock was here before, or the clock was stepped back: nothing is given back.
        return kept
    # The same window; or a quota's time zone moved its edges; or the clock was far ahead and must not block for long.
    return Window(want.start, want.end, kept.current, kept.previous)


def judge(window: Window, demand: Demand, at: int) -> Taken:
    """Whether a demand fits into a window that was rolled to this moment. Reports what would be left after it."""
    _, end, current, previous = window
    _, amount, span, ends, cost = demand
    if ends:
        after = current + cost
        if after <= amount:
            return Taken(after, amount - after, end - at)
        return Taken(current, max(0, amount - current), end - at, max(1, end - at))
    covered = min(span, end - at)  # more than a whole window only when the clock was stepped back
    room = (amount - current) * span - previous * covered
    if room >= cost * span:
        remaining = room // span - cost
        return Taken(amount - remaining, remaining, end - at)
    remaining = max(0, room // span)
    return Taken(current - (-previous * covered // span), remaining, end - at, _wait(window, demand, at, covered))


def _wait(window: Window, demand: Demand, at: int, covered: int) -> int:
    """Milliseconds until a rate's demand fits, if nobody else counts; one window when it never does."""
    _, amount, span, _, cost = demand
    room = amount - cost
    late = max(0, window.start - at)
    if room < 0:
        return span
    if window.current <= room:  # then it is the window before that is in the way, and it fades
        return late + max(1, covered - (room - window.current) * span // window.previous)
    return late + covered + max(0, span - room * span // window.current)


def settle(windows: Sequence[Window], demands: Sequence[Demand], at: int) -> tuple[list[Taken], bool]:
    """Judge all demands of one call. The second value says whether they are to be counted."""
    taken = [judge(window, demand, at) for window, demand in zip(windows, demands, strict=True)]
    for one in taken:
        if one.retry is not None:
            break
    else:
        return taken, True
    for place, (window, demand) in enumerate(zip(windows, demands, strict=True)):
        if taken[place].retry is None:  # it would have fitted, but was not counted
            taken[place] = judge(window, demand._replace(cost=0), at)
    return taken, False


def counting(window: Window, cost: int) -> Window:
    """A window that counted so much more. What is taken back may have been counted in the one before."""
    start, end, current, previous = window
    current += cost
    return Window(start, end, current, previous) if current >= 0 else Window(start, end, 0, max(0, previous + current))


def dies(window: Window, sliding: bool) -> int:
    """From when on a window means nothing any more."""
    return 2 * window.end - window.start if sliding else window.end


class Memory:
    """Counts in this process only: for tests, and for an app that runs in one process."""

    def __init__(self, bound: int = 100_000) -> None:
        self._bound = bound
        self._kept: dict[bytes, tuple[Window, bool]] = {}
        self._lock = threading.Lock()

    def take(self, demands: Sequence[Demand], now: float) -> list[Taken]:
        """See :meth:`Counter.take`."""
        at = milliseconds(now)
        with self._lock:
            windows = []
            for demand in demands:
                kept = self._kept.get(demand.key)
                windows.append(roll(kept[0] if kept else None, demand, at))
            taken, counted = settle(windows, demands, at)
            for window, demand in zip(windows, demands, strict=True):
                kept = self._kept.get(demand.key)
                if counted and demand.cost:
                    self._kept[demand.key] = (counting(window, demand.cost), not demand.ends)
                elif kept is not None and window.start < kept[0].start:
                    self._kept[demand.key] = (window, not demand.ends)  # else it would stay ahead of the clock
            if len(self._kept) > self._bound:
                self._drop_dead(at)
            return taken

    def open(self) -> None:
        """Nothing to find out."""

    def _drop_dead(self, at: int) -> None:
        self._kept = {key: kept for key, kept in self._kept.items() if dies(*kept) > at}
        self._bound = max(self._bound, 2 * len(self._kept))

    def close(self) -> None:
        """Nothing is held open; what was counted stays."""
