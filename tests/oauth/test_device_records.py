"""What is on record of devices and of their users, and for how long what they left is kept."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from flask_apiguard.oauth import prune
from flask_apiguard.oauth.device_table import oauth_device, oauth_device_question
from tests.oauth.browser import Browser
from tests.oauth.devices import Screen, entries, field, question, say, send, told, type_in
from tests.oauth.test_records import event_of
from tests.oauth.world import World


@pytest.fixture
def screen(world: World) -> Screen:
    return Screen(world, world.holder(device=True))


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
