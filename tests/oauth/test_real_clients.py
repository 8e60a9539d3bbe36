"""Clients that others made complete every flow that the metadata advertise, behind nginx, with TLS and certificates.

`openid-client` is run once for all of its flows (`node/flows.mjs`); Authlib's client is here.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwk

from flask_apiguard.oauth.certificate_names import KnownBy
from flask_apiguard.oauth.client_certificates import add_certificate, by_certificate, by_name
from flask_apiguard.oauth.public_keys import add_key
from flask_apiguard.oauth.token_formats import set_certificate_bound
from flask_apiguard.values import SYSTEM
from tests.oauth.authority import Held, made
from tests.oauth.fronted import Front, allowed, fronted, submitted
from tests.oauth.world import Holder
from tests.servers.nginx import Nginx
from tests.servers.node import find_node, packages
from tests.servers.process import Unavailable, skip_or_fail
from tests.waiting import PATIENCE

NODE = Path(__file__).parent / "node"
CALLBACK = "https://app.example/cb"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
CONFIDENTIAL = (
    "client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth", "self_signed_tls_client_auth",
)  # fmt: skip
METHODS = (*CONFIDENTIAL, "none")
FLOWS = tuple(
    f"{flow} {method}"
    for method in METHODS
    for flow in (
        "authorization_code", "pushed authorization_code with DPoP and resource", "device", "client_credentials",
        "client_credentials with DPoP", "bound to its certificate",
    )
    if not (method == "none" and flow.startswith("client_credentials"))
    and not (flow.startswith("bound") and "tls" not in method)
)  # fmt: skip


@dataclass
class Client:
    """A registered client, and what it proves itself with."""

    method: str
    holder: Holder
    key: Any = None
    held: Held | None = None


@pytest.fixture(scope="module")
def running(nginx: Callable[[str], Nginx], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    with fronted(nginx, tmp_path_factory.mktemp("real")) as front:
        yield front


@pytest.fixture(scope="module")
def clients(running: Front) -> dict[str, Client]:
    """One client for each way of proving itself. Tokens of those with a certificate are bound to it."""
    return {method: _client(running, method) for method in METHODS}


def _client(front: Front, method: str) -> Client:
    holder = front.world.holder(redirect_uris=(CALLBACK,), public=method == "none", device=True)
    found = Client(method, holder)
    with front.world.house.store.write() as tx:
        if method == "private_key_jwt":
            found.key = jwk.ECKey.generate_key("P-256")
            add_key(tx, SYSTEM, holder.id, found.key.as_dict(private=False))
        elif "tls" in method:
            subject = "CN=real,O=Acme"
            found.held = front.issued(subject) if method == "tls_client_auth" else made(subject)
            by_dn = by_name(KnownBy.SUBJECT_DN, subject)
            add_certificate(
                tx, SYSTEM, holder.id, by_dn if method == "tls_client_auth" else by_certificate(found.held.pem)
            )
            set_certificate_bound(tx, SYSTEM, holder.id, True)
    return found


# -- openid-client -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def by_openid_client(running: Front, clients: dict[str, Client]) -> dict[str, str | None]:
    """Flow by name, and what went wrong, or None."""
    try:
        node, modules = find_node(), packages(NODE)
    except Unavailable as error:
        skip_or_fail("node", str(error))
    running.fresh()
    for name in ("flows.mjs", "browser.mjs"):
        shutil.copy(NODE / name, running.folder)
    (running.folder / "node_modules").symlink_to(modules)
    given, told = running.folder / "given.json", running.folder / "told.json"
    given.write_text(json.dumps({
        "issuer": running.base, "api": f"{running.base}/api/orders", "mtlsApi": f"{running.mtls}/api/orders",
        "ca": Path(running.trust).read_text(), "clients": {name: _told(one) for name, one in clients.items()},
    }))  # fmt: skip
    done = subprocess.run(
        [node, running.folder / "flows.mjs", given, told], capture_output=True, text=True, timeout=PATIENCE,
        check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found: dict[str, str | None] = json.loads(told.read_text())
    return found


def _told(client: Client) -> dict[str, Any]:
    said: dict[str, Any] = {"id": client.holder.id, "secret": client.holder.secret}
    if client.key is not None:
        said["jwk"] = client.key.as_dict(private=True)
    if client.held is not None:
        said |= {"cert": client.held.pem, "key": client.held.key_pem}
    return said


@pytest.mark.parametrize("flow", FLOWS)
def test_openid_client_completes(by_openid_client: dict[str, str | None], flow: str) -> None:
    assert by_openid_client[flow] is None


def test_openid_client_tried_nothing_else(by_openid_client: dict[str, str | None]) -> None:
    assert set(by_openid_client) == set(FLOWS)


# -- Authlib's client --------------------------------------------------------------------------------------------------


class Partner:
    """Authlib's client as a partner writes it, from the issuer's name alone."""

    def __init__(self, front: Front, client: Client) -> None:
        self.front, self.client = front, client
        found = requests.get(
            f"{front.origin}/.well-known/oauth-authorization-server/shop", verify=front.trust, timeout=20
        )
        self.metadata: dict[str, Any] = found.json()
        # It knows no method of TLS by name: a client that sends its id, over a connection that shows a certificate.
        method = "none" if client.held is not None else client.method
        public = client.held is not None or method == "none"
        self.session = OAuth2Session(
            client.holder.id, None if public else (client.key or client.holder.secret),
            token_endpoint_auth_method=method, revocation_endpoint_auth_method=method, redirect_uri=CALLBACK,
            scope="orders:read", code_challenge_method="S256",
        )  # fmt: skip
        if client.method == "private_key_jwt":
            self.session.register_client_auth_method(PrivateKeyJWT(self.metadata["issuer"], alg="ES256"))
        self.session.verify, self.session.trust_env = front.trust, False
        if client.held is not None:
            self.session.cert = client.held.write(front.folder, f"authlib-{client.method}")

    def url(self, name: str) -> str:
        """An endpoint, at the host for certificates where one is shown."""
        aliases = self.metadata["mtls_endpoint_aliases"] if self.client.held is not None else {}
        return str(aliases.get(f"{name}_endpoint", self.metadata[f"{name}_endpoint"]))

    def call(self) -> Any:
        base = self.front.base if self.client.held is None else self.front.mtls
        answer = self.session.get(f"{base}/api/orders", timeout=20)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def partner(running: Front, clients: dict[str, Client], request: pytest.FixtureRequest) -> Partner:
    running.fresh()
    return Partner(running, clients[request.param])


every = pytest.mark.parametrize("partner", METHODS, indirect=True)
confidential = pytest.mark.parametrize("partner", CONFIDENTIAL, indirect=True)


@confidential
def test_authlibs_client_acts_for_itself_asks_about_its_token_and_gives_it_back(partner: Partner) -> None:
    tokens = partner.session.fetch_token(partner.url("token"), grant_type="client_credentials")
    assert partner.call()["client"] == partner.client.holder.id
    text = tokens["access_token"]
    said = partner.session.introspect_token(partner.url("introspection"), text).json()
    assert (said["active"], said["client_id"]) == (True, partner.client.holder.id)
    assert ("x5t#S256" in said.get("cnf", {})) == (partner.client.held is not None)
    assert partner.session.revoke_token(partner.url("revocation"), text).status_code == 200
    said = partner.session.introspect_token(partner.url("introspection"), text).json()
    assert said == {"active": False}


@every
def test_authlibs_client_acts_for_a_user_refreshes_and_gives_back(partner: Partner) -> None:
    verifier = "v" * 48
    url, _ = partner.session.create_authorization_url(
        partner.metadata["authorization_endpoint"], code_verifier=verifier, resource=partner.metadata["issuer"]
    )
    back = allowed(partner.front, url)
    tokens = partner.session.fetch_token(partner.url("token"), authorization_response=back, code_verifier=verifier)
    assert partner.call()["user"] == "alice"
    again = partner.session.refresh_token(partner.url("token"), refresh_token=tokens["refresh_token"])
    assert again["refresh_token"] != tokens["refresh_token"]
    assert partner.call()["user"] == "alice"
    text = again["refresh_token"]
    assert partner.session.revoke_token(partner.url("revocation"), text).status_code == 200
    base = partner.front.mtls if partner.client.held is not None else partner.front.base
    assert partner.session.get(f"{base}/api/orders", timeout=20).status_code == 401


@every
def test_authlibs_client_shows_a_code_and_is_let_in_from_elsewhere(partner: Partner) -> None:
    session = partner.session
    auth, url = session.client_auth(session.token_endpoint_auth_method), partner.url("device_authorization")
    started = session.post(url, {"scope": "orders:read"}, auth=auth, timeout=20, withhold_token=True).json()
    user = partner.front.showing(None)
    user.cookies.set("user", "alice")
    question = submitted(user, user.get(started["verification_uri_complete"], timeout=20))
    assert submitted(user, question, answer="allow").status_code == 200
    session.fetch_token(partner.url("token"), grant_type=DEVICE, device_code=started["device_code"])
    assert partner.call()["user"] == "alice"


def test_what_the_metadata_advertise_is_what_is_tried_here(running: Front) -> None:
    told = running.showing(None).get(f"{running.base}/.well-known/oauth-authorization-server", timeout=20).json()
    assert set(told["token_endpoint_auth_methods_supported"]) == set(METHODS)
    assert set(told["grant_types_supported"]) == {"authorization_code", "client_credentials", "refresh_token", DEVICE}
