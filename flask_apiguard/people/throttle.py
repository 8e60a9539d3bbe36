"""How often may somebody try? Counted per process, in bounded memory, in constant time."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict

from ..clock import Clock
from ..errors import Denied
from ..values import Actor, By, Decision, Reason, subscriber_of

WINDOW = 900.0  # seconds
#: Mails that one address may be sent, and one person or network may cause, within the window.
MAILS_TO_ONE, MAILS_FROM_ONE = 5, 30
KEYS_AT_MOST = 20_000


class Throttle:
    """Attempts within a window of 15 minutes. An attempt counts when it begins, so parallel ones can't slip through."""

    def __init__(self, clock: Clock, keys_at_most: int = KEYS_AT_MOST) -> None:
        self._clock = clock
        self._most = keys_at_most
        self._lock = threading.Lock()
        self._seen: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._seen)

    def take(self, **limits: tuple[str, int]) -> None:
        """Begin an attempt: ``take(account=("ann@example.com", 10), address=("192.0.2.1", 60))``. Empty ones are free.

        :raises Denied: 429 with the seconds to wait; the attempt then does not count.
        """
        now = self._clock.monotonic()
        keys = {f"{kind}:{value}": most for kind, (value, most) in limits.items() if value}
        with self._lock:
            for key, most in keys.items():
                count, since = self._current(key, now)
                if count >= most:
                    wait = math.ceil(since + WINDOW - now)
                    raise Denied(Decision(False, Reason.API_THROTTLED, retry_after=max(1, wait)))
            for key in keys:
                count, since = self._current(key, now)
                self._seen[key] = (count + 1, since)
                self._seen.move_to_end(key)
            while len(self._seen) > self._most:
                self._seen.popitem(last=False)

    def mail(self, by: By, address: str) -> None:
        """Begin to send a mail that a person's act causes. What operators and the house itself send is free.

        :raises Denied: 429; the address has enough of them, or the person or their network sent enough.
        """
        person = by.id if by.kind is Actor.PERSON else ""
        network = subscriber_of(by.address) if person else ""
        self.take(
            mail=(address, MAILS_TO_ONE), sender=(person, MAILS_FROM_ONE), mailer=(network, MAILS_FROM_ONE)
        )  # fmt: skip

    def forgive(self, **taken: str) -> None:
        """Take back one attempt: it was good."""
        now = self._clock.monotonic()
        with self._lock:
            for kind, value in taken.items():
                key = f"{kind}:{value}"
                count, since = self._current(key, now)
                if count > 1:
                    self._seen[key] = (count - 1, since)
                else:
                    self._seen.pop(key, None)

    def _current(self, key: str, now: float) -> tuple[int, float]:
        count, since = self._seen.get(key, (0, now))
        return (count, since) if now - since < WINDOW else (0, now)
