"""TLS with client certificates, as the documentation sets it up: nginx in front, or the WSGI server by itself."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from werkzeug.serving import make_server

from flask_apiguard.oauth.certificate_names import KnownBy
from flask_apiguard.oauth.client_certificates import Wanted, add_certificate, by_certificate, by_name
from flask_apiguard.oauth.token_formats import set_certificate_bound
from flask_apiguard.values import SYSTEM
from tests.oauth.authority import Held, alternatives, made
from tests.oauth.fronted import Front, documented, fronted
from tests.oauth.proofs import Device
from tests.oauth.world import Holder, World, make_app
from tests.servers.gunicorn import Gunicorn
from tests.servers.nginx import Nginx
from tests.servers.process import free_port

ASK = {"grant_type": "client_credentials"}
SPOOFED = ("escaped", "standard", "verified")


@pytest.fixture(scope="module")
def running(nginx: Callable[[str], Nginx], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with fronted(nginx, tmp_path_factory.mktemp("fronted")) as front:
        yield front


@pytest.fixture
def front(running: Front) -> Front:
    return running.fresh()


def registered(world: World, what: Wanted, *, bound: bool = False) -> Holder:
    holder = world.holder()
    with world.house.store.write() as tx:
        add_certificate(tx, SYSTEM, holder.id, what)
        if bound:
            set_certificate_bound(tx, SYSTEM, holder.id, True)
    return holder


def ask(front: Front, holder: Holder, held: Held | None, base: str | None = None, **headers: str) -> requests.Response:
    url = f"{base or front.mtls}/oauth/token"
    return front.showing(held).post(url, data={**ASK, "client_id": holder.id}, headers=headers, timeout=20)


def test_a_certificate_of_an_authority_proves_its_client_by_name(front: Front) -> None:
    holder = registered(front.world, by_name(KnownBy.SUBJECT_DN, "CN=payments,O=Acme"))
    assert ask(front, holder, front.issued("CN=payments,O=Acme")).status_code == 200
    for other in (front.issued("CN=payments"), made("CN=payments,O=Acme"), None):
        assert ask(front, holder, other).status_code == 401
    stranger = made("CN=Evil Root", authority=True)
    assert ask(front, holder, made("CN=payments,O=Acme", issuer=stranger)).status_code == 401
    assert ask(front, holder, made("CN=payments,O=Acme", issuer=stranger, authority=True)).status_code == 401


def test_a_certificate_that_the_client_signed_itself_proves_it(front: Front) -> None:
    own = made("CN=own")
    holder = registered(front.world, by_certificate(own.pem))
    assert ask(front, holder, own).status_code == 200
    assert ask(front, holder, made("CN=own")).status_code == 401


def test_a_certificate_is_asked_for_at_its_own_host_only(front: Front) -> None:
    own = made("CN=hosts")
    assert ask(front, registered(front.world, by_certificate(own.pem)), own, front.base).status_code == 401


@pytest.mark.parametrize("base", ["base", "mtls"])
@pytest.mark.parametrize("form", SPOOFED)
def test_what_a_client_writes_into_the_headers_is_replaced(front: Front, base: str, form: str) -> None:
    own = front.issued("CN=victim")
    holder = registered(front.world, by_certificate(own.pem))
    headers = getattr(own, form)
    for held in (None, made("CN=thief")):
        assert ask(front, holder, held, getattr(front, base), **headers).status_code == 401
        dressed = {name.replace("-", "_"): value for name, value in headers.items()}
        assert ask(front, holder, held, getattr(front, base), **dressed).status_code == 401


def test_a_bound_token_opens_with_its_certificate_only(front: Front) -> None:
    own = made("CN=bound")
    holder = registered(front.world, by_certificate(own.pem), bound=True)
    token = ask(front, holder, own).json()["access_token"]
    url, headers = f"{front.mtls}/api/orders", {"Authorization": f"Bearer {token}"}
    assert front.showing(own).get(url, headers=headers, timeout=20).status_code == 200
    for held, more in ((made("CN=bound"), {}), (None, {}), (None, own.verified), (made("CN=x"), own.standard)):
        refusal = front.showing(held).get(url, headers={**headers, **more}, timeout=20)
        assert (refusal.status_code, 'error="invalid_token"' in refusal.headers["WWW-Authenticate"]) == (401, True)


def test_a_proof_names_the_host_that_was_called(front: Front) -> None:
    own, device = made("CN=both"), Device(front.world)
    holder = registered(front.world, by_certificate(own.pem), bound=True)
    session, url = front.showing(own), f"{front.mtls}/oauth/token"
    proof = {"DPoP": device.proof("POST", url)}
    answer = session.post(url, data={**ASK, "client_id": holder.id}, headers=proof, timeout=20)
    assert answer.json()["token_type"] == "DPoP"
    token = answer.json()["access_token"]
    for base in (front.mtls, front.base):
        api = f"{front.mtls}/api/orders"
        said = {"Authorization": f"DPoP {token}", "DPoP": device.proof("GET", f"{base}/api/orders", token)}
        assert session.get(api, headers=said, timeout=20).status_code == 200
    elsewhere = {"DPoP": device.proof("POST", "https://evil.example/shop/oauth/token")}
    answer = session.post(url, data={**ASK, "client_id": holder.id}, headers=elsewhere, timeout=20)
    assert answer.json()["error"] == "invalid_dpop_proof"


def test_what_belongs_to_the_hosts_root_is_there(front: Front) -> None:
    session = front.showing(None)
    told = session.get(f"{front.origin}/.well-known/oauth-authorization-server/shop", timeout=20).json()
    assert told["issuer"] == front.base
    assert told["mtls_endpoint_aliases"]["token_endpoint"] == f"{front.mtls}/oauth/token"
    told = session.get(f"{front.origin}/.well-known/oauth-protected-resource/shop", timeout=20).json()
    assert told["resource"] == front.base


def test_the_record_names_the_client_and_not_the_proxy(front: Front) -> None:
    own = made("CN=recorded")
    holder = registered(front.world, by_certificate(own.pem))
    answer = ask(front, holder, own, **{"X-Forwarded-For": "10.9.8.7", "X-Request-Id": "mine"})
    (event,) = front.world.house.recorder.query.find(answer.headers["X-Request-Id"])
    assert (event["client"], event["address"]) == (holder.id, "127.0.0.1")


# -- without a proxy -------------------------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Any]:
    """A server's certificate, and the authority of its clients."""
    authority = made("CN=Partners Root", authority=True)
    root = made("CN=Server Root", authority=True)
    made("CN=localhost", issuer=root, names=alternatives(ip="127.0.0.1")).write(tmp_path, "api")
    (tmp_path / "authorities.crt").write_text(authority.pem)
    (tmp_path / "root.crt").write_text(root.pem)
    return {"authority": authority, "folder": tmp_path, "trust": str(tmp_path / "root.crt")}


