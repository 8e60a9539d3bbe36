"""What a user's browser sends back changes nothing of what was asked; a user who can't be named is refused."""

from __future__ import annotations

import re
from collections.abc import Mapping
from html import unescape

import pytest
import requests

from flask_apiguard.oauth.pages import id_of
from flask_apiguard.oauth.refusals import Refused
from flask_apiguard.values import HostUser
from tests.oauth.browser import CALLBACK, Browser, answered, redeem, wanted
from tests.oauth.world import World


@pytest.mark.parametrize("user_id", ["", "x" * 201, "a\0b", "a\ud800"])
def test_a_user_who_can_not_be_kept_is_refused_and_no_fault(user_id: str) -> None:
    with pytest.raises(Refused):
        id_of(HostUser(user_id))
    assert id_of(HostUser("ünïcode 1")) == "ünïcode 1"


def sent_back(browser: Browser, page: requests.Response, more: Mapping[str, str]) -> requests.Response:
    """The page's own form, with more in it than the page put there."""
    text, action = (
        re.search(pattern, page.text) for pattern in (r'name="request" value="([^"]+)"', r'action="([^"]+)"')
    )
    assert text is not None
    assert action is not None
    return browser.session.post(
        browser.world.base + unescape(action[1]), data={"request": text[1], "answer": "allow", **more},
        allow_redirects=False, timeout=20,
    )  # fmt: skip


@pytest.mark.parametrize(
    "more",
    [
        {"scope": "orders:read orders:write"}, {"client_id": "cli_other"}, {"redirect_uri": "https://evil.example/cb"},
        {"state": "s2"}, {"code_challenge": "x" * 43}, {"resource": "https://other.example"}, {"user_id": "bob"},
        {"dpop_jkt": "x" * 43},
    ],
    ids=lambda more: next(iter(more)),
)  # fmt: skip
def test_what_was_shown_is_granted_whatever_comes_back_beside_the_answer(
    any_world: World, more: dict[str, str]
) -> None:
    holder, browser = any_world.holder(redirect_uris=(CALLBACK,)), Browser(any_world)
    back = sent_back(browser, browser.ask(wanted(holder)), more)
    assert back.headers["Location"].startswith(CALLBACK + "?")
    said = answered(back)
    assert (said["state"], said["iss"]) == ("s1", any_world.base)
    tokens = redeem(any_world, holder, said["code"]).json()
    assert tokens["scope"] == "orders:read"
    assert any_world.call(tokens["access_token"]).json()["user"] == "alice"


def test_of_two_pages_each_grants_its_own_request(world: World) -> None:
    holder, browser = world.holder(redirect_uris=(CALLBACK,)), Browser(world, "tilda")
    less, more = browser.ask(wanted(holder)), browser.ask(wanted(holder, scope="orders:read orders:write", state="s2"))
    first, second = answered(browser.answer(less)), answered(browser.answer(more))
    assert redeem(world, holder, first["code"]).json()["scope"] == "orders:read"
    assert redeem(world, holder, second["code"]).json()["scope"] == "orders:read orders:write"
    assert (first["state"], second["state"]) == ("s1", "s2")
