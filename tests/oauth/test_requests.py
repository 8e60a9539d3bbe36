"""What comes in is read strictly: one way to say a thing, and nothing that makes us answer 500."""

from __future__ import annotations

import http.client
import io
from collections.abc import Callable
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

import pytest
import requests
from flask import Flask, request
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.wrappers import Request

from flask_apiguard.oauth.form import parse, read_body
from flask_apiguard.oauth.refusals import Refused
from tests.oauth.devices import GRANT_TYPE as DEVICE
from tests.oauth.world import FORM, World, make_app, running
from tests.servers.http import raw_http
from tests.waiting import PATIENCE

ASK = {"grant_type": "client_credentials"}
ENDPOINTS = ("token", "revoke", "introspect", "device_authorization", "par")


def refused(answer: requests.Response, error: str = "invalid_request", status: int = 400) -> bool:
    return answer.status_code == status and answer.json()["error"] == error


def test_parameters_in_the_url_are_refused_although_the_body_is_right(world: World) -> None:
    holder = world.holder()
    assert refused(world.post("token?grant_type=client_credentials", ASK, holder))
    assert refused(world.post(f"token?client_secret={holder.secret}&client_id={holder.id}", ASK))
    assert refused(world.post("introspect?token=x", {"token": "x"}, holder))


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id", "anything"])
def test_a_parameter_that_comes_twice_is_refused(world: World, name: str) -> None:
    pairs = [("grant_type", "client_credentials"), (name, "x"), (name, "x")]
    assert refused(world.post("token", pairs, world.holder()))


def test_a_missing_or_empty_grant_type_is_a_malformed_request(world: World) -> None:
    holder = world.holder()
    assert refused(world.post("token", "grant_type=", holder))
    assert refused(world.post("token", "", holder))


@pytest.mark.parametrize("grant_type", ["password", "implicit", "authorization_code2", "CLIENT_CREDENTIALS", '"<x>\\é'])
def test_an_unknown_grant_type_is_named_by_its_error_and_never_repeated(world: World, grant_type: str) -> None:
    answer = world.post("token", {"grant_type": grant_type}, world.holder())
    assert refused(answer, "unsupported_grant_type")
    assert grant_type not in answer.text


@pytest.mark.parametrize(
    "media_type",
    ["application/json", "text/plain", "multipart/form-data; boundary=x", "", FORM + "; charset=utf-7"],
)
def test_any_other_body_than_a_form_is_refused(world: World, media_type: str) -> None:
    holder = world.holder()
    body = "grant_type=client_credentials"
    assert refused(world.post("token", body, holder, {"Content-Type": media_type}))


def test_a_body_that_is_too_large_is_refused_with_413_in_both_ways_of_sending(world: World) -> None:
    holder = world.holder()
    answer = world.post("token", b"scope=" + b"x" * 70_000, holder)
    assert refused(answer, status=413)
    chunks = iter([b"scope=", *[b"x" * 10_000] * 8])
    answer = requests.post(
        world.base + "/oauth/token", data=chunks, headers={**holder.basic, "Content-Type": FORM}, timeout=20
    )
    assert answer.status_code in (400, 413)


def test_a_body_that_ends_early_is_no_server_error(world: World) -> None:
    at = urlsplit(world.base)
    head = f"POST /oauth/token HTTP/1.1\r\nHost: x\r\nContent-Type: {FORM}\r\nContent-Length: 100\r\n\r\ngrant_type"
    import socket

    with socket.create_connection((at.hostname, at.port), timeout=PATIENCE) as connection:
        connection.sendall(head.encode())
        connection.shutdown(socket.SHUT_WR)
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.status == 400


