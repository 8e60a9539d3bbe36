"""Revocation and introspection: a client's own tokens are its own affair, and nobody else's."""

from __future__ import annotations

import time

import pytest
import requests

from flask_apiguard import access
from flask_apiguard.credentials import TokenKind
from flask_apiguard.values import SYSTEM, Environment
from tests.oauth.world import Holder, World


def refresh_token(world: World, holder: Holder) -> tuple[str, str]:
    """An access token and a refresh token of one family."""
    with world.house.store.write() as tx:
        facts = {"client_id": holder.id, "environment": holder.client.environment, "scopes": ["orders:read"]}
        first, access = world.house.tokens.issue(tx, **facts)
        _, refresh = world.house.tokens.issue(tx, kind=TokenKind.REFRESH, family_id=first.family_id, **facts)
    return access, refresh


def test_a_revoked_token_opens_nothing_from_the_next_request_on(any_world: World) -> None:
    holder = any_world.holder()
    token, other = any_world.token(holder), any_world.token(holder)
    assert any_world.call(token).status_code == 200
    answer = any_world.post("revoke", {"token": token}, holder)
    assert (answer.status_code, answer.content) == (200, b"")
    assert any_world.call(token).status_code == 401
    assert any_world.call(other).status_code == 200


def test_revoking_twice_or_something_unknown_is_fine(world: World) -> None:
    holder = world.holder()
    token = world.token(holder)
    for text in (token, token, "acme_at_unknown", "nonsense", "é", "x" * 5000, holder.secret):
        answer = world.post("revoke", {"token": text}, holder)
        assert (answer.status_code, answer.content) == (200, b"")


def test_a_foreign_token_is_not_revoked_and_its_holder_is_told(world: World) -> None:
    mine, other = world.holder(), world.holder()
    token = world.token(mine)
    answer = world.post("revoke", {"token": token}, other)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert world.call(token).status_code == 200


@pytest.mark.parametrize("hint", ["refresh_token", "access_token", "something_else", "é"])
def test_a_hint_that_is_wrong_does_not_matter(world: World, hint: str) -> None:
    holder = world.holder()
    token = world.token(holder)
    assert world.post("revoke", {"token": token, "token_type_hint": hint}, holder).status_code == 200
    assert world.call(token).status_code == 401


def test_revoking_a_refresh_token_ends_all_that_came_of_it(world: World) -> None:
    holder = world.holder()
    access, refresh = refresh_token(world, holder)
    assert world.call(access).status_code == 200
    assert world.post("revoke", {"token": refresh}, holder).status_code == 200
    assert world.call(access).status_code == 401


def test_revocation_without_a_token_or_a_client_is_refused(world: World) -> None:
    holder = world.holder()
    token = world.token(holder)
    assert world.post("revoke", {}, holder).json()["error"] == "invalid_request"
    assert world.post("revoke", {"token": token}).status_code == 401
    assert world.post("revoke", {"token": token, "client_id": holder.id}).status_code == 401
    assert world.call(token).status_code == 200


def test_introspection_tells_a_client_what_its_token_is_worth(world: World) -> None:
    holder = world.holder()
    said = world.post("introspect", {"token": world.token(holder, scope="orders:read")}, holder).json()
    assert said["active"] is True
    assert (said["client_id"], said["sub"], said["scope"]) == (holder.id, holder.id, "orders:read")
    assert (said["iss"], said["token_type"], said["environment"]) == (world.base, "Bearer", "production")
    assert abs(said["exp"] - time.time() - 600) < 5


def test_introspection_tells_the_scopes_that_the_gate_would_find(any_world: World) -> None:
    holder = any_world.holder()
    token = any_world.token(holder)
    for ended, left in (("orders:write", "orders:read"), ("orders:read", "")):
        with any_world.house.store.write() as tx:
            access.end(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, [ended], "less")
        said = any_world.post("introspect", {"token": token}, holder).json()
        assert (said["active"], said["scope"]) == (True, left)


def test_introspection_tells_nobody_else_anything(world: World) -> None:
    mine, other = world.holder(), world.holder()
    token = world.token(mine)
    assert world.post("introspect", {"token": token}, other).json() == {"active": False}
    assert world.post("introspect", {"token": token}).status_code == 401


@pytest.mark.parametrize("text", ["", "nonsense", "acme_at_x", "é", "x" * 5000])
def test_introspection_of_nothing_is_inactive_or_malformed(world: World, text: str) -> None:
    answer = world.post("introspect", {"token": text}, world.holder())
    assert answer.status_code == (200 if text else 400)
    assert answer.json() == {"active": False} if text else answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("audience", [["https://other.example"], ["https://other.example", "https://third.example"]])
def test_a_token_for_another_api_is_not_active_here(world: World, audience: list[str]) -> None:
    holder = world.holder()
    with world.house.store.write() as tx:
        facts = {"client_id": holder.id, "environment": holder.client.environment, "scopes": ["orders:read"]}
        _, foreign = world.house.tokens.issue(tx, audience=audience, **facts)
        _, ours = world.house.tokens.issue(tx, audience=[world.base], **facts)
    assert world.post("introspect", {"token": foreign}, holder).json() == {"active": False}
    assert world.post("introspect", {"token": ours}, holder).json()["aud"] == [world.base]


def test_a_revoked_token_and_one_of_a_suspended_client_are_inactive(world: World) -> None:
    from flask_apiguard.clients import registry
    from flask_apiguard.values import SYSTEM

    holder = world.holder()
    token = world.token(holder)
    world.post("revoke", {"token": token}, holder)
    assert not world.is_active(holder, token)
    with world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, holder.id, "odd")
    assert world.post("introspect", {"token": token}, holder).status_code == 401


def test_a_refresh_token_is_no_access_token_at_the_gate(world: World) -> None:
    holder = world.holder()
    _, refresh = refresh_token(world, holder)
    assert world.call(refresh).status_code == 401


@pytest.mark.parametrize("endpoint", ["token", "revoke"])
def test_pages_of_any_origin_may_use_token_and_revocation_endpoint_without_cookies(world: World, endpoint: str) -> None:
    wanted = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    preflight = requests.options(f"{world.base}/oauth/{endpoint}", headers=wanted, timeout=20)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == "*"
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answer = world.post(endpoint, {}, headers={"Origin": "https://app.example"})
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert "Access-Control-Allow-Credentials" not in {**preflight.headers, **answer.headers}


def test_who_is_no_page_is_not_told_which_pages_may_read(world: World) -> None:
    answer = world.post("token", {"grant_type": "client_credentials"}, world.holder())
    assert answer.status_code == 200
    assert not any(name.startswith("Access-Control") for name in answer.headers)


def test_pages_of_other_origins_may_not_introspect(world: World) -> None:
    wanted = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    answers = [
        requests.options(f"{world.base}/oauth/introspect", headers=wanted, timeout=20),
        world.post("introspect", {"token": "x"}, world.holder(), {"Origin": "https://app.example"}),
    ]
    assert not any(name.startswith("Access-Control") for answer in answers for name in answer.headers)
    assert answers[0].status_code == 405


def test_a_public_client_that_asks_for_introspection_is_told_how_to_prove_itself(world: World) -> None:
    public = world.holder(public=True)
    answer = world.post("introspect", {"token": "x", "client_id": public.id})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.headers["WWW-Authenticate"].startswith('Basic realm="')
    unknown = world.post("introspect", {"token": "x", "client_id": "cli_" + "0" * 26})
    assert unknown.headers["WWW-Authenticate"] == answer.headers["WWW-Authenticate"]
