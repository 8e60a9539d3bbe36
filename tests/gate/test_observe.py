"""Observing: decided and recorded, refused only where a credential is bad; said aloud, and over by itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from marshmallow import Schema, fields

from flask_apiguard import APIGuard, accepts, current_caller, limit, public, require
from flask_apiguard.testing import advance, client_in, decisions
from tests.gate.conftest import OrderIn


class Page(Schema):
    size = fields.Integer(load_default=20)


def observing(tmp_path: Path, **config: Any) -> Flask:
    app = Flask("observing", instance_path=str(tmp_path))
    app.config.update({"TESTING": True, "APIGUARD_MODE": "observe", **config})
    guard = APIGuard(app, paths=["/api"], brand="acme")
    guard.protect("/api/bound", mode="enforce")

    @app.get("/api/orders")
    @require("orders:read")
    @limit("2/hour")
    def orders() -> dict[str, Any]:
        return {"client": bool(current_caller), "may": current_caller.may("orders:read")}

    @app.post("/api/orders")
    @require("orders:write")
    @accepts(OrderIn, into="order")
    def create(order: Any) -> dict[str, Any]:
        return {"order": order}

    @app.get("/api/pages")
    @require("orders:read")
    @accepts(Page, location="query", into="page")
    def pages(page: Any) -> dict[str, Any]:
        return {"page": page}

    @app.post("/api/raw")
    @require("orders:write")
    def raw() -> dict[str, Any]:
        return {"got": request.get_json()}

    @app.get("/api/undeclared")
    def undeclared() -> str:
        return "as ever"

    @app.get("/api/bound")
    def bound() -> str:
        return "bound"

    @app.get("/api/health")
    @public("health check")
    def health() -> str:
        return "fine"

    return app


def test_who_may_not_call_has_what_is_right_read_as_ever(tmp_path: Path) -> None:
    app = observing(tmp_path)
    for caller in (app.test_client(), client_in(app), client_in(app, scopes=["orders:read"])):
        assert caller.get("/api/pages").json == {"page": {"size": 20}}
        assert caller.get("/api/pages?size=5").json == {"page": {"size": 5}}
        assert caller.get("/api/pages?size=x").json == {"page": {"size": "x"}}, "what is wrong comes as it was sent"
    order = {"item": "A", "amount": "3"}
    assert app.test_client().post("/api/orders", json=order).json == {"order": {"item": "A", "amount": 3}}


def reasons(app: Flask) -> list[tuple[str, str, bool]]:
    return [(event["mode"], event["reason"], event["allowed"]) for event in decisions(app)]


def test_what_would_be_refused_is_recorded_and_let_through(tmp_path: Path) -> None:
    app = observing(tmp_path)
    assert app.test_client().get("/api/orders").json == {"client": False, "may": False}
    assert app.test_client().get("/api/undeclared").text == "as ever"
    assert client_in(app).get("/api/orders").status_code == 200
    assert reasons(app) == [
        ("observe", "gate:credential:missing", False),
        ("observe", "gate:credential:missing", False),
        ("observe", "gate:scope:missing", False),
    ]


def test_unmatched_routes_answer_as_the_host_does(tmp_path: Path) -> None:
    app = observing(tmp_path)
    assert app.test_client().get("/api/nowhere").status_code == 404
    assert app.test_client().delete("/api/orders").status_code == 405
    assert app.test_client().options("/api/orders").status_code == 200


def test_limits_are_counted_and_not_enforced(tmp_path: Path) -> None:
    app = observing(tmp_path)
    client = client_in(app, scopes=["orders:read"])
    assert [client.get("/api/orders").status_code for _ in range(4)] == [200] * 4
    assert [allowed for _, _, allowed in reasons(app)] == [True, True, False, False]


@pytest.mark.parametrize("body", [b'{"price": 1}', b'{"item": "a", "item": "b"}', b"{", b""])
def test_a_view_gets_what_was_sent(tmp_path: Path, body: bytes) -> None:
    app = observing(tmp_path)
    answer = app.test_client().post("/api/orders", data=body, content_type="application/json")
    assert answer.status_code == 200
    if body.endswith(b"}"):
        assert answer.json["order"]
        got = app.test_client().post("/api/raw", data=body, content_type="application/json")
        assert got.json["got"] == answer.json["order"], "and reads it as it did before"


@pytest.mark.parametrize("key", ["nonsense", "acme_production_aaaaaaaaaaaa_bbbbbbbbbbbbbbbbbbbbbbbbbbbb_cccccc"])
def test_a_wrong_credential_is_refused(tmp_path: Path, key: str) -> None:
    app = observing(tmp_path)
    for path in ("/api/orders", "/api/undeclared", "/api/nowhere"):
        assert app.test_client().get(path, headers={"X-API-Key": key}).status_code == 401


@pytest.mark.parametrize("standing", ["suspended", "retired"])
def test_a_credential_that_opens_nothing_any_more_is_refused(tmp_path: Path, standing: str) -> None:
    app = observing(tmp_path)
    assert client_in(app, scopes=["orders:read"], standing=standing).get("/api/orders").status_code == 401


def test_an_expired_credential_is_refused(tmp_path: Path) -> None:
    app = observing(tmp_path)
    client = client_in(app, scopes=["orders:read"])
    advance(app, days=400)
    assert client.get("/api/orders").status_code == 401


def test_enforcing_on_one_route_wins(tmp_path: Path) -> None:
    assert observing(tmp_path).test_client().get("/api/bound").status_code == 401


def test_it_ends_by_itself(tmp_path: Path) -> None:
    import datetime as dt

    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=1)
    app = observing(tmp_path, APIGUARD_OBSERVE_UNTIL=tomorrow.isoformat())
    assert app.test_client().get("/api/orders").status_code == 200
    advance(app, days=1)
    assert app.test_client().get("/api/orders").status_code == 401


def test_it_says_so_aloud_once_at_start(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = observing(tmp_path)
    with caplog.at_level(logging.WARNING, "flask_apiguard"):
        app.test_client().get("/api/orders")
        app.test_client().get("/api/orders")
    (record,) = caplog.records
    assert record.getMessage() == (
        "The gate only observes 4 routes: what it would refuse is recorded and let through. "
        "It has no end: set APIGUARD_OBSERVE_UNTIL."
    )


def test_the_day_of_its_end_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "flask_apiguard"):
        observing(tmp_path, APIGUARD_OBSERVE_UNTIL="2099-01-31").test_client().get("/api/orders")
        observing(tmp_path, APIGUARD_OBSERVE_UNTIL="2001-01-31").test_client().get("/api/orders")
        observing(tmp_path, APIGUARD_MODE="enforce").test_client().get("/api/orders")
    (record,) = caplog.records
    assert record.getMessage().endswith("It ends by itself on 2099-01-31.")
