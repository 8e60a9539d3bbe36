"""A user who is gone: nothing that acted for them opens, refreshes or goes on."""

from __future__ import annotations

from flask_apiguard.oauth import withdraw_all
from flask_apiguard.oauth.leaving import Left
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import CALLBACK, Browser, redeem, refresh, wanted
from tests.oauth.devices import Screen, question, send
from tests.oauth.world import World


def gone(world: World, user: str) -> Left:
    with world.house.store.write() as tx:
        return withdraw_all(tx, SYSTEM, user, "left the house")


def test_nothing_goes_on_for_a_user_who_is_gone(any_world: World) -> None:
    first, second = (any_world.holder(redirect_uris=(CALLBACK,), device=True) for _ in range(2))
    browser, screen = Browser(any_world, "gone"), Screen(any_world, second)
    tokens = [(holder, browser.tokens(holder)) for holder in (first, second)]
    code, page = browser.code(first), browser.ask(wanted(first, prompt="consent"))
    allowed, asked = screen.start(), screen.start()
    send(browser, question(browser, allowed), answer="allow")
    device_page = question(browser, asked)
    kept = Browser(any_world, "kept").tokens(first)
    left = gone(any_world, "gone")
    assert (left.clients, left.waiting) == (tuple(sorted((first.id, second.id))), 4)
    for holder, found in tokens:
        assert any_world.call(found["access_token"]).status_code == 401
        assert refresh(any_world, holder, found["refresh_token"]).json()["error"] == "invalid_grant"
    browser.code(first, prompt="consent")  # somebody under the same id later
    assert redeem(any_world, first, code).json()["error"] == "invalid_grant"
    assert screen.poll(allowed).json()["error"] == "expired_token"
    assert browser.answer(page).status_code == 400
    assert send(browser, device_page, answer="allow").status_code == 400
    assert any_world.call(kept["access_token"]).status_code == 200
    assert refresh(any_world, first, kept["refresh_token"]).status_code == 200


def test_it_is_on_the_ledger_of_every_client_and_once(any_world: World) -> None:
    holder, browser = any_world.holder(redirect_uris=(CALLBACK,)), Browser(any_world, "once")
    browser.tokens(holder)
    with any_world.house.store.write() as tx:
        facts = {"client_id": holder.id, "environment": holder.client.environment, "scopes": ["orders:read"]}
        any_world.house.tokens.issue(tx, user_id="without-consent", **facts)
    assert gone(any_world, "once").clients == (holder.id,)
    assert gone(any_world, "once") == Left((), 0)
    assert gone(any_world, "without-consent") == Left((), 0)
    found = any_world.house.ledger.entries(subject=f"client:{holder.id}").entries
    assert [str(one.happening) for one in found if one.reason == "left the house"] == [
        "credentials:tokens:revoked", "oauth:consent:withdrawn",
    ]  # fmt: skip
