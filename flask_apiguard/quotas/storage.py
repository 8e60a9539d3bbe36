"""The shared counter file as a storage of ``limits``: ``Limiter(storage_uri="apiguard-file:///path/to/file")``.

Importing this module registers the scheme. Supports the strategies ``fixed-window`` and ``sliding-window-counter``,
exactly across the processes of one host. Keys are those of ``limits``, so a file may be shared with our own counting.
"""

from __future__ import annotations

import time
from urllib.parse import unquote, urlsplit

from limits.errors import ConfigurationError
from limits.storage import SlidingWindowCounterSupport, Storage

from ..errors import StoreAway
from .counting import Demand, Window, milliseconds, roll
from .sharedfile import SharedFile

_PREFIX = b"limits:"


class FileStorage(Storage, SlidingWindowCounterSupport):
    """Counters of ``limits`` in a :class:`~.sharedfile.SharedFile`."""

    STORAGE_SCHEME = ["apiguard-file"]

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: float | str | bool) -> None:
        super().__init__(uri, wrap_exceptions, **options)
        parts = urlsplit(uri or "")
        if not parts.path.strip("/") or parts.netloc:
            raise ConfigurationError("Write apiguard-file:///path/to/file, with three slashes.")
        self._file = SharedFile(unquote(parts.path))

    @property
    def base_exceptions(self) -> type[Exception] | tuple[type[Exception], ...]:
        """What the file raises when it does not answer."""
        return StoreAway

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count in a window that begins with its first hit; returns the new count."""
        now = time.time()
        at = milliseconds(now)
        total = 0

        def change(kept: Window | None) -> Window:
            nonlocal total
            if kept is None or kept.end <= at:
                kept = Window(at, at + expiry * 1000)
            total = kept.current + amount
            return kept._replace(current=total)

        self._file.edit(_PREFIX + key.encode(), False, now, change)
        return total

    def get(self, key: str) -> int:
        """The count under a key; 0 when its window has passed."""
        now = time.time()
        kept = self._kept(_PREFIX + key.encode(), now)
        return kept.current if kept is not None and kept.end > milliseconds(now) else 0

    def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since the epoch; now when there is none."""
        now = time.time()
        kept = self._kept(_PREFIX + key.encode(), now)
        return max(now, kept.end / 1000) if kept is not None else now

    def check(self) -> bool:
        """Whether the file can be counted in."""
        try:
            self._kept(b"", time.time())
        except StoreAway:
            return False
        return True

    def reset(self) -> int | None:
        """Forget every count in the file."""
        self._file.clear()
        return None

    def clear(self, key: str) -> None:
        """Forget one fixed window."""
        self._forget(_PREFIX + key.encode())

    def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Count when the weighted sum of this window and the one before leaves room."""
        return self._file.take([_demand(key, limit, expiry, amount)], time.time())[0].retry is None

    def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Previous count, seconds it still weighs, current count, seconds until that means nothing any more."""
        now = time.time()
        demand = _demand(key, 1, expiry, 0)
        window = roll(self._kept(demand.key, now), demand, milliseconds(now))
        left = min(float(expiry), window.end / 1000 - now)
        return window.previous, left if window.previous else 0.0, window.current, left + expiry

    def clear_sliding_window(self, key: str, expiry: int) -> None:
        """Forget one sliding window."""
        self._forget(_demand(key, 1, expiry, 0).key)

    def _kept(self, key: bytes, now: float) -> Window | None:
        found: list[Window | None] = [None]

        def look(kept: Window | None) -> None:
            found[0] = kept

        self._file.edit(key, False, now, look)
        return found[0]

    def _forget(self, key: bytes) -> None:
        self._file.edit(key, False, time.time(), lambda kept: Window(0, 0) if kept is not None else None)


def _demand(key: str, limit: int, expiry: int, amount: int) -> Demand:
    return Demand(b"%ssliding:%d:%s" % (_PREFIX, expiry, key.encode()), limit, expiry * 1000, 0, amount)
