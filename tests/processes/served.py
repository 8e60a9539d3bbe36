"""The app that several worker processes serve: one route to read, one that governs, one that counts."""

from __future__ import annotations

import datetime as dt
import os

from flask import Flask

from flask_apiguard import APIGuard, current_caller, limit, public, require
from flask_apiguard.house import House
from flask_apiguard.values import Actor, By

TESTER = By(Actor.OPERATOR, "tester")


def create_app() -> Flask:
    app = Flask(__name__, instance_path=os.environ["SERVED_INSTANCE"])
    guard = APIGuard(app, paths=["/api"], brand="acme")
    house: House = app.extensions["apiguard"]

    @app.get("/api/orders")
    @require("orders:read")
    def orders() -> dict[str, object]:
        return {"pid": os.getpid(), "client": current_caller.client.id if current_caller.client else None}

    @app.get("/api/counted")
    @require("orders:read")
    @limit("100/hour")
    def counted() -> dict[str, int]:
        return {"pid": os.getpid()}

    @app.post("/api/govern")
    @require("orders:read")
    def govern() -> dict[str, str]:
        client = current_caller.client
        assert client is not None
        with house.store.write() as tx:
            made, _ = house.keys.create(tx, TESTER, client.id, name="more", lifetime=dt.timedelta(days=1))
        return {"made": made.id}

    @app.get("/api/health")
    @public("is it up?")
    def health() -> str:
        return "up"

    assert guard is not None
    return app
