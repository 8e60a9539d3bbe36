"""Refresh tokens are good for one use each; a second one ends the family, and a lost answer ends nothing."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from flask_apiguard import access
from flask_apiguard.credentials import Kind
from flask_apiguard.oauth import withdraw
from flask_apiguard.values import SYSTEM, Environment
from tests.oauth.browser import CALLBACK, Browser, redeem, refresh
from tests.oauth.world import Holder, World


@pytest.fixture
def holder(world: World) -> Holder:
    return world.holder(redirect_uris=(CALLBACK,))


def error(answer: requests.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]


def test_a_reused_refresh_token_ends_the_whole_family(any_world: World) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    first = Browser(any_world).tokens(holder)
    second = refresh(any_world, holder, first["refresh_token"]).json()
    third = refresh(any_world, holder, second["refresh_token"]).json()
    assert any_world.call(third["access_token"]).status_code == 200
    assert error(refresh(any_world, holder, first["refresh_token"])) == (400, "invalid_grant")
    for tokens in (first, second, third):
        assert any_world.call(tokens["access_token"]).status_code == 401
    assert error(refresh(any_world, holder, third["refresh_token"])) == (400, "invalid_grant")


def test_a_client_that_lost_the_answer_gets_the_same_next_token_for_some_seconds(world: World, holder: Holder) -> None:
    first = Browser(world).tokens(holder)
    second = refresh(world, holder, first["refresh_token"]).json()
    again = refresh(world, holder, first["refresh_token"])
    assert again.json()["refresh_token"] == second["refresh_token"]
    assert world.call(again.json()["access_token"]).status_code == 200
    world.house.clock.advance(11)
    assert error(refresh(world, holder, first["refresh_token"])) == (400, "invalid_grant")
    assert error(refresh(world, holder, second["refresh_token"])) == (400, "invalid_grant")


def test_thirty_two_refreshes_at_once_leave_one_chain(any_world: World) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    first = Browser(any_world).tokens(holder)
    with ThreadPoolExecutor(32) as pool:
        found = list(pool.map(lambda _: refresh(any_world, holder, first["refresh_token"]), range(32)))
    assert {answer.status_code for answer in found} == {200}
    assert len({answer.json()["refresh_token"] for answer in found}) == 1
    assert refresh(any_world, holder, found[0].json()["refresh_token"]).status_code == 200


def test_more_than_was_granted_is_refused_and_less_is_possible(world: World, holder: Holder) -> None:
    tokens = Browser(world).tokens(holder, scope="orders:read orders:write")
    assert error(refresh(world, holder, tokens["refresh_token"], scope="reports:read")) == (400, "invalid_scope")
    less = refresh(world, holder, tokens["refresh_token"], scope="orders:read").json()
    assert less["scope"] == "orders:read"
    assert refresh(world, holder, less["refresh_token"]).json()["scope"] == "orders:read orders:write"


def test_a_refresh_token_of_another_client_is_refused_and_lives_on(world: World, holder: Holder) -> None:
    other = world.holder(redirect_uris=(CALLBACK,))
    tokens = Browser(world).tokens(holder)
    assert error(refresh(world, other, tokens["refresh_token"])) == (400, "invalid_grant")
    assert refresh(world, holder, tokens["refresh_token"]).status_code == 200


def test_what_the_client_lost_meanwhile_is_not_refreshed(world: World, holder: Holder) -> None:
    tokens = Browser(world).tokens(holder, scope="orders:read orders:write")
    with world.house.store.write() as tx:
        access.end(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, ["orders:write"], "less")
    assert refresh(world, holder, tokens["refresh_token"]).json()["scope"] == "orders:read"
    with world.house.store.write() as tx:
        withdraw(tx, SYSTEM, "alice", holder.id)
    assert error(refresh(world, holder, tokens["refresh_token"])) == (400, "invalid_grant")


@pytest.mark.parametrize("text", ["", "nonsense", "acme_rt_x", "é"])
def test_what_is_no_refresh_token_is_refused(world: World, holder: Holder, text: str) -> None:
    assert refresh(world, holder, text).status_code == 400


def test_an_access_token_refreshes_nothing(world: World, holder: Holder) -> None:
    tokens = Browser(world).tokens(holder)
    assert error(refresh(world, holder, tokens["access_token"])) == (400, "invalid_grant")


def test_an_expired_refresh_token_is_refused(world: World, holder: Holder) -> None:
    tokens = Browser(world).tokens(holder)
    world.house.clock.advance(30 * 86400 + 1)
    assert error(refresh(world, holder, tokens["refresh_token"])) == (400, "invalid_grant")


def test_what_a_user_allowed_once_is_not_refreshed_for_ever(world: World, holder: Holder) -> None:
    with world.house.store.write() as tx:
        _, secret = world.house.keys.create(
            tx, SYSTEM, holder.id, kind=Kind.CLIENT_SECRET, name="long", lifetime=dt.timedelta(days=3000)
        )
    lasting = Holder(holder.client, holder.credential, secret)
    text = Browser(world).tokens(lasting)["refresh_token"]
    for _ in range(14):
        world.house.clock.advance(26 * 86400)
        answer = refresh(world, lasting, text)
        assert answer.status_code == 200
        text = answer.json()["refresh_token"]
    world.house.clock.advance(2 * 86400)
    assert error(refresh(world, lasting, text)) == (400, "invalid_grant")


def test_a_public_client_refreshes_by_its_name_and_rotation(world: World) -> None:
    public = world.holder(redirect_uris=(CALLBACK,), public=True)
    code = Browser(world).code(public)
    tokens = redeem(world, public, code, public=True).json()
    assert refresh(world, public, tokens["refresh_token"], public=True).status_code == 200


def test_what_a_user_withdraws_is_on_the_ledger_with_what_ended(world: World, holder: Holder) -> None:
    Browser(world).tokens(holder)
    with world.house.store.write() as tx:
        withdraw(tx, SYSTEM, "alice", holder.id)
    found = [str(entry.happening) for entry in world.house.ledger.entries(subject=f"client:{holder.id}").entries]
    assert "oauth:consent:given" in found
    assert "oauth:consent:withdrawn" in found
