from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from shop.extensions import db
from shop.models import Order, Product

NEW = {"customer": 1, "sku": "NB-0001", "quantity": 3}


def test_a_stranger_gets_401_as_json(client: FlaskClient) -> None:
    answer = client.get("/api/v1/orders")
    assert answer.status_code == 401
    assert answer.json["error"]["name"] == "Unauthorized"


def test_a_partner_reads_with_its_key(client: FlaskClient, partner: dict[str, str]) -> None:
    assert client.get("/api/v1/me", headers=partner).json == {"tenant": "north", "name": None}
    assert client.get("/api/v1/orders", headers=partner).json["total"] == 8


def test_an_unknown_key_is_a_stranger(client: FlaskClient) -> None:
    assert client.get("/api/v1/orders", headers={"X-Shop-Key": "guess"}).status_code == 401


@pytest.mark.parametrize("url", ["/api/v1/me", "/api/v1/account"])
def test_one_view_behind_two_routes(logged_in_client: FlaskClient, url: str) -> None:
    assert logged_in_client.get(url).json == {"tenant": "north", "name": "Alice"}


def test_each_tenant_sees_its_own(logged_in_client: FlaskClient, other_tenants_client: FlaskClient) -> None:
    assert [item["id"] for item in logged_in_client.get("/api/v1/orders").json["items"]] == list(range(1, 9))
    assert [item["id"] for item in other_tenants_client.get("/api/v1/orders").json["items"]] == [9, 10]


def test_pages_follow_each_other(logged_in_client: FlaskClient) -> None:
    seen: list[int] = []
    url = "/api/v1/orders?limit=3"
    while url:
        answer = logged_in_client.get(url)
        assert answer.headers["X-Total-Count"] == "8"
        seen += [item["id"] for item in answer.json["items"]]
        url = answer.json["next"]
    assert seen == list(range(1, 9))


@pytest.mark.parametrize(("status", "count"), [("open", 7), ("shipped", 1), ("paid", 0)])
def test_orders_are_filtered_by_status(logged_in_client: FlaskClient, status: str, count: int) -> None:
    assert logged_in_client.get("/api/v1/orders", query_string={"status": status}).json["total"] == count


def test_an_unknown_status_is_refused(logged_in_client: FlaskClient) -> None:
    assert logged_in_client.get("/api/v1/orders?status=lost").status_code == 400


def test_one_order_in_the_shops_own_json(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/orders/2")
    assert answer.json["total"] == "9.00"
    assert answer.json["placed_at"] == "2026-03-02T09:30:00Z"
    assert list(answer.json)[:2] == ["id", "customer"]
    assert "Zoë" in answer.text


def test_an_unchanged_order_is_not_sent_again(logged_in_client: FlaskClient) -> None:
    etag = logged_in_client.get("/api/v1/orders/2").headers["ETag"]
    assert logged_in_client.get("/api/v1/orders/2", headers={"If-None-Match": etag}).status_code == 304


@pytest.mark.parametrize("method", ["get", "patch", "delete"])
def test_the_order_of_another_tenant_does_not_exist(logged_in_client: FlaskClient, method: str) -> None:
    answer = getattr(logged_in_client, method)("/api/v1/orders/9", json={} if method == "patch" else None)
    assert answer.status_code == 404
    assert answer.json["error"]["message"] == "No order 9."


def test_an_order_is_made_and_stock_goes_down(app: Flask, logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.post("/api/v1/orders", json=NEW)
    assert answer.status_code == 201
    assert answer.json["total"] == "13.50"
    assert logged_in_client.get(answer.headers["Location"]).json["id"] == answer.json["id"]
    with app.app_context():
        assert db.session.get(Product, "NB-0001").stock == 97


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"quantity": 0}, 422),
        ({"quantity": "3"}, 422),
        ({"quantity": True}, 422),
        ({"quantity": 1000}, 409),
        ({"sku": "LP-0003"}, 404),
        ({"customer": 3}, 404),
        ({"colour": "red"}, 422),
    ],
)
def test_bad_orders_are_refused(app: Flask, logged_in_client: FlaskClient, change: dict[str, Any], status: int) -> None:
    answer = logged_in_client.post("/api/v1/orders", json=NEW | change)
    assert answer.status_code == status
    assert answer.json["error"]["status"] == status
    with app.app_context():
        assert db.session.query(Order).count() == 10


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b"[1]", "application/json", 400),
        (b"a=1", "application/x-www-form-urlencoded", 415),
        (b'{"note": "' + b"x" * 300_000 + b'"}', "application/json", 413),
    ],
)
def test_bodies_which_are_no_order(
    client: FlaskClient, partner: dict[str, str], data: bytes, content_type: str, status: int
) -> None:
    answer = client.post("/api/v1/orders", data=data, content_type=content_type, headers=partner)
    assert answer.status_code == status
    assert answer.json["error"]["status"] == status


def test_an_order_is_changed(logged_in_client: FlaskClient) -> None:
    assert logged_in_client.patch("/api/v1/orders/2", json={"note": "ring"}).json["note"] == "ring"
    assert logged_in_client.get("/api/v1/orders/2").json["note"] == "ring"


def test_an_order_is_cancelled_by_a_partner(client: FlaskClient, partner: dict[str, str]) -> None:
    assert client.post("/api/v1/orders/2/cancel", headers=partner).json["status"] == "cancelled"


def test_an_open_order_is_deleted(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.delete("/api/v1/orders/2")
    assert (answer.status_code, answer.data) == (204, b"")
    assert logged_in_client.get("/api/v1/orders/2").status_code == 404


def test_a_shipped_order_is_not_deleted(logged_in_client: FlaskClient) -> None:
    assert logged_in_client.delete("/api/v1/orders/1").status_code == 409


@pytest.mark.parametrize(("day", "ids"), [("2026-03-02", [2, 3]), ("2026-02-28", [])])
def test_the_orders_of_a_day(logged_in_client: FlaskClient, day: str, ids: list[int]) -> None:
    assert [order["id"] for order in logged_in_client.get(f"/api/v1/orders/by-day/{day}").json] == ids


def test_a_day_that_does_not_exist(logged_in_client: FlaskClient) -> None:
    assert logged_in_client.get("/api/v1/orders/by-day/2026-02-30").status_code == 404


def test_the_export_is_streamed_line_by_line(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/orders/export.csv", buffered=False)
    assert answer.is_streamed
    lines = list(answer.response)
    assert len(lines) == 9
    assert answer.mimetype == "text/csv"


def test_the_invoice_is_a_file(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/orders/2/invoice")
    assert answer.headers["Content-Disposition"] == "attachment; filename=invoice-2.txt"
    assert "Total 9.00" in answer.text


def test_a_head_request_has_no_body(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.head("/api/v1/orders")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["X-Total-Count"] == "8"


def test_a_view_is_called_by_hand(app: Flask, partner: dict[str, str]) -> None:
    with app.test_request_context("/api/v1/orders/2", headers=partner):
        assert app.preprocess_request() is None
        answer = app.make_response(app.dispatch_request())
        assert answer.json["id"] == 2