@pytest.mark.parametrize(
    "read", [lambda: request.get_data(), lambda: request.form, lambda: (request.form, request.get_data())]
)
def test_what_a_hook_of_the_hosts_has_read_is_read_all_the_same(tmp_path: Path, read: Callable[[], object]) -> None:
    def make(base: str) -> Flask:
        app = make_app(base, f"sqlite:///{tmp_path}/a.db")

        @app.before_request
        def look() -> None:
            read()

        return app

    with running(make) as world:
        holder = world.holder()
        by_body = {**ASK, "client_id": holder.id, "client_secret": holder.secret, "scope": "orders:read orders:write"}
        for answer in (world.post("token", ASK, holder), world.post("token", by_body)):
            assert answer.status_code == 200
        assert refused(world.post("token", "grant_type=client_credentials&grant_type=client_credentials", holder))
        assert refused(world.post("token", b"scope=" + b"x" * 70_000, holder), status=413)


@pytest.mark.parametrize("sent", [b"", b"token=abc", None])
def test_what_a_server_ends_early_is_not_taken_for_all(sent: bytes | None) -> None:
    """Servers that end the body themselves, as gunicorn does, give what there is of it."""

    class Ending(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(size) if sent is not None else cast(bytes, None)

    environ = {"wsgi.input": Ending(sent or b""), "wsgi.input_terminated": True, "CONTENT_LENGTH": "100"}
    with pytest.raises(Refused, match="ended early"):
        read_body(Request(environ))
    assert read_body(Request(environ | {"CONTENT_LENGTH": "0"})) == b""


@pytest.mark.parametrize("endpoint", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "TRACE"])
def test_any_method_but_post_is_405_with_allow(world: World, endpoint: str, method: str) -> None:
    answer = requests.request(method, f"{world.base}/oauth/{endpoint}", timeout=20)
    assert answer.status_code == 405
    assert "POST" in answer.headers["Allow"]


def test_an_override_of_the_method_is_not_looked_at(world: World) -> None:
    holder = world.holder()
    token = world.token(holder)
    for headers, query in (({"X-HTTP-Method-Override": "POST"}, ""), ({}, "?_method=POST")):
        answer = requests.get(
            f"{world.base}/oauth/revoke{query}", data={"token": token}, headers={**holder.basic, **headers}, timeout=20
        )
        assert answer.status_code == 405
    overridden = {**holder.basic, "X-HTTP-Method-Override": "GET"}
    assert world.post("introspect", {"token": token}, headers=overridden).json()["active"]


def test_the_name_of_the_host_in_the_request_decides_nothing(world: World) -> None:
    at = urlsplit(world.base)
    head = "GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    answer = raw_http(at.hostname or "", at.port or 0, head.encode())
    assert b"evil" not in answer.body
    assert world.base.encode() in answer.body


def test_a_proxy_that_speaks_plain_http_to_us_is_no_server_error(world: World) -> None:
    holder = world.holder()
    assert world.post("token", ASK, holder, {"Host": "api.example.com"}).status_code == 200


@given(st.binary(max_size=300))
def test_any_bytes_are_parameters_or_a_refusal(body: bytes) -> None:
    try:
        read = parse(body)
    except Refused:
        return
    assert all(read.values.values())
    assert not any(character < " " for value in read.values.values() for character in value)


@given(st.dictionaries(st.text(min_size=1, max_size=10), st.text(min_size=1, max_size=20), max_size=8))
def test_what_a_client_encodes_arrives_as_it_was(parameters: dict[str, str]) -> None:
    from urllib.parse import urlencode

    texts = "".join((*parameters, *parameters.values()))
    controls = any(character < " " or "\x7f" <= character <= "\x9f" for character in texts)
    body = urlencode(parameters, errors="surrogatepass").encode()
    try:
        read = parse(body)
    except Refused:
        assert controls or any("\ud800" <= character <= "\udfff" for character in texts)
        return
    assert read.values == parameters


