"""A token that is bound to a certificate opens nothing without it, and only a known proxy tells of certificates."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import jwt
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from flask_apiguard.oauth.certificates import _standard, read_pem
from flask_apiguard.oauth.token_formats import set_certificate_bound, set_token_format
from flask_apiguard.values import SYSTEM
from tests.oauth.proofs import Device, b64
from tests.oauth.world import Holder, World, make_app, running


def certificate(name: str) -> x509.Certificate:
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number()).not_valid_before(now).not_valid_after(now + dt.timedelta(1))
    return made.sign(key, SHA256())


A, B = certificate("a"), certificate("b")


def escaped(found: x509.Certificate) -> dict[str, str]:
    return {"X-SSL-Client-Cert": quote(found.public_bytes(Encoding.PEM).decode(), safe="")}


def standard(found: x509.Certificate) -> dict[str, str]:
    return {"Client-Cert": f":{base64.b64encode(found.public_bytes(Encoding.DER)).decode()}:"}


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Whoever calls is a known proxy."""
    folder: Path = tmp_path_factory.mktemp("proxied")
    with running(
        lambda base: make_app(base, f"sqlite:///{folder}/a.db", APIGUARD_TRUSTED_PROXIES=["127.0.0.1"])
    ) as world:
        yield world


def bound(world: World) -> Holder:
    holder = world.holder()
    with world.house.store.write() as tx:
        set_certificate_bound(tx, SYSTEM, holder.id, True)
    return holder


def ask(world: World, holder: Holder, headers: dict[str, str]) -> requests.Response:
    return world.post("token", {"grant_type": "client_credentials"}, holder, headers)


def call(world: World, token: str, headers: dict[str, str], scheme: str = "Bearer") -> requests.Response:
    given = {"Authorization": f"{scheme} {token}", **headers}
    return requests.get(world.base + "/api/orders", headers=given, timeout=20)


@pytest.mark.parametrize("form", ["opaque", "jwt"])
@pytest.mark.parametrize("told", [escaped, standard])
def test_a_bound_token_opens_with_its_certificate_only(proxied: World, told: Any, form: str) -> None:
    holder = bound(proxied)
    with proxied.house.store.write() as tx:
        set_token_format(tx, SYSTEM, holder.id, form)
    answer = ask(proxied, holder, told(A)).json()
    token = answer["access_token"]
    assert answer["token_type"] == "Bearer"
    assert call(proxied, token, told(A)).status_code == 200
    assert call(proxied, token, escaped(A)).status_code == 200
    for headers in (told(B), {}, {"Client-Cert": "x"}, {**escaped(A), **standard(A)}):
        refusal = call(proxied, token, headers)
        assert refusal.status_code == 401
        assert 'error="invalid_token"' in refusal.headers["WWW-Authenticate"]
    thumbprint = b64(hashlib.sha256(A.public_bytes(Encoding.DER)).digest())
    said = proxied.post("introspect", {"token": token}, holder).json()
    assert said["cnf"] == {"x5t#S256": thumbprint}
    if form == "jwt":
        assert jwt.decode(token, options={"verify_signature": False})["cnf"] == said["cnf"]


def test_without_its_certificate_a_bound_client_gets_no_token(proxied: World) -> None:
    answer = ask(proxied, bound(proxied), {})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_a_client_that_is_not_bound_is_not_held_to_a_certificate(proxied: World) -> None:
    token = ask(proxied, proxied.holder(), escaped(A)).json()["access_token"]
    assert call(proxied, token, {}).status_code == 200


def test_a_token_can_be_bound_to_a_certificate_and_to_a_key(proxied: World) -> None:
    holder, device = bound(proxied), Device(proxied)
    proof = device.proof("POST", proxied.base + "/oauth/token")
    answer = ask(proxied, holder, {**escaped(A), "DPoP": proof}).json()
    assert answer["token_type"] == "DPoP"
    token, url = answer["access_token"], proxied.base + "/api/orders"
    both = {**escaped(A), "DPoP": device.proof("GET", url, token)}
    assert call(proxied, token, both, "DPoP").status_code == 200
    assert call(proxied, token, escaped(A)).status_code == 401
    only = {"DPoP": device.proof("GET", url, token)}
    assert call(proxied, token, only, "DPoP").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        escaped(A), standard(A), {"X_SSL_Client_Cert": escaped(A)["X-SSL-Client-Cert"]},
        {"X-Forwarded-Client-Cert": escaped(A)["X-SSL-Client-Cert"]},
        {"X-SSL-Client-Verify": "SUCCESS", **escaped(A), "X-Forwarded-For": "127.0.0.1"},
    ],
    ids=lambda headers: ", ".join(headers),
)  # fmt: skip
def test_whoever_is_no_known_proxy_tells_of_no_certificate(
    proxied: World, world: World, headers: dict[str, str]
) -> None:
    holder = bound(world)
    assert ask(world, holder, headers).status_code == 400
    with world.house.store.write() as tx:
        thumbprint = b64(hashlib.sha256(A.public_bytes(Encoding.DER)).digest())
        _, token = world.house.tokens.issue(
            tx, client_id=holder.id, environment=holder.client.environment, scopes=["orders:read"],
            cnf={"x5t#S256": thumbprint},
        )  # fmt: skip
    assert call(world, token, headers).status_code == 401


def test_a_binding_that_nobody_here_can_judge_opens_nothing(world: World) -> None:
    holder = world.holder()
    for cnf in ({}, {"jwk": {}}, {"kid": "x"}, {"x5t#S256": None}, {"jkt": None}, {"x5t#S256": None, "x": 1}):
        with world.house.store.write() as tx:
            _, token = world.house.tokens.issue(
                tx, client_id=holder.id, environment=holder.client.environment, scopes=["orders:read"], cnf=cnf
            )
        assert call(world, token, {}).status_code == 401, cnf


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: f":{base64.b64encode(data).decode()}:"))
@settings(max_examples=200)
def test_any_text_is_a_certificate_or_none(text: str) -> None:
    assert _standard(text) is None
    assert read_pem(unquote(text)) is None


def test_two_certificates_at_once_are_none() -> None:
    two = A.public_bytes(Encoding.PEM) + B.public_bytes(Encoding.PEM)
    assert read_pem(two.decode()) is None
