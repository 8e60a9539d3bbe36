"""Requests that nobody would write: never a 5xx, never the protected body without a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import EnvironBuilder, run_wsgi_app

from flask_apiguard.testing import client_in
from tests.gate.attacked import PROTECTED, make

PIECES = [
    "/", "//", "api", "v1", "secret", "health", "undeclared", "orders", "loose", "trailing", "..", ".", ";x", "%2f",
    "%00", "%2e", "\\", "\x00", "\xff", " ", "?", "#", "limited", "stream", "form", "headers", "a", "%c0%af", "\n",
]  # fmt: skip
METHODS = st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "X", "\xff", ""])
LATIN = st.text(st.characters(max_codepoint=255), max_size=40)
NAMES = st.sampled_from([
    "HTTP_X_API_KEY", "HTTP_COOKIE", "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_HOST", "HTTP_X_FORWARDED_FOR", "CONTENT_TYPE",
    "CONTENT_LENGTH", "HTTP_CONTENT_ENCODING", "HTTP_TRACEPARENT", "HTTP_X_REQUEST_ID", "HTTP_USER_AGENT", "HTTP_RANGE",
    "HTTP_ACCESS_CONTROL_REQUEST_METHOD", "HTTP_SEC_FETCH_SITE", "HTTP_TRANSFER_ENCODING", "QUERY_STRING",
    "HTTP_ACCEPT", "HTTP_IF_NONE_MATCH", "REQUEST_URI", "RAW_URI", "SCRIPT_NAME", "REMOTE_ADDR",
])  # fmt: skip
KINDS = st.sampled_from([
    "application/json", "application/json; charset=utf-7", "application/problem+json", "text/plain",
    "application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=b", "",
])  # fmt: skip
BODIES = st.one_of(
    st.binary(max_size=200),
    st.sampled_from(
        [b'{"item": "a"}', b"[" * 5000, b'{"item": 1e999}', b"--b\r\n\r\n--b--", b"a=1&a=2&%ff=%00", b"null"]
    ),
)
PATHS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=4).map(lambda pieces: "/api/v1/" + "/".join(pieces)),
    LATIN,
)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    app = make(
        str(tmp_path_factory.mktemp("fuzz")), TESTING=True, LOUD=True, APIGUARD_CORS_ORIGINS=["https://ok.example"]
    )
    app.extensions["key"] = client_in(app, scopes=["secret:read"]).key
    yield app
    app.extensions["apiguard"].close()


def ask(app: Flask, method: str, path: str, body: bytes, extra: dict[str, str]) -> tuple[int, bytes, Any]:
    environ = EnvironBuilder(method="POST", data=body).get_environ()
    environ.update({"REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": "127.0.0.1"} | extra)
    body_of_answer, status, headers = run_wsgi_app(app, environ, buffered=True)
    return int(status[:3]), b"".join(body_of_answer), headers


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=METHODS, path=PATHS, body=BODIES, kind=KINDS, credential=st.one_of(st.none(), LATIN),
    extra=st.dictionaries(NAMES, LATIN, max_size=4),
)  # fmt: skip
def test_a_stranger_is_never_shown_anything(
    app: Flask, method: str, path: str, body: bytes, kind: str, credential: str | None, extra: dict[str, str]
) -> None:
    environ = {"CONTENT_TYPE": kind, **extra}
    if credential is not None:
        environ["HTTP_AUTHORIZATION"] = f"Bearer {credential}"
    if "who" in environ.get("HTTP_COOKIE", ""):
        del environ["HTTP_COOKIE"]
    status, answer, _ = ask(app, method, path, body, environ)
    assert status < 500
    assert PROTECTED.encode() not in answer


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=METHODS, path=PATHS, body=BODIES, kind=KINDS, extra=st.dictionaries(NAMES, LATIN, max_size=4))
def test_a_client_is_never_answered_with_a_fault(
    app: Flask, method: str, path: str, body: bytes, kind: str, extra: dict[str, str]
) -> None:
    environ = {"CONTENT_TYPE": kind, **extra, "HTTP_AUTHORIZATION": f"Bearer {app.extensions['key']}"}
    status, _, headers = ask(app, method, path, body, environ)
    assert status < 500
    if status in (401, 403) and headers.get("Content-Type") == "application/problem+json":
        assert "WWW-Authenticate" in headers


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(path=PATHS, method=METHODS, raw=LATIN)
def test_outside_all_is_as_without_the_guard(app: Flask, path: str, method: str, raw: str) -> None:
    """What does not lie inside in any reading is answered, and with no header of ours."""
    from flask_apiguard.rules.book import canonical

    if "v1" in canonical(path) or "v1" in path:
        return
    status, _, headers = ask(app, method, path, b"", {"RAW_URI": raw, "CONTENT_LENGTH": ""})
    assert status < 500
    assert "X-Request-Id" not in headers
