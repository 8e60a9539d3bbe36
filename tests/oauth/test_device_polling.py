"""A device polls for its tokens: at its pace, until its user answered, once, and with its own code (RFC 8628)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from flask_apiguard.oauth import withdraw
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import Browser, refresh
from tests.oauth.devices import GRANT_TYPE, Screen, entries, say, told
from tests.oauth.world import World


@pytest.fixture
def screen(world: World) -> Screen:
    return Screen(world, world.holder(device=True))


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
