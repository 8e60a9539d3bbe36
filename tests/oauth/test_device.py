"""A device without a browser gets tokens: it shows a code, and polls while its user answers elsewhere (RFC 8628)."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import requests
import sqlalchemy as sa

from flask_apiguard import access
from flask_apiguard.clients import registry
from flask_apiguard.oauth import set_device, user_codes
from flask_apiguard.oauth.device_table import oauth_device, oauth_device_question
from flask_apiguard.oauth.token_formats import set_certificate_bound, set_token_format
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import Browser, refresh
from tests.oauth.devices import GRANT_TYPE, Screen, entries, question, say, send, told
from tests.oauth.proofs import Device
from tests.oauth.test_certificates import A, escaped
from tests.oauth.world import World, make_app, running


@pytest.fixture
def screen(world: World) -> Screen:
    return Screen(world, world.holder(device=True))


# -- the whole way -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("public", [False, True], ids=["confidential", "public"])
def test_a_device_that_knows_only_the_issuer_gets_tokens_calls_and_refreshes(any_world: World, public: bool) -> None:
    world = any_world
    screen = Screen(world, world.holder(device=True, public=public), public)
    says = requests.get(world.base + "/.well-known/oauth-authorization-server", timeout=20).json()
    assert says["device_authorization_endpoint"] == world.base + "/oauth/device_authorization"
    assert GRANT_TYPE in says["grant_types_supported"]
    started = screen.start()
    assert told(screen.poll(started)) == (400, "authorization_pending")
    browser = Browser(world)
    page = browser.session.get(started["verification_uri_complete"], timeout=20)
    asked = send(browser, page, user_code=started["user_code"])
    assert "See your orders" in asked.text
    assert "is connected" in send(browser, asked, answer="allow").text
    world.house.clock.advance(started["interval"])
    tokens = screen.poll(started).json()
    assert (tokens["token_type"], tokens["scope"]) == ("Bearer", "orders:read")
    assert world.call(tokens["access_token"]).json()["user"] == "alice"
    fresh = refresh(world, screen.holder, tokens["refresh_token"], public=public).json()
    assert world.call(fresh["access_token"]).status_code == 200


def test_the_answer_has_what_a_device_shows_and_is_kept_by_nobody(world: World, screen: Screen) -> None:
    answer = screen.ask(scope="orders:read")
    said = answer.json()
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", said["user_code"])
    assert (said["expires_in"], said["interval"], len(said["device_code"])) == (900, 5, 43)
    assert said["verification_uri"] == world.base + "/oauth/device"
    assert said["verification_uri_complete"] == f"{world.base}/oauth/device?user_code={said['user_code']}"


def test_no_code_is_kept_as_it_is(world: World, screen: Screen) -> None:
    started = screen.start()
    question(Browser(world), started)
    with world.house.store.read() as conn:
        kept = str([conn.execute(sa.select(table)).all() for table in (oauth_device, oauth_device_question)])
    assert started["device_code"] not in kept
    assert started["user_code"] not in kept
    assert started["user_code"].replace("-", "") not in kept


def test_of_devices_that_would_show_the_same_code_one_shows_another(
    world: World, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = screen.start()
    codes = iter([first["user_code"].replace("-", ""), "BCDFGHJK"])
    monkeypatch.setattr(user_codes, "make", lambda: next(codes))
    assert screen.start()["user_code"] == "BCDF-GHJK"
    assert told(screen.poll(first)) == (400, "authorization_pending")


@pytest.mark.parametrize("form", ["opaque", "jwt"])
def test_a_public_device_that_holds_a_key_binds_its_tokens_to_it(any_world: World, form: str) -> None:
    holder, key = any_world.holder(device=True, public=True), Device(any_world)
    with any_world.house.store.write() as tx:
        set_token_format(tx, SYSTEM, holder.id, form)
    tokens = Screen(any_world, holder, True, key).tokens()
    assert tokens["token_type"] == "DPoP"
    assert key.call(tokens["access_token"]).json()["user"] == "alice"
    assert any_world.call(tokens["access_token"]).status_code == 401
    assert told(refresh(any_world, holder, tokens["refresh_token"], public=True)) == (400, "invalid_dpop_proof")


def test_a_key_that_was_proved_when_the_device_asked_is_needed_for_its_tokens(any_world: World) -> None:
    url = any_world.base + "/oauth/device_authorization"
    for public in (True, False):
        holder, key = any_world.holder(device=True, public=public), Device(any_world)
        for wrong in (key.proof("GET", url), key.proof("POST", any_world.base + "/oauth/token"), "x"):
            assert told(Screen(any_world, holder, public).ask(headers={"DPoP": wrong})) == (400, "invalid_dpop_proof")
        started = Screen(any_world, holder, public).ask(headers={"DPoP": key.proof("POST", url)}).json()
        say(Browser(any_world), started)
        for other in (None, Device(any_world)):
            assert told(Screen(any_world, holder, public, other).poll(started)) == (400, "invalid_dpop_proof")
        tokens = Screen(any_world, holder, public, key).poll(started).json()
        assert key.call(tokens["access_token"]).status_code == 200


def test_a_device_with_a_certificate_binds_its_tokens_to_it(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base, url, APIGUARD_TRUSTED_PROXIES=["127.0.0.1"])) as world:
        screen = Screen(world.fresh(), world.holder(device=True))
        with world.house.store.write() as tx:
            set_certificate_bound(tx, SYSTEM, screen.holder.id, True)
        started = screen.start()
        say(Browser(world), started)
        assert told(screen.poll(started)) == (400, "invalid_request")  # and nothing was used up
        data = {"grant_type": GRANT_TYPE, "device_code": started["device_code"]}
        token = world.post("token", data, screen.holder, escaped(A)).json()["access_token"]
        assert world.call(token).status_code == 401
        headers = {"Authorization": f"Bearer {token}", **escaped(A)}
        assert requests.get(world.base + "/api/orders", headers=headers, timeout=20).json()["user"] == "alice"


def test_a_bad_proof_uses_up_no_device_code(world: World) -> None:
    holder, key = world.holder(device=True, public=True), Device(world)
    screen = Screen(world, holder, True, key)
    started = screen.start()
    say(Browser(world), started)
    data = {"grant_type": GRANT_TYPE, "device_code": started["device_code"], "client_id": holder.id}
    assert told(key.post(None, data, htm="GET")) == (400, "invalid_dpop_proof")
    assert screen.poll(started).status_code == 200


# -- who may ask, and for what -------------------------------------------------------------------------------------


@pytest.mark.parametrize("public", [False, True])
def test_a_client_of_which_nobody_said_so_may_not_use_it(world: World, public: bool) -> None:
    screen = Screen(world, world.holder(public=public), public)
    assert told(screen.ask()) == (400, "unauthorized_client")
    assert told(screen.poll("x" * 43)) == (400, "unauthorized_client")


def test_what_was_asked_before_is_worth_nothing_once_a_client_may_not_any_more(world: World, screen: Screen) -> None:
    started = screen.start()
    say(Browser(world), started)
    with world.house.store.write() as tx:
        set_device(tx, SYSTEM, screen.holder.id, False, "sold no televisions")
    assert told(screen.poll(started)) == (400, "unauthorized_client")


def test_who_said_so_is_in_the_ledger(world: World, screen: Screen) -> None:
    found = entries(world, f"client:{screen.holder.id}")
    changes = [entry.after for entry in found if entry.happening == "oauth:client:changed"]
    assert changes == [{"device": True}]


def test_a_device_proves_its_client_like_anybody_at_the_token_endpoint(world: World, screen: Screen) -> None:
    holder = screen.holder
    assert told(world.post("device_authorization", {"client_id": holder.id})) == (401, "invalid_client")
    both = {"client_id": holder.id, "client_secret": holder.secret}
    assert world.post("device_authorization", both).status_code == 200
    assert told(world.post("device_authorization", both, holder)) == (400, "invalid_request")
    assert told(world.post("device_authorization", {"client_id": "cli_nobody"})) == (401, "invalid_client")
    assert told(world.post("device_authorization", "")) == (401, "invalid_client")
    started = screen.start()
    data = {"grant_type": GRANT_TYPE, "device_code": started["device_code"], "client_id": holder.id}
    assert told(world.post("token", data)) == (401, "invalid_client")


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"scope": "reports:read"}, "invalid_scope"),
        ({"scope": "orders:read  x"}, "invalid_scope"),
        ({"resource": "https://other.example"}, "invalid_target"),
    ],
)
def test_what_a_client_may_not_have_is_refused_before_a_user_is_asked(
    screen: Screen, more: dict[str, str], expected: str
) -> None:
    assert told(screen.ask(**more)) == (400, expected)


def test_tokens_are_for_the_resource_that_was_named(world: World, screen: Screen) -> None:
    started = screen.start(resource=world.base + "/api")
    say(Browser(world), started)
    assert told(screen.poll(started, resource="https://other.example")) == (400, "invalid_target")
    token = screen.poll(started).json()["access_token"]
    assert world.post("introspect", {"token": token}, screen.holder).json()["aud"] == [world.base]


def test_a_scope_that_was_lost_meanwhile_is_in_no_token(world: World, screen: Screen) -> None:
    started = screen.start(scope="orders:read orders:write")
    say(Browser(world), started)
    client = screen.holder.client
    with world.house.store.write() as tx:
        access.end(tx, SYSTEM, client.application_id, client.environment, ["orders:write"], "over")
    assert screen.poll(started).json()["scope"] == "orders:read"


def test_a_suspended_clients_device_waits_for_nothing(world: World, screen: Screen) -> None:
    started = screen.start()
    say(Browser(world), started)
    with world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, screen.holder.id, "an incident")
    assert told(screen.poll(started)) == (401, "invalid_client")


def test_devices_that_prove_nothing_are_bounded_by_address(world: World) -> None:
    screen = Screen(world, world.holder(device=True, public=True), True)
    found = [screen.ask() for _ in range(101)]
    assert {answer.status_code for answer in found[:100]} == {200}
    assert told(found[100]) == (429, "slow_down")
    assert 0 < int(found[100].headers["Retry-After"]) <= 600 + 600 / 100
    assert Screen(world, world.holder(device=True)).ask().status_code == 200  # it proved itself
    world.house.clock.advance(1200)
    assert screen.ask().status_code == 200
