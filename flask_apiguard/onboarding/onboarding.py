"""The room's counter: one class that pages, API and commands talk to. The work is done behind it.

Every method stands in the caller's transaction or connection; ``tick`` alone opens its own. An attempt that is refused
is put on record in a transaction of its own once the caller's has ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from ..clients import registry
from ..db import Transaction
from ..values import By
from . import following, settable
from . import tick as ticking
from .desk import Desk, Source
from .direct import Direct
from .following import Next
from .lifecycle import Lifecycle
from .reviewing import Reviewing
from .settable import Demand


class Onboarding(Lifecycle, Reviewing, Direct):
    """The lifecycle of applications: checks, graduation, reviews, certification, standing, of one house."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.checks = desk.checks
        self.policy = desk.policy
        self.certification = desk.certification
        self.door = desk.door

    # What an operator's file says of checks and graduation

    def demands_of(self, checks: Any, graduation: Any, plans: Iterable[str]) -> list[Demand]:
        """What these two tables of a file say; ``plans`` are those that can be named.

        :raises ConfigurationError: with the place, and the nearest name where one is unknown.
        """
        return settable.demands_of(self.checks, checks, graduation, plans)

    def demanded(self, source: Source, name: str) -> Any:
        """What holds now under the name of a demand, defaults included."""
        return settable.current(source, self.checks, self.policy, name)

    def write_demand(self, tx: Transaction, by: By, demand: Demand, reason: str = "") -> None:
        """Make a demand hold in every process from this transaction on, on record; nothing when it does already."""
        settable.put(tx, by, demand, self.demanded(tx, demand.name), reason)

    def __repr__(self) -> str:
        return f"<Onboarding {self.door}>"

    # Time, and what comes next

    def tick(self, now: dt.datetime | None = None) -> list[str]:
        """Announce what time has brought, under a lease; a sentence for each. Again says nothing twice."""
        return ticking.tick(self._desk, now or self._desk.clock.now())

    def next_of(self, source: Source, by: By, application_id: str) -> list[Next]:
        """What this actor may do next, and why."""
        application = registry.application(source, application_id)
        return following.next_of(source, self._desk, by, application, self._now(source))
