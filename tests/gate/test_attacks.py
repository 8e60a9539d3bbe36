"""Attacks by somebody who may call, and forgeries by somebody who may not, over real sockets."""

from __future__ import annotations

import gzip
import http.client
import json
import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask

from flask_apiguard.testing import client_in, decisions
from tests.gate.attacked import PROTECTED, make
from tests.servers.http import RawAnswer, raw_http, serve
from tests.waiting import PATIENCE, wait_for

JSON = "Content-Type: application/json"
FORGED = {
    "X-Consumer-Id": "1", "X-Consumer-Username": "root", "X-SSL-Client-Verify": "SUCCESS", "X-SSL-Client-Cert": "PEM",
    "X-Forwarded-Client-Cert": "Hash=1", "Client-Cert": ":AA==:", "X-Apiguard-Client": "client_1",
    "X-Authenticated-Userid": "1",
}  # fmt: skip


class Attacked:
    """A running app, and a client's key."""

    def __init__(self, app: Flask, url: str) -> None:
        self.app, self.url = app, url
        self.key = client_in(app, scopes=["secret:read"]).key
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "", parts.port or 0

    def send(self, method: str, target: str, *headers: str, body: bytes = b"", key: str | None = "") -> RawAnswer:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {self.host}", "Connection: close", *headers]
        if key is not None:
            lines.append(f"Authorization: Bearer {key or self.key}")
        if body and not any(header.startswith(("Transfer-", "Content-Length")) for header in headers):
            lines.append(f"Content-Length: {len(body)}")
        return raw_http(self.host, self.port, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body)

    @property
    def last(self) -> dict[str, Any]:
        return decisions(self.app)[-1]


@pytest.fixture
def attack(tmp_path: Path) -> Iterator[Callable[..., Attacked]]:
    """`attack(**config)` serves an app of its own."""
    with ExitStack() as running:

        def start(**config: Any) -> Attacked:
            app = make(str(tmp_path), TESTING=True, **config)
            running.callback(app.extensions["apiguard"].close)
            return Attacked(app, running.enter_context(serve(app)))

        yield start


@pytest.fixture
def attacked(attack: Callable[..., Attacked]) -> Attacked:
    return attack()


# -- who somebody says they are ------------------------------------------------------------------------------------


def lines_of(headers: dict[str, str]) -> list[str]:
    return [f"{name}: {value}" for name, value in headers.items()]


@pytest.mark.parametrize("target", ["api/v1/headers", "api/v1/headers?x=1", "api//v1/headers"])
def test_a_path_without_its_slash_carries_no_forged_headers_past_either(attacked: Attacked, target: str) -> None:
    answer = attacked.send("GET", target, *lines_of(FORGED))
    assert (answer.status, json.loads(answer.body)["code"]) == (400, "gate:path:ambiguous")


def test_forged_identity_headers_never_reach_a_view(attacked: Attacked) -> None:
    answer = attacked.send("GET", "/api/v1/headers", *lines_of(FORGED))
    seen = {name.lower() for name in json.loads(answer.body)["headers"]}
    assert not seen & {name.lower() for name in FORGED}


def test_the_underscore_spelling_is_no_way_in(attacked: Attacked) -> None:
    forged = {name.replace("-", "_"): value for name, value in FORGED.items()}
    answer = attacked.send("GET", "/api/v1/headers", *lines_of(forged))
    seen = {name.lower() for name in json.loads(answer.body)["headers"]}
    assert not seen & {name.lower() for name in FORGED}


def test_a_trusted_proxy_is_believed(attack: Callable[..., Attacked]) -> None:
    attacked = attack(APIGUARD_TRUSTED_PROXIES=["127.0.0.1"])
    answer = attacked.send("GET", "/api/v1/headers", "X-SSL-Client-Verify: SUCCESS")
    assert "SUCCESS" in json.loads(answer.body)["headers"].values()


