"""Signed tokens as an attacker with our own key and our own store could make them: only what they say is wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from flask_apiguard.credentials import Series, Token
from flask_apiguard.oauth.token_formats import set_token_format
from flask_apiguard.values import SYSTEM
from tests.oauth.proofs import b64, dated, segment
from tests.oauth.world import Holder, World


def signed_holder(world: World) -> Holder:
    found = world.holder()
    with world.house.store.write() as tx:
        set_token_format(tx, SYSTEM, found.id, "jwt")
    return found


def key_set(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(world.base + "/oauth/jwks", timeout=20).json()["keys"]
    return found


def kept(world: World, holder: Holder, text: str) -> str:
    """As if we had issued this very text: only what it says can still be wrong with it."""
    return issued(world, holder, lambda _: text)


def issued(world: World, holder: Holder, text_of: Callable[[Token], str]) -> str:
    """Kept in our own store in whatever form."""
    house, environment = world.house, holder.client.environment
    series = Series(
        house.tokens, house.store, client_id=holder.id, environment=environment, scopes=["orders:read"],
        text_of=text_of,
    )  # fmt: skip
    return series.issue(house.store.now(), house.tokens.lifetimes.of(environment))


def forged(
    world: World, holder: Holder, header: dict[str, Any] | None = None, payload: Any = None, **claims: Any
) -> str:
    """Signed with our own key, kept in our own store, and yet not what we write. None leaves a member out.

    A claim that depends on the time is a function of it: parameters of tests are made long before their tests.
    """
    kid, signing = world.house.signing_keys.current()
    now = int(time.time() + world.house.clock.offset)
    head = {"alg": signing.algorithm, "kid": kid, "typ": "at+jwt"} | (header or {})
    said = {
        "iss": world.base, "sub": holder.id, "aud": world.base, "client_id": holder.id, "iat": now, "nbf": now,
        "exp": now + 300, "jti": "tok_forged", "scope": "orders:read",
    } | dated(claims, now)  # fmt: skip

    def text_of(token: Any) -> str:
        body = {name: value for name, value in said.items() if value is not None}
        if body.get("jti") == "tok_forged":
            body["jti"] = token.id
        members = {name: value for name, value in head.items() if value is not None}
        data = segment(members) + "." + (b64(payload) if payload is not None else segment(body))
        return data + "." + b64(signing.sign(data.encode()))

    return issued(world, holder, text_of)


def refused(answer: requests.Response) -> None:
    assert answer.status_code == 401, answer.text
    assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]
