"""A client proves itself with a key: its own, for us alone, for a short time, once."""

from __future__ import annotations

import datetime as dt
import json
import secrets
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwk, jws

from flask_apiguard.clients import registry
from flask_apiguard.crypto import base64url
from flask_apiguard.errors import Conflict, Invalid, StoreAway
from flask_apiguard.oauth import decoys
from flask_apiguard.oauth.decoys import decoy_for
from flask_apiguard.oauth.jwk import VerifyingKey
from flask_apiguard.oauth.public_keys import add_key, revoke_key
from flask_apiguard.values import SYSTEM, State
from tests.oauth.proofs import dated, sign
from tests.oauth.world import Holder, World

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASK = {"grant_type": "client_credentials"}
PRIVATE: Any = jwk.ECKey.generate_key("P-256")
RSA: Any = jwk.RSAKey.generate_key(2048)


@pytest.fixture
def key() -> Any:
    return jwk.ECKey.generate_key("P-256")


@pytest.fixture
def holder(world: World, key: Any) -> Holder:
    return with_key(world, key)


def with_key(world: World, key: Any) -> Holder:
    found = world.holder()
    with world.house.store.write() as tx:
        add_key(tx, SYSTEM, found.id, key.as_dict(private=False))
    return found


def claims(world: World, client_id: str, **more: Any) -> dict[str, Any]:
    now = int(time.time())
    given = {
        "iss": client_id, "sub": client_id, "aud": world.base, "exp": now + 60, "iat": now,
        "jti": secrets.token_hex(8), **dated(more, now),
    }  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def signed(key: Any, said: Any, header: dict[str, Any] | None = None) -> str:
    """A compact JWS over whatever is said, with whatever header; the library itself would refuse some of them."""
    text = said if isinstance(said, bytes) else json.dumps(said).encode()
    header = header or {"alg": "ES256"}
    body = base64url(json.dumps(header).encode()) + "." + base64url(text)
    plain = jws.serialize_compact({"alg": "ES256"}, b"x", key)
    assert plain
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from cryptography.hazmat.primitives.hashes import SHA256

    numbers = decode_dss_signature(key.private_key.sign(body.encode(), ec.ECDSA(SHA256())))
    return body + "." + base64url(b"".join(number.to_bytes(32, "big") for number in numbers))


def post(world: World, assertion: str, **more: str) -> requests.Response:
    return world.post("token", {**ASK, "client_assertion": assertion, "client_assertion_type": TYPE, **more})


def is_refused(answer: requests.Response) -> bool:
    return (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("algorithm", ["ES256", "PS256"])
def test_authlibs_own_client_proves_itself_with_its_key(world: World, algorithm: str) -> None:
    key = PRIVATE if algorithm == "ES256" else RSA
    holder = with_key(world, key)
    session = OAuth2Session(holder.id, key, token_endpoint_auth_method="private_key_jwt")
    session.register_client_auth_method(PrivateKeyJWT(world.base, alg=algorithm))
    token = session.fetch_token(world.base + "/oauth/token", grant_type="client_credentials")
    assert world.call(token["access_token"]).status_code == 200


def test_an_ed25519_key_proves_its_client(world: World) -> None:
    key: Any = jwk.OKPKey.generate_key("Ed25519")
    holder = with_key(world, key)
    for header in (b'{"alg":"EdDSA"}', b'{"alg":"Ed25519"}'):
        body = base64url(header) + "." + base64url(json.dumps(claims(world, holder.id)).encode())
        assert post(world, body + "." + base64url(key.private_key.sign(body.encode()))).status_code == 200


def test_an_assertion_is_good_once_however_many_show_it_at_once(any_world: World) -> None:
    key = jwk.ECKey.generate_key("P-256")
    holder = with_key(any_world, key)
    assertion = signed(key, claims(any_world, holder.id))
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda _: post(any_world, assertion).status_code, range(32)))
    assert found.count(200) == 1
    assert set(found) <= {200, 401, 429}


