"""Calls of the endpoints are access events like any other; and every process hears of a revocation at once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.oauth.world import World, basic, make_app
from tests.servers.gunicorn import Gunicorn

ASK = {"grant_type": "client_credentials"}


def event_of(world: World, answer: requests.Response) -> dict[str, Any]:
    """The one record of a call."""
    (found,) = world.house.recorder.query.find(answer.headers["X-Request-Id"])
    return found


def test_a_token_request_is_on_record_with_its_client_and_never_with_a_secret(world: World) -> None:
    holder = world.holder()
    answer = world.post("token", {**ASK, "client_id": holder.id, "client_secret": holder.secret})
    event = event_of(world, answer)
    assert (event["path"], event["status"], event["allowed"]) == ("/oauth/token", 200, True)
    assert (event["client"], event["credential"]) == (holder.id, holder.credential.id)
    assert event["credential_kind"] == "client_secret"
    assert holder.secret not in str(event)
    assert answer.json()["access_token"] not in str(event)


def test_a_failed_authentication_is_on_record_by_fingerprint_only(world: World) -> None:
    answer = world.post("token", ASK, headers=basic("cli_nobody", "guess"))
    event = event_of(world, answer)
    assert (event["status"], event["allowed"], event["client"]) == (401, False, None)
    assert event["reason"] == "oauth:client:unproved"
    assert event["fingerprint"] == world.house.secrets.fingerprint("guess")


def test_a_refused_request_is_on_record_with_its_error(world: World) -> None:
    holder = world.holder()
    event = event_of(world, world.post("token", {**ASK, "scope": "reports:read"}, holder))
    assert (event["client"], event["reason"], event["need"]) == (holder.id, "oauth:request:refused", "invalid_scope")


@pytest.mark.parametrize("path", ["token", "par", "consent", "connections", "sign-in"])
def test_a_method_that_is_not_answered_is_on_record_as_refused(world: World, path: str) -> None:
    answer = requests.delete(f"{world.base}/oauth/{path}", timeout=20)
    event = event_of(world, answer)
    assert (event["status"], event["allowed"], event["reason"]) == (405, False, "gate:method:unsupported")


def test_metadata_are_not_on_record(world: World) -> None:
    answer = requests.get(world.base + "/.well-known/oauth-authorization-server", timeout=20)
    assert world.house.recorder.query.find(answer.headers["X-Request-Id"]) == []


def test_the_use_of_a_secret_is_remembered(world: World) -> None:
    from flask_apiguard.credentials import uses_of

    holder = world.holder()
    world.token(holder)
    world.house.last_use.flush()
    with world.house.store.read() as conn:
        assert uses_of(conn, [holder.credential.id])[holder.credential.id].route == "/oauth/token"


@pytest.mark.parametrize("store", ["sqlite", "postgresql"])
def test_a_token_revoked_at_one_worker_is_denied_by_all_others_at_once(
    store: str, tmp_path: Path, gunicorn_server: Callable[..., Gunicorn], request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/apiguard.db"
    if store == "postgresql":
        url = request.getfixturevalue("ready_postgres_url")
    issuer = "https://api.example.com"
    here = World(make_app(issuer, url), "")
    environment = {"APIGUARD_ISSUER": issuer, "APIGUARD_DATABASE_URL": url}
    server = gunicorn_server("tests.oauth.world:from_environment()", workers=2, env=environment)
    there = World(here.app, server.url)
    try:
        holder = here.holder()
        for revoker in server.pids:
            token = there.token(holder)
            for pid in server.pids:
                with server.only(pid):
                    assert there.call(token).status_code == 200, "and this worker remembers it"
            with server.only(revoker):
                assert there.post("revoke", {"token": token}, holder).status_code == 200
            if store == "postgresql":
                time.sleep(0.1)  # twice the interval in which a process looks there
            for pid in server.pids:
                with server.only(pid):
                    assert there.call(token).status_code == 401
    finally:
        here.house.close()


def test_what_the_consent_page_refuses_is_on_record_as_refused(world: World) -> None:
    holder = world.holder(redirect_uris=("https://app.example/cb",))
    unsafe = requests.get(f"{world.base}/oauth/authorize?client_id={holder.id}", timeout=20)
    forged = world.post("consent", {"answer": "allow", "request": "guess"}, headers={"Cookie": "user=alice"})
    for answer in (unsafe, forged):
        event = event_of(world, answer)
        assert (event["status"], event["allowed"], event["reason"]) == (400, False, "oauth:request:refused")
