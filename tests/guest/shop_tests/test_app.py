"""What surrounds the views: health, errors, hooks, CSRF, CORS, rate limits, proxy, commands, migrations."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, url_for
from flask.cli import FlaskGroup
from flask.testing import FlaskClient, FlaskCliRunner
from shop import create_app
from shop.extensions import db, limiter
from sqlalchemy import inspect

ORIGIN = "https://app.northwind.example"


@pytest.mark.parametrize(("url", "text"), [("/healthz", "ok"), ("/readyz", '"database"'), ("/api/v1/ping", "true")])
def test_health(client: FlaskClient, url: str, text: str) -> None:
    answer = client.get(url)
    assert answer.status_code == 200
    assert text in answer.text


def test_a_view_that_is_a_generator(client: FlaskClient) -> None:
    lines = client.get("/api/v1/changes").text.splitlines()
    assert [client.application.json.loads(line)["version"] for line in lines] == [1, 2]


def test_options_answered_by_the_view(client: FlaskClient) -> None:
    answer = client.options("/api/v1/schema")
    assert (answer.status_code, answer.headers["X-Shop-Schema"]) == (204, "2")


@pytest.mark.parametrize("method", ["post", "put"])
@pytest.mark.parametrize("body", [b"", b"\x00\xff", b'{"a": 1, "a": NaN}'])
def test_echo_gives_back_every_byte(client: FlaskClient, partner: dict[str, str], method: str, body: bytes) -> None:
    answer = getattr(client, method)("/api/v1/echo", data=body, content_type="application/json", headers=partner)
    assert answer.data == body


@pytest.mark.parametrize(("url", "mimetype"), [("/nothing", "text/html"), ("/api/v1/nothing", "application/json")])
def test_404_is_a_page_or_json(logged_in_client: FlaskClient, url: str, mimetype: str) -> None:
    answer = logged_in_client.get(url)
    assert (answer.status_code, answer.mimetype) == (404, mimetype)


def test_405_names_the_methods(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.put("/api/v1/orders/1")
    assert answer.status_code == 405
    assert answer.json["error"]["allowed"] == ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH"]
    assert set(answer.headers["Allow"].split(", ")) == {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH"}


def test_an_unexpected_error_is_logged_and_told_in_general(
    logged_in_client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        answer = logged_in_client.get("/api/v1/broken")
    assert answer.status_code == 500
    assert "ZeroDivisionError" not in answer.text
    assert "ZeroDivisionError" in caplog.text


def test_an_error_in_a_page_is_a_page(app: Flask, client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(app.view_functions, "pages.index", lambda: 1 / 0)
    answer = client.get("/")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")


@pytest.mark.parametrize(
    ("url", "status", "mimetype"),
    [
        ("/", 503, "text/html"),
        ("/t/nobody/", 404, "text/html"),
        ("/api/v1/orders", 503, "application/json"),
        ("/healthz", 200, "text/plain"),
        ("/static/shop.css", 200, "text/css"),
    ],
)
def test_maintenance(make_app: Callable[..., Flask], url: str, status: int, mimetype: str) -> None:
    with make_app(MAINTENANCE=True).test_client().get(url) as answer:
        assert (answer.status_code, answer.mimetype) == (status, mimetype)
        assert ("Retry-After" in answer.headers) == (status == 503)


@pytest.mark.parametrize("url", ["/", "/api/v1/ping", "/nothing", "/api/v1/orders"])
def test_headers_on_every_answer(client: FlaskClient, url: str) -> None:
    answer = client.get(url)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert float(answer.headers["X-Request-Seconds"]) < 5
    assert ("no-store" in answer.headers.get("Cache-Control", "")) == url.startswith("/api/")


def test_each_request_is_torn_down_once(app: Flask, client: FlaskClient) -> None:
    before = dict(app.extensions["shop"])
    client.get("/")
    client.get("/api/v1/orders")
    after = app.extensions["shop"]
    assert (after["requests"] - before["requests"], after["teardowns"] - before["teardowns"]) == (2, 2)


def test_links_are_built_with_the_tenant(app: Flask) -> None:
    with app.test_request_context():
        assert url_for("storefront.product", tenant_slug="north", sku="NB-0001") == "/t/north/products/NB-0001"
        assert url_for("reports.get_report", tenant_slug="north", report_id=1) == "/api/v1/north/reports/1"


def token(client: FlaskClient, url: str) -> str:
    found = re.search(r'name="csrf[-_]token"[^>]*(?:value|content)="([^"]+)"', client.get(url).text)
    assert found
    return found.group(1)


def test_forms_need_their_token(make_app: Callable[..., Flask]) -> None:
    client = make_app(WTF_CSRF_ENABLED=True).test_client()
    form = {"email": "alice@north.example", "password": "correct horse"}
    answer = client.post("/login", data=form)
    assert answer.status_code == 400
    assert "CSRF" in answer.text
    assert client.post("/login", data=form | {"csrf_token": token(client, "/login")}).status_code == 302
    assert client.post("/logout").status_code == 400
    assert client.post("/logout", data={"csrf_token": token(client, "/profile")}).status_code == 302


def test_the_script_of_the_board_reads_writes_and_sets_preferences(make_app: Callable[..., Flask]) -> None:
    """The calls of static/board.js, with the session cookie and the token of the page."""
    client = make_app(WTF_CSRF_ENABLED=True).test_client()
    form = {"email": "alice@north.example", "password": "correct horse", "csrf_token": token(client, "/login")}
    client.post("/login", data=form)
    assert client.get("/api/v1/orders?status=open").json["total"] == 7
    browser = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    new = {"customer": 1, "sku": "NB-0001", "quantity": 1}
    assert client.post("/api/v1/orders", json=new, headers=browser).status_code == 201
    assert client.post("/preferences", json={"theme": "dark"}, headers=browser).status_code == 400
    browser["X-CSRFToken"] = token(client, "/board")
    assert client.post("/preferences", json={"theme": "dark"}, headers=browser).json == {"theme": "dark"}
    assert client.post("/preferences", json={"size": 1}, headers=browser).status_code == 400


def test_partners_and_webhooks_need_no_token(make_app: Callable[..., Flask], partner: dict[str, str]) -> None:
    client = make_app(WTF_CSRF_ENABLED=True).test_client()
    assert client.post("/api/v1/orders/2/cancel", headers=partner).status_code == 200
    assert client.post("/api/v1/echo", data=b"x", headers=partner).status_code == 200
    assert client.post("/webhooks/carrier", json={}).status_code == 403


def test_the_browser_app_may_call_with_credentials(logged_in_client: FlaskClient) -> None:
    answer = logged_in_client.get("/api/v1/orders", headers={"Origin": ORIGIN})
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Access-Control-Allow-Credentials"] == "true"
    assert "X-Total-Count" in answer.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize(("url", "origin"), [("/api/v1/orders", "https://evil.example"), ("/dashboard", ORIGIN)])
def test_nobody_else_may(logged_in_client: FlaskClient, url: str, origin: str) -> None:
    answer = logged_in_client.get(url, headers={"Origin": origin})
    assert answer.status_code == 200
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_preflight_is_answered_without_credentials(client: FlaskClient) -> None:
    headers = {
        "Origin": ORIGIN,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "content-type",
    }
    answer = client.options("/api/v1/orders/1", headers=headers)
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "PATCH" in answer.headers["Access-Control-Allow-Methods"]
    assert answer.headers["Access-Control-Max-Age"] == "600"


def test_an_error_can_be_read_by_the_browser_app(client: FlaskClient) -> None:
    answer = client.get("/api/v1/orders", headers={"Origin": ORIGIN})
    assert answer.status_code == 401
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_login_is_limited_by_address(make_app: Callable[..., Flask]) -> None:
    client = make_app(RATELIMIT_ENABLED=True, LOGIN_RATE="3 per minute").test_client()
    limiter.reset()
    form = {"email": "alice@north.example", "password": "guess"}
    assert [client.post("/login", data=form).status_code for _ in range(4)] == [401, 401, 401, 429]
    elsewhere = {"X-Forwarded-For": "203.0.113.9"}
    assert client.post("/login", data=form, headers=elsewhere).status_code == 401
    assert client.get("/login").status_code == 200


def test_the_general_limit_tells_what_remains(make_app: Callable[..., Flask], partner: dict[str, str]) -> None:
    client = make_app(RATELIMIT_ENABLED=True, RATELIMIT_DEFAULT="5000 per hour").test_client()
    limiter.reset()
    answer = client.get("/api/v1/orders", headers=partner)
    assert answer.headers["X-RateLimit-Remaining"] == "4999"


@pytest.mark.parametrize(
    ("headers", "address", "scheme"),
    [
        ({}, "127.0.0.1", "http"),
        ({"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}, "203.0.113.9", "https"),
        ({"X-Forwarded-For": "10.6.6.6, 203.0.113.9"}, "203.0.113.9", "http"),
    ],
)
def test_one_proxy_is_believed(client: FlaskClient, headers: dict[str, str], address: str, scheme: str) -> None:
    assert client.get("/whoami", headers=headers).json == {"address": address, "scheme": scheme, "host": "localhost"}


def test_two_apps_live_beside_each_other(make_app: Callable[..., Flask], partner: dict[str, str]) -> None:
    one, two = make_app(SHOP_NAME="One"), make_app(SHOP_NAME="Two")
    one.test_client().delete("/api/v1/orders/2", headers=partner)
    assert "One" in one.test_client().get("/").text
    assert "Two" in two.test_client().get("/").text
    assert two.test_client().get("/api/v1/orders/2", headers=partner).status_code == 200


def test_settings_come_from_the_environment(make_app: Callable[..., Flask], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PAGE_SIZE", "2")
    assert make_app().config["PAGE_SIZE"] == 2


def test_the_stock_command(runner: FlaskCliRunner) -> None:
    assert runner.invoke(args=["shop", "stock", "NB-0001", "--add", "5"]).output == "NB-0001: 105\n"
    assert runner.invoke(args=["shop", "stock", "ZZ-9999"]).exit_code == 1


def test_seeding_twice_is_refused(runner: FlaskCliRunner) -> None:
    answer = runner.invoke(args=["shop", "seed"])
    assert answer.exit_code == 1
    assert "There is data already." in answer.output


def test_the_routes_command_lists_every_route(app: Flask, runner: FlaskCliRunner) -> None:
    output = runner.invoke(FlaskGroup(create_app=lambda: app), ["routes"]).output
    assert "/api/v1/<tenant_slug>/reports/<int:report_id>" in output


def test_migrations_make_what_the_models_say(adoption: Any, settings: dict[str, Any], tmp_path: Path) -> None:
    app = create_app(settings | {"SQLALCHEMY_DATABASE_URI": f"sqlite:///{tmp_path / 'shop.db'}"}, adoption.adopt)
    runner = app.test_cli_runner()
    assert runner.invoke(args=["db", "upgrade"]).exit_code == 0
    check = runner.invoke(args=["db", "check"])
    assert check.exit_code == 0, check.output
    assert runner.invoke(args=["shop", "seed"]).output == "Seeded 2 tenants.\n"
    assert runner.invoke(args=["db", "downgrade", "base"]).exit_code == 0
    with app.app_context():
        assert inspect(db.engine).get_table_names() == ["alembic_version"]
