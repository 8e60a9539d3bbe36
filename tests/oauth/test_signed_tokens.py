"""Signed access tokens: others can read them, nobody can write or bend one, and they end like any other token."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwk
from joserfc import jwt as joserfc_jwt

from flask_apiguard.clients import registry
from flask_apiguard.errors import Invalid
from flask_apiguard.oauth.signing_keys import revoke_signing_key
from flask_apiguard.oauth.token_formats import set_token_format
from flask_apiguard.values import SYSTEM, Environment
from tests.oauth.forging import forged, kept, key_set, refused, signed_holder
from tests.oauth.proofs import Device, b64, segment, sign
from tests.oauth.world import Holder, World, make_app, running


@pytest.fixture
def holder(any_world: World) -> Holder:
    return signed_holder(any_world)


def test_what_is_forged_here_differs_from_ours_in_nothing(world: World) -> None:
    assert world.call(forged(world, signed_holder(world))).status_code == 200


def test_another_library_verifies_a_token_with_the_published_keys(any_world: World, holder: Holder) -> None:
    text = any_world.token(holder, scope="orders:read")
    keys = jwk.KeySet.import_key_set({"keys": key_set(any_world)})
    read = joserfc_jwt.decode(text, keys, algorithms=["ES256"])
    assert read.header["typ"] == "at+jwt"
    said = read.claims
    assert (said["iss"], said["aud"], said["sub"]) == (any_world.base, any_world.base, holder.id)
    assert said["client_id"] == holder.id
    assert said["scope"] == "orders:read"
    assert said["exp"] - said["iat"] == any_world.house.tokens.lifetimes.of(Environment.PRODUCTION)
    assert said["jti"].startswith("tok_")
    again = jwt.decode(
        text,
        jwt.PyJWKClient(any_world.base + "/oauth/jwks").get_signing_key_from_jwt(text),
        algorithms=["ES256"],
        audience=any_world.base,
    )
    assert again == said


def test_a_signed_token_opens_what_an_opaque_one_does(any_world: World, holder: Holder) -> None:
    text = any_world.token(holder, scope="orders:read")
    for _ in range(2):
        assert any_world.call(text).json() == {"client": holder.id, "scopes": ["orders:read"]}
    assert any_world.call(text, "/api/reports").status_code == 403
    assert any_world.is_active(holder, text)
    assert not any_world.is_active(any_world.holder(), text)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256"])
def test_the_setting_chooses_for_clients_that_have_no_choice(tmp_path: Path, algorithm: str) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    more = {"APIGUARD_TOKEN_FORMAT": "jwt", "APIGUARD_SIGNING_ALGORITHM": algorithm}
    with running(lambda base: make_app(base, url, **more)) as world:
        holder = world.holder()
        text = world.token(holder)
        assert jwt.get_unverified_header(text)["alg"] == algorithm
        assert world.call(text).status_code == 200
        with world.house.store.write() as tx:
            set_token_format(tx, SYSTEM, holder.id, "opaque")
        assert world.token(holder).startswith("acme_at_")
        assert world.call(text).status_code == 200
        with world.house.store.write() as tx:
            set_token_format(tx, SYSTEM, holder.id, None)
        assert world.token(holder).count(".") == 2


def test_only_the_two_forms_can_be_chosen(world: World) -> None:
    holder = world.holder()
    with pytest.raises(Invalid), world.house.store.write() as tx:
        set_token_format(tx, SYSTEM, holder.id, "jwe")


# -- how it ends -------------------------------------------------------------------------------------------------------


def test_a_token_that_is_given_back_is_denied_at_once(any_world: World, holder: Holder) -> None:
    text, other = any_world.token(holder), any_world.token(holder)
    assert any_world.call(text).status_code == 200
    assert any_world.post("revoke", {"token": text}, any_world.holder()).status_code == 400
    assert any_world.call(text).status_code == 200
    assert any_world.post("revoke", {"token": text}, holder).status_code == 200
    refused(any_world.call(text))
    assert any_world.call(other).status_code == 200
    assert not any_world.is_active(holder, text)


def test_the_tokens_of_a_suspended_client_are_denied_at_once(any_world: World, holder: Holder) -> None:
    text = any_world.token(holder)
    assert any_world.call(text).status_code == 200
    with any_world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, holder.id, "an incident")
    refused(any_world.call(text))


def test_the_tokens_of_a_revoked_secret_are_denied_at_once(any_world: World, holder: Holder) -> None:
    from flask_apiguard.credentials import revoke

    text = any_world.token(holder)
    assert any_world.call(text).status_code == 200
    with any_world.house.store.write() as tx:
        revoke(tx, SYSTEM, holder.credential.id, "leaked")
    refused(any_world.call(text))


def test_what_another_process_revokes_is_denied_here(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base, url)) as one:
        holder = signed_holder(one)
        text = one.token(holder)
        other = make_app(one.base, url, APIGUARD_SECRET=one.app.config["APIGUARD_SECRET"])
        there, said = other.test_client(), {"Authorization": f"Bearer {text}"}
        assert there.get("/api/orders", headers=said).status_code == 200
        assert one.post("revoke", {"token": text}, holder).status_code == 200
        assert there.get("/api/orders", headers=said).status_code == 401
        from flask_apiguard.extension import house_of

        house_of(other).close()


def test_everything_that_a_revoked_key_signed_is_denied_at_once(tmp_path: Path) -> None:
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db")) as world:
        holder = signed_holder(world)
        text = world.token(holder)
        assert world.call(text).status_code == 200
        with world.house.store.write() as tx:
            revoke_signing_key(tx, SYSTEM, world.house.signing_keys.current()[0], "leaked")
        refused(world.call(text))
        assert not world.is_active(holder, text)
        assert world.call(world.token(holder)).status_code == 200


def test_a_token_outlives_the_turn_to_the_next_key_and_not_its_own_time(tmp_path: Path) -> None:
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db")) as world:
        holder = signed_holder(world)
        first = world.token(holder)
        world.house.clock.advance(29 * 86400 + 60)
        key_set(world)
        world.house.clock.advance(86400 - 5)
        text = world.token(holder)
        world.house.clock.advance(10)
        after = world.token(holder)
        kids = [jwt.get_unverified_header(one)["kid"] for one in (first, text, after)]
        assert kids[0] == kids[1] != kids[2]
        assert [world.call(one).status_code for one in (first, text, after)] == [401, 200, 200]
        world.house.clock.advance(601)
        refused(world.call(text))


def test_a_signed_token_can_be_bound_to_a_key(any_world: World, holder: Holder) -> None:
    device = Device(any_world)
    text = device.token(holder)
    assert jwt.decode(text, options={"verify_signature": False})["cnf"] == {"jkt": device.key.thumbprint()}
    assert device.call(text).status_code == 200
    refused(any_world.call(text))
    assert Device(any_world).call(text).status_code == 401


# -- what nobody gets past --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["none", "None", "nOnE", "", "HS256", "RS256", "ES384", "es256"])
def test_no_other_algorithm_is_taken_whatever_it_says(world: World, algorithm: str) -> None:
    holder = signed_holder(world)
    first, body, signature = world.token(holder).split(".")
    kid = jwt.get_unverified_header(f"{first}.{body}.{signature}")["kid"]
    head = segment({"alg": algorithm, "kid": kid, "typ": "at+jwt"})
    for end in ("", signature, b64(b"x" * 64)):
        refused(world.call(kept(world, holder, f"{head}.{body}.{end}")))


def test_the_public_key_as_a_shared_secret_signs_nothing(world: World) -> None:
    holder = signed_holder(world)
    _, body, _ = world.token(holder).split(".")
    (published,) = key_set(world)
    public = jwk.ECKey.import_key({name: published[name] for name in ("kty", "crv", "x", "y")})
    head = segment({"alg": "HS256", "kid": published["kid"], "typ": "at+jwt"})
    for secret in (public.as_pem(private=False), public.as_der(private=False), json.dumps(published).encode()):
        data = f"{head}.{body}"
        text = data + "." + b64(hmac.digest(secret, data.encode(), "sha256"))
        refused(world.call(kept(world, holder, text)))


@pytest.mark.parametrize(
    "kid",
    ["../../etc/passwd", "' OR 1=1--", "https://evil.example/k", "sig_" + "x" * 9_000, ["sig_1"], {"sig_": 1}, 7, None,
     "", "sig_", "sig_01", "sig_\0", True],
)  # fmt: skip
def test_any_other_name_of_a_key_leads_nowhere(world: World, kid: Any) -> None:
    holder = signed_holder(world)
    answer = world.call(forged(world, holder, {"kid": kid}))
    assert answer.status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://evil.example/jwks"}, {"x5u": "https://evil.example/c"}, {"x5c": ["AAAA"]},
        {"crit": ["exp"]},
        {"jwk": jwk.ECKey.generate_key("P-256").as_dict(private=False)}, {"crit": ["b64"], "b64": False},
        {"b64": False},
        {"zip": "DEF"}, {"enc": "A256GCM"}, {"p2c": 2147483647}, {"typ": None}, {"typ": "JWT"}, {"typ": "dpop+jwt"},
        {"typ": "client-authentication+jwt"}, {"typ": "id_token"}, {"typ": ["at+jwt"]}, {"typ": 1}, {"cty": "JWT"},
        {"typ": ""},
    ],
    ids=lambda header: "-".join(header),  # no values: some are made anew in each worker
)  # fmt: skip
def test_a_header_that_says_anything_else_is_refused(world: World, header: dict[str, Any]) -> None:
    refused(world.call(forged(world, signed_holder(world), header)))


def test_a_key_that_an_attacker_sends_along_verifies_nothing(world: World) -> None:
    holder, key = signed_holder(world), jwk.ECKey.generate_key("P-256")
    claims = jwt.decode(world.token(holder), options={"verify_signature": False})
    (published,) = key_set(world)
    for extra in ({}, {"jwk": key.as_dict(private=False)}, {"jku": world.base + "/x"}, {"kid": key.thumbprint()}):
        head = {"alg": "ES256", "kid": published["kid"], "typ": "at+jwt"} | extra
        refused(world.call(kept(world, holder, sign(head, claims, key))))


@pytest.mark.parametrize(
    "claims",
    [
        {"aud": "https://other.example"}, {"aud": None}, {"aud": []}, {"aud": 7}, {"aud": {}}, {"aud": ""},
        {"iss": None}, {"iss": "https://evil.example"}, {"iss": 7}, {"exp": None},
        {"exp": lambda now: str(now + 60)},
        {"exp": float("nan")}, {"exp": float("inf")}, {"exp": 1e300}, {"exp": lambda now: now - 1},
        {"exp": True}, {"exp": -1},
        {"exp": lambda now: now + 86400 * 30}, {"exp": lambda now: [now + 60]}, {"nbf": lambda now: now + 3_600},
        {"nbf": "x"}, {"iat": lambda now: now + 3_600, "exp": lambda now: now + 3_900},
        {"iat": None}, {"iat": "now"}, {"iat": lambda now: now - 90_000}, {"scope": 7}, {"scope": ["orders:read"]},
        {"scope": None},
        {"sub": None}, {"sub": 7}, {"jti": None}, {"jti": "tok_other"}, {"jti": 7}, {"client_id": None},
        {"client_id": "cli_other"}, {"cnf": "x"}, {"cnf": {"jkt": "x"}}, {"cnf": ["jkt"]}, {"jti": ""},
        {"iat": {}}, {"exp": {}},
    ],
    ids=lambda claims: "-".join(claims),
)  # fmt: skip
def test_a_claim_of_another_type_or_beyond_its_bounds_is_refused(world: World, claims: dict[str, Any]) -> None:
    refused(world.call(forged(world, signed_holder(world), **claims)))


def test_an_audience_of_two_is_not_for_us(world: World) -> None:
    holder = signed_holder(world)
    assert world.call(forged(world, holder, aud=[world.base])).status_code == 200
    for audience in ([world.base, "https://other.example"], [world.base, world.base], [world.base, 7], [[world.base]]):
        refused(world.call(forged(world, holder, aud=audience)))
    assert world.call(forged(world, holder, iss=[world.base])).status_code == 401


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"[]", b"7", b"null", b'"x"', b"\xff\xfe", b"{", b'{"a":' * 1500 + b"1" + b"}" * 1500,
        b'{"exp":' + b"9" * 3000 + b"}", b'{"exp":1e999}', b'{"exp":NaN}', b'{"a":1,"a":2}', "\ufeff{}".encode(),
        b'{"sub":"\\ud800"}',
    ],
    ids=lambda payload: str(payload[:12]),
)  # fmt: skip
def test_a_payload_that_is_no_plain_object_is_refused(world: World, payload: bytes) -> None:
    refused(world.call(forged(world, signed_holder(world), payload=payload)))


def test_a_name_twice_is_refused_though_each_alone_would_hold(world: World) -> None:
    holder = signed_holder(world)
    claims = jwt.decode(world.token(holder), options={"verify_signature": False})
    body = json.dumps(claims)[:-1] + f', "scope": "{claims["scope"]}"}}'
    refused(world.call(forged(world, holder, payload=body.encode())))


def test_a_text_that_differs_from_ours_in_any_place_is_refused(world: World) -> None:
    holder = signed_holder(world)
    text = world.token(holder)
    first, body, signature = text.split(".")
    other_half = base64.urlsafe_b64decode(signature + "==")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    s = order - int.from_bytes(other_half[32:], "big")  # the other signature that every ECDSA signature has
    twin = f"{first}.{body}.{b64(other_half[:32] + s.to_bytes(32, 'big'))}"
    for changed in (twin, text + "=", text + ".", f"{first}.{body}.", f"{first}..{signature}", text[:-1], text + "A"):
        assert world.call(changed).status_code == 401, changed
    assert world.call(text).status_code == 200


def test_another_servers_token_is_nobodys_here(world: World, tmp_path: Path) -> None:
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/b.db")) as other:
        text = other.token(signed_holder(other))
        refused(world.call(text))
        assert not world.is_active(world.holder(), text)


def test_neither_a_proof_nor_an_assertion_is_an_access_token(world: World) -> None:
    holder, device = signed_holder(world), Device(world)
    proof = device.proof("GET", world.base + "/api/orders")
    refused(world.call(kept(world, holder, proof)))


def test_a_host_may_bring_signed_tokens_of_its_own(tmp_path: Path) -> None:
    text = jwt.encode({"iss": "https://host.example"}, "s" * 32, headers={"kid": "hosts-own"})
    with running(lambda base: make_app(base, f"sqlite:///{tmp_path}/a.db")) as world:
        from werkzeug.test import EnvironBuilder
        from werkzeug.wrappers import Request

        request = Request(EnvironBuilder(headers={"Authorization": f"Bearer {text}"}).get_environ())
        assert world.house.signed_tokens.read(request) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=8,
)  # fmt: skip
NAMES = ["iss", "sub", "aud", "client_id", "iat", "nbf", "exp", "jti", "scope", "cnf", "x"]


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "jwk", "x"]), JSON, max_size=2),
    st.dictionaries(st.sampled_from(NAMES), JSON, min_size=1, max_size=4),
)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_that_we_signed_is_a_fault(world: World, header: dict[str, Any], claims: dict[str, Any]) -> None:
    client = world.app.test_client()
    if world.base not in FUZZED:
        FUZZED[world.base] = signed_holder(world)
    holder = FUZZED[world.base]
    text = forged(world, holder, header, **claims)
    status = client.get("/api/orders", headers={"Authorization": f"Bearer {text}"}).status_code
    assert status in (200, 401, 429)
    if status == 200:
        assert {name for name, value in header.items() if value is not None} <= {"alg", "kid", "typ"}
        said = {name for name, value in claims.items() if value is not None}
        assert said <= {"iat", "nbf", "scope", "sub", "x"}


FUZZED: dict[str, Holder] = {}


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=200))
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_after_our_first_letters_is_refused(world: World, text: str) -> None:
    client = world.app.test_client()
    answer = client.get("/api/orders", headers={"Authorization": f"Bearer eyJ{text}"})
    assert answer.status_code in (401, 429)
