"""Throttling of failed credentials by address, in this process: it needs no store and bounds its own memory."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

from ..clock import Clock
from ..values import subscriber_of


class Attempts:
    """``per_minute`` failures are free, then one every ``60 / per_minute`` seconds. 0 switches it off.

    One number per address prefix: the moment at which its failures are paid off. With more than ``bound`` prefixes at
    once the one that failed longest ago is forgotten.
    """

    def __init__(self, clock: Clock, per_minute: int = 30, bound: int = 10_000) -> None:
        self._clock = clock
        self._step = 60 / per_minute if per_minute else 0.0
        self._bound = bound
        self._paid: OrderedDict[str, float] = OrderedDict()
        self._lock = threading.Lock()

    def failed(self, address: str) -> None:
        """A credential from this address was bad."""
        if not self._step:
            return
        now = self._clock.time()
        key = subscriber_of(address)
        with self._lock:
            # Never further ahead than one refused attempt: hammering on does not lock an address out for hours.
            self._paid[key] = min(max(self._paid.get(key, now), now) + self._step, now + 60 + self._step)
            self._paid.move_to_end(key)
            if len(self._paid) > self._bound:
                self._paid.popitem(last=False)

    def blocked(self, address: str) -> int | None:
        """Whole seconds until this address may fail again; None when it may now."""
        paid = self._paid.get(subscriber_of(address))
        if paid is None:
            return None
        ahead = paid + self._step - self._clock.time() - 60
        return math.ceil(ahead) if ahead > 1e-6 else None

    def __len__(self) -> int:
        return len(self._paid)
