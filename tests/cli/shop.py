"""A small app to be looked after from the command line; also started as a process of its own."""

from __future__ import annotations

import os
from typing import Any

from flask import Flask
from flask.views import MethodView
from marshmallow import Schema, fields

from flask_apiguard import APIGuard, accepts, limit, public, require


class OrderIn(Schema):
    item = fields.String(required=True)


SCOPES = {
    "orders:read": {"description": "See orders", "risk": "low", "access": "read"},
    "orders:write": "Create and change orders",
    "refunds:write": {"description": "Give money back", "risk": "critical", "access": "write"},
}


def make(**config: Any) -> Flask:
    """The app; what the environment says of it (``SHOP_...``) stands below ``config``."""
    folder = config.pop("INSTANCE_PATH", None) or os.environ.get("SHOP_INSTANCE_PATH")
    app = Flask("shop", instance_path=folder)
    app.config["SECRET_KEY"] = "of-the-shop-and-long-enough-for-anybody"
    app.config.from_mapping(config)
    guard = APIGuard(app, paths=["/api"], scopes=SCOPES, brand="shop")

    @app.get("/")
    def home() -> str:
        return "home"

    @app.get("/api/orders")
    @require("orders:read")
    @limit("1000/second")
    def orders() -> dict[str, Any]:
        return {"orders": []}

    @app.post("/api/orders")
    @require("orders:write")
    @accepts(OrderIn, into="order")
    def create(order: dict[str, Any]) -> dict[str, Any]:
        return order

    @app.get("/api/health")
    @public("health check")
    def health() -> str:
        return "fine"

    @app.get("/api/refunds")
    def refunds() -> str:
        return "not for everybody"

    guard.protect("refunds", "refunds:write", policy="by-day")

    @guard.policy("by-day")
    def by_day(caller: Any, obj: Any) -> bool:
        return True

    if os.environ.get("SHOP_HOLE"):
        _holes(app)
    return app


def _holes(app: Flask) -> None:
    @app.route("/api/hole", methods=["GET", "POST"])
    def hole() -> str:
        return "nobody spoke for me"

    class Things(MethodView):
        def get(self) -> str:
            return "things"

        def delete(self) -> str:
            return "deleted"

    app.add_url_rule("/api/things", view_func=Things.as_view("things"))
