"""What hosts test with: let their old tests through, make clients of any standing, move time, read decisions.

Everything here wants ``app.testing``; outside of it nothing stands in for a credential.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from flask import Flask
from flask.testing import FlaskClient

from .. import access
from ..clients import registry
from ..clients.registry import Client
from ..errors import ConfigurationError
from ..house import NAME, House
from ..values import Actor, By, Caller, Environment, HostUser, Standing, State
from .conformance import CredentialTypeSuite, EventSinkSuite, NotifierSuite, OnboardingCheckSuite, SchemaKindSuite

__all__ = [
    "CredentialTypeSuite",
    "EventSinkSuite",
    "NotifierSuite",
    "OnboardingCheckSuite",
    "SchemaKindSuite",
    "TestClient",
    "admit",
    "advance",
    "client_in",
    "decisions",
]

TESTER = By(Actor.OPERATOR, "test")
STAND_IN = HostUser("test", "A test's stand-in")


class TestClient(FlaskClient):
    """Flask's test client, sending one API key. ``key``, ``client`` and ``application_id`` say whose."""

    __test__ = False  # not a test case, whatever its name
    key: str
    client: Client
    application_id: str


def _house(app: Flask) -> House:
    house = app.extensions.get(NAME)
    if not isinstance(house, House):
        raise ConfigurationError(f"{app.name} is not guarded.", "Call guard.init_app(app).")
    if not app.testing:
        raise ConfigurationError("This is for tests.", 'Set app.config["TESTING"] = True.')
    return house


@contextmanager
def admit(app: Flask, user: HostUser | None = None) -> Iterator[None]:
    """Let every request without a credential of ours pass, as the host's own user, while inside.

    Schemas still hold, because views count on their values; scopes, limits, undeclared routes and ambiguous paths do
    not. For test suites that were written before the guard came: one fixture, and they stay green. Registers nothing
    on the app.
    """
    house = _house(app)
    way, edge = house.gate.way, house.edge
    before = way.stand_in, edge.lenient

    def stand_in() -> Caller:
        known = user or (way.host_user() if way.host_user is not None else None)
        return Caller(user=known or STAND_IN, is_first_party=True)

    way.stand_in, edge.lenient = stand_in, True
    try:
        yield
    finally:
        way.stand_in, edge.lenient = before


def client_in(
    app: Flask,
    environment: str = "production",
    *,
    scopes: Iterable[str] = (),
    roles: Iterable[str] = (),
    standing: str = "active",
    plan: str | None = None,
    reference: str | None = None,
    lifetime: dt.timedelta | None = None,
) -> TestClient:
    """A test client of a fresh application with a key in ``environment`` that holds ``scopes``.

    ``standing="suspended"`` makes one that was suspended, ``"retired"`` one whose application is gone.
    """
    house = _house(app)
    where = Environment(environment)
    with house.store.write() as tx:
        owner = registry.create_organization(tx, TESTER, "Test organization")
        made = registry.create_application(
            tx, TESTER, owner.id, "Test application", state=State(environment), reference=reference, reason="a test"
        )
        client = registry.create_client(tx, TESTER, made.id, where, plan=plan)
        access.give(tx, TESTER, made.id, where, scopes, reason="a test")
        if tuple(roles):
            access.set_roles(tx, TESTER, client.id, roles, "a test")
        _, secret = house.keys.create(tx, TESTER, client.id, name="test", lifetime=lifetime, reason="a test")
    if standing == Standing.SUSPENDED:
        with house.store.write() as tx:
            registry.suspend(tx, TESTER, client.id, "a test")
    elif standing == State.RETIRED:
        with house.store.write() as tx:
            registry.set_state(tx, made.id, State.RETIRED)
    elif standing != Standing.ACTIVE:
        raise ConfigurationError(f"{standing!r} is no standing.", "Use active, suspended or retired.")
    caller = TestClient(app, app.response_class, use_cookies=True)
    caller.environ_base = {**caller.environ_base, "HTTP_AUTHORIZATION": f"Bearer {secret}"}
    caller.key, caller.client, caller.application_id = secret, client, made.id
    return caller


def advance(app: Flask, *, days: float = 0, hours: float = 0, minutes: float = 0, seconds: float = 0) -> None:
    """Let time pass for this app's house: expiry, windows, reminders."""
    span = dt.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    _house(app).clock.advance(span.total_seconds())


def decisions(app: Flask, **filters: Any) -> list[dict[str, Any]]:
    """What the gate answered so far, oldest first: the recorded events (``route``, ``status``, ``reason``, …)."""
    query: Callable[..., Any] = _house(app).recorder.query.calls
    return list(reversed(query(**{"limit": 1000, **filters}).events))
