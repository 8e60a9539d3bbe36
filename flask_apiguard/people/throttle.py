"""How often may somebody try, and how many mails may they cause?"""

from __future__ import annotations

from typing import Protocol

from ..errors import Denied
from ..values import Actor, By, Decision, Reason, subscriber_of

#: Seconds.
WINDOW = 900
#: Mails that one address may be sent, and one person or network may cause, within the window.
MAILS_TO_ONE, MAILS_FROM_ONE = 5, 30


class Tally(Protocol):
    """Counts attempts within a window; ``quotas.Tries`` is one."""

    def begin(self, **wanted: tuple[str, int]) -> int | None: ...
    def give_back(self, **begun: str) -> None: ...


class Throttle:
    """Attempts within a window. One counts when it begins, so parallel ones can't slip through."""

    def __init__(self, tries: Tally) -> None:
        self._tries = tries

    def take(self, **limits: tuple[str, int]) -> None:
        """Begin an attempt: ``take(account=("ann@example.com", 10), address=("192.0.2.1", 60))``. Empty ones are free.

        :raises Denied: 429 with the seconds to wait; the attempt then does not count. :raises StoreAway: who can tell?
        """
        wait = self._tries.begin(**{kind: limit for kind, limit in limits.items() if limit[0]})
        if wait is not None:
            raise Denied(Decision(False, Reason.API_THROTTLED, retry_after=wait))

    def mail_for_stranger(self, address: str, origin: str) -> None:
        """Begin to send a mail that somebody asked for from an address (IP) who is nobody yet.

        :raises Denied: 429; the address has enough of them, or their network asked for enough.
        """
        self.take(mail=(address, MAILS_TO_ONE), mailer=(subscriber_of(origin), MAILS_FROM_ONE))

    def mail(self, by: By, address: str) -> None:
        """Begin to send a mail that a person's act causes. What operators and the house itself send is free.

        :raises Denied: 429; the address has enough of them, or the person or their network sent enough.
        """
        if by.kind in (Actor.OPERATOR, Actor.SYSTEM):
            return
        person = by.id if by.kind is Actor.PERSON else ""
        network = subscriber_of(by.address) if person else ""
        self.take(
            mail=(address, MAILS_TO_ONE), sender=(person, MAILS_FROM_ONE), mailer=(network, MAILS_FROM_ONE)
        )  # fmt: skip

    def forgive(self, **taken: str) -> None:
        """Take back one attempt: it was good."""
        self._tries.give_back(**{kind: name for kind, name in taken.items() if name})
