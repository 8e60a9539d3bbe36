"""Whatever signed JSON a stranger sends, as token, proof or assertion: refused at once, with no look elsewhere."""

from __future__ import annotations

import json
import secrets
import socket
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
import sqlalchemy as sa
from joserfc import jwk

from flask_apiguard.credentials.presented import LENGTH_AT_MOST
from flask_apiguard.oauth.public_keys import add_key
from flask_apiguard.values import SYSTEM
from tests.oauth.forging import forged, kept, key_set, refused, signed_holder
from tests.oauth.proofs import Device, b64, segment, sign
from tests.oauth.world import FORM, Holder, World
from tests.servers.http import raw_http, serve

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
RSA: Any = jwk.RSAKey.generate_key(2048)
#: An attacker's.
KEY: Any = jwk.ECKey.generate_key("P-256")


def with_key(world: World, key: Any) -> Holder:
    found = world.holder()
    with world.house.store.write() as tx:
        add_key(tx, SYSTEM, found.id, key.as_dict(private=False))
    return found


def said(world: World, holder: Holder, **more: Any) -> dict[str, Any]:
    """A good assertion's claims."""
    now = int(time.time() + world.house.clock.offset)
    return {"iss": holder.id, "sub": holder.id, "aud": world.base, "exp": now + 60, "jti": secrets.token_hex(8), **more}


def asserted(world: World, text: str) -> requests.Response:
    data = {"grant_type": "client_credentials", "client_assertion": text, "client_assertion_type": TYPE}
    return world.post("token", data)


def proves_nothing(world: World, text: str) -> None:
    answer = asserted(world, text)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


# -- names of keys ----------------------------------------------------------------------------------------------------


