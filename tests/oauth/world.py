"""A guarded app with its authorization server switched on, and clients of two applications."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import requests
import sqlalchemy as sa
from flask import Flask, request

from flask_apiguard import APIGuard, access, require
from flask_apiguard.admission import current_caller
from flask_apiguard.clients import Client, registry
from flask_apiguard.credentials import Credential, Kind
from flask_apiguard.extension import house_of
from flask_apiguard.house import House
from flask_apiguard.oauth import set_device, set_public
from flask_apiguard.oauth.throttle import Throttle
from flask_apiguard.quotas import Memory
from flask_apiguard.values import SYSTEM, Environment, HostUser, State
from tests.servers.http import serve
from tests.waiting import PATIENCE

SCOPES = {"orders:read": "See your orders", "orders:write": "Change your orders", "reports:read": "See reports"}
FORM = "application/x-www-form-urlencoded"
SECRET = "0123456789abcdef0123456789abcdef"


def make_app(issuer: str | None, url: str | None = None, **config: Any) -> Flask:
    """The smallest API there is, guarded under /api."""
    app = Flask(__name__)
    given = {
        "TESTING": True, "APIGUARD_SECRET": SECRET, "APIGUARD_DATABASE_URL": url, "APIGUARD_ISSUER": issuer,
        "APIGUARD_COUNTERS_URL": "memory://",  # what an earlier run counted is not this one's
    }  # fmt: skip
    app.config.update({name: value for name, value in {**given, **config}.items() if value is not None})
    guard = APIGuard(app, paths=["/api"], scopes=SCOPES, brand="acme")

    @guard.host_user
    def signed_in() -> HostUser | None:
        name = request.cookies.get("user")
        return HostUser(name, name.title()) if name else None

    @app.get("/api/orders")
    @require("orders:read")
    def orders() -> dict[str, Any]:
        said = {"client": current_caller.client.id, "scopes": sorted(current_caller.scopes)}
        return said | {"user": current_caller.user.id} if current_caller.user else said

    @app.get("/api/reports")
    @require("reports:read")
    def reports() -> dict[str, Any]:
        return {"reports": []}

    return app


def from_environment() -> Flask:
    """For servers in processes of their own: everything is in the environment."""
    counters = os.environ.get("APIGUARD_COUNTERS_URL")
    return make_app(
        os.environ["APIGUARD_ISSUER"], os.environ.get("APIGUARD_DATABASE_URL"), APIGUARD_COUNTERS_URL=counters
    )


@dataclass
class Holder:
    """A client and its secret, as its developer holds them."""

    client: Client
    credential: Credential
    secret: str = field(repr=False)

    @property
    def id(self) -> str:
        return self.client.id

    @property
    def basic(self) -> dict[str, str]:
        """The header of `client_secret_basic`."""
        return basic(self.id, self.secret)


def basic(client_id: str, secret: str) -> dict[str, str]:
    text = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


@dataclass
class World:
    """A running app. `post` speaks to an endpoint, `call` to the API."""

    app: Flask
    base: str

    @property
    def house(self) -> House:
        return house_of(self.app)

    def fresh(self) -> World:
        """The same for another test: at the present time, and nobody's failures held against this machine."""
        self.house.clock.offset = 0.0
        self.house.attempts._paid.clear()
        self.house.oauth.throttle = Throttle(Memory(), self.house.clock, self.house.secrets)
        return self

    def holder(
        self,
        scopes: tuple[str, ...] = ("orders:read", "orders:write"),
        environment: Environment = Environment.PRODUCTION,
        state: State = State.PRODUCTION,
        redirect_uris: tuple[str, ...] = (),
        public: bool = False,
        device: bool = False,
    ) -> Holder:
        """A client of a new application that holds scopes, with a secret; or public, and with none that counts.

        With `device` it may use the device authorization grant.
        """
        with self.house.store.write() as tx:
            owner = registry.create_organization(tx, SYSTEM, "Acme")
            made = registry.create_application(
                tx, SYSTEM, owner.id, "Pay <b>", state=state, reference="customer:42", redirect_uris=redirect_uris
            )  # fmt: skip
            client = registry.create_client(tx, SYSTEM, made.id, environment)
            access.give(tx, SYSTEM, made.id, environment, scopes)
            if public:
                set_public(tx, SYSTEM, client.id, True)
            if device:
                set_device(tx, SYSTEM, client.id, True)
            credential, secret = self.house.keys.create(tx, SYSTEM, client.id, kind=Kind.CLIENT_SECRET, name="server")
        return Holder(client, credential, secret)

    def another_secret(self, holder: Holder) -> Holder:
        """A second secret of the same client."""
        with self.house.store.write() as tx:
            credential, secret = self.house.keys.create(
                tx, SYSTEM, holder.id, kind=Kind.CLIENT_SECRET, name="second"
            )  # fmt: skip
        return Holder(holder.client, credential, secret)

    def post(
        self,
        name: str,
        data: dict[str, str] | str | bytes | list[tuple[str, str]] | None = None,
        holder: Holder | None = None,
        headers: dict[str, str] | None = None,
    ) -> requests.Response:
        """A POST to `/oauth/<name>`, by HTTP Basic for a holder."""
        given = {**(holder.basic if holder is not None else {}), **(headers or {})}
        given.setdefault("Content-Type", FORM)
        return requests.post(f"{self.base}/oauth/{name}", data=data, headers=given, timeout=PATIENCE)

    def token(self, holder: Holder, **more: str) -> str:
        """An access token of the client's own."""
        answer = self.post("token", {"grant_type": "client_credentials", **more}, holder)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def call(self, token: str, path: str = "/api/orders") -> requests.Response:
        """A call with a token."""
        return requests.get(self.base + path, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)

    def somebody_waits(self) -> bool:
        """Whether somebody stands before a lock. On SQLite whoever writes comes after who writes already: always."""
        if self.house.store.dialect == "sqlite":
            return True
        asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        with self.house.store.read(steady=False) as conn:
            return bool(conn.execute(sa.text(asked)).scalar())

    def is_active(self, holder: Holder, token: str) -> bool:
        """What introspection says of a token."""
        return bool(self.post("introspect", {"token": token}, holder).json()["active"])


@contextmanager
def running(make: Callable[[str], Flask]) -> Iterator[World]:
    """Serve an app that is made once its own address is known, because that is its issuer's."""
    behind: list[Flask] = []

    def wsgi(environ: Any, start_response: Any) -> Any:
        return behind[0](environ, start_response)

    with serve(wsgi) as base:
        behind.append(make(base))
        world = World(behind[0], base)
        try:
            yield world
        finally:
            world.house.close()
