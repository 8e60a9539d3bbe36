from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask, g, session, template_rendered
from flask.testing import FlaskClient
from flask_login import FlaskLoginClient, current_user
from shop.extensions import db
from shop.models import User


@pytest.mark.parametrize("url", ["/", "/login", "/t/north/", "/t/north/products/PN-0002"])
def test_public_pages_are_public(client: FlaskClient, url: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 200
    assert "Northwind Supplies" in answer.text


@pytest.mark.parametrize("url", ["/dashboard", "/orders", "/orders/1", "/orders/print", "/board", "/profile"])
def test_staff_pages_lead_a_stranger_to_the_login_page_and_back(client: FlaskClient, url: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 302
    assert answer.location == f"/login?next={url}"
    form = {"email": "alice@north.example", "password": "correct horse"}
    assert client.post(answer.location, data=form).location == url


@pytest.mark.parametrize("url", ["/dashboard", "/orders", "/orders/1", "/orders/print", "/board", "/profile"])
def test_staff_pages_open_after_signing_in(logged_in_client: FlaskClient, url: str) -> None:
    assert logged_in_client.get(url).status_code == 200


@pytest.mark.parametrize("next_url", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_login_never_redirects_elsewhere(client: FlaskClient, next_url: str) -> None:
    form = {"email": "alice@north.example", "password": "correct horse"}
    answer = client.post("/login", query_string={"next": next_url}, data=form)
    assert answer.location == "/dashboard"


def test_wrong_password(client: FlaskClient) -> None:
    answer = client.post("/login", data={"email": "alice@north.example", "password": "nope"})
    assert answer.status_code == 401
    assert "Wrong e-mail or password" in answer.text


def test_logout_ends_the_session(logged_in_client: FlaskClient) -> None:
    assert logged_in_client.post("/logout").status_code == 302
    assert logged_in_client.get("/dashboard").status_code == 302


def test_remember_me_survives_the_session(app: Flask) -> None:
    client = app.test_client()
    client.post("/login", data={"email": "alice@north.example", "password": "correct horse", "remember": "y"})
    client.delete_cookie("shop_session")
    assert client.get("/dashboard").status_code == 200


def test_the_current_user_is_known_within_the_request(logged_in_client: FlaskClient) -> None:
    with logged_in_client:
        logged_in_client.get("/dashboard")
        assert current_user.name == "Alice"
        assert session["visits"] == 1
        assert g.started > 0


def test_the_login_client_of_flask_login_works(make_app: Callable[..., Flask]) -> None:
    app = make_app()
    app.test_client_class = FlaskLoginClient
    with app.app_context():
        user = db.session.get(User, 2)
        with app.test_client(user=user) as client:
            assert "Root" in client.get("/dashboard").text


def test_two_people_in_one_app_context_are_not_mixed_up(app: Flask) -> None:
    with app.app_context():
        form = {"email": "alice@north.example", "password": "correct horse"}
        client = app.test_client()
        client.post("/login", data=form)
        assert client.get("/api/v1/orders").status_code == 200
    with app.app_context():
        assert app.test_client().get("/api/v1/orders").status_code == 401


def test_the_dashboard_counts(app: Flask, logged_in_client: FlaskClient) -> None:
    seen = []

    def note(sender: Flask, template: object, context: dict[str, object], **_: object) -> None:
        seen.append(context["counts"])

    with template_rendered.connected_to(note, app):
        logged_in_client.get("/dashboard")
    assert [dict(map(tuple, counts)) for counts in seen] == [{"open": 7, "shipped": 1}]


@pytest.mark.parametrize(("page", "first"), [(1, "/orders/1"), (2, "/orders/6")])
def test_the_list_of_orders_is_paged(logged_in_client: FlaskClient, page: int, first: str) -> None:
    text = logged_in_client.get("/orders", query_string={"page": page}).text
    assert f'href="{first}"' in text
    assert f"Page {page} of 2" in text


def test_the_order_of_another_tenant_is_not_found(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/orders/9")
    assert answer.status_code == 404
    assert answer.mimetype == "text/html"


def test_the_print_page_is_streamed(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/orders/print")
    assert answer.is_streamed
    assert answer.text.count("<li>") == 8


def test_the_old_address_redirects_with_its_query(client: FlaskClient) -> None:
    answer = client.get("/my-orders?page=2")
    assert (answer.status_code, answer.location) == (301, "/orders?page=2")


def test_the_profile_is_saved(app: Flask, logged_in_client: FlaskClient) -> None:
    form = {"name": "Alice B.", "email": "alice@north.example"}
    answer = logged_in_client.post("/profile", data=form, follow_redirects=True)
    assert "Saved." in answer.text
    with app.app_context():
        assert db.session.get(User, 1).name == "Alice B."


def test_the_profile_is_checked(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.post("/profile", data={"name": "", "email": "nothing"})
    assert answer.status_code == 422
    assert "Not an address." in answer.text


def test_the_password_is_changed(client: FlaskClient, logged_in_client: FlaskClient) -> None:
    form = {"current": "correct horse", "new": "battery staple", "again": "battery staple"}
    assert logged_in_client.post("/profile/password", data=form).status_code == 302
    login = {"email": "alice@north.example", "password": "battery staple"}
    assert client.post("/login", data=login).status_code == 302


def test_the_cart_is_kept_in_the_session(client: FlaskClient) -> None:
    for _ in range(2):
        answer = client.post("/t/north/cart", data={"sku": "NB-0001"}, follow_redirects=True)
    assert "Cart: 2" in answer.text
    with client.session_transaction() as kept:
        assert kept["cart"] == {"NB-0001": 2}


def test_a_session_made_by_hand_is_read(client: FlaskClient) -> None:
    with client.session_transaction() as kept:
        kept["cart"] = {"PN-0002": 7}
    assert "Cart: 7" in client.get("/").text


@pytest.mark.parametrize("url", ["/t/nobody/", "/t/north/products/LP-0003", "/t/north/products/nonsense"])
def test_unknown_tenants_and_products_are_not_found(client: FlaskClient, url: str) -> None:
    assert client.get(url).status_code == 404


@pytest.mark.parametrize(("name", "mimetype"), [("board.js", "text/javascript"), ("shop.css", "text/css")])
def test_static_files(client: FlaskClient, name: str, mimetype: str) -> None:
    with client.get(f"/static/{name}") as answer:
        assert (answer.status_code, answer.mimetype) == (200, mimetype)
        etag = answer.headers["ETag"]
    with client.get(f"/static/{name}", headers={"If-None-Match": etag}) as again:
        assert again.status_code == 304


def test_robots(client: FlaskClient) -> None:
    with client.get("/robots.txt") as answer:
        assert "Disallow: /api/" in answer.text
