"""The outbound fetcher against real servers that behave badly, and names that point where they should not."""

from __future__ import annotations

import datetime as dt
import ipaddress
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from flask_apiguard.net import FetchError, fetch, is_public
from tests.waiting import PATIENCE, wait_for


class Canary:
    """A server on the loopback that answers each connection as it is told and keeps what it was asked."""

    def __init__(self, answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> None:
        self.asked: list[bytes] = []
        self.answered = 0
        self._answer = answer
        self._context = context
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.place = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._one, args=(connection,), daemon=True).start()

    def _one(self, connection: socket.socket) -> None:
        try:
            if self._context is not None:
                connection = self._context.wrap_socket(connection, server_side=True)
            with connection:
                asked = connection.recv(65536)
                length = re.search(rb"Content-Length: (\d+)", asked)
                while length and len(asked.partition(b"\r\n\r\n")[2]) < int(length[1]):
                    asked += connection.recv(65536)
                self.asked.append(asked)
                self._answer(connection)
        except OSError:
            pass  # the client went away, which is what most of these tests are about
        finally:
            self.answered += 1

    def close(self) -> None:
        self._listener.close()


@pytest.fixture
def canary() -> Iterator[Callable[..., Canary]]:
    made: list[Canary] = []

    def make(answer: bytes | Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Canary:
        act = (lambda connection: connection.sendall(answer)) if isinstance(answer, bytes) else answer
        made.append(Canary(act, context))
        return made[-1]

    yield make
    for one in made:
        one.close()


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nX-A: 2\r\n\r\nhello"


def ask(server: Canary, path: str = "/", **options: Any) -> Any:
    return fetch(f"http://{server.place}{path}", allow=[server.place], **options)


def test_an_allowed_receiver_is_asked_and_its_answer_returned(canary: Any) -> None:
    server = canary(OK)
    got = ask(
        server, "/a?b=c", method="POST", body=b"body", headers={"X-B": "2", "Host": "evil", "content-length": "9"}
    )
    assert (got.status, got.body, got.headers["x-a"]) == (200, b"hello", "1, 2")
    sent = server.asked[0]
    assert sent.startswith(b"POST /a?b=c HTTP/1.1\r\n")
    assert f"Host: {server.place}\r\n".encode() in sent
    assert sent.endswith(b"\r\n\r\nbody")
    assert sent.lower().count(b"content-length") == sent.lower().count(b"host:") == 1
    assert b"evil" not in sent


def test_chunked_and_unsized_answers_are_read_whole(canary: Any) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n3\r\n yo\r\n0\r\n\r\n"
    assert ask(canary(chunked)).body == b"hello yo"
    assert ask(canary(b"HTTP/1.0 404 No\r\n\r\nhello")).body == b"hello"
    assert ask(canary(b"HTTP/1.1 204 No\r\n\r\n")).status == 204


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1", "2130706433", "0177.0.0.1", "127.1", "[::1]"])
def test_the_loopback_is_refused_however_it_is_written(canary: Any, host: str) -> None:
    server = canary(OK)
    with pytest.raises(FetchError, match=r"not at a public address|no address"):
        fetch(f"https://{host}:{server.port}/")
    assert ask(server, "/later").status == 200
    assert [asked.split()[1] for asked in server.asked] == [b"/later"], "and nobody came before"


@pytest.mark.parametrize(
    "host",
    [
        "169.254.169.254",
        "10.0.0.1",
        "192.168.1.1",
        "172.16.0.1",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.1",
        "[::]",
        "[::ffff:10.0.0.1]",
        "[::ffff:127.0.0.1]",
        "[::10.0.0.1]",
        "[2002:7f00:1::]",
        "[64:ff9b::10.0.0.1]",
        "[64:ff9b:1::1]",
        "[fe80::1]",
        "[fc00::1]",
        "[fec0::1]",
        "[2001:db8::1]",
        "[ff02::1]",
    ],
)
def test_no_address_that_is_not_public_is_ever_connected(host: str) -> None:
    with pytest.raises(FetchError, match="not at a public address"):
        fetch(f"https://{host}/", timeout=PATIENCE)


@pytest.mark.parametrize("text", ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_public_addresses_are_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@given(st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address))
def test_an_ipv4_address_is_judged_alike_inside_ipv6(address: ipaddress.IPv4Address) -> None:
    mapped = ipaddress.IPv6Address((0xFFFF << 32) | int(address))
    translated = ipaddress.IPv6Address((0x64FF9B << 96) | int(address))
    assert is_public(mapped) == is_public(translated) == is_public(address)
    assert not (is_public(address) and address.is_private)


def test_a_name_with_one_public_and_one_private_address_is_refused(
    canary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = canary(OK)
    real, calls = socket.getaddrinfo, []

    def look(host: str, port: int, **options: Any) -> Any:
        calls.append(host)
        return [*real("8.8.8.8", port, **options), *real("127.0.0.1", port, **options)]

    monkeypatch.setattr(socket, "getaddrinfo", look)
    with pytest.raises(FetchError, match="not at a public address"):
        fetch(f"https://rebind.example:{server.port}/")
    assert calls == ["rebind.example"]
    assert server.asked == []


def test_the_name_is_resolved_once_and_the_checked_address_is_the_connected_one(
    canary: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, other = canary(OK), canary(OK)
    real, calls = socket.getaddrinfo, []

    def look(host: str, port: int, **options: Any) -> Any:
        calls.append(host)
        return real("127.0.0.1", server.port if len(calls) == 1 else other.port, **options)

    monkeypatch.setattr(socket, "getaddrinfo", look)
    assert fetch("http://moving.example:80/", allow=["moving.example:80"]).body == b"hello"
    assert (calls, other.asked) == (["moving.example"], [])
    assert b"Host: moving.example\r\n" in server.asked[0]


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "gopher://127.0.0.1/",
        "//example.com/",
        "",
        "https://",
        "https://user@example.com/",
        "https://a:b@example.com/",
        "https://exa mple.com/",
        "https://a\\b/",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://[::1/",
        "https://exämple.com/",
        "https://a/\n",
        "https://a/" + "x" * 3000,
        "https://%31/",
        "https://[fe80::1%25lo]/",
        "https://a\x00b/",
        "data:text/plain,x",
    ],
)
def test_a_url_that_is_not_plain_https_is_refused_without_a_look_up(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: pytest.fail("looked up"))
    with pytest.raises(FetchError):
        fetch(url)


@given(st.text(max_size=60) | st.text(max_size=30).map("https://".__add__))
def test_whatever_the_url_nothing_but_a_fetch_error_is_raised(url: str) -> None:
    with pytest.raises(FetchError):
        fetch(url + "\x7f")


def test_allow_names_host_and_port_and_nothing_near_it(canary: Any) -> None:
    server = canary(OK)
    for allow in ([], ["127.0.0.1"], [f"localhost:{server.port}"], [f"127.0.0.1:{server.port + 1}"]):
        with pytest.raises(FetchError):
            fetch(f"http://{server.place}/", allow=allow)
    assert server.asked == []


def test_a_redirect_to_the_inside_is_returned_and_not_followed(canary: Any) -> None:
    inside = canary(OK)
    to = f"http://{inside.place}/"
    server = canary(f"HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n".encode())
    got = fetch(f"http://{server.place}/", allow=[server.place, inside.place])
    assert (got.status, got.headers["location"]) == (302, to)
    assert inside.asked == []


def drip(first: bytes, each: bytes) -> Callable[[socket.socket], None]:
    """Never done: whoever waits from byte to byte waits until this gives up, and is told something else then."""

    def act(connection: socket.socket) -> None:
        connection.sendall(first)
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end and not select.select([connection], [], [], 0.05)[0]:  # until who asked is gone
            connection.sendall(each)

    return act


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A server that takes no connection and reads nothing. Whoever waits for it for ever is hung up on in the end."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        hang_up = threading.Timer(PATIENCE, listener.close)
        hang_up.daemon = True
        hang_up.start()
        yield listener
        hang_up.cancel()
        hang_up.join()


@pytest.mark.parametrize(
    ("first", "each"),
    [
        (b"", b""),
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
    ],
)
def test_a_server_that_drips_is_left_at_the_deadline(canary: Any, first: bytes, each: bytes) -> None:
    server = canary(drip(first, each))
    with pytest.raises(FetchError, match=r"within 0\.3 seconds"):
        ask(server, timeout=0.3)


def test_a_server_that_does_not_read_is_left_at_the_deadline(silent: socket.socket) -> None:
    place = f"127.0.0.1:{silent.getsockname()[1]}"
    with pytest.raises(FetchError, match=r"within 0\.3 seconds"):
        fetch(f"http://{place}/", method="POST", body=b"x" * 50_000_000, timeout=0.3, allow=[place])


def endless(connection: socket.socket, head: bytes, sent: list[int]) -> None:
    connection.sendall(head)
    for _ in range(1024):  # a gigabyte, if anybody reads it
        connection.sendall(b"x" * 1_048_576)
        sent.append(1)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n",
    ],
)
def test_a_gigabyte_is_not_read(canary: Any, head: bytes) -> None:
    sent: list[int] = []
    server = canary(lambda connection: endless(connection, head, sent))
    with pytest.raises(FetchError, match="more than 1000 bytes"):
        ask(server, max_bytes=1000)
    wait_for(lambda: server.answered)
    assert len(sent) < 64


