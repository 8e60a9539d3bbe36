"""Proofs are good for one time: what was shown is remembered in the counter, until it is too old to be shown again."""

from __future__ import annotations

import math
from hashlib import sha256

from ..clock import Clock
from ..quotas import Counter, Demand

#: What two machines' clocks may differ by, and ours and a client's. Seconds.
SKEW = 30
#: In characters: as long a name as a proof may have.
JTI_AT_MOST = 256


class Once:
    """Takes each proof once, for everybody who shares the counter."""

    def __init__(self, counter: Counter, clock: Clock) -> None:
        self._counter = counter
        self._clock = clock

    def take(self, kind: str, by: str, jti: str, ends: float, span: float) -> bool:
        """Whether this proof was not seen before; of any number of attempts at once one hears yes.

        ``by`` is who made it, ``ends`` the last moment (seconds since the epoch) at which it would be accepted, and
        ``span`` the seconds for which any proof of this kind may live. Remembered for a little longer: another
        machine's clock may be behind.

        :raises StoreAway: nobody can tell.
        """
        # A period with a fixed end, not a rate: its end follows from the proof, so that every showing counts in the
        # same one, and every counter counts it in one step.
        key = sha256(f"{kind}\0{by}\0{jti}".encode("utf-8", "surrogatepass")).hexdigest()
        until, window = (math.ceil(ends) + SKEW) * 1000, (math.ceil(span) + 2 * SKEW) * 1000
        demand = Demand(b"once:" + key.encode(), 1, window, until)
        return self._counter.take([demand], self._clock.time())[0].retry is None
