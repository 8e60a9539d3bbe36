"""Ways around the gate, over real sockets: none shows the protected body, none is answered with a 5xx."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from flask_apiguard.testing import client_in
from tests.gate.attacked import PROTECTED, make
from tests.servers.http import RawAnswer, raw_http, serve

pytestmark = pytest.mark.sqlite

SECRET = "/api/v1/secret"
METHODS = [
    "GET", "HEAD", "OPTIONS", "TRACE", "POST", "PUT", "PATCH", "DELETE", "get", "Get", "head", "PROPFIND", "BREW",
    "G-T",
]  # fmt: skip
PATHS = [
    "//api/v1/secret", "///api/v1/secret", "/api//v1/secret", "/api/v1//secret", "/api/v1%2Fsecret",
    "/api%2fv1%2fsecret", "/api/v1/secret/", "/api/v1/secret//", "/api/v1/%73ecret", "/%61pi/v1/secret",
    "/%61%70%69/%76%31/%73%65%63%72%65%74", "/API/v1/secret", "/api/V1/SECRET", "/api/v1/secret;x",
    "/api/v1/secret;x=1", "/api;x/v1/secret", "/api/v1;/secret", "/api/v1/secret%3bx", "/api/v1/secret%00",
    "/api/v1/secret%00.txt", "/api%00/v1/secret", "/api/v1/./secret", "/./api/v1/secret", "/api/v1/x/../secret",
    "/outside/../api/v1/secret", "/outside/%2e%2e/api/v1/secret", "/outside/..;/api/v1/secret",
    "/outside/.%2e/api/v1/secret", "/%2e/api/v1/secret", "/..%2fapi/v1/secret", "/..%5capi/v1/secret",
    "/outside/%252e%252e/api/v1/secret", "/api/v1/%2573ecret", "/api\\v1\\secret", "\\api\\v1\\secret",
    "/%5capi/v1/secret", "/api/v1/%c0%afsecret", "/outside/%c0%ae%c0%ae/api/v1/secret", "/api%c0%afv1/secret",
    "/api/v1/%e0%80%afsecret", "/api/v1/secret%20", "/api/v1/secret%0a", "/api/v1/secret%0d%0aX-Y:%20z",
    "/api/v1/secret%09", "/api/v1/secret#x", "/#/api/v1/secret", "/api/v1/secret?", "/api/v1/secret?x=%00",
    "/api/v1/secret?_method=GET", "/api/v1/secret%ff", "/api/v1/s%EF%BD%85cret", "/api/v1/secret/../secret",
    "/api/v1/secret/%2e%2e/secret", "/api/v1/secret/x/..%2f..%2fsecret", "/api/v1/trailing", "/api/v1/trailing/",
    "/api/v1/undeclared", "http://127.0.0.1/api/v1/secret", "http://evil.example/api/v1/secret",
    "http://evil.example//api/v1/secret", "https://x/%61pi/v1/secret", "http:/api/v1/secret", "http:///api/v1/secret",
    "//evil.example/api/v1/secret", "api/v1/secret", "*", "?/api/v1/secret", "/" + "a/" * 2000 + "../" * 2000 + SECRET,
]  # fmt: skip
HEADERS = [
    "X-HTTP-Method-Override: OPTIONS", "X-HTTP-Method: GET", "X-Method-Override: HEAD",
    "X-Original-URL: /api/v1/secret", "X-Rewrite-URL: /api/v1/health", "X-Forwarded-Prefix: /api/v1/health",
    "X-Forwarded-Host: 127.0.0.1",
    "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1", "X-Script-Name: /api",
    "Script-Name: /api/v1", "Path-Info: /api/v1/health", "X-Apiguard-Client: client_1",
    "X-Apiguard-Scopes: secret:read", "X_Apiguard_Client: client_1", "X-Consumer-Id: 1",
    "X-SSL-Client-Verify: SUCCESS", "Client-Cert: :AA==:",
    "Authorization:", "Authorization: Bearer", "Authorization: Bearer null", "Authorization: Bearer undefined",
    "Authorization: bearer  ", "Authorization: Basic YTpi", "Authorization: Basic !!!!", "Authorization: Digest x",
    "Authorization: Bearer attacked_production_a_b_c", "Authorization: Bearer \xff\xfe", "X-API-Key:",
    "X-API-Key: \x01", "X-API-Key: " + "a" * 5000, "Cookie: session=abc; token=def", "Origin: http://127.0.0.1",
    "Connection: Authorization", "Range: bytes=0-1", "If-None-Match: *", "Expect: 100-continue", "Upgrade: websocket",
    "Content-Type: \xff", "Content-Length: 5", "Transfer-Encoding: identity", "Accept: text/html",
    "Authorization: Bearer a\r\nAuthorization: Bearer b", "Sec-Fetch-Site: same-origin",
]  # fmt: skip
Send = Callable[..., "RawAnswer | None"]


@pytest.fixture(scope="module", params=["werkzeug", "gunicorn"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("attacked")
    if request.param == "werkzeug":
        with serve(make(str(folder))) as url:
            yield url
        return
    from tests.servers.gunicorn import Gunicorn

    started = Gunicorn("tests.gate.attacked:make()", folder, threads=2, env={"ATTACKED": str(folder)})
    yield started.url
    started.stop()


@pytest.fixture
def send(server: str) -> Send:
    """Sends a request of these parts; None when the server hung up without a word, which refuses as well."""
    parts = urlsplit(server)

    def send(method: str, target: str, *headers: str, body: bytes = b"", host: str = "") -> RawAnswer | None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host or parts.netloc}", "Connection: close", *headers]
        data = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
        try:
            return raw_http(parts.hostname or "", parts.port or 0, data)
        except (ConnectionError, http.client.HTTPException):
            return None

    return send


def harmless(answer: RawAnswer | None) -> None:
    if answer is not None:
        assert PROTECTED.encode() not in answer.body
        assert answer.status < 500, answer.body[:300]


@pytest.mark.parametrize("method", METHODS)
def test_no_method_goes_around(send: Send, method: str) -> None:
    for target in (SECRET, "/api/v1/trailing", "/api/v1/undeclared", "/api/v1/nowhere"):
        answer = send(method, target)
        harmless(answer)
        assert answer is None or answer.status in (400, 401), f"{method} {target}: {answer.status}"


@pytest.mark.parametrize("target", PATHS, ids=lambda target: target[:40])
def test_no_spelling_of_the_path_goes_around(send: Send, target: str) -> None:
    for method in ("GET", "POST", "HEAD"):
        harmless(send(method, target))


@pytest.mark.parametrize("header", HEADERS, ids=lambda header: header[:40])
def test_no_header_goes_around(send: Send, header: str) -> None:
    body = b"12345" if header.startswith("Content-Length") else b""
    for target in (SECRET, "/api/v1/undeclared", "/api/v1/trailing"):
        answer = send("GET", target, header, body=body)
        harmless(answer)
        assert answer is None or answer.status in (400, 401), f"{header} {target}: {answer.status}"


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1:1", "a b", "[::1", "127.0.0.1/api/v1/health?", "@", "\xff"]
)
def test_no_host_goes_around(send: Send, host: str) -> None:
    harmless(send("GET", SECRET, host=host))
    harmless(send("POST", SECRET, "Cookie: who=ada", f"Origin: http://{host}.evil", host=host))


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/api/v1/nowhere"), ("GET", "/api/v1"), ("GET", "/api/v1/"), ("DELETE", SECRET),
        ("PATCH", "/api/v1/orders"), ("GET", "/api/v1/trailing"), ("OPTIONS", SECRET), ("TRACE", SECRET),
        ("POST", "/api/v1/trailing"),
        ("GET", "/api/v1/secret/"), ("HEAD", SECRET),
    ],
)  # fmt: skip
def test_a_stranger_hears_401_before_anything_about_routes(send: Send, method: str, target: str) -> None:
    answer = send(method, target)
    assert answer is not None
    assert answer.status == 401
    assert answer.header("Location") is None
    assert answer.header("Allow") is None
    assert (answer.header("WWW-Authenticate") or "").startswith("Bearer")


def test_what_is_open_and_what_is_outside_answer_as_always(send: Send) -> None:
    for target, status in (("/", 200), ("/api/v1/health", 200), ("/outside/headers", 200), ("/nowhere", 200)):
        answer = send("GET", target)
        assert answer is not None
        assert answer.status == status, target
    outside = send("GET", "/outside/headers", "X-Consumer-Id: mine", "X-SSL-Client-Verify: SUCCESS")
    assert outside is not None
    assert b"X-Consumer-Id" in outside.body, "outside nothing is dropped"


@pytest.mark.parametrize(
    "data",
    [
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nContent-Length: \xb2\r\n\r\n",
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nContent-Length : 4\r\n\r\nabcd",
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"POST /api/v1/secret HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"GET /api/v1/secret HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /api/v1/secret HTTP/1.1\r\n\r\n",
        b"GET /api/v1/secret HTTP/1.0\r\n\r\n",
        b"GET /api/v1/secret HTTP/1.1\nHost: a\n\n",
        b"GET /api/v1/secret HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n",
        b"GET  /api/v1/secret  HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET\t/api/v1/secret\tHTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/v1/secret HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        b"GET /api/v1/secret\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/v1/\xff HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET /api/v1/s\xc3\xa9cret HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_no_odd_message_goes_around(server: str, data: bytes) -> None:
    parts = urlsplit(server)
    try:
        answer = raw_http(parts.hostname or "", parts.port or 0, data)
    except (ConnectionError, http.client.HTTPException):
        return
    # What a server itself refuses to read (501 for a transfer coding, 505) never came to us.
    assert PROTECTED.encode() not in answer.body
    assert answer.status in (400, 401, 404, 413, 501), answer.body[:300]


@pytest.mark.parametrize("count", [90, 10_000])
def test_many_or_huge_headers_are_refused_and_hold_up_nobody(send: Send, count: int) -> None:
    many = [f"X-Header-{number}: {number}" for number in range(count)]
    harmless(send("GET", SECRET, *many))
    harmless(send("GET", SECRET, "X-Huge: " + "a" * 60_000))
    harmless(send("GET", SECRET, "Authorization: Bearer " + "a" * 8_000))
    answer = send("GET", "/api/v1/health")
    assert answer is not None
    assert answer.status == 200


def test_the_door_opens_with_a_key_so_that_the_rest_means_something(tmp_path: Path) -> None:
    app = make(str(tmp_path), TESTING=True)
    key = client_in(app, scopes=["secret:read"]).key
    with serve(app) as url:
        parts = urlsplit(url)
        data = f"GET {SECRET} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nAuthorization: Bearer {key}\r\n\r\n".encode()
        assert raw_http(parts.hostname or "", parts.port or 0, data).text == PROTECTED
