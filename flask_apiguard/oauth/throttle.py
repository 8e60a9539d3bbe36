"""How often a code may be guessed, and how often who proves nothing may ask: for everybody who shares the counter."""

from __future__ import annotations

import math
from hashlib import sha256

from ..clock import Clock
from ..quotas import Counter, Demand
from ..values import subscriber_of

#: Seconds. Within it so many codes may be typed by one user, and from one address; right ones count as well, because
#: an attempt is counted before anybody knows what it is worth.
WINDOW = 600
TYPED_BY_USER, TYPED_FROM_ADDRESS = 20, 100
#: Of devices that prove nothing: so many may ask from one address within the window.
ASKED_FROM_ADDRESS = 100
#: Of requests that a public client pushes: so many from one address. Behind one may be a whole company's people.
PUSHED_FROM_ADDRESS = 300


class Throttle:
    """Each asks for leave first, so that of any number at once no more are let through."""

    def __init__(self, counter: Counter, clock: Clock) -> None:
        self._counter = counter
        self._clock = clock

    def typed(self, user_id: str, address: str) -> int | None:
        """Count a code that a user typed; None, or the seconds to wait because there were too many.

        :raises StoreAway: nobody can tell.
        """
        return self._take(("user", user_id, TYPED_BY_USER), ("address", subscriber_of(address), TYPED_FROM_ADDRESS))

    def asked(self, address: str) -> int | None:
        """Count a device that proved nothing; None, or the seconds to wait because there were too many.

        :raises StoreAway: nobody can tell.
        """
        return self._take(("asked", subscriber_of(address), ASKED_FROM_ADDRESS))

    def pushed(self, client_id: str, address: str) -> int | None:
        """Count a request that a public client pushed; None, or the seconds to wait because there were too many.

        By client as well: whoever floods in the name of one holds up no other.

        :raises StoreAway: nobody can tell.
        """
        return self._take(("pushed", f"{client_id}\0{subscriber_of(address)}", PUSHED_FROM_ADDRESS))

    def _take(self, *wanted: tuple[str, str, int]) -> int | None:
        demands = [Demand(_key(kind, of), most, WINDOW * 1000) for kind, of, most in wanted]
        waits = [taken.retry for taken in self._counter.take(demands, self._clock.time()) if taken.retry is not None]
        return math.ceil(max(waits) / 1000) if waits else None


def _key(kind: str, of: str) -> bytes:
    # One tag for all of them: what is asked in one call has to lie on one node.
    return b"{throttle}:" + sha256(f"{kind}\0{of}".encode("utf-8", "surrogatepass")).hexdigest().encode()