def judged(world: World, base: str, files: dict[str, Any]) -> None:
    """Clients prove themselves at a server that ends TLS itself, and headers say nothing."""
    right = made("CN=direct", issuer=files["authority"])
    front = Front(world, base, base, files["trust"], files["authority"], files["folder"])
    by_dn = registered(world, by_name(KnownBy.SUBJECT_DN, "CN=direct"), bound=True)
    pinned = registered(world, by_certificate(made("CN=pin").pem))
    token = ask(front, by_dn, right).json()["access_token"]
    call = {"Authorization": f"Bearer {token}"}
    assert front.showing(right).get(f"{base}/api/orders", headers=call, timeout=20).status_code == 200
    assert front.showing(None).get(f"{base}/api/orders", headers=call, timeout=20).status_code == 401
    for held, headers in ((None, {}), (None, right.verified), (front.issued("CN=other"), right.verified)):
        assert ask(front, by_dn, held, **headers).status_code == 401
    assert ask(front, pinned, right).status_code == 401
    with pytest.raises(requests.ConnectionError):
        ask(front, by_dn, made("CN=direct"))


@pytest.mark.parametrize("threads", [1, 4])
def test_gunicorn_tells_by_its_own_socket(
    gunicorn_server: Callable[..., Gunicorn], files: dict[str, Any], threads: int
) -> None:
    options = documented("console", 1).partition("gunicorn ")[2].split()[:-1]
    arguments = [
        str(files["folder"] / one) if one.endswith((".crt", ".key")) else one for one in options
    ]  # fmt: skip
    issuer, store = "https://127.0.0.1:5000", f"sqlite:///{files['folder']}/apiguard.db"
    world = World(make_app(issuer, store), "")
    environment = {"APIGUARD_ISSUER": issuer, "APIGUARD_DATABASE_URL": store}
    server = gunicorn_server(
        "tests.oauth.world:from_environment()", threads=threads, env=environment, arguments=arguments
    )  # fmt: skip
    try:
        judged(world, server.url.replace("http://", "https://"), files)
    finally:
        world.house.close()


def test_a_server_of_pythons_own_tells_in_the_environ(files: dict[str, Any]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(files["folder"] / "authorities.crt"))
    context.load_cert_chain(files["folder"] / "api.crt", files["folder"] / "api.key")
    context.verify_mode = ssl.CERT_OPTIONAL
    port = free_port()
    base = f"https://127.0.0.1:{port}"
    app = make_app(base, f"sqlite:///{files['folder']}/apiguard.db")
    server = make_server("127.0.0.1", port, app, threaded=True, ssl_context=context)
    server.daemon_threads = True  # type: ignore[attr-defined]
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    world = World(app, base)
    try:
        judged(world, base, files)
    finally:
        server.shutdown()
        server.server_close()
        world.house.close()


@pytest.mark.parametrize(("verify", "status"), [("SUCCESS", 200), ("GENEROUS", 401), (None, 401)])
def test_a_server_that_writes_the_environ_says_whether_it_followed_the_chain(
    tmp_path: Path, verify: str | None, status: int
) -> None:
    app = make_app("https://api.example.com", f"sqlite:///{tmp_path}/apiguard.db")
    world, held = World(app, ""), made("CN=environ")
    holder = registered(world, by_name(KnownBy.SUBJECT_DN, "CN=environ"))
    told = {"SSL_CLIENT_CERT": held.pem} | ({"SSL_CLIENT_VERIFY": verify} if verify else {})
    answer = app.test_client().post(
        "/oauth/token", data={**ASK, "client_id": holder.id}, environ_overrides=told,
        base_url="https://api.example.com",
    )  # fmt: skip
    assert answer.status_code == status
    world.house.close()
