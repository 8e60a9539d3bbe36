"""The room's counter: one class that pages, API and commands talk to. The work is done behind it.

Every method stands in the caller's transaction or connection; ``tick`` alone opens its own. An attempt that is refused
is put on record in a transaction of its own once the caller's has ended.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ..access import ScopeBook
from ..clients import Client, registry
from ..clock import Clock
from ..contracts import Notice, OnboardingCheck, Registry
from ..credentials import KEY_LIFETIME, Keys
from ..crypto import Secrets
from ..db import Store, Transaction
from ..notices import notify as queue_notice
from ..people import Throttle
from ..values import By
from . import following, settable
from . import tick as ticking
from .checks import registry_of
from .desk import Desk, Expiring, Observed, Reachable, ScopesOfRoute, Source
from .direct import Direct
from .following import Next
from .lifecycle import Lifecycle
from .policy import Certification, ReviewPolicy
from .reviewing import Reviewing
from .settable import Demand


class Onboarding(Lifecycle, Reviewing, Direct):
    """The lifecycle of applications: checks, graduation, reviews, certification, standing, of one house.

    ``observed`` brings sandbox calls, ``scopes_of_route`` says what a call exercised, ``demanded`` which scopes any
    route demands, ``reachable`` which routes a set of scopes newly opens; ``monitor_start`` begins monitoring in the
    transaction of the move to production, ``monitor_end`` ends it in that of retirement. ``expiring`` brings what
    proves clients beside their credentials.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        scopes: ScopeBook,
        keys: Keys,
        secrets: Secrets,
        *,
        checks: Registry[OnboardingCheck] | None = None,
        observed: Observed = lambda application_id, environment, since: (),
        scopes_of_route: ScopesOfRoute = lambda endpoint, method, held: frozenset(),
        demanded: Callable[[], Iterable[str]] = tuple,
        reachable: Reachable = lambda new, old: (),
        monitor_start: Callable[[Transaction, By, Client], object] = lambda tx, by, client: None,
        monitor_end: Callable[[Transaction, By, Client], object] = lambda tx, by, client: None,
        expiring: Expiring = lambda source, now, until: (),
        notify: Callable[[Transaction, Notice], object] = queue_notice,
        policy: ReviewPolicy | None = None,
        certification: Certification | None = None,
        door: str = "invited",
        lifetimes: Mapping[str, int] = KEY_LIFETIME.default,
    ) -> None:
        self.checks = checks if checks is not None else registry_of()
        self.policy = policy or ReviewPolicy()
        self.certification = certification or Certification()
        self.door = door
        self._desk = Desk(
            store, clock, scopes, keys, secrets, self.checks, observed, scopes_of_route, demanded, reachable,
            monitor_start, monitor_end, expiring, notify, self.policy, self.certification, door, lifetimes,
            Throttle(clock),
        )  # fmt: skip

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