def test_exactly_the_bound_is_taken(canary: Any) -> None:
    assert ask(canary(OK), max_bytes=5).body == b"hello"
    with pytest.raises(FetchError):
        ask(canary(OK), max_bytes=4)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n50\r\nhello",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
        b"HTTP/1.1 200 OK\r\n" + b"X: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n",
    ],
)
def test_a_broken_answer_is_a_fetch_error(canary: Any, answer: bytes) -> None:
    with pytest.raises(FetchError):
        ask(canary(answer))


@pytest.mark.parametrize(
    "options",
    [
        {"method": "GET /x HTTP/1.1\r\nX:"},
        {"method": "get"},
        {"headers": {"X": "1\r\nY: 2"}},
        {"headers": {"X\r\n": "1"}},
    ],
)
def test_nothing_can_be_smuggled_into_the_request(canary: Any, options: dict[str, Any]) -> None:
    server = canary(OK)
    with pytest.raises(FetchError):
        ask(server, **options)
    assert not any(server.asked)


def test_nobody_listening_is_a_fetch_error() -> None:
    with socket.socket() as taken:  # bound, so that nobody else listens there either
        taken.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(FetchError, match="could not be asked"):
            fetch(f"http://{place}/", allow=[place])


def test_proxies_of_the_environment_are_not_used(canary: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server, proxy = canary(OK), canary(OK)
    for name in ("http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://{proxy.place}")
    assert ask(server).status == 200
    assert proxy.asked == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for ``localhost``, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    plain = serialization.NoEncryption()
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_tls_is_verified_for_the_name_also_for_allowed_receivers(canary: Any, certificate: Path) -> None:
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    serving.load_cert_chain(certificate)
    names: list[str | None] = []
    serving.sni_callback = lambda _socket, name, _context: names.append(name)
    server = canary(OK, serving)
    trusting = ssl.create_default_context(cafile=str(certificate))
    allow = [f"localhost:{server.port}", f"127.0.0.1:{server.port}"]
    assert fetch(f"https://localhost:{server.port}/", allow=allow, context=trusting).body == b"hello"
    assert names == ["localhost"]
    with pytest.raises(FetchError, match="TLS"):
        fetch(f"https://127.0.0.1:{server.port}/", allow=allow, context=trusting)
    with pytest.raises(FetchError, match="TLS"):
        fetch(f"https://localhost:{server.port}/", allow=allow)
    assert len(server.asked) == 1


def test_a_server_that_never_finishes_the_handshake_is_left_at_the_deadline(silent: socket.socket) -> None:
    place = f"127.0.0.1:{silent.getsockname()[1]}"
    with pytest.raises(FetchError, match=r"within 0\.3 seconds"):
        fetch(f"https://{place}/", allow=[place], timeout=0.3)
