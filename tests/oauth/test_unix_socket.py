"""Behind a Unix socket a peer has no address; it is believed only where ``unix:`` says so, and nobody else then."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import pytest

from flask_apiguard.extension import house_of
from flask_apiguard.oauth.client_certificates import add_certificate, by_certificate
from flask_apiguard.values import SYSTEM
from tests.oauth.authority import made
from tests.oauth.world import FORM, SECRET, World, make_app
from tests.servers.gunicorn import Gunicorn
from tests.waiting import PATIENCE

ISSUER = "https://api.example.com"


def asked(connection: http.client.HTTPConnection, client_id: str, headers: dict[str, str]) -> int:
    body = urlencode({"grant_type": "client_credentials", "client_id": client_id})
    connection.request("POST", "/oauth/token", body, {"Content-Type": FORM, **headers})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.status


def over(path: Path) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("app", timeout=PATIENCE)
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.settimeout(PATIENCE)
    connection.sock.connect(str(path))
    return connection


@pytest.mark.parametrize(
    ("trusted", "by_socket", "by_address"), [("unix:", 200, 401), ("127.0.0.1", 401, 200), ("", 401, 401)]
)
def test_a_certificate_is_taken_from_the_peers_that_are_named(
    gunicorn_server: Callable[..., Gunicorn], tmp_path: Path, trusted: str, by_socket: int, by_address: int
) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    world = World(make_app(ISSUER, url), ISSUER)
    holder, held = world.holder(), made("CN=pay")
    with world.house.store.write() as tx:
        add_certificate(tx, SYSTEM, holder.id, by_certificate(held.pem))
    env = {
        "APIGUARD_ISSUER": ISSUER, "APIGUARD_DATABASE_URL": url, "APIGUARD_SECRET": SECRET,
        "APIGUARD_TRUSTED_PROXIES": trusted,
    }  # fmt: skip
    server = gunicorn_server("tests.oauth.world:from_environment()", env=env, unix=True)
    assert asked(over(server.socket), holder.id, held.escaped) == by_socket
    tcp = http.client.HTTPConnection(server.host, server.port, timeout=PATIENCE)
    assert asked(tcp, holder.id, held.escaped) == by_address
    house_of(world.app).close()
