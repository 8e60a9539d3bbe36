"""A client gets a token with its secret, and calls with it."""

from __future__ import annotations

import datetime as dt

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session

from flask_apiguard import access, credentials
from flask_apiguard.clients import registry
from flask_apiguard.db import kept
from flask_apiguard.values import SYSTEM, Environment, State
from tests.oauth.world import World

ASK = {"grant_type": "client_credentials"}


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_authlibs_own_client_finds_the_endpoint_gets_a_token_and_calls(any_world: World, method: str) -> None:
    holder = any_world.holder()
    told = requests.get(any_world.base + "/.well-known/oauth-authorization-server", timeout=20).json()
    session = OAuth2Session(holder.id, holder.secret, token_endpoint_auth_method=method, scope="orders:read")
    token = session.fetch_token(told["token_endpoint"], grant_type="client_credentials")
    assert token["token_type"] == "Bearer"
    assert token["scope"] == "orders:read"
    assert token["expires_in"] == 600
    answer = session.get(any_world.base + "/api/orders")
    assert answer.status_code == 200
    assert answer.json() == {"client": holder.id, "scopes": ["orders:read"]}
    said = session.introspect_token(told["introspection_endpoint"], token["access_token"]).json()
    assert said["active"]
    assert said["client_id"] == holder.id
    assert said["iss"] == any_world.base
    assert session.revoke_token(told["revocation_endpoint"], token["access_token"]).status_code == 200
    assert session.get(any_world.base + "/api/orders").status_code == 401


def test_the_answer_is_never_stored_and_always_names_the_scopes(world: World) -> None:
    answer = world.post("token", ASK, world.holder())
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json()) == {"access_token", "token_type", "expires_in", "scope"}
    assert answer.json()["scope"] == "orders:read orders:write"


@pytest.mark.parametrize(
    "scope",
    ["reports:read", "orders:read reports:read", "nobodys", "orders:read  orders:write", 'a"b', " orders:read", "ä"],
)
def test_a_scope_that_the_client_does_not_hold_is_refused_and_not_dropped(world: World, scope: str) -> None:
    answer = world.post("token", {**ASK, "scope": scope}, world.holder())
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")


@pytest.mark.sqlite
def test_a_token_is_opaque_prefixed_and_stored_only_as_a_digest(world: World) -> None:
    token = world.token(world.holder())
    assert token.startswith("acme_at_")
    assert token.count(".") == 0
    with world.house.store.read() as conn:
        found = world.house.tokens.find(conn, token)
    assert found is not None
    assert found.environment is Environment.PRODUCTION
    path = world.house.store.path
    assert path is not None
    files = [one.read_bytes() for one in path.parent.iterdir() if one.is_file()]
    assert files
    assert not any(token.encode() in content for content in files)


def test_a_token_of_a_scopeless_client_opens_nothing(world: World) -> None:
    answer = world.post("token", ASK, world.holder(scopes=()))
    assert answer.status_code == 200
    assert "scope" not in answer.json()
    assert world.call(answer.json()["access_token"]).status_code == 403


def test_a_token_never_outlives_the_secret_that_asked_for_it(world: World) -> None:
    holder = world.holder()
    with world.house.store.write() as tx:
        world.house.keys.rotate(tx, SYSTEM, holder.credential.id, dt.timedelta(seconds=30))
    assert world.post("token", ASK, holder).json()["expires_in"] <= 30


def test_several_secrets_live_at_once_and_each_dies_alone(world: World) -> None:
    first = world.holder()
    second = world.another_secret(first)
    of_first, of_second = world.token(first), world.token(second)
    with world.house.store.write() as tx:
        credentials.revoke(tx, SYSTEM, first.credential.id, "leaked")
    assert world.post("token", ASK, first).status_code == 401
    assert world.call(of_first).status_code == 401
    assert world.post("token", ASK, second).status_code == 200
    assert world.call(of_second).status_code == 200


def test_a_suspended_client_gets_no_token_at_once_and_hears_why(any_world: World) -> None:
    holder = any_world.holder()
    any_world.token(holder)
    with any_world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, holder.id, "odd")
    answer = any_world.post("token", ASK, holder)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert "suspended" in answer.json()["error_description"]


def test_a_client_whose_application_may_not_act_there_gets_no_token(world: World) -> None:
    assert world.post("token", ASK, world.holder(state=State.SANDBOX)).status_code == 401
    sandboxed = world.holder(environment=Environment.SANDBOX, state=State.SANDBOX)
    assert world.post("token", ASK, sandboxed).status_code == 200


def test_a_scope_that_ends_is_gone_from_the_next_token(world: World) -> None:
    holder = world.holder()
    world.token(holder)
    with world.house.store.write() as tx:
        access.end(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, ["orders:write"], "less")
    assert world.post("token", ASK, holder).json()["scope"] == "orders:read"


def test_a_grant_with_an_end_is_not_remembered_beyond_it(world: World) -> None:
    holder = world.holder()
    until = world.house.clock.now() + dt.timedelta(minutes=5)
    with world.house.store.write() as tx:
        access.give(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, ["orders:write"], until=until)
    assert "orders:write" in world.post("token", ASK, holder).json()["scope"]
    world.house.clock.advance(301)
    assert world.post("token", ASK, holder).json()["scope"] == "orders:read"


def test_an_expired_secret_gets_no_token_however_well_it_is_remembered(world: World) -> None:
    holder = world.holder()
    world.token(holder)
    world.house.clock.advance(400 * 86400)
    assert world.post("token", ASK, holder).status_code == 401


def test_a_token_ends_with_its_lifetime(world: World) -> None:
    holder = world.holder()
    token = world.token(holder)
    world.house.clock.advance(601)
    assert world.call(token).status_code == 401
    assert not world.is_active(holder, token)


@pytest.mark.sqlite
def test_a_remembered_client_costs_one_insert_and_no_question(world: World) -> None:
    import sqlalchemy as sa

    holder = world.holder()
    world.token(holder)
    world.token(holder)
    seen: list[str] = []
    engine = world.house.store.engine
    sa.event.listen(engine, "checkout", lambda connection, *_: connection.set_trace_callback(seen.append))
    writing = kept(engine)
    assert writing is not None
    for connection in writing._free:
        connection.set_trace_callback(seen.append)
    world.token(holder)
    assert [statement.split()[0] for statement in seen] == ["INSERT"]