@pytest.mark.parametrize(
    "more",
    [
        {"aud": "@token"}, {"aud": ["@issuer"]}, {"aud": ["@issuer", "https://evil.example"]}, {"aud": None},
        {"aud": "https://evil.example"}, {"exp": None}, {"exp": "soon"}, {"exp": True}, {"exp": 1e300},
        {"exp": lambda now: now - 120}, {"exp": lambda now: now + 7200}, {"nbf": lambda now: now + 600},
        {"iat": lambda now: now + 600}, {"iat": "now"}, {"jti": None}, {"jti": ""}, {"jti": 7}, {"jti": "x" * 300},
        {"iss": "cli_other"}, {"iss": None}, {"sub": None}, {"sub": 7}, {"sub": "cli_other", "iss": "cli_other"},
        {"exp": -1}, {"nbf": [1]},
    ],
)  # fmt: skip
def test_any_claim_that_is_wrong_makes_it_prove_nothing(
    world: World, holder: Holder, key: Any, more: dict[str, Any]
) -> None:
    places = {"@token": world.base + "/oauth/token", "@issuer": world.base}
    for name, value in more.items():
        if isinstance(value, list):
            more = {**more, name: [places.get(one, one) if isinstance(one, str) else one for one in value]}
        elif isinstance(value, str):
            more = {**more, name: places.get(value, value)}
    assert is_refused(post(world, signed(key, claims(world, holder.id, **more))))
    assert post(world, signed(key, claims(world, holder.id))).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        {"alg": "none"}, {"alg": "None"}, {"alg": "HS256"}, {"alg": "RS256"}, {"alg": "PS256"}, {"alg": "EdDSA"},
        {"alg": "ES256", "jwk": {}}, {"alg": "ES256", "jku": "https://evil.example"}, {"alg": "ES256", "crit": ["x"]},
        {"alg": "ES256", "b64": False}, {"alg": "ES256", "zip": "DEF"}, {"alg": "ES256", "x5c": ["x"]},
        {"alg": "ES256", "kid": ["x"]}, {"alg": "ES256", "kid": {}}, {"alg": "ES256", "kid": "x" * 10_000},
        {"alg": 1}, {"typ": "JWT"}, {"alg": "ES256", "x5u": "https://evil.example"}, {"alg": "ES256", "enc": "A128GCM"},
        {"alg": "ES256", "typ": "at+jwt"}, {"alg": "ES256", "typ": "dpop+jwt"}, {"alg": "ES256", "typ": 7},
    ],
)  # fmt: skip
def test_any_header_that_names_keys_or_changes_the_rules_is_refused(
    world: World, holder: Holder, key: Any, header: dict[str, Any]
) -> None:
    assert is_refused(post(world, signed(key, claims(world, holder.id), header)))


@pytest.mark.parametrize("kid", ["", "../../etc/passwd", "' OR 1=1--", "https://evil.example/key", "x" * 200])
def test_the_name_of_a_key_in_a_header_is_not_looked_at(world: World, holder: Holder, key: Any, kid: str) -> None:
    assert post(world, signed(key, claims(world, holder.id), {"alg": "ES256", "kid": kid})).status_code == 200


@pytest.mark.parametrize("name", ["\0", "cli_\0", "cli_x\n", "\u202e"])
def test_a_name_that_no_client_could_have_is_an_unknown_one_in_every_store(
    any_world: World, key: Any, name: str
) -> None:
    assert is_refused(post(any_world, signed(key, claims(any_world, name))))


