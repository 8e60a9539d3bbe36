"""How often a code may be guessed, and how often who proves nothing may ask: for everybody who shares the counter."""

from __future__ import annotations

from ..clock import Clock
from ..crypto import Secrets
from ..quotas import Counter, Tries
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

    def __init__(self, counter: Counter, clock: Clock, secrets: Secrets) -> None:
        self._tries = Tries(lambda: counter, clock, secrets, WINDOW)

    def typed(self, user_id: str, address: str) -> int | None:
        """Count a code that a user typed; None, or the seconds to wait because there were too many.

        :raises StoreAway: nobody can tell.
        """
        network = subscriber_of(address)
        return self._tries.begin(user=(user_id, TYPED_BY_USER), address=(network, TYPED_FROM_ADDRESS))

    def asked(self, address: str) -> int | None:
        """Count a device that proved nothing; None, or the seconds to wait because there were too many.

        :raises StoreAway: nobody can tell.
        """
        return self._tries.begin(asked=(subscriber_of(address), ASKED_FROM_ADDRESS))

    def pushed(self, client_id: str, address: str) -> int | None:
        """Count a request that a public client pushed; None, or the seconds to wait because there were too many.

        By client as well: whoever floods in the name of one holds up no other.

        :raises StoreAway: nobody can tell.
        """
        return self._tries.begin(pushed=(f"{client_id}\0{subscriber_of(address)}", PUSHED_FROM_ADDRESS))
