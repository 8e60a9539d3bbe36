"""Which grant types a client may use is chosen for it, and holds from the next request on."""

from __future__ import annotations

import json
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor

import pytest

from flask_apiguard.credentials.tokens import SIGNED
from flask_apiguard.errors import Invalid
from flask_apiguard.oauth import chosen_of, set_device, set_grant_types
from flask_apiguard.oauth.token_formats import set_certificate_bound, set_token_format
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import CALLBACK, Browser, answered, redeem, refresh, wanted
from tests.oauth.devices import Screen
from tests.oauth.world import Holder, World
from tests.waiting import PATIENCE, wait_for

ASK = {"grant_type": "client_credentials"}


def choose(world: World, holder: Holder, chosen: Collection[str] | None) -> None:
    with world.house.store.write() as tx:
        set_grant_types(tx, SYSTEM, holder.id, chosen, "as agreed")


def refused(world: World, holder: Holder) -> bool:
    answer = world.post("token", ASK, holder)
    return answer.status_code == 400 and answer.json()["error"] == "unauthorized_client"


def test_a_client_uses_what_was_chosen_for_it_and_nothing_else(any_world: World) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))
    assert any_world.post("token", ASK, holder).status_code == 200, "any, until somebody chooses"
    choose(any_world, holder, ["authorization_code", "refresh_token"])
    assert refused(any_world, holder)
    tokens = Browser(any_world).tokens(holder)
    assert refresh(any_world, holder, tokens["refresh_token"]).status_code == 200
    choose(any_world, holder, None)
    assert any_world.post("token", ASK, holder).status_code == 200


def test_two_who_choose_for_one_client_at_once_both_get_their_way(any_world: World) -> None:
    holder, store = any_world.holder(), any_world.house.store

    def bind() -> None:
        with store.write() as tx:
            set_certificate_bound(tx, SYSTEM, holder.id, True)

    with ThreadPoolExecutor(1) as pool:
        with store.write() as tx:
            set_device(tx, SYSTEM, holder.id, True)
            other = pool.submit(bind)
            wait_for(any_world.somebody_waits)
        other.result(PATIENCE)
    with store.read() as conn:
        chosen = chosen_of(conn, holder.id)
    assert (chosen.device, chosen.certificate_bound) == (True, True)


def test_what_is_remembered_of_a_client_holds_until_something_else_is_chosen(any_world: World) -> None:
    holder = any_world.holder(redirect_uris=(CALLBACK,))

    def token() -> str:
        return str(any_world.post("token", ASK, holder).json().get("access_token"))

    assert not SIGNED.fullmatch(token())
    tokens = Browser(any_world).tokens(holder)
    assert not SIGNED.fullmatch(token())
    again = refresh(any_world, holder, tokens["refresh_token"]).json()
    assert again["refresh_token"] != tokens["refresh_token"], "of one kind what was remembered is not used for another"
    with any_world.house.store.write() as tx:
        set_token_format(tx, SYSTEM, holder.id, "jwt")
    assert SIGNED.fullmatch(token())
    with any_world.house.store.write() as tx:
        set_token_format(tx, SYSTEM, holder.id, None)
        set_certificate_bound(tx, SYSTEM, holder.id, True)
    assert any_world.post("token", ASK, holder).status_code == 400
    with any_world.house.store.write() as tx:
        set_certificate_bound(tx, SYSTEM, holder.id, False)
    assert not SIGNED.fullmatch(token())


def test_who_may_not_ask_users_is_told_so_before_anybody_is_asked(world: World) -> None:
    holder, browser = world.holder(redirect_uris=(CALLBACK,)), Browser(world)
    code = browser.code(holder)
    choose(world, holder, ["client_credentials"])
    assert answered(browser.ask(wanted(holder)))["error"] == "unauthorized_client"
    pushed = world.post("par", wanted(holder), holder)
    assert (pushed.status_code, pushed.json()["error"]) == (400, "unauthorized_client")
    redeemed = redeem(world, holder, code)
    assert (redeemed.status_code, redeemed.json()["error"]) == (400, "unauthorized_client")
    choose(world, holder, ["authorization_code"])
    assert redeem(world, holder, code).status_code == 200, "what was refused is not used up"


def test_a_refresh_token_is_of_no_use_to_who_may_not_refresh(world: World) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,))
    tokens = Browser(world).tokens(holder)
    choose(world, holder, ["authorization_code"])
    answer = refresh(world, holder, tokens["refresh_token"])
    assert (answer.status_code, answer.json()["error"]) == (400, "unauthorized_client")


def test_the_grant_type_of_devices_is_given_apart(world: World) -> None:
    holder = world.holder(device=True)
    choose(world, holder, [])
    assert Screen(world, holder).tokens()["access_token"]
    assert refused(world, holder)


def test_who_proved_nothing_learns_nothing_of_what_a_client_may(world: World) -> None:
    holder = world.holder()
    choose(world, holder, [])
    answer = world.post("token", {**ASK, "client_id": holder.id, "client_secret": "wrong"})
    assert answer.json()["error"] == "invalid_client"


@pytest.mark.parametrize("wrong", ["password", "device_code", "", "urn:ietf:params:oauth:grant-type:device_code"])
def test_a_word_that_is_none_of_the_choosable_is_refused(world: World, wrong: str) -> None:
    with pytest.raises(Invalid):
        choose(world, world.holder(), ["client_credentials", wrong])


def test_the_choice_is_an_entry_of_the_ledger(world: World) -> None:
    holder = world.holder()
    choose(world, holder, ["refresh_token", "client_credentials"])
    entry = world.house.ledger.entries(subject=f"client:{holder.id}", limit=1).entries[0]
    told = json.loads(entry.text)
    assert (told["after"], entry.reason) == ({"grant_types": ["client_credentials", "refresh_token"]}, "as agreed")