@pytest.mark.parametrize("typ", ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"])
def test_the_types_of_an_assertion_are_taken(world: World, holder: Holder, key: Any, typ: str) -> None:
    assert post(world, signed(key, claims(world, holder.id), {"alg": "ES256", "typ": typ})).status_code == 200


@pytest.mark.parametrize("later", [1, 55, 89, 95, 200])
def test_an_assertion_stays_used_for_as_long_as_it_is_good(world: World, holder: Holder, key: Any, later: int) -> None:
    shown = signed(key, claims(world, holder.id))
    assert post(world, shown).status_code == 200
    world.house.clock.advance(later)
    assert is_refused(post(world, shown))


def test_while_nobody_can_tell_what_was_shown_before_no_assertion_counts(
    world: World, holder: Holder, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StoreAway("counter")

    with monkeypatch.context() as patched:
        patched.setattr(world.house.once._counter, "take", away)
        answer = post(world, signed(key, claims(world, holder.id)))
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert answer.headers["Retry-After"]
    assert post(world, signed(key, claims(world, holder.id))).status_code == 200


def test_a_wrong_assertion_uses_up_no_name(world: World, holder: Holder, key: Any) -> None:
    said = claims(world, holder.id)
    assert is_refused(post(world, signed(jwk.ECKey.generate_key("P-256"), said)))
    assert post(world, signed(key, said)).status_code == 200


def test_another_key_or_another_clients_key_proves_nothing(world: World, holder: Holder) -> None:
    stranger = jwk.ECKey.generate_key("P-256")
    assert is_refused(post(world, signed(stranger, claims(world, holder.id))))
    other = jwk.ECKey.generate_key("P-256")
    with_key(world, other)
    assert is_refused(post(world, signed(other, claims(world, holder.id))))


def test_the_public_key_as_a_shared_secret_proves_nothing(world: World, holder: Holder, key: Any) -> None:
    import hashlib
    import hmac

    body = base64url(b'{"alg":"HS256"}') + "." + base64url(json.dumps(claims(world, holder.id)).encode())
    for secret in (key.as_pem(private=False), json.dumps(key.as_dict(private=False)).encode()):
        assert is_refused(post(world, body + "." + base64url(hmac.new(secret, body.encode(), hashlib.sha256).digest())))


@pytest.mark.parametrize(
    "payload",
    [b"[]", b'"x"', b"{", b"[" * 5000, b'{"sub":"a","sub":"b"}', b'{"exp":NaN}', b'{"exp":' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_a_payload_that_is_no_plain_object_is_refused(world: World, holder: Holder, key: Any, payload: bytes) -> None:
    assert is_refused(post(world, signed(key, payload)))


@pytest.mark.parametrize(
    "text", ["", "a", "a.b", "a.b.c", "....", "é.é.é", "a.b.c.d.e", "x" * 50_000, "A" * 43 + "=.b.c"]
)
def test_a_text_that_is_no_jwt_is_refused(world: World, text: str) -> None:
    assert is_refused(post(world, text))


def test_an_assertion_of_another_kind_or_beside_another_id_is_refused(world: World, holder: Holder, key: Any) -> None:
    data = {**ASK, "client_assertion": signed(key, claims(world, holder.id))}
    assert is_refused(world.post("token", data))
    assert is_refused(world.post("token", {**data, "client_assertion_type": "urn:x"}))
    assert is_refused(post(world, signed(key, claims(world, holder.id)), client_id="cli_other"))
    assert post(world, signed(key, claims(world, holder.id)), client_id=holder.id).status_code == 200


def test_a_revoked_key_proves_nothing_and_its_tokens_end_at_once(world: World) -> None:
    first, second = jwk.ECKey.generate_key("P-256"), jwk.ECKey.generate_key("P-256")
    holder = with_key(world, first)
    with world.house.store.write() as tx:
        kept = add_key(tx, SYSTEM, holder.id, second.as_dict(private=False))
    of_first = post(world, signed(first, claims(world, holder.id))).json()["access_token"]
    of_second = post(world, signed(second, claims(world, holder.id))).json()["access_token"]
    assert {world.call(token).status_code for token in (of_first, of_second)} == {200}
    with world.house.store.write() as tx:
        revoke_key(tx, SYSTEM, kept.id, "leaked")
    assert is_refused(post(world, signed(second, claims(world, holder.id))))
    assert world.call(of_second).status_code == 401
    assert world.call(of_first).status_code == 200


def test_a_key_that_is_revoked_while_a_token_is_made_makes_none(
    any_world: World, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder, house = with_key(any_world, key), any_world.house
    prove = house.oauth._proving._clients.prove

    def proved_too_early(shown: Any) -> Any:
        found = prove(shown)
        with house.store.write() as tx:
            revoke_key(tx, SYSTEM, found.credential_id, "leaked")
        return found

    monkeypatch.setattr(house.oauth._proving._clients, "prove", proved_too_early)
    assert is_refused(post(any_world, signed(key, claims(any_world, holder.id))))


def test_an_expired_key_proves_nothing(world: World, key: Any) -> None:
    holder = world.holder()
    with world.house.store.write() as tx:
        add_key(tx, SYSTEM, holder.id, key.as_dict(private=False), lifetime=dt.timedelta(seconds=30))
    assert post(world, signed(key, claims(world, holder.id))).status_code == 200
    world.house.clock.advance(31)
    assert is_refused(post(world, signed(key, claims(world, holder.id))))


@pytest.mark.parametrize("days", [-1, 0, 3651])
def test_a_key_lives_neither_no_time_nor_for_ever_by_whatever_door(world: World, key: Any, days: int) -> None:
    holder, given = world.holder(), key.as_dict(private=False)
    with pytest.raises(Invalid) as refused, world.house.store.write() as tx:
        add_key(tx, SYSTEM, holder.id, given, lifetime=dt.timedelta(days=days))
    assert [(flaw.pointer, "3650" in flaw.detail) for flaw in refused.value.decision.flaws] == [("/lifetime", True)]


def test_only_strong_public_keys_are_registered_and_each_for_one_client(world: World) -> None:
    mine, other = world.holder(), world.holder()
    good = PRIVATE_OF_OUR_OWN.as_dict(private=False)
    bad: list[dict[str, Any]] = [
        {}, {"kty": "oct", "k": "AAAA"}, PRIVATE_OF_OUR_OWN.as_dict(private=True), {**good, "alg": "RS256"},
        {**good, "use": "enc"}, {**good, "key_ops": ["sign"]}, {**RSA.as_dict(private=False), "alg": "RS256"},
        {"kty": "RSA", "n": base64url(b"\xff" * 128), "e": "AQAB"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}, {**good, "x": 7}, {"kty": [1]},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"}, jwk.ECKey.generate_key("P-384").as_dict(private=False),
    ]  # fmt: skip
    for given in bad:
        with pytest.raises(Invalid), world.house.store.write() as tx:
            add_key(tx, SYSTEM, mine.id, given)
    with world.house.store.write() as tx:
        add_key(tx, SYSTEM, mine.id, good)
    with pytest.raises(Conflict), world.house.store.write() as tx:
        add_key(tx, SYSTEM, other.id, good)


def test_a_retired_application_registers_no_more_keys(world: World, key: Any) -> None:
    found = world.holder()
    with world.house.store.write() as tx:
        registry.set_state(tx, found.client.application_id, State.RETIRED)
    with pytest.raises(Conflict, match="retired"), world.house.store.write() as tx:
        add_key(tx, SYSTEM, found.id, key.as_dict(private=False))


PRIVATE_OF_OUR_OWN: Any = jwk.ECKey.generate_key("P-256")


@pytest.fixture
def verifications(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The kind of each key that a signature is verified with."""
    found: list[str] = []
    verify = VerifyingKey.verifies

    def verifying(key: VerifyingKey, algorithm: str, data: bytes, signature: bytes) -> bool:
        found.append(key.jwk["kty"] + str(len(key.jwk.get("n", ""))))
        return verify(key, algorithm, data, signature)

    monkeypatch.setattr(VerifyingKey, "verifies", verifying)
    return found


KINDS: dict[str, Callable[[], Any]] = {
    "ES256": lambda: jwk.ECKey.generate_key("P-256"), "EdDSA": lambda: jwk.OKPKey.generate_key("Ed25519"),
    "Ed25519": lambda: jwk.OKPKey.generate_key("Ed25519"), "PS256": lambda: jwk.RSAKey.generate_key(2048),
}  # fmt: skip


@pytest.mark.parametrize("many", [0, 1, 2, 4])
@pytest.mark.parametrize("algorithm", KINDS)
def test_a_wrong_assertion_takes_as_much_work_whoever_there_is_and_whatever_they_registered(
    world: World, verifications: list[str], algorithm: str, many: int
) -> None:
    wrong, holder = KINDS[algorithm](), world.holder()
    with world.house.store.write() as tx:
        for _ in range(many):
            add_key(tx, SYSTEM, holder.id, KINDS[algorithm]().as_dict(private=False))
        other = KINDS["ES256" if algorithm == "PS256" else "PS256"]()
        add_key(tx, SYSTEM, holder.id, other.as_dict(private=False))
    work = []
    for client_id in (holder.id, "cli_" + "0" * 26):
        verifications.clear()
        assert is_refused(post(world, sign({"alg": algorithm}, claims(world, client_id), wrong)))
        work.append(tuple(verifications))
    assert work[0] == work[1]
    assert len(work[0]) == 4


@pytest.mark.parametrize(("algorithm", "length"), [("ES256", 63), ("EdDSA", 65), ("PS256", 128), ("HS256", 32)])
def test_a_signature_that_no_key_could_have_made_is_verified_with_none(
    world: World, holder: Holder, verifications: list[str], algorithm: str, length: int
) -> None:
    for client_id in (holder.id, "cli_" + "0" * 26):
        body = ".".join(base64url(json.dumps(part).encode()) for part in ({"alg": algorithm}, claims(world, client_id)))
        assert is_refused(post(world, f"{body}.{base64url(secrets.token_bytes(length))}"))
    assert verifications == []


def test_what_a_decoy_says_opens_nothing(
    world: World, verifications: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = KINDS["ES256"]()
    decoy = decoy_for("ES256", 64)
    assert decoy is not None
    monkeypatch.setattr(decoys, "decoy_for", lambda *_: replace(decoy, jwk=own.as_dict(private=False)))
    holder = world.holder()
    assert is_refused(post(world, sign({"alg": "ES256"}, claims(world, holder.id), own)))
    assert len(verifications) == 4
