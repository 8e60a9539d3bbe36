"""Tokens per second, client credentials: ``python -m benchmarks.oauth``.

Servers of one process each, the Python ones gunicorn with eight threads, up together and asked in turn within each
round over kept connections: this authorization server, Authlib's own sample, and bare Flask answering JSON to the same
form; with ``--all`` also django-oauth-toolkit and oidc-provider. Every token is durable before it is answered, but
for oidc-provider's, which are in memory. After each slice nobody asks for a moment, so that what one server still has
to do for its own answers is not done in another's slice.

The ratios are of time on the wall. Beside them stands the processor time that a Python server took per answer, all its
threads together: on a busy machine that is what moves least.
"""

from __future__ import annotations

import argparse
import base64
import os
import socket
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psutil
from flask import Flask, request

from flask_apiguard import APIGuard, access
from flask_apiguard.clients import registry
from flask_apiguard.credentials import Kind
from flask_apiguard.extension import house_of
from flask_apiguard.values import SYSTEM, Environment, State

from .measure import Variant, measure
from .tables import section

OURS, AUTHLIB, BARE = "this token endpoint, opaque", "Authlib's sample, opaque", "bare Flask, JSON"
HEAD = ("server", "tokens/s", "CPU µs", "x Authlib", "x bare")
RATIOS = ("target", "what", "found", "at least", "met")
#: Number, whose tokens per second are compared with ours, and at least how many times as many ours are.
TARGETS = (
    ("T15", AUTHLIB, 2.2),
    ("T15", "django-oauth-toolkit, plain secret", 2.8),
    ("T15", BARE, 0.55),
    ("T16", "oidc-provider, in memory", 0.18),
)
CLIENT, SECRET = "sample-client", "sample-secret-sample-secret-sample-secret"
#: Seconds in which nobody asks.
PAUSE = 0.03
SCOPES = {"orders:write": "Create and change your orders"}
FORM = b"grant_type=client_credentials&scope=orders%3Awrite"


def ours() -> Flask:
    """The guarded app with its authorization server on, every other setting at its default."""
    app = Flask("oauth", instance_path=os.environ["BENCHMARK_INSTANCE"])
    app.config["APIGUARD_ISSUER"] = "https://issuer.example"
    APIGuard(app, paths=["/api"], scopes=SCOPES)
    return app


def bare() -> Flask:
    app = Flask("bare")

    @app.post("/oauth/token")
    def token() -> Any:
        return {"access_token": "x" * 42, "token_type": "Bearer", "scope": request.form["scope"]}

    return app


def authlib() -> Flask:
    """Authlib's example server, as far as this grant goes; SQLite in WAL mode with synchronous=NORMAL, as ours."""
    import sqlalchemy as sa
    from authlib.integrations.flask_oauth2 import AuthorizationServer
    from authlib.integrations.sqla_oauth2 import (
        OAuth2ClientMixin,
        OAuth2TokenMixin,
        create_query_client_func,
        create_save_token_func,
    )
    from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
    from flask_sqlalchemy import SQLAlchemy

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    app = Flask("authlib")
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{os.environ['BENCHMARK_INSTANCE']}/authlib.db"
    db = SQLAlchemy(app)

    class OAuth2Client(db.Model, OAuth2ClientMixin):  # type: ignore[name-defined, misc]
        __tablename__ = "oauth2_client"
        id = db.Column(db.Integer, primary_key=True)

    class OAuth2Token(db.Model, OAuth2TokenMixin):  # type: ignore[name-defined, misc]
        __tablename__ = "oauth2_token"
        id = db.Column(db.Integer, primary_key=True)
        user_id = db.Column(db.Integer)

    with app.app_context():

        @sa.event.listens_for(db.engine, "connect")
        def pragmas(connection: Any, record: Any) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=NORMAL")

        db.create_all()
        if db.session.query(OAuth2Client).first() is None:
            made = OAuth2Client(client_id=CLIENT, client_secret=SECRET, client_id_issued_at=int(time.time()))
            made.set_client_metadata({
                "grant_types": ["client_credentials"], "scope": "orders:write",
                "token_endpoint_auth_method": "client_secret_basic",
            })  # fmt: skip
            db.session.add(made)
            db.session.commit()
    server = AuthorizationServer(
        app,
        query_client=create_query_client_func(db.session, OAuth2Client),
        save_token=create_save_token_func(db.session, OAuth2Token),
    )
    server.register_grant(ClientCredentialsGrant)
    app.post("/oauth/token")(server.create_token_response)
    return app


class Asker:
    """As many kept connections, each asking for one token after the other."""

    def __init__(self, host: str, port: int, client_id: str, secret: str, connections: int) -> None:
        proof = base64.b64encode(f"{client_id}:{secret}".encode())
        self._request = (
            b"POST /oauth/token HTTP/1.1\r\nHost: issuer.example\r\nAuthorization: Basic " + proof
            + b"\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n" % len(FORM) + FORM
        )  # fmt: skip
        self._sockets = [socket.create_connection((host, port), timeout=30) for _ in range(connections)]
        for one in self._sockets:
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        #: How many tokens it was given.
        self.given = 0

    def call(self) -> None:
        """One token on each connection, at the same time."""
        self.given += len(self._sockets)
        if len(self._sockets) == 1:
            self._ask(self._sockets[0])
            return
        for one in self._sockets:
            one.sendall(self._request)
        for one in self._sockets:
            self._read(one)

    def _ask(self, one: socket.socket) -> None:
        one.sendall(self._request)
        self._read(one)

    @staticmethod
    def _read(one: socket.socket) -> None:
        data = b""
        while b"\r\n\r\n" not in data:
            data += _received(one)
        head, _, body = data.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{head!r} {body!r}")
        place = head.lower().index(b"content-length: ") + 16
        length = int(head[place:].split(b"\r\n", 1)[0])
        while len(body) < length:
            body += _received(one)


