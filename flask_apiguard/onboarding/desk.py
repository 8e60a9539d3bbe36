"""What every part of this room is given, so that none of them reaches for anything."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

import sqlalchemy as sa

from ..access import Scope, ScopeBook
from ..clients import Client
from ..clock import Clock
from ..contracts import Notice, OnboardingCheck, Registry
from ..credentials import KEY_LIFETIME, Keys
from ..crypto import Secrets
from ..db import Store, Transaction
from ..errors import Problem
from ..ledger import enter_refused
from ..notices import notify as queue_notice
from ..people import Throttle
from ..values import Actor, By, Environment, Happening
from . import settable
from .policy import Certification, ReviewPolicy

Source = Transaction | sa.Connection


class Call(Protocol):
    """One observed call, as ``events`` tells it. ``id`` and ``endpoint`` are used where a row has them."""

    @property
    def route(self) -> str | None: ...
    @property
    def method(self) -> str: ...
    @property
    def status(self) -> int: ...
    @property
    def reason(self) -> str: ...
    @property
    def time(self) -> dt.datetime: ...


@dataclass(frozen=True, slots=True)
class Ending:
    """Something that proves a client and ends soon. ``fix`` is what to do before, in one sentence."""

    noun: str
    id: str
    #: As its people know it.
    title: str
    application_id: str
    ends_at: dt.datetime
    fix: str


#: What proves clients and ends after the first moment and not after the second, where nothing has taken its place.
Expiring = Callable[[Source, dt.datetime, dt.datetime], Iterable[Ending]]
#: Calls of an application in an environment since a moment, oldest first; those that tell nothing new may be left out.
Observed = Callable[[str, Environment, "dt.datetime | None"], Iterable[Call]]
#: The scopes that a call of this endpoint (or route, where the endpoint isn't known) with this method exercises when
#: its client holds these.
ScopesOfRoute = Callable[[str, str, frozenset[str]], frozenset[str]]
#: Routes that these scopes open and those did not: (new, old).
Reachable = Callable[[frozenset[str], frozenset[str]], Iterable[str]]


@dataclass(frozen=True)
class Desk:
    """Stores, neighbours and policies of this room. What has a default may be missing in a house."""

    store: Store
    clock: Clock
    scopes: ScopeBook
    keys: Keys
    secrets: Secrets
    #: How many mails a person's acts may cause.
    throttle: Throttle
    checks: Registry[OnboardingCheck]
    #: Sandbox calls.
    observed: Observed = lambda application_id, environment, since: ()
    scopes_of_route: ScopesOfRoute = lambda endpoint, method, held: frozenset()
    #: Scopes that some route demands; one that nobody declared is known by that alone.
    demanded: Callable[[], Iterable[str]] = tuple
    reachable: Reachable = lambda new, old: ()
    #: Begins in the transaction of the move to production.
    monitor_start: Callable[[Transaction, By, Client], object] = lambda tx, by, client: None
    #: Ends in that of retirement.
    monitor_end: Callable[[Transaction, By, Client], object] = lambda tx, by, client: None
    #: What ends soon and proves clients beside their credentials.
    expiring: Expiring = lambda source, now, until: ()
    notify: Callable[[Transaction, Notice], object] = queue_notice
    policy: ReviewPolicy = field(default_factory=ReviewPolicy)
    certification: Certification = field(default_factory=Certification)
    #: ``open`` to whoever registers, or ``invited``.
    door: str = "invited"
    #: The longest that a credential should live, in seconds by environment.
    lifetimes: Mapping[str, int] = field(default_factory=lambda: KEY_LIFETIME.default)

    def having_seen(self, calls: Iterable[Call] | None) -> Desk:
        """The same desk, at which an application's calls are looked up once at most: not at all where they are given.

        For one application and one piece of work.
        """
        kept = None if calls is None else list(calls)

        def once(application_id: str, environment: Environment, since: dt.datetime | None) -> Iterable[Call]:
            nonlocal kept
            if kept is None:
                kept = list(self.observed(application_id, environment, since))
            return kept

        return replace(self, observed=once)

    def policy_in(self, source: Source) -> ReviewPolicy:
        """What this house demands now: what an operator's file says of checks and graduation, above the rest.

        Read anew by every piece of work, so that it holds in every process from the moment it is written.
        """
        return settable.above(source, self.policy)

    def known_scopes(self, source: Source) -> dict[str, Scope]:
        """Every scope that means something: declared, written by an operator, or demanded by a route."""
        return {name: Scope(name) for name in self.demanded()} | self.scopes.all(source)


def hand(by: By) -> str:
    """An actor as one text, as this room's tables keep it."""
    return f"{by.kind}:{by.id}"[:160]


def person_of(text: str) -> str | None:
    """The person's id in such a text; None for any other kind of actor."""
    kind, _, one = text.partition(":")
    return one if kind == Actor.PERSON else None


class refusals:  # noqa: N801 - reads as a sentence: with refusals(...)
    """Put a refused attempt on record, in a transaction of its own, whatever becomes of the one that it failed in."""

    __slots__ = ("_by", "_happening", "_subject", "_tried", "_tx", "_whose")

    def __init__(
        self, tx: Transaction, by: By, happening: Happening, subject: str, whose: str | None, /, **tried: str | None
    ) -> None:
        self._tx, self._by, self._happening, self._subject = tx, by, happening, subject
        self._whose, self._tried = whose, tried

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, Problem):
            refused = error
            refused.on_record = True
            self._tx.afterwards(lambda: self._write(refused))

    def _write(self, error: Problem) -> None:
        with self._tx.store.write() as tx:
            enter_refused(tx, self._by, self._happening, self._subject, error, organization=self._whose, **self._tried)
