"""A token that is bound to a key opens nothing for whoever holds the token alone (RFC 9449)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc import jwk

from flask_apiguard.oauth.dpop import BadProof, normal
from flask_apiguard.oauth.jose import Unreadable
from tests.oauth.proofs import Device, b64, refused_at_gate, sign
from tests.oauth.world import FORM, Holder, World, make_app, running

RSA = jwk.RSAKey.generate_key(2048)
WEAK = jwk.RSAKey.generate_key(2048)


@pytest.fixture
def holder(world: World) -> Holder:
    return world.holder()


@pytest.fixture
def device(world: World) -> Device:
    return Device(world)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [(jwk.ECKey.generate_key("P-256"), "ES256"), (jwk.OKPKey.generate_key("Ed25519"), "EdDSA"), (RSA, "PS256")],
    ids=["ES256", "EdDSA", "PS256"],
)
def test_a_bound_token_opens_with_a_proof_of_its_key(any_world: World, key: Any, algorithm: str) -> None:
    holder, device = any_world.holder(), Device(any_world, key, algorithm)
    token = device.token(holder)
    assert device.call(token).json()["client"] == holder.id
    assert device.call(token).status_code == 200
    said = any_world.post("introspect", {"token": token}, holder).json()
    assert said["token_type"] == "DPoP"
    assert said["cnf"] == {"jkt": key.thumbprint()}


def test_the_metadata_say_which_proofs_are_taken(world: World) -> None:
    for path in ("/.well-known/oauth-authorization-server", "/.well-known/oauth-protected-resource"):
        told = requests.get(world.base + path, timeout=20).json()
        assert {"ES256", "EdDSA", "PS256"} <= set(told["dpop_signing_alg_values_supported"])


def test_a_bound_token_without_its_proof_is_worth_nothing(world: World, holder: Holder, device: Device) -> None:
    token = device.token(holder)
    refused_at_gate(world.call(token), "invalid_token")
    refused_at_gate(device.call(token, scheme="Bearer"), "invalid_token")
    refused_at_gate(device.call(token, proof=""))
    refused_at_gate(Device(world).call(token))
    assert device.call(token).status_code == 200


def test_a_token_that_is_bound_to_nothing_is_taken_as_bearer_without_a_proof_only(
    world: World, holder: Holder, device: Device
) -> None:
    token = world.token(holder)
    refused_at_gate(device.call(token))
    refused_at_gate(device.call(token, proof=""))
    refused_at_gate(device.call(token, scheme="Bearer"))
    assert world.call(token).status_code == 200


def test_an_api_key_is_no_dpop_token(world: World, holder: Holder, device: Device) -> None:
    from flask_apiguard.values import SYSTEM

    with world.house.store.write() as tx:
        _, key = world.house.keys.create(tx, SYSTEM, holder.id, name="key")
    assert device.call(key).status_code == 401
    assert device.call(key, proof="").status_code == 401


BAD: dict[str, dict[str, Any]] = {
    "another type": {"header": {"typ": "jwt"}},
    "no type": {"header": {"typ": None}},
    "an access token's type": {"header": {"typ": "at+jwt"}},
    "no key": {"header": {"jwk": None}},
    "a private key": {"header": {"jwk": jwk.ECKey.generate_key("P-256").as_dict(private=True)}},
    "a symmetric key": {"header": {"jwk": {"kty": "oct", "k": "AAAA"}}},
    "a key that is a text": {"header": {"jwk": "x"}},
    "a key that is a list": {"header": {"jwk": [1]}},
    "a key on another curve": {"header": {"jwk": jwk.ECKey.generate_key("P-384").as_dict(private=False)}},
    "a point that is none": {
        "header": {"jwk": {"kty": "EC", "crv": "P-256", "x": b64(b"1" * 32), "y": b64(b"2" * 32)}}
    },
    "another key": {"header": {"jwk": jwk.ECKey.generate_key("P-256").as_dict(private=False)}},
    "an unknown extension": {"header": {"crit": ["x"], "x": 1}},
    "b64 false": {"header": {"crit": ["b64"], "b64": False}},
    "compression": {"header": {"zip": "DEF"}},
    "a url for the key": {"header": {"jku": "https://evil.example/keys"}},
    "a certificate": {"header": {"x5c": ["AAAA"]}},
    "another method": {"htm": "PUT"},
    "the method in lower case": {"htm": "get"},
    "no method": {"htm": None},
    "another url": {"htu": "https://evil.example/api/orders"},
    "no url": {"htu": None},
    "a url that is none": {"htu": "http://[/"},
    "a relative url": {"htu": "/api/orders"},
    "a url that is a number": {"htu": 7},
    "a long time ago": {"iat": lambda now: now - 300},
    "long ahead": {"iat": lambda now: now + 9_000},
    "no time": {"iat": None},
    "a time that is a text": {"iat": str},
    "a time that is true": {"iat": True},
    "an endless time": {"iat": 1e300},
    "no jti": {"jti": None},
    "an empty jti": {"jti": ""},
    "a jti that is a number": {"jti": 7},
    "a jti without end": {"jti": "x" * 300},
}


@pytest.mark.parametrize("wrong", BAD.values(), ids=BAD.keys())
def test_a_proof_that_is_wrong_in_anything_proves_nothing(
    world: World, holder: Holder, device: Device, wrong: dict[str, Any]
) -> None:
    answer = device.post(holder, **wrong)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    token = device.token(holder)
    refused_at_gate(device.call(token, **wrong))


@pytest.mark.parametrize("ath", [None, "", "x", b64(b"0" * 32), 7, ["x"]])
def test_a_proof_belongs_to_its_token(world: World, holder: Holder, device: Device, ath: Any) -> None:
    refused_at_gate(device.call(device.token(holder), ath=ath))


@pytest.mark.parametrize("off", [-300, -120, 60, 300])
def test_a_clock_that_is_minutes_off_proves_nothing(world: World, holder: Holder, device: Device, off: int) -> None:
    assert device.post(holder, iat=int(time.time()) + off).status_code == 400
    token = device.token(holder)
    refused_at_gate(device.call(token, iat=int(time.time()) + off))


@pytest.mark.parametrize("off", [-10, 10])
def test_a_clock_that_is_a_little_off_hurts_nobody(world: World, holder: Holder, device: Device, off: int) -> None:
    now = int(time.time())
    assert device.post(holder, iat=now + off).status_code == 200
    assert device.call(device.token(holder), iat=now + off).status_code == 200


def test_query_and_spelling_of_the_url_do_not_matter(world: World, holder: Holder, device: Device) -> None:
    token = device.token(holder)
    url = world.base + "/api/orders"
    for written in (url + "?a=b", url + "#f", url.replace("http://", "HTTP://"), url.replace("orders", "%6frders")):
        assert device.call(token, path="/api/orders?x=1", htu=written).status_code == 200, written


def test_two_proofs_in_one_request_are_refused(world: World, holder: Holder, device: Device) -> None:
    url = world.base + "/oauth/token"
    proofs = ", ".join(device.proof("POST", url) for _ in range(2))
    assert device.post(holder, proof=proofs).json()["error"] == "invalid_dpop_proof"
    token = device.token(holder)
    two = ", ".join(device.proof("GET", world.base + "/api/orders", token) for _ in range(2))
    refused_at_gate(device.call(token, proof=two))


@pytest.mark.parametrize("algorithm", ["none", "HS256", "RS256"])
def test_an_algorithm_that_is_not_taken_proves_nothing(world: World, holder: Holder, algorithm: str) -> None:
    device = Device(world, RSA, "PS256")
    public = RSA.as_dict(private=False)
    head = {"typ": "dpop+jwt", "alg": algorithm, "jwk": {name: public[name] for name in ("kty", "n", "e")}}
    claims = {"jti": "j" + algorithm, "htm": "POST", "htu": world.base + "/oauth/token", "iat": int(time.time())}
    key = {"none": None, "RS256": RSA, "HS256": jwk.OctKey.import_key(RSA.as_pem(private=False).replace(b"-", b"_"))}
    assert device.post(holder, proof=sign(head, claims, key[algorithm])).json()["error"] == "invalid_dpop_proof"


def test_a_proof_is_good_once_however_many_show_it_at_once(any_world: World) -> None:
    holder, device = any_world.holder(), Device(any_world)
    proof = device.proof("POST", any_world.base + "/oauth/token")
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: device.post(holder, proof=proof).status_code, range(32)))
    assert sorted(answers) == [200] + [400] * 31
    token = device.token(holder)
    shown = device.proof("GET", any_world.base + "/api/orders", token)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: device.call(token, proof=shown).status_code, range(32)))
    assert answers.count(200) == 1
    assert set(answers) <= {200, 401, 429}


@pytest.mark.parametrize("later", [1, 59, 89, 91, 121])
def test_a_proof_is_good_once_for_as_long_as_it_is_good(world: World, later: int) -> None:
    holder, device = world.holder(), Device(world)
    proof = device.proof("POST", world.base + "/oauth/token")
    assert device.post(holder, proof=proof).status_code == 200
    world.house.clock.advance(later)
    assert device.post(holder, proof=proof).status_code == 400


def test_a_proof_from_a_clock_that_is_ahead_is_still_good_once(world: World) -> None:
    holder, device = world.holder(), Device(world)
    proof = device.proof("POST", world.base + "/oauth/token", iat=int(time.time()) + 25)
    assert device.post(holder, proof=proof).status_code == 200
    for _ in range(12):
        world.house.clock.advance(10)
        assert device.post(holder, proof=proof).status_code == 400


def test_a_replay_stays_refused_while_the_proofs_own_path_is_forged(
    world: World, holder: Holder, device: Device
) -> None:
    token = device.token(holder)
    url = world.base + "/api/orders"
    headers = {"Authorization": f"DPoP {token}", "DPoP": device.proof("GET", "https://evil.example/api/orders", token)}
    answer = requests.get(url, headers={**headers, "Host": "evil.example"}, timeout=20)
    assert answer.status_code == 401


def test_wrong_proofs_are_throttled_like_wrong_tokens(world: World, holder: Holder, device: Device) -> None:
    token = device.token(holder)
    answers = {device.call(token, htm="PUT").status_code for _ in range(40)}
    assert answers == {401, 429}
    assert device.call(token).status_code == 200


def test_a_refused_client_uses_up_no_proof(world: World, holder: Holder, device: Device) -> None:
    proof = device.proof("POST", world.base + "/oauth/token")
    wrong = Holder(holder.client, holder.credential, "acme_cs_wrong")
    assert device.post(wrong, proof=proof).status_code == 401
    assert device.post(holder, proof=proof).status_code == 200


def test_a_revoked_bound_token_ends_at_once_for_its_key_too(any_world: World) -> None:
    holder, device = any_world.holder(), Device(any_world)
    token = device.token(holder)
    assert device.call(token).status_code == 200
    assert any_world.post("revoke", {"token": token}, holder).status_code == 200
    assert device.call(token).status_code == 401


def test_routes_may_demand_a_bound_token(tmp_path: Path) -> None:
    def make(base: str) -> Any:
        from flask_apiguard import require

        app = make_app(base, f"sqlite:///{tmp_path}/a.db")

        @app.get("/api/vault")
        @require("orders:read", sender_constrained=True)
        def vault() -> dict[str, bool]:
            return {"open": True}

        return app

    with running(make) as world:
        holder, device = world.holder(), Device(world)
        refusal = world.call(world.token(holder), "/api/vault")
        assert (refusal.status_code, refusal.json()["code"]) == (403, "gate:proof:missing")
        assert refusal.headers["WWW-Authenticate"].startswith("DPoP algs=")
        assert device.call(device.token(holder), path="/api/vault").json() == {"open": True}


@given(
    st.text(max_size=300)
    | st.binary(max_size=300).map(b64)
    | st.lists(st.binary(max_size=60).map(b64), min_size=3, max_size=3).map(".".join)
)
@settings(max_examples=300)
def test_no_text_is_more_than_a_bad_proof(text: str) -> None:
    from flask_apiguard.clock import Clock
    from flask_apiguard.crypto import Secrets
    from flask_apiguard.oauth.dpop import Proofs
    from flask_apiguard.oauth.once import Once
    from flask_apiguard.quotas import Memory

    clock = Clock()
    with pytest.raises(BadProof):
        Proofs(Secrets(b"s" * 32), Once(Memory(), clock), clock).judge(text, "GET", ["https://a.example/"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8,
)  # fmt: skip
KEY = jwk.ECKey.generate_key("P-256")


@given(
    st.dictionaries(st.sampled_from(["typ", "jwk", "kid", "crit", "b64", "x5c"]), JSON, max_size=3),
    st.dictionaries(st.sampled_from(["jti", "htm", "htu", "iat", "ath", "nonce", "cnf"]), JSON, min_size=1, max_size=4),
)
@settings(max_examples=300)
def test_no_signed_object_is_a_fault(header: dict[str, Any], claims: dict[str, Any]) -> None:
    from flask_apiguard.clock import Clock
    from flask_apiguard.crypto import Secrets
    from flask_apiguard.oauth.dpop import Proofs
    from flask_apiguard.oauth.once import Once
    from flask_apiguard.quotas import Memory

    clock = Clock()
    public = {name: value for name, value in KEY.as_dict(private=False).items() if name != "kid"}
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public} | header
    said = {"jti": "j", "htm": "GET", "htu": "https://a.example/", "iat": int(time.time())} | claims
    try:
        Proofs(Secrets(b"s" * 32), Once(Memory(), clock), clock).judge(
            sign(head, said, KEY), "GET", ["https://a.example/"]
        )
    except BadProof:
        return
    assert head["typ"].lower().removeprefix("application/") == "dpop+jwt"
    assert (said["htm"], type(said["jti"])) == ("GET", str)


@given(st.text(max_size=100))
def test_any_text_is_a_url_or_none(text: str) -> None:
    try:
        found = normal(text)
    except Unreadable:
        return
    assert found.startswith(("http://", "https://"))


def test_the_form_is_read_before_any_proof(world: World, holder: Holder, device: Device) -> None:
    url = world.base + "/oauth/token"
    headers = {**holder.basic, "DPoP": device.proof("POST", url), "Content-Type": FORM}
    assert requests.post(url, data="grant_type=x&grant_type=x", headers=headers, timeout=20).status_code == 400


def test_while_nobody_can_tell_what_was_shown_before_no_proof_counts(
    world: World, holder: Holder, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flask_apiguard.errors import StoreAway

    token = device.token(holder)

    def away(*_: Any) -> Any:
        raise StoreAway("counter")

    monkeypatch.setattr(world.house.proofs._once._counter, "take", away)
    answer = device.post(holder)
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    answer = device.call(token)
    assert (answer.status_code, answer.json()["code"]) == (503, "gate:store:away")
    assert answer.headers["Retry-After"]
