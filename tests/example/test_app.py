"""The app as it was, the app opened to partners, and that both are the same app for its own people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

import example_app
from example_app import create_app, data
from flask_apiguard.testing import client_in

ORDER = {"customer_id": 1, "item": "winch handle", "quantity": 2}
SCOPES = ("orders:read", "orders:write", "shipments:read")
#: As a browser sends it with a form or script of the app's own pages.
HERE = {"Origin": "http://localhost"}


def staff(app: Flask) -> FlaskClient:
    client = app.test_client()
    form = {"email": data.STAFF[0][1], "password": data.STAFF_PASSWORD}
    assert client.post("/staff/sign-in", data=form).json == {"name": data.STAFF[0][2]}
    return client


@pytest.mark.parametrize("guard", [False, True])
def test_strangers_see_the_health_check_and_nothing_else(guard: bool) -> None:
    client = create_app({"TESTING": True}, guard=guard).test_client()
    assert client.get("/api/v1/health").json == {"status": "ok"}
    for path in ("orders", "orders/1", "orders.csv", "shipments", "reports/spending"):
        assert client.get(f"/api/v1/{path}").status_code == 401, path
    assert client.post("/api/v1/orders", json=ORDER).status_code == 401


@pytest.mark.parametrize("guard", [False, True])
def test_a_wrong_password_signs_nobody_in(guard: bool) -> None:
    client = create_app({"TESTING": True}, guard=guard).test_client()
    form = {"email": data.STAFF[0][1], "password": "neap tide"}
    assert client.post("/staff/sign-in", data=form).status_code == 401
    assert client.get("/api/v1/orders").status_code == 401


CALLS: list[tuple[str, str, Any, int]] = [
    ("GET", "health", None, 200),
    ("GET", "orders?state=open&limit=7&after=3", None, 200),
    ("GET", "orders?limit=0", None, 422),
    ("POST", "orders", ORDER, 201),
    ("POST", "orders", {**ORDER, "quantity": 0}, 422),
    ("POST", "orders", {**ORDER, "item": "a yacht"}, 409),
    ("GET", "orders/3", None, 200),
    ("GET", "orders/4711", None, 404),
    ("POST", "orders/12/cancellation", None, 200),
    ("POST", "orders/12/cancellation", None, 409),
    ("GET", "orders.csv", None, 200),
    ("GET", "shipments", None, 200),
    ("GET", "reports/spending", None, 200),
]


def test_its_own_people_are_answered_as_before(plain: Flask, app: Flask) -> None:
    """The first app made the data that both work on, so what one changed is put back for the other."""
    file = Path(plain.instance_path) / data.FILE
    kept = file.read_bytes()
    member = staff(plain)
    before = [answer(member, *call) for call in CALLS]
    file.write_bytes(kept)
    member = staff(app)
    after = [answer(member, *call) for call in CALLS]
    for call, was, now in zip(CALLS, before, after, strict=True):
        assert now[0] == was[0] == call[3], call
        # A document that doesn't fit is now refused with a pointer, in another form.
        assert was[0] == 422 or now[1] == was[1], call


def answer(client: FlaskClient, method: str, path: str, document: Any, _: int) -> tuple[int, Any]:
    got = client.open(f"/api/v1/{path}", method=method, json=document, headers=HERE)
    return got.status_code, got.json if got.is_json else got.text


def test_a_partner_sees_the_region_in_its_contract(app: Flask) -> None:
    north = client_in(app, scopes=SCOPES, reference="north")
    rows = north.get("/api/v1/orders?limit=100").get_json()["orders"]
    assert rows
    assert {row["region"] for row in rows} == {"north"}
    assert north.get(f"/api/v1/orders/{rows[0]['id']}").status_code == 200
    foreign = north.get("/api/v1/orders/2")
    assert foreign.status_code == 403
    assert "another region" in foreign.get_json()["detail"]
    assert north.post("/api/v1/orders/2/cancellation").status_code == 403
    assert north.post("/api/v1/orders", json={**ORDER, "customer_id": 3}).status_code == 409
    assert north.post("/api/v1/orders", json=ORDER).get_json()["region"] == "north"


def test_a_partner_without_a_contract_sees_nothing(app: Flask) -> None:
    nobody = client_in(app, scopes=SCOPES)
    assert nobody.get("/api/v1/orders").get_json() == {"orders": []}
    assert nobody.get("/api/v1/orders/1").status_code == 403


def test_the_sandbox_shows_samples_whatever_the_contract_says(app: Flask) -> None:
    sandbox = client_in(app, "sandbox", scopes=SCOPES, reference="north")
    rows = sandbox.get("/api/v1/orders?limit=100").get_json()["orders"]
    assert {row["region"] for row in rows} == {data.SANDBOX}
    assert sandbox.get("/api/v1/orders/1").status_code == 403


def test_what_customers_spend_needs_its_own_scope(app: Flask) -> None:
    refused = client_in(app, scopes=SCOPES, reference="north").get("/api/v1/reports/spending")
    assert refused.status_code == 403
    assert 'scope="reports:read"' in refused.headers["WWW-Authenticate"]
    seen = client_in(app, scopes=["reports:read"], reference="south").get("/api/v1/reports/spending").get_json()
    assert {row["region"] for row in seen["customers"]} == {"south"}


def test_the_export_is_a_stream_of_the_same_orders(app: Flask) -> None:
    north = client_in(app, scopes=SCOPES, reference="north")
    export = north.get("/api/v1/orders.csv")
    assert export.is_streamed
    assert export.mimetype == "text/csv"
    assert len(export.text.splitlines()) == 1 + len(north.get("/api/v1/orders?limit=100").get_json()["orders"])


def test_a_page_of_another_site_cannot_use_the_session(app: Flask) -> None:
    refused = staff(app).post("/api/v1/orders", json=ORDER, headers={"Origin": "https://evil.example"})
    assert refused.status_code == 403


def test_what_the_gate_needs_to_know_stays_short() -> None:
    text = (Path(example_app.__file__).parent / "guard.py").read_text()
    assert len(text.splitlines()) <= 25


def test_every_route_says_who_may_call_it(app: Flask) -> None:
    found = app.test_cli_runner().invoke(args=["apiguard", "coverage"])
    assert found.exit_code == 0, found.output
    assert "Nothing is undeclared." in found.output
