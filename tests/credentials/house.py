"""A small house around the room: a store, its secrets, two organizations' worth of clients, and a verifier."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request

from flask_apiguard.clients import Client, Watch, registry
from flask_apiguard.clock import Clock
from flask_apiguard.contracts import CredentialType, Registry
from flask_apiguard.credentials import (
    AccessTokenType,
    ApiKeyType,
    Credential,
    Format,
    ImportedKeyType,
    Keys,
    Lifetimes,
    Tokens,
    Verifier,
)
from flask_apiguard.crypto import Secrets
from flask_apiguard.db import STATE, Store, Transaction
from flask_apiguard.values import SYSTEM, Actor, By, Caller, Entitlement, Environment, Standing, State

DAY = dt.timedelta(days=1)
BY = By(Actor.PERSON, "per_1", "Ada", "org_1", frozenset({"owner"}))
HELD = frozenset({"orders:read", "orders:write"})


def entitle(
    conn: sa.Connection,
    application_id: str,
    client_id: str,
    environment: Environment,
    narrowing: frozenset[str] | None,
    now: dt.datetime,
) -> Entitlement:
    """What the room above answers, cut down to what these tests need."""
    return Entitlement(
        HELD if narrowing is None else HELD & narrowing, frozenset({"partner"}), subjects=("role:partner",)
    )


@dataclass
class House:
    """`url` is the store's; two houses on one URL are two processes as far as the store can tell."""

    url: str
    clock: Clock = field(default_factory=Clock)
    entitle: Callable[..., Entitlement] = entitle

    def __post_init__(self) -> None:
        self.store = Store(STATE, lambda: self.url, self.clock.now)
        self.secrets = Secrets(b"0123456789abcdef0123456789abcdef")
        self.format = Format("acme")
        self.keys = Keys(self.format, self.secrets, {"sandbox": 90 * 86400, "production": 365 * 86400})
        self.tokens = Tokens(self.format, self.secrets, Lifetimes.each(600))
        self.watch = Watch(self.store)
        common = (self.store, self.format, self.secrets, self.clock, self.entitle)
        self.access_tokens = AccessTokenType(self.store, self.tokens, self.clock, self.entitle)
        self.types: Registry[CredentialType] = Registry(
            "credential type",
            lambda kind: kind.name,
            [ApiKeyType(*common), self.access_tokens, ImportedKeyType(*common, self.watch)],
        )
        self.verifier = Verifier(self.types, self.watch, self.secrets, self.clock)

    def client(self, environment: Environment = Environment.PRODUCTION, state: State = State.PRODUCTION) -> Client:
        """A client of a new application of a new organization."""
        with self.store.write() as tx:
            owner = registry.create_organization(tx, SYSTEM, "Acme")
            made = registry.create_application(tx, SYSTEM, owner.id, "Pay", state=state, reference="customer:42")
            return registry.create_client(tx, SYSTEM, made.id, environment, plan="gold")

    def write(self, act: Callable[[Transaction], Any]) -> Any:
        """One act in a transaction of its own."""
        with self.store.write() as tx:
            return act(tx)

    def key(self, client: Client, **facts: Any) -> tuple[Credential, str]:
        """A new credential, an API key by default."""
        made: tuple[Credential, str] = self.write(
            lambda tx: self.keys.create(tx, BY, client.id, **{"name": "one", **facts})
        )
        return made

    def identify(self, text: str, header: str = "Authorization") -> Caller:
        """Who stands behind a request with this text."""
        value = f"Bearer {text}" if header == "Authorization" else text
        return self.verifier.identify(request({header: value}))[0]

    def close(self) -> None:
        self.watch.close()
        self.store.close()


def request(headers: dict[str, str] | None = None) -> Request:
    """A request as a server hands it over."""
    return Request(EnvironBuilder(headers=headers).get_environ())


__all__ = ["BY", "DAY", "HELD", "House", "Standing", "request"]
