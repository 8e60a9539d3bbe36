"""An authorization server in processes of its own, on either store, with clients that this process made and holds."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus, urlencode

from flask import Flask, request
from joserfc import jwk
from werkzeug.middleware.proxy_fix import ProxyFix

from flask_apiguard import APIGuard, HostUser, access, require
from flask_apiguard.clients import registry
from flask_apiguard.credentials import Kind
from flask_apiguard.db import EVENTS, STATE, make_engine
from flask_apiguard.extension import house_of
from flask_apiguard.house import House
from flask_apiguard.migrations import create
from flask_apiguard.oauth import set_device, set_public
from flask_apiguard.oauth.client_certificates import add_certificate, by_certificate
from flask_apiguard.oauth.consents import give
from flask_apiguard.oauth.public_keys import add_key
from flask_apiguard.oauth.token_formats import set_token_format
from flask_apiguard.values import SYSTEM, Environment, State
from tests.oauth.authority import made
from tests.servers.gunicorn import Gunicorn
from tests.servers.postgres import running_postgres
from tests.servers.process import Unavailable

ISSUER, CALLBACK, USER = "https://issuer.example", "https://app.example/cb", "alice"
SECRET = "a secret that only benchmarks would use, forty bytes"
SCOPES = {"orders:read": "See your orders", "orders:write": "Change your orders"}
FORM = "application/x-www-form-urlencoded"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
#: Of one request, in seconds; what takes longer hangs.
PATIENCE = 20.0


def make_app() -> Flask:
    """The app of one worker, or of this process. Where its store is stands in the environment."""
    app = Flask("served", instance_path=os.environ["BENCHMARK_INSTANCE"])
    app.config.update(APIGUARD_ISSUER=ISSUER, APIGUARD_TRUSTED_PROXIES=["127.0.0.1"])
    guard = APIGuard(app, paths=["/api"], scopes=SCOPES)

    @guard.host_user
    def signed_in() -> HostUser | None:
        name = request.cookies.get("user")
        return HostUser(name, name.title()) if name else None

    @app.get("/api/orders")
    @require("orders:read")
    def orders() -> dict[str, Any]:
        return {"orders": []}

    app.wsgi_app = ProxyFix(app.wsgi_app)  # type: ignore[method-assign]
    return app


@dataclass(frozen=True)
class Held:
    """A client as its developer holds it."""

    id: str
    secret: str = field(repr=False)
    key: Any = field(repr=False)
    #: Its certificate, as a proxy tells of it in a header.
    certificate: str = field(repr=False, default="")

    @property
    def basic(self) -> str:
        """The value of the header ``Authorization``."""
        return "Basic " + base64.b64encode(f"{quote_plus(self.id)}:{quote_plus(self.secret)}".encode()).decode()


def hold(house: House, *, public: bool = False, token_format: str | None = None) -> Held:
    """A client in production that may use every grant type; the user has allowed it everything."""
    shown = made("CN=pay")
    key = jwk.ECKey.generate_key("P-256")
    with house.store.write() as tx:
        owner = registry.create_organization(tx, SYSTEM, "Acme")
        integration = registry.create_application(
            tx, SYSTEM, owner.id, "Pay", state=State.PRODUCTION, redirect_uris=(CALLBACK,)
        )  # fmt: skip
        client = registry.create_client(tx, SYSTEM, integration.id, Environment.PRODUCTION)
        access.give(tx, SYSTEM, integration.id, Environment.PRODUCTION, list(SCOPES))
        _, secret = house.keys.create(tx, SYSTEM, client.id, kind=Kind.CLIENT_SECRET, name="benchmark")
        add_key(tx, SYSTEM, client.id, key.as_dict(private=False))
        add_certificate(tx, SYSTEM, client.id, by_certificate(shown.pem))
        set_token_format(tx, SYSTEM, client.id, token_format)
        set_device(tx, SYSTEM, client.id, True)
        set_public(tx, SYSTEM, client.id, public)
        give(tx, USER, client.id, list(SCOPES))
    return Held(client.id, secret, key, shown.escaped["X-SSL-Client-Cert"])


@dataclass
class Served:
    """A running server: its address, its processes' log, and the rooms of the same app in this process."""

    house: House
    server: Gunicorn

    def connect(self) -> Connection:
        """One kept connection."""
        return Connection(self.server.host, self.server.port)


