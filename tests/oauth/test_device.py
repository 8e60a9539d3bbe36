"""A device without a browser gets tokens: it shows a code, and polls while its user answers elsewhere (RFC 8628)."""

from __future__ import annotations

import datetime as dt
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
import sqlalchemy as sa

from flask_apiguard import access
from flask_apiguard.clients import registry
from flask_apiguard.ledger import Entry
from flask_apiguard.oauth import prune, set_device, user_codes, withdraw
from flask_apiguard.oauth.device_table import oauth_device, oauth_device_question
from flask_apiguard.oauth.token_formats import set_token_format
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import Browser, refresh
from tests.oauth.devices import GRANT_TYPE, Screen, field, question, say, send, told, type_in
from tests.oauth.proofs import Device
from tests.oauth.test_records import event_of
from tests.oauth.world import World


def entries(world: World, subject: str) -> list[Entry]:
    """What the ledger says of somebody."""
    return list(world.house.ledger.entries(subject=subject).entries)


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
    assert 0 < int(found[100].headers["Retry-After"]) <= 600
    assert Screen(world, world.holder(device=True)).ask().status_code == 200  # it proved itself
    world.house.clock.advance(1200)
    assert screen.ask().status_code == 200


# -- polling -------------------------------------------------------------------------------------------------------


def test_who_polls_too_fast_has_to_wait_five_seconds_more_each_time(world: World, screen: Screen) -> None:
    started, clock = screen.start(), world.house.clock

    def after(seconds: float) -> tuple[int, str]:
        clock.advance(seconds)
        return told(screen.poll(started))

    pending, slower = (400, "authorization_pending"), (400, "slow_down")
    assert [after(0), after(5), after(5)] == [pending] * 3
    assert after(1) == slower  # 10 seconds from now on
    assert after(10) == pending
    assert after(5) == slower  # 15
    assert after(8) == slower  # 20
    assert after(20) == pending
    assert after(15) == slower


def test_a_poll_that_arrives_a_little_early_is_in_time(world: World, screen: Screen) -> None:
    started = screen.start()
    for _ in range(3):
        assert told(screen.poll(started)) == (400, "authorization_pending")
        world.house.clock.advance(4.2)


def test_of_polls_at_once_one_is_in_time(any_world: World) -> None:
    screen = Screen(any_world, any_world.holder(device=True))
    started = screen.start()
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: told(screen.poll(started))[1], range(8)))
    assert sorted(found) == ["authorization_pending"] + ["slow_down"] * 7


def test_an_answer_does_not_wait_for_the_pace(world: World, screen: Screen) -> None:
    started = screen.start()
    screen.poll(started)
    assert told(screen.poll(started)) == (400, "slow_down")
    say(Browser(world), started)
    assert screen.poll(started).status_code == 200


def test_a_no_is_told_as_often_as_it_is_asked_for_and_grants_nothing(world: World, screen: Screen) -> None:
    started = screen.start()
    assert "is not connected" in say(Browser(world), started, "deny").text
    for _ in range(3):
        assert told(screen.poll(started)) == (400, "access_denied")


@pytest.mark.parametrize("answer", [None, "allow", "deny"])
def test_what_waited_too_long_has_expired_whatever_was_answered(
    world: World, screen: Screen, answer: str | None
) -> None:
    started = screen.start()
    if answer is not None:
        say(Browser(world), started, answer)
    world.house.clock.advance(901)
    assert told(screen.poll(started)) == (400, "expired_token")


def test_a_consent_that_was_withdrawn_before_the_poll_is_a_no(world: World, screen: Screen) -> None:
    started = screen.start()
    say(Browser(world), started)
    with world.house.store.write() as tx:
        assert withdraw(tx, SYSTEM, "alice", screen.holder.id)
    assert told(screen.poll(started)) == (400, "access_denied")


@pytest.mark.parametrize("code", ["x", "é" * 20, "' OR 1=1--", "x" * 60_000, "../../etc/passwd"])
def test_a_text_that_is_no_code_is_refused(screen: Screen, code: str) -> None:
    assert told(screen.poll(code)) == (400, "invalid_grant")


def test_a_user_code_or_another_kind_of_code_redeems_nothing(world: World, screen: Screen) -> None:
    started = screen.start()
    say(Browser(world), started)
    assert told(screen.poll(started["user_code"])) == (400, "invalid_grant")
    data = {"grant_type": "authorization_code", "code": started["device_code"], "redirect_uri": "x"}
    assert told(world.post("token", data | {"code_verifier": "v" * 43}, screen.holder)) == (400, "invalid_grant")


def test_a_device_code_comes_once_and_in_the_body(world: World, screen: Screen) -> None:
    started = screen.start()
    data = {"grant_type": GRANT_TYPE}
    assert told(world.post("token", data, screen.holder)) == (400, "invalid_request")
    twice = [*data.items(), ("device_code", started["device_code"]), ("device_code", started["device_code"])]
    assert told(world.post("token", twice, screen.holder)) == (400, "invalid_request")
    answer = world.post(f"token?device_code={started['device_code']}", data, screen.holder)
    assert told(answer) == (400, "invalid_request")


