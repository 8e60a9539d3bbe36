"""A town: an unfriendly host app on a real socket, two organizations that know nothing of each other, and the house."""

from __future__ import annotations

import http.client
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from flask import Flask, Response, request
from flask_wtf import CSRFProtect
from marshmallow import Schema, fields

from flask_apiguard import APIGuard, HostUser, accepts, require
from flask_apiguard.api.endpoints import ENDPOINTS
from flask_apiguard.extension import house_of
from flask_apiguard.house import House
from flask_apiguard.ledger.tables import ledger
from flask_apiguard.notices.outbox import notice
from flask_apiguard.values import Actor, By
from tests.waiting import PATIENCE

from ..servers.http import serve

BASE = "/apiguard/api/v1"
OPERATOR = By(Actor.OPERATOR, "root")
SCOPES = {
    "orders:read": {"description": "Read your orders", "risk": "low", "access": "read"},
    "orders:write": {"description": "Create and change your orders", "risk": "sensitive", "access": "write"},
}
FACTS = {
    "name": "Pay",
    "purpose": "Pays the orders of our shops every evening.",
    "requested_scopes": {"orders:read": "To read the orders of the day."},
}


@dataclass(frozen=True)
class Heard:
    """One answer."""

    status: int
    headers: http.client.HTTPMessage = field(repr=False)
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def kind(self) -> str:
        return (self.headers.get("Content-Type") or "").partition(";")[0]

    def follow(self, action: str) -> tuple[str, str]:
        """Method and address of a next step."""
        found = {one["action"]: (one["method"], one["href"]) for one in self.json["next"]}
        assert action in found, (action, sorted(found))
        return found[action]

    def plain(self) -> Any:
        """The body without what differs each time."""
        return {name: value for name, value in self.json.items() if name != "request_id"}


@dataclass
class Town:
    """One house with its server. ``seen`` are the endpoints that answered well."""

    app: Flask
    house: House
    url: str
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)

    def go(
        self, method: str, path: str, body: Any = None, who: str | None = None, *, data: bytes | None = None,
        kind: str = "application/json", **headers: str,
    ) -> Heard:  # fmt: skip
        """One call. ``who`` is a name in the town, or a token."""
        parts = urlsplit(self.url)
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if who is not None:
            sent["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None:
            sent.setdefault("Content-Type", kind)
        if data is None and method in ("POST", "PUT", "PATCH"):
            data = b""
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=PATIENCE)
        try:
            connection.request(method, path if path.startswith("/apiguard") else BASE + path, data, sent)
            answer = connection.getresponse()
            return Heard(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def call_api(self, key: str, method: str = "GET", path: str = "/api/v1/orders", body: Any = None) -> Heard:
        """A call of the host's own API."""
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 0, timeout=PATIENCE)
        try:
            data = None if body is None else json.dumps(body).encode()
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return Heard(answer.status, answer.headers, answer.read())
        finally:
            connection.close()

    def mailed(self, address: str) -> str:
        """The code in the newest mail to an address."""
        with self.house.store.read() as conn:
            rows = conn.execute(sa.select(notice).order_by(notice.c.id.desc())).all()
        for row in rows:
            found = re.search(r"#(\S+)", row.text) or re.search(r"^(\d+-[0-9a-f]{40})$", row.text, re.MULTILINE)
            if address in row.to and found:
                return found[1]
        raise AssertionError(f"no code for {address}")

    def person(self, name: str, organization_id: str | None = None, *seats: str) -> str:
        """Somebody with a proved address and seats; their token is known under their name."""
        people = self.house.people
        with self.house.store.write() as tx:
            made = people.register(tx, f"{name}@{name}.example", name.title())
        issued = people.prove(made.proof)
        for seat in seats:
            with self.house.store.write() as tx:
                people.give_seat(tx, OPERATOR, issued.person.id, organization_id, seat)
        self.tokens[name], self.ids[name] = issued.secret, issued.person.id
        return issued.person.id

    def entries(self) -> int:
        """How many entries the ledger has."""
        with self.house.store.read() as conn:
            return int(conn.execute(sa.select(sa.func.count()).select_from(ledger)).scalar_one())

    def ready_application(self, who: str, organization_id: str, **facts: Any) -> dict[str, Any]:
        """An application of somebody in the sandbox: ids of application, client, credential, and the key."""
        told = {**FACTS, "contact_email": f"{who}@{who}.example", "organization_id": organization_id, **facts}
        made = self.go("POST", "/applications", told, who)
        assert made.status == 201, made.body
        entered = self.go("POST", f"/applications/{made.json['id']}/sandbox", {}, who)
        assert entered.status == 201, entered.body
        return {
            "application_id": made.json["id"], "client_id": entered.json["client"]["id"],
            "credential_id": entered.json["credential"]["id"], "key": entered.json["credential"]["secret"],
        }  # fmt: skip