@contextmanager
def served(folder: Path, url: str | None, workers: int, threads: int = 8) -> Iterator[Served]:
    """gunicorn on a store; None is SQLite in the folder."""
    env = {"BENCHMARK_INSTANCE": str(folder), "APIGUARD_SECRET": SECRET}
    if url is not None:
        env["APIGUARD_DATABASE_URL"] = url
        fill(url)
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    with ExitStack() as stack:
        stack.callback(put_back, before)
        house = house_of(make_app())
        house.store.open()
        house.events_store.open()
        stack.callback(house.close)
        (folder / "gunicorn").mkdir()
        server = Gunicorn(
            "benchmarks.served:make_app()", folder / "gunicorn", workers=workers, threads=threads, env=env,
            arguments=["--keep-alive", "60", "--preload"],
        )  # fmt: skip
        stack.callback(server.stop)
        yield Served(house, server)


def fill(url: str) -> None:
    """Make our tables in an empty database."""
    engine = make_engine(url)
    create(engine, STATE)
    create(engine, EVENTS)
    engine.dispose()


def put_back(before: dict[str, str | None]) -> None:
    """Make the environment what it was."""
    for name, value in before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


@contextmanager
def stores(wanted: Sequence[str]) -> Iterator[list[tuple[str, str | None]]]:
    """Name and URL of each store that can be had here."""
    found: list[tuple[str, str | None]] = [("SQLite", None)] if "sqlite" in wanted else []
    with ExitStack() as stack:
        if "postgresql" in wanted:
            try:
                server = stack.enter_context(running_postgres())
                found.append(("PostgreSQL", stack.enter_context(server.database())))
            except Unavailable as error:
                print(f"No PostgreSQL: {error}")
        yield found


# -- HTTP --------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Said:
    """One answer. Status 0: nothing came in time, or the connection was closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A kept connection. Sending and reading are apart, so that many can be sent before one is read."""

    def __init__(self, host: str, port: int) -> None:
        self._address = host, port
        self._socket: socket.socket | None = None

    def send(self, data: bytes) -> None:
        """Send the bytes of one request."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address, timeout=PATIENCE)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(data)

    def read(self, method: str = "POST") -> Said:
        """The answer to what was sent."""
        if self._socket is None:
            raise RuntimeError("nothing was sent")
        answer = http.client.HTTPResponse(self._socket, method=method)
        answer.begin()
        said = Said(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        if answer.will_close:
            self.close()
        return said

    def ask(self, data: bytes) -> Said:
        """One request and its answer."""
        self.send(data)
        return self.read(data.split(b" ", 1)[0].decode("latin-1"))

    @property
    def is_open(self) -> bool:
        """Whether it was connected before."""
        return self._socket is not None

    def end(self) -> None:
        """Send no more; the answer can still be read."""
        if self._socket is not None:
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go; the next request connects again."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def post(path: str, parameters: dict[str, str], authorization: str = "") -> bytes:
    """The bytes of a form that is posted."""
    body = urlencode(parameters).encode()
    head = [
        f"POST {path} HTTP/1.1", "Host: issuer.example", f"Content-Type: {FORM}", f"Content-Length: {len(body)}",
    ]  # fmt: skip
    head += [f"Authorization: {authorization}"] if authorization else []
    return "\r\n".join([*head, "", ""]).encode() + body


def get(path: str, parameters: dict[str, str]) -> bytes:
    """The bytes of what a signed-in user's browser asks for."""
    query = f"?{urlencode(parameters)}" if parameters else ""
    return f"GET {path}{query} HTTP/1.1\r\nHost: issuer.example\r\nCookie: user={USER}\r\n\r\n".encode()
