"""What became of a client between question and answer counts, and so does what became of it before its code comes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flask_apiguard import access
from flask_apiguard.clients import registry
from flask_apiguard.oauth import consents_of, set_device, set_grant_types
from flask_apiguard.values import SYSTEM, Environment
from tests.oauth.browser import CALLBACK, Browser, answered, redeem, refresh, wanted
from tests.oauth.devices import Screen, question, send
from tests.oauth.world import Holder, World

OTHER = "https://old.example/cb"


def without_its_redirect_uri(world: World, holder: Holder) -> None:
    with world.house.store.write() as tx:
        registry.edit_application(tx, SYSTEM, holder.client.application_id, {"redirect_uris": (CALLBACK,)})


def suspended(world: World, holder: Holder) -> None:
    with world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, holder.id, "a test")


def without_codes(world: World, holder: Holder) -> None:
    with world.house.store.write() as tx:
        set_grant_types(tx, SYSTEM, holder.id, ["client_credentials"])


def without_devices(world: World, holder: Holder) -> None:
    with world.house.store.write() as tx:
        set_device(tx, SYSTEM, holder.id, False)


Lose = Callable[[World, Holder], None]


def allowed(world: World, user: str) -> list[str]:
    with world.house.store.read() as conn:
        return [one.client_id for one in consents_of(conn, user)]


@pytest.mark.parametrize("answer", ["allow", "deny"])
@pytest.mark.parametrize("lose", [without_its_redirect_uri, suspended])
def test_nobody_is_sent_to_where_nobody_may_be_sent_any_more(any_world: World, lose: Lose, answer: str) -> None:
    holder, browser = any_world.holder(redirect_uris=(CALLBACK, OTHER)), Browser(any_world, f"{lose.__name__}-{answer}")
    page = browser.ask(wanted(holder, redirect_uri=OTHER))
    lose(any_world, holder)
    said = browser.answer(page, answer)
    assert (said.status_code, "Location" in said.headers) == (400, False)
    assert "Nothing was allowed." in said.text
    assert not allowed(any_world, str(browser.user))


def test_who_may_not_ask_users_any_more_is_told_so_and_gets_no_code(any_world: World) -> None:
    holder, browser = any_world.holder(redirect_uris=(CALLBACK,)), Browser(any_world, "carl")
    page = browser.ask(wanted(holder))
    without_codes(any_world, holder)
    said = answered(browser.answer(page))
    assert (said["error"], said["state"], "code" in said) == ("unauthorized_client", "s1", False)
    assert not allowed(any_world, "carl")


@pytest.mark.parametrize("public", [True, False])
def test_a_code_that_went_to_an_address_taken_away_since_is_no_good(any_world: World, public: bool) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK, OTHER), public=public)
    browser = Browser(any_world)
    gone, good = browser.code(holder, redirect_uri=OTHER), browser.code(holder)
    without_its_redirect_uri(any_world, holder)
    said = redeem(any_world, holder, gone, public=public, redirect_uri=OTHER)
    assert (said.status_code, said.json()["error"]) == (400, "invalid_grant")
    assert redeem(any_world, holder, good, public=public).status_code == 200


@pytest.mark.parametrize("lose", [suspended, without_devices])
def test_a_device_whose_client_lost_its_right_meanwhile_is_allowed_nothing(any_world: World, lose: Lose) -> None:
    screen, browser = Screen(any_world, any_world.holder(device=True)), Browser(any_world, f"dan-{lose.__name__}")
    page = question(browser, screen.start())
    lose(any_world, screen.holder)
    said = send(browser, page, answer="allow")
    assert said.status_code == 400
    assert "Nothing was allowed." in said.text
    assert not allowed(any_world, str(browser.user))


def test_who_lost_every_scope_meanwhile_gets_no_token_that_opens_nothing(any_world: World) -> None:
    holder, browser = any_world.holder(redirect_uris=(CALLBACK,), device=True), Browser(any_world)
    screen = Screen(any_world, holder)
    tokens, started = browser.tokens(holder), screen.start()
    send(browser, question(browser, started), answer="allow")
    code = browser.code(holder, prompt="consent")
    with any_world.house.store.write() as tx:
        access.end(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, None, "a test")
    for said in (redeem(any_world, holder, code), refresh(any_world, holder, tokens["refresh_token"])):
        assert (said.status_code, said.json()["error"]) == (400, "invalid_scope")
    assert screen.poll(started).json()["error"] == "invalid_scope"
    with any_world.house.store.write() as tx:
        access.give(tx, SYSTEM, holder.client.application_id, Environment.PRODUCTION, ["orders:read"])
    assert refresh(any_world, holder, tokens["refresh_token"]).json()["scope"] == "orders:read"
