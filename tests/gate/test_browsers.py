"""Pages that call: which origins may, and whether an unsafe call by session comes from the site itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from flask import Flask, request
from flask_cors import CORS, cross_origin

from flask_apiguard import APIGuard, HostUser, public, require
from flask_apiguard.testing import client_in, decisions

pytestmark = pytest.mark.sqlite

OK = "https://app.ok"
EVIL = [
    "https://app.evil", "https://app.ok.evil", "https://evil.app.ok", "http://app.ok", "https://app.ok:8443", "null",
    "https://APP.ok", "https://app.ok/", "file://", "*", "",
]  # fmt: skip
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


def make(tmp_path: Path, before: Any = None, **config: Any) -> Flask:
    app = Flask("pages", instance_path=str(tmp_path))
    app.config.update({"TESTING": True, **config})
    ran = app.extensions.setdefault("ran", [])
    if before is not None:
        before(app)
    guard = APIGuard(app, paths=["/api"], brand="acme")

    @guard.host_user
    def signed_in() -> HostUser | None:
        return HostUser(request.cookies["who"]) if "who" in request.cookies else None

    @app.route("/api/orders", methods=["GET", "POST", "OPTIONS"])
    @require("orders:read")
    def orders() -> str:
        ran.append(request.method)
        return "orders"

    @app.get("/api/open")
    @public("open")
    def opened() -> str:
        return "open"

    return app


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return make(tmp_path, APIGUARD_CORS_ORIGINS=[OK, "https://other.ok"])


def test_a_listed_origin_may_read_answers_and_refusals(app: Flask) -> None:
    client = client_in(app, scopes=["orders:read"])
    for answer, status in (
        (client.get("/api/orders", headers={"Origin": OK}), 200),
        (app.test_client().get("/api/orders", headers={"Origin": OK}), 401),
        (client.get("/api/nowhere", headers={"Origin": OK}), 404),
        (app.test_client().get("/api/open", headers={"Origin": OK}), 200),
    ):
        assert answer.status_code == status
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [OK]
        assert "Access-Control-Allow-Credentials" not in answer.headers
        assert "Origin" in answer.headers["Vary"]


@pytest.mark.parametrize("origin", EVIL)
def test_any_other_origin_reads_nothing(app: Flask, origin: str) -> None:
    client = client_in(app, scopes=["orders:read"])
    client.set_cookie("who", "ada")
    for path in ("/api/orders", "/api/open", "/api/nowhere"):
        answer = client.get(path, headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.headers["Vary"]
        refused = client.options(path, headers={"Origin": origin, **PREFLIGHT})
        assert refused.status_code == 403
        assert "Access-Control-Allow-Origin" not in refused.headers
        assert "Allow" not in refused.headers


def test_a_preflight_runs_no_view_and_tells_the_methods_of_the_route_only(app: Flask) -> None:
    answer = app.test_client().options("/api/orders", headers={"Origin": OK, **PREFLIGHT})
    assert (answer.status_code, answer.text) == (204, "")
    assert answer.headers["Access-Control-Allow-Origin"] == OK
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert app.extensions["ran"] == []
    assert [event["method"] for event in decisions(app)] == ["OPTIONS"]


def test_a_preflight_for_nothing_leaks_nothing(app: Flask) -> None:
    known = app.test_client().options("/api/orders", headers={"Origin": EVIL[0], **PREFLIGHT})
    unknown = app.test_client().options("/api/nowhere", headers={"Origin": EVIL[0], **PREFLIGHT})
    for answer in (known, unknown):
        assert answer.status_code == 403
    assert {name for name, _ in known.headers} == {name for name, _ in unknown.headers}


def test_what_only_looks_like_a_preflight_proves_itself(app: Flask) -> None:
    assert app.test_client().options("/api/orders", headers={"Origin": OK}).status_code == 401
    assert app.test_client().options("/api/orders", headers=PREFLIGHT).status_code == 401
    assert app.extensions["ran"] == []


def test_unset_an_unanswered_preflight_runs_no_view(tmp_path: Path) -> None:
    app = make(tmp_path)
    answer = app.test_client().options("/api/orders", headers={"Origin": OK, **PREFLIGHT})
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert app.extensions["ran"] == []


@pytest.mark.parametrize("first", [True, False])
def test_beside_flask_cors_its_word_holds(tmp_path: Path, first: bool) -> None:
    def cors(app: Flask) -> None:
        CORS(app, origins=[OK], supports_credentials=True)

    app = make(tmp_path, before=cors if first else None)
    if not first:
        cors(app)
    client = client_in(app, scopes=["orders:read"])
    preflight = app.test_client().options("/api/open", headers={"Origin": OK, **PREFLIGHT})
    assert preflight.headers["Access-Control-Allow-Origin"] == OK
    for caller in (client, app.test_client()):
        answer = caller.get("/api/orders", headers={"Origin": OK})
        assert answer.headers.getlist("Access-Control-Allow-Origin") == [OK]
    assert "Access-Control-Allow-Origin" not in client.get("/api/orders", headers={"Origin": EVIL[0]}).headers


def test_both_at_once_say_it_once(tmp_path: Path) -> None:
    app = make(tmp_path, before=lambda app: CORS(app, origins=[OK]), APIGUARD_CORS_ORIGINS=[OK])
    answer = client_in(app, scopes=["orders:read"]).get("/api/orders", headers={"Origin": OK})
    assert answer.headers.getlist("Access-Control-Allow-Origin") == [OK]


def test_flask_cors_on_one_view_answers_its_preflight(tmp_path: Path) -> None:
    app = make(tmp_path)

    @app.route("/api/shared", methods=["POST", "OPTIONS"])
    @cross_origin(origins=[OK])
    @require("orders:read")
    def shared() -> str:
        app.extensions["ran"].append("shared")
        return "shared"

    answer = app.test_client().options("/api/shared", headers={"Origin": OK, **PREFLIGHT})
    assert answer.headers["Access-Control-Allow-Origin"] == OK
    assert app.extensions["ran"] == []


SAME = [
    {"Sec-Fetch-Site": "same-origin"},
    {"Origin": "http://localhost"},
    {"Referer": "http://localhost/page?x=1"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost"},
]
OTHER = [
    {},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://localhost.evil"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Origin": "null"},
    {"Origin": "https://localhost"},
    {"Origin": "http://localhost:81"},
    {"Origin": "http://localhost.evil"},
    {"Origin": "http://evil", "Referer": "http://localhost/"},
    {"Referer": "http://evil/http://localhost/"},
    {"Referer": "http://localhost@evil/"},
    {"Referer": "localhost"},
    {"Referer": "http://[bad"},
    {"Origin": "http://localhost/"},
]


@pytest.mark.parametrize("headers", SAME)
def test_the_sites_own_page_writes_with_the_session(app: Flask, headers: dict[str, str]) -> None:
    client = app.test_client()
    client.set_cookie("who", "ada")
    assert client.post("/api/orders", headers=headers).status_code == 200


@pytest.mark.parametrize("headers", OTHER)
def test_another_page_does_not(app: Flask, headers: dict[str, str]) -> None:
    client = app.test_client()
    client.set_cookie("who", "ada")
    answer = client.post("/api/orders", headers=headers)
    assert answer.status_code == 403
    assert answer.get_json(force=True)["code"] == "gate:origin:refused"
    assert app.extensions["ran"] == []
    assert client.get("/api/orders", headers=headers).status_code == 200, (
        "reading by navigation is the browser's to keep"
    )


def test_json_as_plain_text_writes_nothing(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("who", "ada")
    answer = client.post("/api/orders", data='{"a": 1}', content_type="text/plain", headers={"Origin": "https://evil"})
    assert answer.status_code == 403


def test_a_credential_needs_no_origin(app: Flask) -> None:
    client = client_in(app, scopes=["orders:read"])
    client.set_cookie("who", "ada")
    assert client.post("/api/orders", headers={"Origin": "https://evil"}).status_code == 200


@pytest.mark.parametrize("header", ["Authorization", "X-API-Key"])
def test_a_bad_credential_never_falls_back_to_the_session(app: Flask, header: str) -> None:
    client = app.test_client()
    client.set_cookie("who", "ada")
    assert client.get("/api/orders", headers={header: "Bearer nonsense"}).status_code == 401


@pytest.mark.parametrize("host", ["evil.example", "a b", "localhost.evil", "[::1"])
def test_a_name_that_the_host_does_not_trust_is_no_fault(tmp_path: Path, host: str) -> None:
    app = make(tmp_path, APIGUARD_CORS_ORIGINS=[OK], TRUSTED_HOSTS=["localhost"])
    client = app.test_client()
    client.set_cookie("who", "ada", domain="evil.example")
    for method, headers in (
        ("POST", {"Origin": f"http://{host}", "Cookie": "who=ada"}),
        ("POST", {"Cookie": "who=ada"}),
        ("OPTIONS", {"Origin": OK, **PREFLIGHT}),
        ("GET", {}),
    ):
        answer = client.open("/api/orders", method=method, headers={"Host": host, **headers})
        assert answer.status_code < 500, answer.text
        assert app.extensions["ran"] == []
