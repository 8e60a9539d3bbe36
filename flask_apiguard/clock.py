"""Time as a part that can be exchanged: tests and ``testing.advance`` move it, nothing else does."""

from __future__ import annotations

import datetime as dt
import time


class Clock:
    """Wall time in UTC plus an offset. ``offset`` is seconds and zero outside tests."""

    __slots__ = ("offset",)

    def __init__(self) -> None:
        self.offset = 0.0

    def time(self) -> float:
        """Seconds since the epoch."""
        return time.time() + self.offset

    def now(self) -> dt.datetime:
        """An aware datetime in UTC."""
        return dt.datetime.fromtimestamp(self.time(), dt.UTC)

    def monotonic(self) -> float:
        """Seconds that never run backwards; not comparable between processes. Moves with ``advance``."""
        return time.monotonic() + self.offset

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.offset += seconds