def test_claiming_to_come_from_a_trusted_proxy_does_not_help(attack: Callable[..., Attacked]) -> None:
    attacked = attack(APIGUARD_TRUSTED_PROXIES=["10.0.0.1"], proxied=True)
    answer = attacked.send("GET", "/api/v1/headers", "X-Forwarded-For: 10.0.0.1", "X-SSL-Client-Verify: SUCCESS")
    seen = json.loads(answer.body)
    assert seen["address"] == "10.0.0.1", "so says the host's own ProxyFix"
    assert "SUCCESS" not in seen["headers"].values()
    assert (attacked.last["address"], attacked.last["peer"]) == ("10.0.0.1", "127.0.0.1")


def guesses(attacked: Attacked, count: int) -> list[int]:
    found = []
    for number in range(count):
        headers = [f"X-Forwarded-For: 203.0.113.{number}", f"X-Real-IP: 203.0.113.{number}"]
        found.append(attacked.send("GET", "/api/v1/secret", *headers, key=f"guess-{number}").status)
    return found


def test_a_spoofed_address_does_not_dodge_the_throttle(attack: Callable[..., Attacked]) -> None:
    assert guesses(attack(APIGUARD_FAILED_ATTEMPTS=5), 8) == [401] * 5 + [429] * 3


def test_an_address_that_the_hosts_proxy_vouches_for_counts(attack: Callable[..., Attacked]) -> None:
    assert guesses(attack(APIGUARD_FAILED_ATTEMPTS=5, proxied=True), 8) == [401] * 8


@pytest.mark.parametrize(
    ("target", "status"),
    [("100%25", 200), ("a%20b", 200), ("50%25%20off", 200), ("%2541", 400), ("%252e%252e", 400), ("a%2Fb", 400)],
)
def test_a_percent_sign_is_a_character_and_a_second_encoding_is_not(
    attacked: Attacked, target: str, status: int
) -> None:
    assert attacked.send("GET", f"/api/v1/secret/{target}").status == status


# -- documents -----------------------------------------------------------------------------------------------------

BAD_JSON = {
    "duplicate keys": b'{"item": "a", "item": "b"}',
    "deep duplicate": b'{"item": "a", "x": {"y": 1, "y": 2}}',
    "escaped duplicate": b'{"item": "a", "\\u0069tem": "b"}',
    "NaN": b'{"item": NaN}',
    "Infinity": b'{"item": -Infinity}',
    "1e999": b'{"item": "a", "amount": 1e999}',
    "5000 digits": b'{"item": "a", "amount": ' + b"9" * 5000 + b"}",
    "depth 100k": b"[" * 100_000 + b"]" * 100_000,
    "depth 100k of objects": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "lone surrogate": b'{"item": "\\ud800"}',
    "BOM": b"\xef\xbb\xbf" + b'{"item": "a"}',
    "UTF-16": '{"item": "a"}'.encode("utf-16"),
    "latin-1": '{"item": "é"}'.encode("latin-1"),
    "overlong": b'{"item": "\xc0\xaf"}',
    "two documents": b'{"item": "a"}{"item": "b"}',
    "empty": b"",
    "NUL": b'{"item": "a\x00"}',
    "comment": b'{"item": "a" /* b */}',
}


@pytest.mark.sqlite
@pytest.mark.parametrize("route", ["/api/v1/orders", "/api/v1/loose"])
@pytest.mark.parametrize("body", BAD_JSON.values(), ids=BAD_JSON.keys())
def test_a_document_that_two_readers_read_differently_is_refused(attacked: Attacked, route: str, body: bytes) -> None:
    answer = attacked.send("POST", route, JSON, f"Content-Length: {len(body)}", body=body)
    assert answer.status == 400, answer.body[:300]
    assert answer.header("Content-Type") == "application/problem+json"
    assert json.loads(answer.body)["code"] == "gate:document:malformed"


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "media_type", ["application/json;charset=utf-7", "application/json; charset=utf-16", "application/json;charset=x"]
)
def test_json_is_utf_8_whatever_the_media_type_says(attacked: Attacked, media_type: str) -> None:
    answer = attacked.send("POST", "/api/v1/orders", f"Content-Type: {media_type}", body=b'{"item": "a"}')
    assert answer.status == 400


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "media_type", ["text/plain", "text/json", "application/xml", "multipart/form-data", "", "\xff"]
)
def test_another_media_type_is_no_json(attacked: Attacked, media_type: str) -> None:
    answer = attacked.send("POST", "/api/v1/orders", f"Content-Type: {media_type}", body=b'{"item": "a"}')
    assert answer.status == 415


