from __future__ import annotations

import pytest
from flask.testing import FlaskClient


def test_customers_are_listed(logged_in_client: FlaskClient) -> None:
    assert [item["id"] for item in logged_in_client.get("/api/v1/customers/").json["items"]] == [1, 2]


def test_a_missing_slash_is_added(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/customers")
    assert answer.status_code == 308
    assert answer.location.endswith("/api/v1/customers/")
    assert logged_in_client.get("/api/v1/customers", follow_redirects=True).status_code == 200


def test_a_customer_lives_and_goes(logged_in_client: FlaskClient) -> None:
    made = logged_in_client.post("/api/v1/customers/", json={"name": "N", "email": "n@mail.example"})
    assert made.status_code == 201
    url = made.headers["Location"]
    assert logged_in_client.patch(url, json={"name": "M"}).json["name"] == "M"
    assert logged_in_client.get(url).json == {
        "id": 4,
        "name": "M",
        "email": "n@mail.example",
        "tags": [],
        "locked": False,
    }
    assert logged_in_client.delete(url).status_code == 204
    assert logged_in_client.get(url).status_code == 404


def test_a_customer_with_orders_stays(logged_in_client: FlaskClient) -> None:
    assert logged_in_client.delete("/api/v1/customers/1").status_code == 409


@pytest.mark.parametrize("url", ["/api/v1/customers/1/tags", "/api/v1/customers/1/tags/"])
def test_tags_are_set_with_or_without_a_slash(logged_in_client: FlaskClient, url: str) -> None:
    assert logged_in_client.put(url, json={"tags": ["gold"]}).json["tags"] == ["gold"]


@pytest.mark.parametrize("body", [{"name": "x"}, {"name": "x", "email": "none"}, {"name": 1, "email": "a@b"}])
def test_bad_customers_are_refused(logged_in_client: FlaskClient, body: dict[str, object]) -> None:
    assert logged_in_client.post("/api/v1/customers/", json=body).status_code == 422


def test_reports_are_listed(logged_in_client: FlaskClient) -> None:
    assert [item["id"] for item in logged_in_client.get("/api/v1/north/reports").json["items"]] == [1]


def test_a_report_is_made_asynchronously_and_deleted(logged_in_client: FlaskClient) -> None:
    made = logged_in_client.post("/api/v1/north/reports", json={"kind": "stock"})
    assert (made.status_code, made.json["figures"]) == (202, {"orders": 8})
    url = made.headers["Location"]
    assert logged_in_client.get(url).json["kind"] == "stock"
    assert logged_in_client.delete(url).status_code == 204
    assert logged_in_client.get(url).status_code == 404


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("/api/v1/nobody/reports", 404),
        ("/api/v1/south/reports", 403),
        ("/api/v1/north/reports/2", 404),
        ("/api/v1/south/reports/2", 403),
    ],
)
def test_reports_of_others(logged_in_client: FlaskClient, url: str, status: int) -> None:
    answer = logged_in_client.get(url)
    assert answer.status_code == status
    assert answer.json["error"]["status"] == status


@pytest.mark.parametrize(
    ("url", "parts"), [("/tree", []), ("/tree/a", ["a"]), ("/tree/a/b%20c", ["a", "b c"]), ("/tree/a//b", ["a", "b"])]
)
def test_the_tree_of_the_catalogue(logged_in_client: FlaskClient, url: str, parts: list[str]) -> None:
    answer = logged_in_client.get(f"/api/v1/catalogue{url}", follow_redirects=True)
    assert answer.json == {"branch": parts}


def test_a_response_raised_by_the_view_is_kept(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/catalogue/tree/hidden/x")
    assert (answer.status_code, answer.json) == (410, {"reason": "hidden"})


def test_products_of_the_nested_blueprint(logged_in_client: FlaskClient) -> None:
    assert len(logged_in_client.get("/api/v1/catalogue/products/").json) == 2
    answer = logged_in_client.get("/api/v1/catalogue/products/nb-0001")
    assert answer.json["price"] == "4.50"
    assert answer.headers["X-Sku"] == "NB-0001"