@pytest.mark.sqlite
def test_a_thousand_unknown_keys_are_looked_for_nowhere_and_cost_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = signed_holder(world)
    _, body, signature = world.token(holder).split(".")
    client = world.app.test_client()
    asked: list[str] = []
    engine = world.house.store.engine

    def heard(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    def nowhere(*_: Any) -> None:
        raise AssertionError("a connection was opened")

    def call(number: int) -> float:
        head = segment({"alg": "ES256", "kid": f"sig_{number:016d}", "typ": "at+jwt"})
        began = time.thread_time()
        headers = {"Authorization": f"Bearer {head}.{body}.{signature}"}
        assert client.get("/api/orders", headers=headers).status_code in (401, 429)
        return time.thread_time() - began

    call(-1)
    monkeypatch.setattr(socket.socket, "connect", nowhere)
    sa.event.listen(engine, "before_cursor_execute", heard)
    try:
        spent = [call(number) for number in range(1000)]
    finally:
        sa.event.remove(engine, "before_cursor_execute", heard)
    assert asked == []
    assert statistics.median(spent[-200:]) < 3 * statistics.median(spent[:200])


@pytest.fixture
def listener() -> Iterator[tuple[str, list[str]]]:
    """A place that an attacker names, and who came there."""
    came: list[str] = []

    def app(environ: Any, start_response: Callable[..., Any]) -> list[bytes]:
        came.append(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()]

    with serve(app) as base:
        yield base, came


def test_a_place_for_keys_that_a_stranger_names_is_not_visited(world: World, listener: tuple[str, list[str]]) -> None:
    base, came = listener
    holder, client, device = signed_holder(world), with_key(world, jwk.ECKey.generate_key("P-256")), Device(world)
    (published,) = key_set(world)
    public = {name: value for name, value in KEY.as_dict(private=False).items() if name != "kid"}
    now = int(time.time())
    claims = {
        "iss": world.base, "sub": holder.id, "aud": world.base, "client_id": holder.id, "iat": now, "nbf": now,
        "exp": now + 300, "jti": "tok_1", "scope": "orders:read",
    }  # fmt: skip
    places: list[dict[str, Any]] = [
        {"jku": base + "/jwks"}, {"x5u": base + "/cert"}, {"jwk": public}, {"x5c": ["AAAA"]}, {"kid": base + "/jwks"},
        {"jku": base + "/jwks", "crit": ["jku"]}, {"x5t#S256": "AAAA", "x5u": base + "/cert"},
    ]  # fmt: skip
    for place in places:
        head = {"alg": "ES256", "kid": published["kid"], "typ": "at+jwt", **place}
        refused(world.call(kept(world, holder, sign(head, claims | {"n": str(place)}, KEY))))
        proves_nothing(world, sign({"alg": "ES256", **place}, said(world, client), KEY))
        if "jwk" not in place and "kid" not in place:
            assert device.post(holder, header=place).json()["error"] == "invalid_dpop_proof"
        world.fresh()
    assert came == []


# -- encrypted, compressed, huge --------------------------------------------------------------------------------------

ENCRYPTED = [
    {"alg": "PBES2-HS256+A128KW", "enc": "A128GCM", "p2c": 2**31, "p2s": "AAAA"},
    {"alg": "dir", "enc": "A256GCM"}, {"alg": "RSA1_5", "enc": "A128CBC-HS256"},
    {"alg": "ECDH-ES", "enc": "A128GCM", "zip": "DEF"},
]  # fmt: skip


@pytest.mark.parametrize("header", ENCRYPTED, ids=lambda header: header["alg"])
def test_nothing_encrypted_is_taken_nor_worked_on(world: World, header: dict[str, Any]) -> None:
    holder = signed_holder(world)
    text = ".".join([segment(header), "AAAA", b64(b"i" * 12), b64(b"c" * 64), b64(b"t" * 16)])
    three = ".".join(
        [segment(header | {"typ": "at+jwt"}), segment({"sub": holder.id, "iss": holder.id}), b64(b"s" * 64)]
    )

    def spent(*texts: str) -> float:
        began = time.process_time()
        for shown in texts:
            refused(world.call(shown))
            proves_nothing(world, shown)
            assert Device(world).post(holder, proof=shown).json()["error"] == "invalid_dpop_proof"
        return time.process_time() - began

    nonsense = spent("no.token.atall", "neither.is.this")
    # A key that is stretched 2^31 times would cost a hundred thousand times as much.
    assert spent(text, three) < 20 * nonsense


@pytest.mark.parametrize("scheme", ["Bearer", "DPoP"])
def test_a_megabyte_is_refused_before_it_is_read_as_anything(world: World, scheme: str, lengths: list[int]) -> None:
    at, text = urlsplit(world.base), "eyJ" + "A" * (1 << 20)
    request = f"GET /api/orders HTTP/1.1\r\nHost: x\r\nAuthorization: {scheme} {text}.eyJ.AAAA\r\n\r\n"
    assert raw_http(at.hostname or "", at.port or 0, request.encode()).status in (401, 431)
    client = world.app.test_client()
    for tail in ("", ".eyJ.AAAA", "." + text + ".AAAA"):
        world.fresh()
        headers = {"Authorization": f"{scheme} {text}{tail}", "DPoP": text + tail}
        assert client.get("/api/orders", headers=headers).status_code == 401
    assert asserted(world, text + ".eyJ.AAAA").status_code == 413
    assert 0 < max(lengths) <= 2 * LENGTH_AT_MOST + 1, "only the beginnings of headers, for the record's fingerprint"


def test_a_large_proof_or_assertion_is_refused(world: World) -> None:
    holder, text = world.holder(), "eyJ" + "A" * 30_000 + ".eyJ.AAAA"
    assert Device(world).post(holder, proof=text).json()["error"] == "invalid_dpop_proof"
    proves_nothing(world, text)


# -- one kind in place of another -------------------------------------------------------------------------------------


def test_no_kind_of_signed_json_stands_for_another(world: World) -> None:
    key = jwk.ECKey.generate_key("P-256")
    holder, device = with_key(world, key), Device(world, key)
    signing, url = signed_holder(world), world.base + "/oauth/token"
    token = world.token(signing)
    assertion = sign({"alg": "ES256", "typ": "JWT"}, said(world, holder), key)
    proof = device.proof("POST", url)
    for text in (assertion, proof):
        refused(world.call(text))
        refused(world.call(kept(world, signing, text)))
    for text in (token, assertion):
        assert device.post(signing, proof=text).json()["error"] == "invalid_dpop_proof"
    for text in (token, proof):
        proves_nothing(world, text)
    both = said(world, holder, htm="POST", htu=url, iat=int(time.time()))
    proves_nothing(world, sign({"alg": "ES256", "typ": "dpop+jwt"}, both, key))
    proves_nothing(world, sign({"alg": "ES256", "typ": "at+jwt"}, both, key))
    assert asserted(world, assertion).status_code == 200


# -- JSON that two readers read differently ---------------------------------------------------------------------------

CLAIMS = [
    b'"sub":"x","sub":"x"', b'"aud":"a","\\u0061ud":"a"', b'"x":' + b"[" * 5000, b'"x":' + b'{"a":' * 900,
    b'"x":' + b"9" * 5000, b'"x":-' + b"9" * 5000, b'"x":1e5000', b'"x":NaN', b'"x":-Infinity', b'"x":"\\ud800"',
    b'"x":"\xff"', b'"x":01', b'"x":"\x00"', b'"x":1,', b"'x':1", b'"x":1} {"y":2', b'"x":1 // y',
]  # fmt: skip


@pytest.mark.parametrize("odd", CLAIMS, ids=lambda odd: odd[:12].decode("latin-1").encode("unicode_escape").decode())
def test_a_payload_that_could_be_read_in_two_ways_is_refused_though_it_is_signed(world: World, odd: bytes) -> None:
    def bent(claims: dict[str, Any]) -> bytes:
        return json.dumps(claims).encode()[:-1] + b"," + odd + b"}"

    key: Any = jwk.ECKey.generate_key("P-256")
    holder, device, url = with_key(world, key), Device(world, key), world.base + "/oauth/token"
    now = int(time.time())
    token = {
        "iss": world.base, "sub": holder.id, "aud": world.base, "client_id": holder.id, "iat": now, "nbf": now,
        "exp": now + 300, "jti": "tok_1", "scope": "orders:read",
    }  # fmt: skip
    refused(world.call(forged(world, holder, payload=bent(token))))
    proves_nothing(world, sign({"alg": "ES256"}, bent(said(world, holder)), key))
    public = {name: value for name, value in key.as_dict(private=False).items() if name != "kid"}
    proof = {"jti": secrets.token_hex(8), "htm": "POST", "htu": url, "iat": now}
    shown = sign({"alg": "ES256", "typ": "dpop+jwt", "jwk": public}, bent(proof), key)
    assert device.post(world.holder(), proof=shown).json()["error"] == "invalid_dpop_proof"


def test_two_headers_with_proofs_are_refused(world: World) -> None:
    holder, device, at = world.holder(), Device(world), urlsplit(world.base)
    body = b"grant_type=client_credentials"

    def post(*proofs: str) -> int:
        lines = "".join(f"DPoP: {proof}\r\n" for proof in proofs)
        head = (
            f"POST /oauth/token HTTP/1.1\r\nHost: {at.netloc}\r\nAuthorization: {holder.basic['Authorization']}\r\n"
            f"{lines}Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return raw_http(at.hostname or "", at.port or 0, head.encode() + body).status

    url = world.base + "/oauth/token"
    same = device.proof("POST", url)
    assert post(device.proof("POST", url), device.proof("POST", url)) == 400
    assert post(same, same) == 400
    assert post(same) == 200


# -- assertions -------------------------------------------------------------------------------------------------------


def test_rsa_keys_sign_with_the_newer_padding_only(world: World) -> None:
    holder = with_key(world, RSA)
    proves_nothing(world, sign({"alg": "RS256"}, said(world, holder), RSA))
    assert asserted(world, sign({"alg": "PS256"}, said(world, holder), RSA)).status_code == 200


@pytest.mark.parametrize("place", ["token", "par", "revoke", "introspect", "authorize"])
def test_an_endpoint_is_no_audience(world: World, place: str) -> None:
    key = jwk.ECKey.generate_key("P-256")
    holder, url = with_key(world, key), f"{world.base}/oauth/{place}"
    for audience in (url, [url], [world.base, url], world.base + "/", world.base.upper()):
        proves_nothing(world, sign({"alg": "ES256"}, said(world, holder, aud=audience), key))
    assert asserted(world, sign({"alg": "ES256"}, said(world, holder), key)).status_code == 200


@pytest.mark.parametrize(
    "secret", ["x" * (1 << 20), "%00", "a%00b", "%ff"], ids=["1 MB", "NUL", "in the middle", "bytes"]
)
def test_a_secret_of_a_megabyte_or_of_bytes_that_are_no_text_is_refused(world: World, secret: str) -> None:
    body = f"grant_type=client_credentials&client_id={world.holder().id}&client_secret={secret}"
    assert world.post("token", body).status_code in (400, 401, 413)
