"""A house with people, scopes and a little traffic, on a store of its own. Calls are told, everything else is real."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from flask_apiguard.access import ScopeBook, grants_of
from flask_apiguard.clients import Application, Client, registry
from flask_apiguard.clock import Clock
from flask_apiguard.contracts import Notice
from flask_apiguard.credentials import Format, Keys
from flask_apiguard.crypto import Secrets, new_id
from flask_apiguard.db import STATE, Store, Transaction
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.notices.outbox import notice
from flask_apiguard.onboarding import Desk, Entered, Onboarding, Review, registry_of
from flask_apiguard.people import NOWHERE, Seat
from flask_apiguard.people.persons import person_by_id
from flask_apiguard.people.seats import acting, seat_person, seats_of
from flask_apiguard.people.tables import person
from flask_apiguard.people.throttle import WINDOW, Throttle
from flask_apiguard.quotas import Memory, Tries
from flask_apiguard.values import SYSTEM, Actor, By, Environment, Happening, Reason

SECRET = b"0123456789abcdef0123456789abcdef"
DAY = dt.timedelta(days=1)
OPERATOR = By(Actor.OPERATOR, "root")
SCOPES = {
    "orders:read": {"description": "See orders", "risk": "low", "access": "read"},
    "orders:write": {"description": "Change orders", "risk": "sensitive", "access": "write"},
    "money:move": {"description": "Move money", "risk": "critical", "access": "write"},
}
ROUTES = {
    ("orders.list", "GET"): frozenset({"orders:read"}),
    ("orders.create", "POST"): frozenset({"orders:write"}),
    ("money.move", "POST"): frozenset({"money:move"}),
}
FACTS = {
    "name": "Acme Pay",
    "purpose": "Brings the orders of our shops into the ledger each night.",
    "contact_email": "integration@acme.example",
    "redirect_uris": ("https://acme.example/callback",),
    "requested_scopes": {"orders:read": "to show the orders to our clerks"},
}


class Seen(NamedTuple):
    """One call as the events room tells it."""

    route: str | None
    method: str
    status: int
    reason: str
    need: str
    time: dt.datetime
    id: str = "req_1"


@dataclass
class House:
    """`url` is the store's; `more` goes to Onboarding."""

    url: str
    more: dict[str, Any] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    calls: list[Seen] = field(default_factory=list)
    monitored: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(STATE, lambda: self.url, self.clock.now)
        self.keys = Keys(Format("acme"), Secrets(SECRET), {"sandbox": 90 * 86400, "production": 365 * 86400})
        told: dict[str, Any] = {
            "observed": lambda application, environment, since: list(self.calls),
            "scopes_of_route": lambda endpoint, method, held: ROUTES.get((endpoint, method), frozenset()),
            "reachable": lambda new, old: [
                f"{method} {endpoint}" for (endpoint, method), need in ROUTES.items() if need <= new and not need <= old
            ],
            "monitor_start": lambda tx, by, client: self.monitored.append(client.id),
            "monitor_end": lambda tx, by, client: self.monitored.remove(client.id),
            "door": "open",
        }
        counter = Memory()
        throttle = Throttle(Tries(lambda: counter, self.clock, Secrets(SECRET), WINDOW))
        self.onboarding = Onboarding(Desk(
            self.store, self.clock, ScopeBook(SCOPES), self.keys, Secrets(SECRET), throttle,
            **({"checks": registry_of(), **told} | self.more),
        ))  # fmt: skip

    def do(self, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """One call in a transaction of its own."""
        with self.store.write() as tx:
            return act(tx, *args, **more)

    def read(self, act: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """One look."""
        with self.store.read() as conn:
            return act(conn, *args, **more)

    # People

    def organization(self, name: str = "Acme") -> str:
        made: registry.Organization = self.do(registry.create_organization, SYSTEM, name)
        return made.id

    def person(self, name: str, seat: str, organization_id: str | None = None) -> By:
        """Somebody in a seat, acting in it."""
        with self.store.write() as tx:
            person_id = new_id("per")
            facts = {"email": f"{name}@people.example", "name": name, "email_proved_at": tx.now, "created_at": tx.now}
            tx.execute(person.insert().values(id=person_id, **facts))
            seat_person(tx, SYSTEM, person_by_id(tx.conn, person_id), organization_id, Seat(seat))
        return self.acting(person_id, organization_id)

    def acting(self, person_id: str, organization_id: str | None = None) -> By:
        """The person as an actor, with every seat held now."""
        with self.store.read() as conn:
            held = seats_of(conn, person_id, self.clock.now())
            return acting(person_by_id(conn, person_id), held, organization_id, None, NOWHERE)

    def also(self, by: By, seat: str, organization_id: str | None = None) -> By:
        """The same person in one more seat."""
        with self.store.write() as tx:
            seat_person(tx, SYSTEM, person_by_id(tx.conn, by.id), organization_id, Seat(seat))
        return self.acting(by.id, organization_id)

    # The way

    def draft(
        self, by: By, organization_id: str, scopes: Iterable[str] = ("orders:read",), **facts: Any
    ) -> Application:
        """A draft that every check lets into the sandbox."""
        asked = {scope: f"needed for {scope} every night" for scope in scopes}
        with self.store.write() as tx:
            made = self.onboarding.register(tx, by, organization_id, FACTS | {"requested_scopes": asked} | facts)
            return registry.prove_contact(tx, SYSTEM, made.id)

    def sandbox(self, by: By, application_id: str) -> Entered:
        entered: Entered = self.do(self.onboarding.enter_sandbox, by, application_id)
        return entered

    def call(self, route: str, method: str = "GET", status: int = 200, reason: str = "", id: str = "req_1") -> None:
        """Traffic: one observed sandbox call, now."""
        self.clock.advance(1)
        reason = reason or (str(Reason.ALLOWED) if status < 400 else "gate:body:invalid")
        self.calls.append(Seen(route, method, status, reason, "", self.clock.now(), id))

    def graduate(self, *scopes: str) -> None:
        """Calls that exercise these scopes, and one refusal repaired."""
        for (endpoint, method), need in ROUTES.items():
            if need <= set(scopes):
                self.call(endpoint, method, 422)
                self.call(endpoint, method)

    def request(self, by: By, application_id: str, kind: str = "production", **more: Any) -> Review:
        asked: Review = self.do(
            self.onboarding.request, by, application_id, kind, **{"reason": "the contract is signed", **more}
        )
        return asked

    def decide(self, by: By, review_id: str, decision: str = "approve", **more: Any) -> Review:
        decided: Review = self.do(self.onboarding.decide, by, review_id, decision, **{"reason": "looked at it", **more})
        return decided

    # Looking

    def application(self, application_id: str) -> Application:
        found: Application = self.read(registry.application, application_id)
        return found

    def client(self, application_id: str, environment: str = "production") -> Client:
        clients = self.read(registry.clients_of, application_id)
        return next(one for one in clients if one.environment == environment)

    def granted(self, application_id: str, environment: str = "production") -> set[str]:
        """Scopes that open something now."""
        found = self.read(grants_of, application_id, Environment(environment))
        return {one.scope for one in found if one.until is None or one.until > self.clock.now()}

    def entries(self, happening: Happening) -> list[Any]:
        """What the ledger has of a kind: (subject, text)."""
        with self.store.read() as conn:
            table = ledger
            return conn.execute(
                sa.select(table.c.subject, table.c.entry).where(table.c.happening == happening).order_by(table.c.seq)
            ).all()

    def notices(self, start: str = "") -> list[Notice]:
        with self.store.read() as conn:
            return [row for row in conn.execute(sa.select(notice)) if row.key.startswith(start)]

    def close(self) -> None:
        self.store.close()


__all__ = ["DAY", "FACTS", "OPERATOR", "ROUTES", "SCOPES", "House", "Seen", "Transaction"]