NAMES = st.sampled_from([
    "grant_type", "scope", "client_id", "client_secret", "client_assertion", "client_assertion_type", "token",
    "token_type_hint", "resource", "code", "refresh_token", "device_code", "",
])  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(["client_credentials", DEVICE, "access_token", "orders:read", "@id", "@secret", "@token", ""]),
    st.text(max_size=40),
)
PAGE_VALUES = st.one_of(
    st.sampled_from(["WDJB-MJHT", "allow", "deny", "<script>", '"><script>', "x" * 43]), st.text(max_size=40)
)
HEADERS = st.sampled_from(["@basic", None, None, "Basic x", "Bearer y", "Basic Og=="])


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.sampled_from(ENDPOINTS), st.lists(st.tuples(NAMES, VALUES), max_size=6), HEADERS,
    st.sampled_from([FORM, FORM, FORM, "text/plain"]), st.binary(max_size=8),
)  # fmt: skip
def test_no_request_makes_an_endpoint_answer_500(
    world: World, endpoint: str, pairs: list[tuple[str, str]], header: str | None, media_type: str, tail: bytes
) -> None:
    from urllib.parse import urlencode

    holder = getattr(world, "_holder", None) or world.holder(device=True)
    world._holder = holder  # type: ignore[attr-defined]
    known = {"@id": holder.id, "@secret": holder.secret, "@token": "acme_at_x"}
    body = urlencode([(name, known.get(value, value)) for name, value in pairs], errors="replace").encode() + tail
    headers = {"Content-Type": media_type}
    if header is not None:
        headers |= holder.basic if header == "@basic" else {"Authorization": header}
    client = world.app.test_client()
    answer = client.post(f"/oauth/{endpoint}", data=body, headers=headers)
    assert answer.status_code in (200, 400, 401, 413, 429)
    if answer.status_code != 200:
        assert set(answer.get_json()) <= {"error", "error_description"}
        assert answer.get_json().get("error_description", "").isascii()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from(["user_code", "answer", "request", "proof", ""]), PAGE_VALUES), max_size=5),
    st.booleans(), st.booleans(), st.binary(max_size=5),
)  # fmt: skip
def test_nothing_that_is_sent_to_the_page_for_devices_makes_it_answer_500(
    world: World, pairs: list[tuple[str, str]], ours: bool, signed_in: bool, tail: bytes
) -> None:
    from urllib.parse import quote_from_bytes, urlencode

    client = world.app.test_client()
    if signed_in:
        client.set_cookie("user", "alice")
    sent = urlencode(pairs, errors="replace")
    shown = client.get(f"/oauth/device?{sent}{quote_from_bytes(tail, safe='&=%')}")
    assert shown.status_code == (200 if signed_in else 401)
    proof = shown.get_data(as_text=True).partition('name="proof" value="')[2].partition('"')[0]
    body = (sent + f"&proof={proof}" if ours else sent).encode() + tail
    answer = client.post("/oauth/device", data=body, headers={"Content-Type": FORM})
    assert answer.status_code in (400, 401, 403, 429)
    assert "<script" not in answer.get_data(as_text=True)


QUERY = st.sampled_from([
    "client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method", "prompt",
    "resource", "request", "response_mode", "",
])  # fmt: skip
GIVEN = st.one_of(
    st.sampled_from(["@id", "https://app.example/cb", "code", "orders:read", "S256", "c" * 43, "none", "consent", ""]),
    st.text(max_size=30),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.dictionaries(QUERY, GIVEN), st.booleans(), st.booleans(), st.binary(max_size=5))
def test_no_authorization_request_makes_us_answer_500_or_redirects_a_stranger(
    world: World, more: dict[str, str], whole: bool, signed_in: bool, tail: bytes
) -> None:
    from urllib.parse import quote_from_bytes, urlencode

    callback = "https://app.example/cb"
    holder = getattr(world, "_asker", None) or world.holder(redirect_uris=(callback,))
    world._asker = holder  # type: ignore[attr-defined]
    good = {
        "client_id": holder.id, "redirect_uri": callback, "response_type": "code", "code_challenge": "c" * 43,
        "code_challenge_method": "S256",
    }  # fmt: skip
    given = {**(good if whole else {}), **{name: holder.id if v == "@id" else v for name, v in more.items()}}
    client = world.app.test_client()
    if signed_in:
        client.set_cookie("user", "alice")
    query = urlencode(given, errors="replace") + quote_from_bytes(tail, safe="&=%")
    answer = client.get("/oauth/authorize?" + query)
    assert answer.status_code in (200, 302, 400, 401)
    if answer.status_code == 302:
        assert answer.headers["Location"].startswith(callback + "?")
