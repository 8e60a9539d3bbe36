"""An app with a route of every kind, guarded under /api."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask, Response, abort, jsonify, request
from flask.views import MethodView
from marshmallow import Schema, fields, validate

from flask_apiguard import APIGuard, HostUser, accepts, current_caller, limit, public, require, returns


class OrderIn(Schema):
    item = fields.String(required=True, validate=validate.Length(1, 50))
    amount = fields.Integer(validate=validate.Range(1, 100))


class OrderOut(Schema):
    id = fields.Integer(required=True)
    item = fields.String(required=True)


class Paging(Schema):
    page = fields.Integer(load_default=1, validate=validate.Range(1))


def make_app(tmp_path: Any, **config: Any) -> tuple[Flask, APIGuard]:
    app = Flask("guarded", instance_path=str(tmp_path))
    app.config.update({"TESTING": True, "SECRET_KEY": "of the host", "APIGUARD_CORS_ORIGINS": None, **config})
    guard = APIGuard(paths=["/api"], scopes={"orders:read": "See orders"}, brand="acme")
    guard.init_app(app)
    _routes(app, guard)
    return app, guard


def _routes(app: Flask, guard: APIGuard) -> None:  # noqa: C901 - a list of small views
    ran: list[str] = app.extensions.setdefault("ran", [])

    @guard.host_user
    def signed_in() -> HostUser | None:
        name = request.cookies.get("who")
        return HostUser(name) if name else None

    @guard.policy("small-orders", scopes=["orders:write"])
    def small_orders(caller: Any, order: Any) -> bool | str:
        return order is None or order["amount"] < 50 or "Orders of 50 or more need a contract."

    @app.before_request
    def hook() -> Response | None:
        ran.append("hook")
        return Response("maintenance") if request.headers.get("X-Maintenance") else None

    @app.url_value_preprocessor
    def load(endpoint: str | None, values: dict[str, Any] | None) -> None:
        if values and values.get("order_id") == 404:
            abort(404)

    @app.get("/")
    def home() -> str:
        return "home"

    @app.get("/api/orders")
    @require("orders:read")
    @accepts(Paging, location="query", into="paging")
    def orders(paging: dict[str, Any]) -> Any:
        ran.append("orders")
        return jsonify(page=paging["page"], client=current_caller.client.id if current_caller.client else None)

    @app.post("/api/orders")
    @require("orders:write")
    @accepts(OrderIn, into="order")
    @returns(OrderOut, status=201)
    def create(order: dict[str, Any]) -> Any:
        ran.append("create")
        guard.authorize("orders:write", {"amount": 1, **order})
        return {"id": 1, "secret": "not for you", **order}, 201

    @app.get("/api/orders/<int:order_id>")
    @require("orders:read")
    def order(order_id: int) -> Any:
        return {"id": order_id}

    @app.post("/api/swallowed")
    @require("orders:write")
    def swallowed() -> str:
        try:
            guard.authorize("refunds:write")
        except Exception:  # as a library does that swallows everything
            ran.append("swallowed")
        return "done anyway"

    @app.get("/api/either")
    @require(any_of=["orders:read", "orders:write"])
    def either() -> str:
        return "either"

    @app.get("/api/roles")
    @require(roles=["clerk"])
    def roles() -> str:
        return "clerk"

    @app.get("/api/production")
    @require("orders:read", environment="production")
    def production_only() -> str:
        return "production"

    @app.get("/api/machines")
    @require("orders:read", first_party=False)
    def machines() -> str:
        return "machines"

    @app.get("/api/limited")
    @require("orders:read")
    @limit("2/minute")
    def limited() -> str:
        return "limited"

    @app.get("/api/liar")
    @require("orders:read")
    @returns(OrderOut)
    def liar() -> Any:
        return {"id": "no number"}

    @app.get("/api/undeclared")
    def undeclared() -> str:
        ran.append("undeclared")
        return "nobody spoke for me"

    @app.get("/api/health")
    @public("health check")
    def health() -> str:
        return "fine"

    @app.get("/api/quiet")
    @public("called every second", record=False)
    def quiet() -> str:
        return "fine"

    @app.get("/outside")
    @require("orders:read")
    def outside() -> str:
        return "guarded all the same"

    @app.get("/api/async")
    @require("orders:read")
    async def asynchronous() -> str:
        return "async"

    @app.get("/api/stream")
    @require("orders:read")
    def stream() -> Response:
        def chunks() -> Iterator[str]:
            for number in range(3):
                ran.append(f"chunk {number}")
                yield f"{number}\n"

        return Response(chunks(), mimetype="text/plain")

    @app.get("/api/raises")
    @require("orders:read")
    def raises() -> str:
        raise LookupError("the host's own")

    class Things(MethodView):
        @require("orders:read")
        def get(self) -> str:
            return "things"

        @require("orders:write")
        def post(self) -> str:
            return "made"

        def delete(self) -> str:
            ran.append("deleted")
            return "deleted"

    app.add_url_rule("/api/things", view_func=Things.as_view("things"))


@pytest.fixture
def guarded(tmp_path: Any) -> tuple[Flask, APIGuard]:
    return make_app(tmp_path)


@pytest.fixture
def app(guarded: tuple[Flask, APIGuard]) -> Iterator[Flask]:
    yield guarded[0]
    guarded[0].extensions["apiguard"].close()
