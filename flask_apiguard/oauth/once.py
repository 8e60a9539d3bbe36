"""Proofs are good for one time: what was shown is remembered in a counter, until it is too old to be shown again.

Only what proved something is remembered, and of nobody more than a share, so that no crowd of proofs, however large and
however good, takes away the room that everybody's are remembered in.
"""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from hashlib import sha256

from ..clock import Clock
from ..quotas import Counter, Demand
from .refusals import Error, Refused

#: What two machines' clocks may differ by, and ours and a client's. Seconds.
SKEW = 30
#: In characters: as long a name as a proof may have.
JTI_AT_MOST = 256
#: Of one holder so many are remembered at a time: a thousand proofs of possession a second. The shared file has room
#: for five such (quotas.tablefile).
SHARE = 180_000
#: Whose proofs are those of who has proved nothing else: all of them together have one share.
STRANGERS = ""
_WAITING_AT_MOST = 10_000


class TooMany(Refused):
    """One holder's proofs have filled its share. ``retry`` is the whole seconds to wait."""

    def __init__(self, retry: int) -> None:
        super().__init__(
            Error.TEMPORARILY_UNAVAILABLE, "Too many proofs at a time.", 429, (("Retry-After", str(retry)),)
        )
        self.retry = retry


class Once:
    """Takes each proof once, for everybody who shares the counter."""

    def __init__(self, counter: Counter, clock: Clock) -> None:
        self._counter = counter
        self._clock = clock
        self._waiting: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def take(self, kind: str, by: str, jti: str, ends: float, span: float, holder: str) -> bool:
        """Whether this proof was not seen before; of any number of attempts at once one hears yes.

        ``by`` is who made it, ``ends`` the last moment (seconds since the epoch) at which it would be accepted, and
        ``span`` the seconds for which any proof of this kind may live. Remembered for a little longer: another
        machine's clock may be behind. ``holder`` is whose share it takes from.

        :raises TooMany: the holder's share is used up.
        :raises StoreAway: nobody can tell.
        """
        # A period with a fixed end, not a rate: its end follows from the proof, so that every showing counts in the
        # same one, and every counter counts it in one step.
        now, until = self._clock.time(), (math.ceil(ends) + SKEW) * 1000
        window = (math.ceil(span) + 2 * SKEW) * 1000
        share = _key(b"share", kind, holder)
        self._demand_leave(share)
        demands = [Demand(_key(b"proof", kind, by, jti), 1, window, until), Demand(share, SHARE, window)]
        shown, shared = self._counter.take(demands, now)
        if shown.retry is not None:
            return False
        if shared.retry is not None:
            raise self._waits(share, shared.retry)
        return True

    def _demand_leave(self, share: bytes) -> None:
        """Who has to wait isn't counted again before: even for what it refuses, a counter may keep a place."""
        until, now = self._waiting.get(share), self._clock.monotonic()
        if until is not None and now < until:
            raise TooMany(math.ceil(until - now))

    def _waits(self, share: bytes, retry: int) -> TooMany:
        seconds = max(1, math.ceil(retry / 1000))
        with self._lock:
            self._waiting[share] = self._clock.monotonic() + seconds
            self._waiting.move_to_end(share)
            if len(self._waiting) > _WAITING_AT_MOST:
                self._waiting.popitem(last=False)
        return TooMany(seconds)


def _key(what: bytes, *parts: str) -> bytes:
    # One tag for all of them: what is asked in one call has to lie on one node.
    return b"{once}:%s:%s" % (what, sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest().encode())
