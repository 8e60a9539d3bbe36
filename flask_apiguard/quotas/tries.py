"""Attempts of people who have proved nothing yet: so many within a window, for everybody who shares the counter."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from contextlib import suppress

from ..clock import Clock
from ..crypto import Secrets
from ..errors import StoreAway
from .counting import Counter, Demand

#: An amount that never refuses.
_ANY = 1 << 31


class Tries:
    """Each attempt counts when it begins, so that of any number at once no more are let through.

    ``seconds`` is the length of the window. Names are kept as digests under ``secrets``: houses that share a counter
    share nobody, and who reads it reads no name. ``counter`` is asked for at the first attempt.
    """

    def __init__(self, counter: Callable[[], Counter], clock: Clock, secrets: Secrets, seconds: int) -> None:
        self._counter = counter
        self._clock = clock
        self._secrets = secrets
        self._span = seconds * 1000

    def begin(self, **wanted: tuple[str, int]) -> int | None:
        """Count one by each name: ``begin(account=("ann@example.com", 10), network=("192.0.2.1", 60))``.

        None, or the whole seconds to wait because somebody had as many as they may; then it does not count.

        :raises StoreAway: nobody can tell.
        """
        waits = self._take(Demand(self._key(kind, of), most, self._span) for kind, (of, most) in wanted.items())
        return math.ceil(max(waits) / 1000) if waits else None

    def give_back(self, **begun: str) -> None:
        """Count one no more: it was good. Where that can't be written, the next ones are held to a stricter bound."""
        with suppress(StoreAway):
            self._take(Demand(self._key(kind, of), _ANY, self._span, cost=-1) for kind, of in begun.items())

    def _take(self, demands: Iterable[Demand]) -> list[int]:
        asked = list(demands)
        taken = self._counter().take(asked, self._clock.time()) if asked else ()
        return [one.retry for one in taken if one.retry is not None]

    def _key(self, kind: str, of: str) -> bytes:
        # One tag for all of them: what is asked in one call has to lie on one node.
        return b"{throttle}:" + self._secrets.digest("tries", f"{kind}\0{of}").encode()
