from __future__ import annotations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from shop.extensions import db
from shop.models import Order, Product, Shipment
from shop.seed import FIRST_SHIPMENT
from shop.webhooks import signature

NEWS = {"ref": str(FIRST_SHIPMENT), "status": "delivered"}


@pytest.mark.parametrize("path", ["/stats", "/users", "/settings/page_size"])
def test_administrators_read(admin_client: FlaskClient, path: str) -> None:
    answer = admin_client.get(f"/api/v1/admin{path}")
    assert answer.json["ok"] is True
    assert answer.headers["X-Office"] == "1"


@pytest.mark.parametrize("path", ["/stats", "/users", "/settings/page_size"])
def test_failures_of_the_office_are_answers_of_status_200(logged_in_client: FlaskClient, path: str) -> None:
    answer = logged_in_client.get(f"/api/v1/admin{path}")
    assert answer.status_code == 200
    assert answer.json == {"ok": False, "reason": "For administrators."}


def test_an_error_nobody_expected_too(admin_client: FlaskClient) -> None:
    assert admin_client.get("/api/v1/admin/settings/colour").json == {"ok": False, "reason": "KeyError"}


def test_a_customer_is_locked_and_unlocked(admin_client: FlaskClient) -> None:
    locked = [admin_client.post("/api/v1/admin/customers/1/lock").json["locked"] for _ in range(2)]
    assert locked == [True, False]


def test_a_404_of_the_office_goes_to_the_handler_of_the_app(admin_client: FlaskClient) -> None:
    """Flask prefers a handler for the code, wherever it is, to one for the class."""
    answer = admin_client.post("/api/v1/admin/customers/77/lock")
    assert answer.status_code == 404
    assert answer.json["error"]["message"] == "No such customer."


def signed(client: FlaskClient, url: str, secret: str, json: object) -> object:
    body = client.application.json.dumps(json).encode()
    headers = {"X-Signature": signature(secret, body)}
    return client.post(url, data=body, content_type="application/json", headers=headers)


def test_the_carrier_moves_a_shipment(app: Flask, client: FlaskClient) -> None:
    assert signed(client, "/webhooks/carrier", "carrier-secret", NEWS).status_code == 200
    with app.app_context():
        assert db.session.get(Shipment, 1).status == "delivered"


def test_a_payment_arrives_as_a_form(app: Flask, client: FlaskClient) -> None:
    headers = {"X-Signature": signature("payments-secret", b"order=2")}
    assert client.post("/webhooks/payments", data={"order": "2"}, headers=headers).status_code == 204
    with app.app_context():
        assert db.session.get(Order, 2).status == "paid"


def test_the_warehouse_reports_under_the_prefix_of_the_api(app: Flask, client: FlaskClient) -> None:
    assert signed(client, "/api/v1/hooks/stock", "stock-secret", {"PN-0002": 3, "XX-1": 1}).json == {"updated": 2}
    with app.app_context():
        assert db.session.get(Product, "PN-0002").stock == 3


@pytest.mark.parametrize("url", ["/webhooks/carrier", "/webhooks/payments", "/api/v1/hooks/stock"])
@pytest.mark.parametrize("secret", [None, "another"])
def test_an_unsigned_webhook_is_refused(client: FlaskClient, url: str, secret: str | None) -> None:
    headers = {"X-Signature": signature(secret, b"{}")} if secret else {}
    assert client.post(url, data=b"{}", content_type="application/json", headers=headers).status_code == 403


def test_a_signature_covers_the_raw_body(client: FlaskClient) -> None:
    headers = {"X-Signature": signature("carrier-secret", b'{"a":1}')}
    answer = client.post("/webhooks/carrier", data=b'{"a": 1}', content_type="application/json", headers=headers)
    assert answer.status_code == 403
