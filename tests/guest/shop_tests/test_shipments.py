from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from shop.seed import FIRST_SHIPMENT, FOREIGN_SHIPMENT

URL = f"/api/v1/shipments/{FIRST_SHIPMENT}"


def document(name: str = "proof.txt", content: bytes = b"0123456789") -> dict[str, object]:
    return {"data": {"file": (io.BytesIO(content), name)}, "content_type": "multipart/form-data"}


@pytest.mark.parametrize("url", ["/api/v1/shipments", "/api/v1/shipments/"])
def test_the_asynchronous_list(logged_in_client: FlaskClient, url: str) -> None:
    answer = logged_in_client.get(url)
    assert [item["carrier_says"] for item in answer.json] == ["Swift: in transit"]


def test_a_shipment_is_made_asynchronously(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.post("/api/v1/shipments", json={"order_id": 2, "carrier": "Dove"})
    assert answer.status_code == 201
    assert logged_in_client.get(answer.headers["Location"]).json["carrier"] == "Dove"


@pytest.mark.parametrize(("body", "status"), [({}, 422), ({"order_id": 9, "carrier": "Dove"}, 404)])
def test_a_bad_shipment_is_refused(logged_in_client: FlaskClient, body: dict[str, object], status: int) -> None:
    assert logged_in_client.post("/api/v1/shipments", json=body).status_code == status


@pytest.mark.parametrize("ref", [str(FOREIGN_SHIPMENT), "11111111-1111-4111-8111-111111111111", "17"])
def test_other_shipments_do_not_exist(logged_in_client: FlaskClient, ref: str) -> None:
    assert logged_in_client.get(f"/api/v1/shipments/{ref}").status_code == 404


def test_the_state_moves(logged_in_client: FlaskClient) -> None:
    assert logged_in_client.patch(URL, json={"status": "delivered"}).json["status"] == "delivered"
    assert logged_in_client.patch(URL, json={"status": "eaten"}).status_code == 422


def test_a_document_goes_up_and_comes_down(app: Flask, logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.post(f"{URL}/documents", **document())
    assert answer.status_code == 201
    assert len(list(Path(app.instance_path, "documents").iterdir())) == 1
    with logged_in_client.get(answer.json["link"]) as down:
        assert down.data == b"0123456789"
        assert down.headers["Content-Disposition"] == "attachment; filename=proof.txt"


def test_a_part_of_a_document(logged_in_client: FlaskClient) -> None:
    link = logged_in_client.post(f"{URL}/documents", **document()).json["link"]
    with logged_in_client.get(link, headers={"Range": "bytes=2-4"}) as part:
        assert (part.status_code, part.data) == (206, b"234")


def test_a_document_of_another_tenant(logged_in_client: FlaskClient, other_tenants_client: FlaskClient) -> None:
    link = logged_in_client.post(f"{URL}/documents", **document()).json["link"]
    assert other_tenants_client.get(link).status_code == 404


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (lambda: document("run.exe"), 415),
        (lambda: document(content=b"x" * 300_000), 413),
        (lambda: {"data": {"file": "text"}}, 400),
    ],
    ids=["type", "size", "no file"],
)
def test_bad_documents(logged_in_client: FlaskClient, sent: Callable[[], dict[str, object]], status: int) -> None:
    assert logged_in_client.post(f"{URL}/documents", **sent()).status_code == status


def test_the_stream_of_events_ends_after_its_rounds(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/shipments/stream?rounds=2")
    assert answer.mimetype == "text/event-stream"
    assert answer.text.count("event: shipment") == 2
    assert "id: 1\n" in answer.text


def test_an_endless_stream_is_read_as_it_comes(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/shipments/stream", buffered=False)
    chunks = iter(answer.response)
    assert b"in transit" in next(chunks)
    with logged_in_client.patch(URL, json={"status": "delivered"}) as moved:
        assert moved.status_code == 200
    assert b"delivered" in next(chunks)
    answer.close()


def test_states_may_be_cached(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/shipments/states")
    assert answer.json == ["waiting", "in transit", "delivered"]
    assert answer.headers["Cache-Control"] == "max-age=3600"
