"""The one outbound fetcher. Whoever gives us a URL must not learn or reach anything through us that they could not.

A name is resolved once, every address it has must be a public one, and the connection goes to the very address that
was checked, so that a name which changes its address in between gains nothing. TLS is verified for the name. Redirects
are returned, never followed. One deadline covers everything, so that a server which sends a byte now and then can't
hold a worker. No proxy settings of the environment are read.
"""

from __future__ import annotations

import io
import ipaddress
import re
import socket
import ssl
import threading
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

from .errors import APIGuardError

_PLAIN_URL = re.compile(r"[\x21-\x5b\x5d-\x7e]{1,2048}")  # printable ASCII; no space, no backslash
_HOST = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]{0,252})|[0-9a-f:.]{2,45}")
_METHOD = re.compile(r"[A-Z]{1,16}")
_PUBLIC_V6 = ipaddress.ip_network("2000::/3")
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class FetchError(APIGuardError):
    """Nothing was fetched. The text says why in one sentence, without anything the other side sent."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came back, whatever its status. Header names are lower case; repeated headers are joined by commas."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def fetch(
    url: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 5.0,
    max_bytes: int = 262_144,
    allow: Collection[str] = (),
    context: ssl.SSLContext | None = None,
) -> Fetched:
    """Send one request and return the answer, a redirect or an error status included.

    ``timeout`` is seconds for all of it: resolving, connecting, sending, and the last byte. ``max_bytes`` bounds the
    answer's body. ``allow`` lists ``host:port`` of receivers that may be at private addresses and without TLS (IPv6
    as ``[::1]:8080``). ``context`` replaces the system's trust, for a receiver with a certificate of its own.

    :raises FetchError: for a URL that is not plain https, an address that is not public, a certificate that does not
        fit, an answer too late, too large or cut short, and everything else.
    """
    deadline = time.monotonic() + timeout
    target = _Target.of(url, allow)
    if not _METHOD.fullmatch(method):
        raise FetchError("The method is not a method.")
    try:
        with _opened(target, deadline, context) as connection:
            return _exchanged(connection, target, method, body, headers or {}, max_bytes)
    except TimeoutError:
        raise FetchError(f"{target.place} did not answer within {timeout:g} seconds.") from None
    except ssl.SSLError as error:
        raise FetchError(f"TLS with {target.place} failed: {error.reason or 'certificate'}.") from error
    except (OSError, HTTPException, ValueError) as error:
        raise FetchError(f"{target.place} could not be asked ({type(error).__name__}).") from error


@contextmanager
def _opened(target: _Target, deadline: float, context: ssl.SSLContext | None) -> Iterator[_Timed]:
    """A connection to the target, with TLS where the URL says so; closed at the end."""
    connection = _connected(target, deadline)
    try:
        if target.is_tls:
            trust = context if context is not None else ssl.create_default_context()
            connection.settimeout(_left(deadline))
            connection = trust.wrap_socket(connection, server_hostname=target.host)
        yield _Timed(connection, deadline)
    finally:
        connection.close()


@dataclass(frozen=True, slots=True)
class _Target:
    host: str
    port: int
    path: str
    is_tls: bool
    is_allowed: bool

    @property
    def place(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def of(cls, url: str, allow: Collection[str]) -> _Target:
        """Take a URL apart. Only what every reader reads alike is taken."""
        try:
            parts = urlsplit(url) if _PLAIN_URL.fullmatch(url) else None
            host, port = (parts.hostname, parts.port) if parts is not None else (None, None)
        except ValueError:
            parts = host = port = None
        if parts is None or not host or not _HOST.fullmatch(host) or "@" in parts.netloc or port == 0:
            raise FetchError("The URL is not one that can be fetched.")
        if parts.scheme not in ("https", "http"):
            raise FetchError("Only https is fetched.")
        is_tls = parts.scheme == "https"
        target = cls(host, port or (443 if is_tls else 80), _path(parts.path, parts.query), is_tls, is_allowed=False)
        if target.place in allow:
            return cls(target.host, target.port, target.path, is_tls, is_allowed=True)
        if not is_tls:
            raise FetchError("Only https is fetched.")
        return target


def _path(path: str, query: str) -> str:
    return (path or "/") + (f"?{query}" if query else "")


def is_public(address: Address) -> bool:
    """Whether an address belongs to the public Internet, looked through every way of writing an IPv4 address in IPv6.

    Mapped (RFC 4291) and NAT64 (RFC 6052) addresses are judged by the IPv4 address inside; 6to4 and Teredo, which
    hide one as well and which no server has to have, are never public.
    """
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
        if address not in _PUBLIC_V6 or address.sixtofour is not None or address.teredo is not None:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _resolved(target: _Target, deadline: float) -> list[tuple[Any, ...]]:
    """All addresses of a name. The system's resolver knows no deadline, so it gets a thread."""
    found: list[Any] = []

    def look() -> None:
        try:
            found.extend(socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            found[:] = [error]

    thread = threading.Thread(target=look, name="apiguard-resolve", daemon=True)
    thread.start()
    thread.join(_left(deadline))
    if thread.is_alive():
        raise TimeoutError
    if not found or isinstance(found[0], Exception):
        raise FetchError(f"The name of {target.place} has no address.")
    return found


def _connected(target: _Target, deadline: float) -> socket.socket:
    """A connection to one of the addresses that were checked."""
    addresses = _resolved(target, deadline)
    if not target.is_allowed:
        for *_, place in addresses:
            # A name with one public and one private address is an attack or a mistake; neither is followed halfway.
            if not is_public(ipaddress.ip_address(str(place[0]).split("%", 1)[0])):
                raise FetchError(f"{target.place} is not at a public address.")
    failed: OSError | None = None
    for family, kind, protocol, _, place in addresses:
        attempt = socket.socket(family, kind, protocol)
        try:
            attempt.settimeout(_left(deadline))
            attempt.connect(place)
        except OSError as error:
            attempt.close()
            failed = error
        else:
            return attempt
    raise failed or OSError("no address")


class _Reader(io.RawIOBase):
    """Reads from a socket, giving each operation only what is left of the one deadline."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        self._connection.settimeout(_left(self._deadline))
        return self._connection.recv_into(memoryview(buffer))


class _Timed:
    """A connected socket as ``http.client`` uses one, under one deadline. Closing it is for who opened it."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection = connection
        self._deadline = deadline

    def makefile(self, _mode: str) -> io.BufferedReader:
        """What the answer is read from."""
        return io.BufferedReader(_Reader(self._connection, self._deadline))

    def close(self) -> None:
        """Nothing: ``http.client`` lets go of the socket before the answer is read."""

    def sendall(self, data: bytes) -> None:
        """Send everything before the deadline."""
        rest = memoryview(data)
        while rest:
            self._connection.settimeout(_left(self._deadline))
            rest = rest[self._connection.send(rest) :]


def _exchanged(
    connection: _Timed, target: _Target, method: str, body: bytes | None, headers: Mapping[str, str], max_bytes: int
) -> Fetched:
    http = HTTPConnection(target.host, target.port)
    http.auto_open = 0  # never another connection, whose address nobody checked
    http.sock = connection
    http.putrequest(method, target.path, skip_host=True, skip_accept_encoding=True)
    is_usual = target.port == (443 if target.is_tls else 80)
    ours = {
        "Host": target.place.rsplit(":", 1)[0] if is_usual else target.place,
        "Accept-Encoding": "identity",
        "Connection": "close",
    }
    if body is not None or method in ("POST", "PUT", "PATCH"):
        ours["Content-Length"] = str(len(body or b""))
    fixed = {name.lower() for name in (*ours, "Content-Length", "Transfer-Encoding")}
    for name, value in [
        *ours.items(),
        *((name, value) for name, value in headers.items() if name.lower() not in fixed),
    ]:
        http.putheader(name, value)
    http.endheaders(body)
    answer = http.getresponse()
    if answer.length is not None and answer.length > max_bytes:
        raise FetchError(f"{target.place} answered more than {max_bytes} bytes.")
    content = answer.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise FetchError(f"{target.place} answered more than {max_bytes} bytes.")
    if answer.length:
        raise FetchError(f"{target.place} cut its answer short.")
    received: dict[str, str] = {}
    for given, value in answer.getheaders():
        name = given.lower()
        received[name] = f"{received[name]}, {value}" if name in received else value
    return Fetched(answer.status, received, content)