class OrderIn(Schema):
    sku = fields.String(required=True)


def make_app(folder: Path, **settings: Any) -> Flask:
    """A host that meddles: CSRF protection, a handler for every error, hooks that change every answer."""
    app = Flask("town", instance_path=str(folder))
    app.config.update({
        "SECRET_KEY": "town", "APIGUARD_ONBOARDING": "open", "APIGUARD_BASE_URL": "https://town.example",
        "APIGUARD_SECRET": "s" * 48, "APIGUARD_ISSUER": "https://town.example", **settings,
    })  # fmt: skip
    csrf = CSRFProtect(app)
    guard = APIGuard(app, paths=["/api/v1"], scopes=SCOPES, brand="acme")

    @app.errorhandler(Exception)
    def everything(error: Exception) -> tuple[str, int]:
        return f"<h1>host page {type(error).__name__}</h1>", 418

    @app.before_request
    def hook() -> None:
        request.environ["town.hook"] = True

    @app.after_request
    def after(response: Response) -> Response:
        response.headers["X-Town"] = "yes"
        response.headers["Cache-Control"] = "public, max-age=600"
        response.headers["Access-Control-Allow-Origin"] = "https://shop.example"
        response.headers["Content-Security-Policy"] = "default-src *"
        response.headers["Referrer-Policy"] = "unsafe-url"
        del response.headers["X-Content-Type-Options"]
        return response

    @guard.host_user
    def user() -> HostUser | None:
        found = request.cookies.get("town")
        return None if not found else HostUser(found, found.title(), f"{found}@host.example", {"email_proved": True})

    @app.get("/api/v1/orders")
    @require("orders:read")
    def orders() -> dict[str, Any]:
        return {"orders": []}

    @app.get("/api/v1/either")
    @require(any_of=["orders:read", "orders:write"])
    def either() -> str:
        return "ok"

    @guard.policy("noon")
    def noon(caller: Any, obj: Any) -> str:
        return "The shop opens at noon."

    @app.get("/api/v1/early")
    @require(policy="noon")
    def early() -> str:
        return "never"

    @app.post("/api/v1/orders")
    @csrf.exempt
    @require("orders:write")
    @accepts(OrderIn)
    def create_order() -> tuple[dict[str, Any], int]:
        return {"id": 1}, 201

    return app


def populate(made: Town) -> Town:
    """The house's people, and two owners with an organization each."""
    made.person("adam", None, "administrator")
    made.person("rita", None, "reviewer")
    made.person("rudi", None, "reviewer")
    made.person("olga", None, "auditor")
    made.person("stan")
    for name in ("ann", "bob"):
        made.person(name)
        organization = made.go("POST", "/organizations", {"name": f"{name} and sons"}, name)
        assert organization.status == 201, organization.body
        made.ids[f"{name}_org"] = organization.json["id"]
    return made


@pytest.fixture(autouse=True)
def _nothing_held_against_this_machine(request: pytest.FixtureRequest) -> None:
    """Whatever failed in another test of the file, nobody here is throttled for it."""
    if "town" in request.fixturenames:
        request.getfixturevalue("town").house.attempts._paid.clear()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # thousands of calls are not worth a line each
    app = make_app(tmp_path_factory.mktemp("town"))
    house = house_of(app)
    with serve(app) as url:
        yield populate(Town(app, house, url))
    house.close()


BY_NAME = {endpoint.name: endpoint for endpoint in ENDPOINTS}