# -- once, and by its own client -----------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, 901])
def test_a_device_code_shown_again_ends_everything_that_came_of_it(any_world: World, late: int) -> None:
    screen = Screen(any_world, any_world.holder(device=True))
    started = screen.start()
    say(Browser(any_world), started)
    tokens = screen.poll(started).json()
    any_world.house.clock.advance(late)
    fresh = refresh(any_world, screen.holder, tokens["refresh_token"]).json()
    assert any_world.call(fresh["access_token"]).status_code == 200
    assert told(screen.poll(started)) == (400, "invalid_grant")
    for token in (tokens["access_token"], fresh["access_token"]):
        assert any_world.call(token).status_code == 401
    assert told(refresh(any_world, screen.holder, fresh["refresh_token"])) == (400, "invalid_grant")
    with any_world.house.store.read() as conn:
        family = any_world.house.tokens.find(conn, tokens["access_token"])
    assert family is not None
    (ended,) = entries(any_world, f"family:{family.family_id}")
    assert (ended.happening, ended.reason) == ("credentials:tokens:revoked", "A device code was used twice.")


@pytest.mark.parametrize("used", [False, True])
def test_another_clients_device_code_is_worth_nothing_and_nothing_ends(
    world: World, screen: Screen, used: bool
) -> None:
    other, third = (world.holder(device=True, public=public) for public in (False, True))
    started = screen.start()
    say(Browser(world), started)
    tokens: dict[str, Any] = screen.poll(started).json() if used else {}
    assert told(Screen(world, other).poll(started)) == (400, "invalid_grant")
    assert told(Screen(world, third, True).poll(started)) == (400, "invalid_grant")
    tokens = tokens or screen.poll(started).json()
    assert world.call(tokens["access_token"]).status_code == 200


def test_thirty_two_redemptions_of_one_device_code_at_once_give_one_answer(any_world: World) -> None:
    screen = Screen(any_world, any_world.holder(device=True))
    started = screen.start()
    say(Browser(any_world), started)
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda _: screen.poll(started).status_code, range(32)))
    assert sorted(found) == [200] + [400] * 31


# -- what is on record, and how long it is kept --------------------------------------------------------------------


def test_a_device_that_waits_as_it_should_is_no_refusal_on_record_and_one_that_hurries_is(
    world: World, screen: Screen
) -> None:
    started = screen.start()
    waits, hurries = event_of(world, screen.poll(started)), event_of(world, screen.poll(started))
    assert (waits["client"], waits["status"], waits["allowed"]) == (screen.holder.id, 400, True)
    assert (hurries["allowed"], hurries["reason"], hurries["need"]) == (False, "oauth:request:refused", "slow_down")
    assert started["device_code"] not in str([waits, hurries])


def test_what_a_user_does_is_on_record_without_the_code(world: World, screen: Screen) -> None:
    browser, started = Browser(world), screen.start()
    shown = field(browser, f"?user_code={started['user_code']}")
    wrong, asked = type_in(browser, "BBBB-BBBB"), question(browser, started)
    done = send(browser, asked, answer="allow")
    events = [event_of(world, answer) for answer in (shown, wrong, asked, done)]
    assert {event["path"] for event in events} == {"/oauth/device"}
    assert [event["allowed"] for event in events] == [True, False, True, True]
    assert events[2]["client"] == screen.holder.id
    assert [event["user"] for event in events[1:]] == ["alice"] * 3
    assert started["user_code"] not in str(events)


def test_the_consent_is_in_the_ledger(world: World, screen: Screen) -> None:
    say(Browser(world), screen.start())
    (given,) = [one for one in entries(world, f"client:{screen.holder.id}") if one.happening == "oauth:consent:given"]
    assert given.after == {"scopes": ["orders:read"]}


def test_what_nobody_can_show_any_more_is_cleared_away(world: World, screen: Screen) -> None:
    def left(table: sa.Table) -> int:
        with world.house.store.read() as conn:
            return int(conn.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())

    started = screen.start()
    say(Browser(world), started)
    screen.poll(started)
    with world.house.store.write() as tx:
        prune(tx, tx.now + dt.timedelta(days=29))
    assert left(oauth_device_question) == 0
    assert told(screen.poll(started)) == (400, "invalid_grant")
    with world.house.store.write() as tx:
        prune(tx, tx.now + dt.timedelta(days=31))
    assert left(oauth_device) == 0
    forgotten = [screen.start() for _ in range(3)]
    world.house.clock.advance(901)
    screen.start()
    assert told(screen.poll(forgotten[0])) == (400, "expired_token")
    world.house.clock.advance(900)
    screen.start()
    assert told(screen.poll(forgotten[0])) == (400, "invalid_grant")
    assert left(oauth_device) == 2