def test_a_packed_body_is_refused_before_it_grows(attacked: Attacked) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    answer = attacked.send("POST", "/api/v1/orders", JSON, "Content-Encoding: gzip", body=bomb)
    assert answer.status == 415


# -- sizes and slowness --------------------------------------------------------------------------------------------


def chunked(body: bytes, size: int = 1000) -> bytes:
    parts = [body[start : start + size] for start in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


@pytest.mark.parametrize("route", ["/api/v1/small", "/api/v1/orders"])
def test_a_body_beyond_the_bound_is_refused_however_it_comes(attacked: Attacked, route: str) -> None:
    body = b'{"item": "' + b"a" * (2 << 20) + b'"}'
    assert attacked.send("POST", route, JSON, body=body).status == 413
    answer = attacked.send("POST", route, JSON, "Transfer-Encoding: chunked", body=chunked(body, 1 << 16))
    assert answer.status == 413


def test_a_view_that_reads_for_itself_is_bounded_too(attack: Callable[..., Attacked]) -> None:
    attacked = attack(APIGUARD_MAX_BODY=1000)
    assert attacked.send("POST", "/api/v1/upload", body=b"a" * 1000).status == 200
    assert attacked.send("POST", "/api/v1/upload", body=b"a" * 1001).status == 413
    answer = attacked.send("POST", "/api/v1/upload", "Transfer-Encoding: chunked", body=chunked(b"a" * 5000))
    assert answer.status == 413
    cut = b'{"a": 1}' + b" " * 2000 + b"and more"
    answer = attacked.send("POST", "/api/v1/loose", JSON, "Transfer-Encoding: chunked", body=chunked(cut))
    assert answer.status == 413, "the beginning is never taken for the whole"
    answer = attacked.send("POST", "/api/v1/upload", "Transfer-Encoding: chunked", body=chunked(b"a" * 1000))
    assert json.loads(answer.body) == {"bytes": 1000}
    assert attacked.send("POST", "/outside/headers", body=b"a" * 5000, key=None).status == 200, "outside it is not"


@contextmanager
def connected(attacked: Attacked) -> Iterator[socket.socket]:
    with socket.create_connection((attacked.host, attacked.port), timeout=PATIENCE) as connection:
        yield connection


def status_on(connection: socket.socket) -> int:
    with http.client.HTTPResponse(connection) as answer:
        answer.begin()
        answer.read()
        return answer.status


def test_a_truncated_body_is_no_document(attacked: Attacked) -> None:
    with connected(attacked) as connection:
        head = f"POST /api/v1/orders HTTP/1.1\r\nHost: a\r\n{JSON}\r\nContent-Length: 100\r\n"
        connection.sendall(f'{head}Authorization: Bearer {attacked.key}\r\n\r\n{{"item": "a"}}'.encode())
        connection.shutdown(socket.SHUT_WR)
        assert status_on(connection) == 400


def test_a_stranger_is_refused_without_waiting_for_a_slow_body(attacked: Attacked) -> None:
    with connected(attacked) as connection:
        connection.sendall(
            f"POST /api/v1/orders HTTP/1.1\r\nHost: a\r\n{JSON}\r\nContent-Length: 100\r\n\r\n{{".encode()
        )
        assert status_on(connection) == 401


class Noticed:
    """What comes in of one request; who begins to read it is noticed."""

    def __init__(self, stream: Any, readers: set[int]) -> None:
        self._stream, self._readers = stream, readers

    def __getattr__(self, name: str) -> Any:
        self._readers.add(threading.get_ident())
        return getattr(self._stream, name)


def notice_readers(app: Flask) -> set[int]:
    """The threads in which the app began to read a body."""
    readers: set[int] = set()
    inner = app.wsgi_app

    def outer(environ: dict[str, Any], start_response: Any) -> Any:
        return inner({**environ, "wsgi.input": Noticed(environ["wsgi.input"], readers)}, start_response)

    app.wsgi_app = outer  # type: ignore[method-assign]
    return readers


@pytest.mark.parametrize("slow", ["headers", "body"])
def test_slow_callers_hold_up_nobody(attacked: Attacked, slow: str) -> None:
    readers = notice_readers(attacked.app)
    head = f"POST /api/v1/orders HTTP/1.1\r\nHost: a\r\n{JSON}\r\nContent-Length: 13\r\nConnection: close\r\n"
    head += f"Authorization: Bearer {attacked.key}\r\n"
    first, rest = (head, '\r\n{"item": "a"}') if slow == "headers" else (head + "\r\n{", '"item": "a"}')
    with ExitStack() as stack:
        held = [stack.enter_context(connected(attacked)) for _ in range(20)]
        for connection in held:
            connection.sendall(first.encode())
        if slow == "body":
            wait_for(lambda: len(readers) == len(held))
        assert attacked.send("GET", "/api/v1/secret").text == PROTECTED
        assert select.select(held, [], [], 0)[0] == [], "answered while they were all waiting"
        for connection in held:
            connection.sendall(rest.encode())
        assert [status_on(connection) for connection in held] == [200] * len(held)


def test_ten_thousand_form_fields_are_refused_or_bounded(attacked: Attacked) -> None:
    body = "&".join(f"a{number}=b" for number in range(10_000)).encode()
    answer = attacked.send("POST", "/api/v1/form", "Content-Type: application/x-www-form-urlencoded", body=body)
    assert answer.status in (200, 413)
    parts = b"".join(
        b'--b\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nx\r\n' % number for number in range(10_000)
    )
    answer = attacked.send(
        "POST", "/api/v1/form", "Content-Type: multipart/form-data; boundary=b", body=parts + b"--b--"
    )
    assert answer.status in (200, 413)


# -- what is written down ------------------------------------------------------------------------------------------

NASTY = {
    "CRLF": "%0d%0aHTTP/1.1 200 OK", "ANSI": "%1b[31mred", "NUL in query": "?a=%00", "U+2028": "%e2%80%a8",
    "bidi": "%e2%80%aegnp", "not UTF-8": "%ff%fe", "quote": "%22%7d,%7b%22", "surrogate": "%ed%a0%80",
}  # fmt: skip


@pytest.mark.parametrize("text", NASTY.values(), ids=NASTY.keys())
def test_one_call_is_one_record_whatever_it_says(attacked: Attacked, text: str) -> None:
    agent = "Mozilla \x1b[31m\x7f\xe2\x80\xa8\"},{'"
    attacked.send("GET", f"/api/v1/health{text.replace(' ', '%20')}", f"User-Agent: {agent}", f"X-Request-Id: {agent}")
    (event,) = decisions(attacked.app)
    written = json.dumps(event)
    assert not set(written) & set("\r\n\x1b\x00\u2028\u202e\x7f")
    assert event["agent"].startswith("Mozilla")


def test_a_huge_agent_is_cut(attacked: Attacked) -> None:
    attacked.send("GET", "/api/v1/health", "User-Agent: " + "a" * 50_000, "X-Request-Id: " + "b" * 5_000, key=None)
    (event,) = decisions(attacked.app)
    assert len(event["agent"]) <= 1024
    assert len(event["inbound_id"]) <= 128
    assert event["id"].startswith("req_")


def test_no_key_is_ever_written_down(attacked: Attacked) -> None:
    attacked.send("GET", f"/api/v1/secret?key={attacked.key}", f"X-API-Key: {attacked.key}")
    attacked.send("GET", "/api/v1/secret", f"Referer: http://a/?key={attacked.key}", key="wrong-" + attacked.key)
    assert attacked.key not in str(decisions(attacked.app))


def test_many_at_once_are_each_on_record_once(attacked: Attacked) -> None:
    def call() -> None:
        for _ in range(10):
            attacked.send("GET", "/api/v1/secret")

    threads = [threading.Thread(target=call) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    events = decisions(attacked.app)
    assert len(events) == len({event["id"] for event in events}) == 50