class Server:
    """One of the Python servers, and who asks it."""

    def __init__(self, target: str, folder: Path, who: tuple[str, str], connections: int) -> None:
        from tests.servers.gunicorn import Gunicorn

        folder.mkdir()
        self._gunicorn = Gunicorn(f"benchmarks.oauth:{target}()", folder, threads=8, arguments=["--keep-alive", "120"])
        self.stop = self._gunicorn.stop
        self._asker = Asker(self._gunicorn.host, self._gunicorn.port, *who, connections)
        self._began: tuple[float, int] = (0.0, 0)

    def call(self) -> None:
        self._asker.call()

    def _spent(self) -> float:
        times = psutil.Process(self._gunicorn.pids[0]).cpu_times()
        return float(times.user + times.system)

    def begin(self) -> None:
        """From here on processor time counts: the server has started, and warmed up a little."""
        for _ in range(50):
            self.call()
        self._began = self._spent(), self._asker.given

    def processor_time(self) -> float:
        """Microseconds per token."""
        spent, given = self._began
        return (self._spent() - spent) * 1e6 / (self._asker.given - given)


def _pause() -> None:
    time.sleep(PAUSE)


def _received(one: socket.socket) -> bytes:
    data = one.recv(65536)
    if not data:
        raise ConnectionError("the server hung up")
    return data


def our_client() -> tuple[str, str]:
    """Id and secret of a client in production."""
    house = house_of(ours())
    with house.store.write() as tx:
        owner = registry.create_organization(tx, SYSTEM, "Acme")
        made = registry.create_application(
            tx, SYSTEM, owner.id, "Pay", state=State.PRODUCTION, reason="a benchmark"
        )  # fmt: skip
        client = registry.create_client(tx, SYSTEM, made.id, Environment.PRODUCTION)
        access.give(tx, SYSTEM, made.id, Environment.PRODUCTION, list(SCOPES), reason="a benchmark")
        _, secret = house.keys.create(tx, SYSTEM, client.id, kind=Kind.CLIENT_SECRET, name="benchmark")
    house.close()
    return client.id, secret


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the tables; status 1 when a target is missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.oauth", description=__doc__)
    parser.add_argument("--rounds", type=int, default=41)
    parser.add_argument("--slice", type=float, default=100, metavar="MS")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--all", action="store_true", help="also the servers that are no part of the tests")
    parser.add_argument("--markdown", action="store_true", help="print the tables for the documentation")
    options = parser.parse_args(arguments)
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="apiguard-bench-", ignore_cleanup_errors=True))
        )
        os.environ["BENCHMARK_INSTANCE"] = str(folder)
        client = our_client()
        variants, absent, servers = [], [], {}
        for name, target, who in (
            (BARE, "bare", client),
            (OURS, "ours", client),
            (AUTHLIB, "authlib", (CLIENT, SECRET)),
        ):
            server = servers[name] = Server(target, folder / target, who, options.connections)
            stack.callback(server.stop)
            variants.append(Variant(name, server.call, _pause))
        if options.all:
            absent = _others(stack, folder, variants, options.connections)
        for server in servers.values():
            server.begin()
        measure(variants, variants[0], options.rounds, options.slice / 1000)
        spent = {name: server.processor_time() for name, server in servers.items()}
    return _report(variants, absent, spent, options.connections, options.markdown)


def _others(stack: ExitStack, folder: Path, variants: list[Variant], connections: int) -> list[str]:
    """Start the servers of others; returns those that can't be had here."""
    from tests.servers.process import Unavailable

    from .authorities import AUTHORITIES

    absent = []
    for number, (name, start) in enumerate(AUTHORITIES):
        place = folder / f"other{number}"
        place.mkdir()
        try:
            host, port, stop = start(place)
        except Unavailable as error:
            absent.append(f"{name}: {error}")
            continue
        stack.callback(stop)
        variants.append(Variant(name, Asker(host, port, CLIENT, SECRET, connections).call, _pause, warm=5))
    return absent


def _report(
    variants: Sequence[Variant], absent: Sequence[str], spent: Mapping[str, float], connections: int, markdown: bool
) -> int:  # fmt: skip
    flask, mine, sample = variants[:3]
    rows = [
        (
            one.name, f"{connections / one.median:.0f}", f"{spent[one.name]:.0f}" if one.name in spent else "",
            f"{sample.over(one):.2f}", f"{flask.over(one):.2f}",
        )
        for one in variants
    ]  # fmt: skip
    rows += [(name, "", "", "", "") for name in absent]
    section(f"Tokens per second, {connections} at once", HEAD, rows, markdown)
    by_name = {one.name: one for one in variants}
    found = [
        (target, f"this / {name}", by_name[name].over(mine), least)
        for target, name, least in TARGETS
        if name in by_name
    ]
    checked = [
        (one, what, f"{value:.2f}", f"{least:.2f}", "yes" if value >= least else "NO")
        for one, what, value, least in found
    ]
    section("Targets", RATIOS, checked, markdown)
    return 0 if all(value >= least for _, _, value, least in found) else 1


if __name__ == "__main__":
    sys.exit(main())
