"""The way of a request as one table: what is asked, what is answered, what is on record."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response

from flask_apiguard import APIGuard, require
from flask_apiguard.errors import ConfigurationError
from flask_apiguard.testing import TestClient, advance, client_in, decisions

HELD = ("orders:read", "orders:write")
OK = "gate:request:allowed"

BROKEN = {"data": "{", "content_type": "application/json"}

#: who, method, path, arguments, status, reason on record (None: nothing is)
TABLE: list[tuple[str, str, str, dict[str, Any], int, str | None]] = [
    ("nobody", "GET", "/", {}, 200, None),
    ("nobody", "GET", "/nowhere", {}, 404, None),
    ("nobody", "GET", "/api/health", {}, 200, OK),
    ("nobody", "GET", "/api/quiet", {}, 200, None),
    ("nobody", "GET", "/api/orders", {}, 401, "gate:credential:missing"),
    ("nobody", "GET", "/api/nowhere", {}, 401, "gate:credential:missing"),
    ("nobody", "PUT", "/api/orders", {}, 401, "gate:credential:missing"),
    ("nobody", "OPTIONS", "/api/orders", {}, 401, "gate:credential:missing"),
    ("nobody", "HEAD", "/api/orders", {}, 401, "gate:credential:missing"),
    ("nobody", "GET", "/api/undeclared", {}, 401, "gate:credential:missing"),
    ("nobody", "GET", "/api/orders/404", {}, 401, "gate:credential:missing"),
    ("nobody", "GET", "/outside", {}, 401, "gate:credential:missing"),
    ("forger", "GET", "/api/orders", {}, 401, "gate:credential:unknown"),
    ("typist", "GET", "/api/orders", {}, 401, "gate:credential:malformed"),
    ("client", "GET", "/api/orders", {}, 200, OK),
    ("client", "HEAD", "/api/orders", {}, 200, OK),
    ("client", "GET", "/api/orders/7", {}, 200, OK),
    ("client", "GET", "/api/orders/404", {}, 404, OK),
    ("client", "GET", "/api/nowhere", {}, 404, "gate:route:unknown"),
    ("client", "PUT", "/api/orders", {}, 405, "gate:method:unsupported"),
    ("client", "OPTIONS", "/api/orders", {}, 200, OK),
    ("client", "GET", "/api/undeclared", {}, 403, "gate:route:undeclared"),
    ("client", "GET", "/api/either", {}, 200, OK),
    ("client", "GET", "/api/roles", {}, 403, "gate:role:missing"),
    ("client", "GET", "/api/production", {}, 200, OK),
    ("client", "GET", "/api/async", {}, 200, OK),
    ("client", "GET", "/api/things", {}, 200, OK),
    ("client", "POST", "/api/things", {}, 200, OK),
    ("client", "DELETE", "/api/things", {}, 403, "gate:route:undeclared"),
    ("client", "GET", "/outside", {}, 200, OK),
    ("client", "GET", "/api/orders?page=0", {}, 422, "gate:document:invalid"),
    ("client", "GET", "/api/liar", {}, 500, "gate:response:invalid"),
    ("client", "POST", "/api/orders", {"json": {"item": "x"}}, 201, OK),
    ("client", "POST", "/api/orders", {"json": {"item": "x", "price": 1}}, 422, "gate:document:invalid"),
    ("client", "POST", "/api/orders", {"json": {"item": "x", "amount": 99}}, 403, "gate:policy:refused"),
    ("client", "POST", "/api/orders", {"data": "item=x"}, 415, "gate:media-type:unsupported"),
    ("client", "POST", "/api/orders", BROKEN, 400, "gate:document:malformed"),
    ("client", "POST", "/api/orders", {"data": b" " * (1 << 20 | 1)}, 413, "gate:body:too-large"),
    ("client", "POST", "/api/swallowed", {}, 403, "gate:scope:missing"),
    ("client", "GET", "/api//orders", {}, 400, "gate:path:ambiguous"),
    ("client", "GET", "/x/../api/orders", {}, 400, "gate:path:ambiguous"),
    ("reader", "POST", "/api/orders", {"json": {"item": "x"}}, 403, "gate:scope:missing"),
    ("reader", "GET", "/api/either", {}, 200, OK),
    ("sandbox", "GET", "/api/orders", {}, 200, OK),
    ("sandbox", "GET", "/api/production", {}, 401, "gate:environment:wrong"),
    ("suspended", "GET", "/api/orders", {}, 401, "gate:client:suspended"),
    ("retired", "GET", "/api/orders", {}, 401, "gate:application:retired"),
    ("user", "GET", "/api/orders", {}, 200, OK),
    ("user", "GET", "/api/machines", {}, 401, "gate:credential:missing"),
    ("user", "GET", "/api/undeclared", {}, 403, "gate:route:undeclared"),
    ("user", "POST", "/api/things", {}, 403, "gate:origin:refused"),
    ("user", "POST", "/api/things", {"headers": {"Origin": "http://localhost"}}, 200, OK),
    ("user", "POST", "/api/things", {"headers": {"Origin": "http://evil.example"}}, 403, "gate:origin:refused"),
    ("user", "POST", "/api/things", {"headers": {"Sec-Fetch-Site": "same-origin"}}, 200, OK),
]


def caller(app: Flask, who: str) -> Any:
    if who == "nobody":
        return app.test_client()
    if who == "user":
        made = app.test_client()
        made.set_cookie("who", "ada")
        return made
    if who in ("forger", "typist"):
        made = app.test_client()
        known = client_in(app, scopes=HELD).key
        text = client_in(make_other(app), scopes=HELD).key if who == "forger" else known[:-1] + "_"
        made.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {text}"
        return made
    if who == "reader":
        return client_in(app, scopes=["orders:read"])
    if who == "sandbox":
        return client_in(app, "sandbox", scopes=HELD)
    return client_in(app, scopes=HELD, standing="active" if who == "client" else who)


def make_other(app: Flask) -> Flask:
    from tests.gate.conftest import make_app  # another house of the same brand

    folder = app.instance_path + "/other"
    Path(folder).mkdir(parents=True, exist_ok=True)
    return make_app(folder, APIGUARD_DATABASE_URL=f"sqlite:///{folder}/other.db", APIGUARD_SECRET="another " * 6)[0]


@pytest.mark.parametrize(
    ("who", "method", "path", "arguments", "status", "reason"),
    TABLE,
    ids=[f"{row[0]} {row[1]} {row[2]} {row[4]}" for row in TABLE],
)
def test_the_answer_and_the_record(
    app: Flask, who: str, method: str, path: str, arguments: dict[str, Any], status: int, reason: str | None
) -> None:
    answer = caller(app, who).open(path, method=method, **arguments)
    assert answer.status_code == status, answer.text
    seen = decisions(app)
    assert [event["reason"] for event in seen] == ([] if reason is None else [reason])
    if reason is not None:
        assert seen[0]["status"] == status
        assert seen[0]["id"] == answer.headers["X-Request-Id"]
        assert seen[0]["allowed"] == (reason == OK)
    if status >= 400 and reason not in (None, OK) and method != "HEAD":
        document = answer.get_json(force=True)
        assert answer.content_type == "application/problem+json"
        assert document["code"] == reason
        assert document["status"] == status
        assert document["request_id"] == answer.headers["X-Request-Id"]
    if status in (401, 403) and reason is not None:
        assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


def test_the_app_stands_on_the_store_of_the_run(app: Flask) -> None:
    assert client_in(app, scopes=["orders:read"]).get("/api/orders").status_code == 200
    assert app.extensions["apiguard"].store.dialect == os.environ.get("APIGUARD_TEST_STORE", "sqlite")


def test_a_refused_request_reaches_no_hook_and_no_view(app: Flask) -> None:
    reader = client_in(app, scopes=["orders:read"])
    assert app.test_client().get("/api/orders", headers={"X-Maintenance": "1"}).status_code == 401
    assert reader.post("/api/orders", json={"item": "x"}).status_code == 403
    assert app.extensions["ran"] == []


def test_the_missing_scope_is_named(app: Flask) -> None:
    answer = client_in(app, scopes=["orders:read"]).post("/api/orders", json={"item": "x"})
    assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]
    assert 'scope="orders:write"' in answer.headers["WWW-Authenticate"]
    assert "orders:write" in answer.get_json(force=True)["detail"]


def test_what_goes_out_is_masked_by_its_schema(app: Flask) -> None:
    answer = client_in(app, scopes=HELD).post("/api/orders", json={"item": "x"})
    assert answer.get_json() == {"id": 1, "item": "x"}


def test_all_flaws_are_told_at_once_with_pointers(app: Flask) -> None:
    answer = client_in(app, scopes=HELD).post("/api/orders", json={"amount": 0, "price": 1})
    assert {flaw["pointer"] for flaw in answer.get_json(force=True)["errors"]} == {"/item", "/amount", "/price"}


def test_a_limit_refuses_with_what_is_left_and_when(app: Flask) -> None:
    client = client_in(app, scopes=HELD)
    first, second, third = (client.get("/api/limited") for _ in range(3))
    assert [first.status_code, second.status_code, third.status_code] == [200, 200, 429]
    assert "RateLimit" in first.headers
    assert "RateLimit-Policy" in third.headers
    assert int(third.headers["Retry-After"]) >= 1
    advance(app, minutes=2)
    assert client.get("/api/limited").status_code == 200


def test_two_different_credentials_are_ambiguous_and_the_same_twice_is_not(app: Flask) -> None:
    one, other = client_in(app, scopes=HELD), client_in(app, scopes=HELD)
    assert one.get("/api/orders", headers={"X-API-Key": one.key}).status_code == 200
    answer = one.get("/api/orders", headers={"X-API-Key": other.key})
    assert answer.status_code == 400
    assert answer.get_json(force=True)["code"] == "gate:credential:ambiguous"


def test_a_key_in_the_query_opens_nothing_and_is_not_recorded(app: Flask) -> None:
    key = client_in(app, scopes=HELD).key
    assert app.test_client().get(f"/api/orders?api_key={key}&access_token={key}").status_code == 401
    assert key not in str(decisions(app))


def test_a_bad_credential_never_falls_back_to_the_session(app: Flask) -> None:
    client = app.test_client()
    client.set_cookie("who", "ada")
    answer = client.get("/api/orders", headers={"Authorization": "Bearer nonsense"})
    assert answer.status_code == 401


def test_an_expired_key_says_so_and_an_hour_before_it_works(app: Flask) -> None:
    client = client_in(app, scopes=HELD)
    advance(app, days=364)
    assert client.get("/api/orders").status_code == 200
    advance(app, days=2)
    answer = client.get("/api/orders")
    assert answer.status_code == 401
    assert answer.get_json(force=True)["code"] == "gate:credential:expired"


def test_revocation_denies_the_next_request(app: Flask) -> None:
    from flask_apiguard import credentials
    from flask_apiguard.testing import TESTER

    house, client = app.extensions["apiguard"], client_in(app, scopes=HELD)
    assert client.get("/api/orders").status_code == 200
    with house.store.write() as tx:
        (found,) = credentials.list_of(tx, client.client.id)
        credentials.revoke(tx, TESTER, found.id, "leaked")
    answer = client.get("/api/orders")
    assert (answer.status_code, answer.get_json(force=True)["code"]) == (401, "gate:credential:revoked")


def test_the_hosts_exception_passes_untouched_and_is_recorded(app: Flask) -> None:
    with pytest.raises(LookupError, match="the host's own"):
        client_in(app, scopes=HELD).get("/api/raises")
    (event,) = decisions(app)
    assert (event["status"], event["outcome"]) == (500, "raised")


def test_failed_credentials_are_throttled_by_address_and_a_valid_one_never_is(app: Flask) -> None:
    stranger, client = app.test_client(), client_in(app, scopes=HELD)
    statuses = [stranger.get("/api/orders", headers={"X-API-Key": f"guess-{n}"}).status_code for n in range(40)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    assert client.get("/api/orders").status_code == 200
    assert stranger.get("/api/orders").status_code == 401


def test_a_stream_is_opened_and_closed_on_record_and_ends_when_revoked(app: Flask) -> None:
    from flask_apiguard.clients import registry
    from flask_apiguard.testing import TESTER

    client: TestClient = client_in(app, scopes=HELD)
    answer = client.get("/api/stream", buffered=False)
    chunks = iter(answer.response)
    assert next(chunks) == b"0\n"
    with app.extensions["apiguard"].store.write() as tx:
        registry.suspend(tx, TESTER, client.client.id, "a test")
    assert list(chunks) == []
    answer.close()
    opened, closed = decisions(app)
    assert opened["id"] == closed["id"]
    assert (opened["phase"], closed["phase"]) == ("opened", "closed")
    assert closed["bytes_out"] == 2
    assert "revocation" in closed["outcome"]


def test_admission_does_not_leak_through_a_held_application_context(app: Flask) -> None:
    client = client_in(app, scopes=HELD)
    with app.app_context():
        assert client.get("/api/orders").status_code == 200
        assert app.test_client().get("/api/orders").status_code == 401


def test_a_view_called_without_the_gate_refuses(app: Flask) -> None:
    from flask_apiguard import Denied

    with app.test_request_context("/api/either"), pytest.raises(Denied):
        app.view_functions["either"]()


def test_the_fingerprint_of_a_bad_credential_is_on_record_and_never_the_credential(app: Flask) -> None:
    app.test_client().get("/api/orders", headers={"Authorization": "Bearer hunter2-hunter2"})
    (event,) = decisions(app)
    assert len(event["fingerprint"]) == 16
    assert "hunter2" not in str(event)


@pytest.mark.parametrize("standing", ["suspended", "retired"])
def test_a_refused_credential_whose_secret_was_right_is_on_record_with_its_client(app: Flask, standing: str) -> None:
    client = client_in(app, scopes=HELD, standing=standing)
    assert client.get("/api/orders").status_code == 401
    (event,) = decisions(app)
    assert (event["client"], event["application"]) == (client.client.id, client.application_id)
    assert event["allowed"] is False
    assert app.extensions["ran"] == []


def test_head_is_no_second_allowance(app: Flask) -> None:
    client = client_in(app, scopes=HELD)
    statuses = [client.open("/api/limited", method=method).status_code for method in ("GET", "HEAD", "GET", "HEAD")]
    assert statuses == [200, 200, 429, 429]


def test_a_plan_counts_the_endpoints_it_names(app: Flask) -> None:
    from flask_apiguard import quotas
    from flask_apiguard.testing import TESTER

    with app.extensions["apiguard"].store.write() as tx:
        quotas.put_plan(tx, TESTER, "small", [{"name": "few", "rate": "2/hour", "endpoints": ["orders GET"]}])
    client = client_in(app, scopes=HELD, plan="small")
    assert [client.get("/api/orders").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/api/either").status_code == 200


def test_a_stream_ends_when_what_its_rule_demands_is_gone(app: Flask) -> None:
    from flask_apiguard import access
    from flask_apiguard.testing import TESTER
    from flask_apiguard.values import Environment

    @app.get("/api/any-stream")
    @require(any_of=["orders:read", "orders:write"])
    def any_stream() -> Response:
        return Response((f"{number}\n" for number in range(4)), mimetype="text/plain")

    client = client_in(app, scopes=HELD)
    answer = client.get("/api/any-stream", buffered=False)
    chunks = iter(answer.response)
    assert next(chunks) == b"0\n"
    with app.extensions["apiguard"].store.write() as tx:
        access.end(tx, TESTER, client.application_id, Environment.PRODUCTION, None, "a test")
    assert list(chunks) == []
    answer.close()


def test_a_hosts_view_with_the_name_of_our_blueprint_is_closed(app: Flask) -> None:
    app.add_url_rule("/api/lookalike", "apiguard_api", lambda: "open?")
    assert app.test_client().get("/api/lookalike").status_code == 401


def test_observing_lets_no_wrong_credential_pass_however_often_it_comes(tmp_path: Path) -> None:
    from tests.gate.conftest import make_app

    app, _ = make_app(tmp_path, APIGUARD_MODE="observe")
    stranger = app.test_client()
    statuses = {stranger.get("/api/orders", headers={"X-API-Key": f"guess-{n}"}).status_code for n in range(40)}
    assert statuses == {401, 429}
    app.extensions["apiguard"].close()


def test_a_rule_that_comes_after_the_first_request_is_an_error(guarded: tuple[Flask, APIGuard]) -> None:
    app, guard = guarded
    app.test_client().get("/")
    with pytest.raises(ConfigurationError, match="after the first request"):
        guard.protect("orders", "orders:admin")


def test_an_unrecorded_route_tells_its_request_id_too(app: Flask) -> None:
    assert app.test_client().get("/api/quiet").headers["X-Request-Id"].startswith("req_")


def test_without_an_authorization_server_a_missing_proof_is_told_with_the_schemes_there_are(app: Flask) -> None:
    app.add_url_rule("/api/bound", "bound", require("orders:read", sender_constrained=True)(lambda: "bound"))
    answer = client_in(app, scopes=["orders:read"]).get("/api/bound")
    assert (answer.status_code, answer.get_json()["code"]) == (403, "gate:proof:missing")
    assert answer.headers.getlist("WWW-Authenticate")
    assert all(one.startswith(("Bearer", "ApiKey")) for one in answer.headers.getlist("WWW-Authenticate"))
