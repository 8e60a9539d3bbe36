"""A request that its client pushed is what the user is asked, whatever a browser brings, and only once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from flask_apiguard.clock import Clock
from flask_apiguard.crypto import Secrets
from flask_apiguard.errors import StoreAway
from flask_apiguard.oauth.throttle import Throttle
from flask_apiguard.quotas import Memory
from tests.oauth.browser import CALLBACK, Browser, answered, redeem, wanted
from tests.oauth.world import Holder, World


@pytest.fixture
def holder(any_world: World) -> Holder:
    return any_world.holder(redirect_uris=(CALLBACK,))


def push(world: World, holder: Holder, **more: str | None) -> requests.Response:
    return world.post("par", wanted(holder, **more), holder)


def named(world: World, holder: Holder, **more: str | None) -> dict[str, str]:
    """What the browser brings for a pushed request."""
    answer = push(world, holder, **more)
    assert answer.status_code == 201, answer.text
    return {"client_id": holder.id, "request_uri": answer.json()["request_uri"]}


def refused(page: requests.Response) -> None:
    assert page.status_code == 400, page.text
    assert "Location" not in page.headers


def test_a_pushed_request_leads_to_tokens(any_world: World, holder: Holder) -> None:
    answer = push(any_world, holder)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert answer.json()["expires_in"] == 300
    assert answer.json()["request_uri"].startswith("urn:ietf:params:oauth:request_uri:")
    browser = Browser(any_world)
    page = browser.ask({"client_id": holder.id, "request_uri": answer.json()["request_uri"]})
    found = answered(browser.answer(page))
    assert (found["state"], found["iss"]) == ("s1", any_world.base)
    assert redeem(any_world, holder, found["code"]).status_code == 200


def test_a_public_client_pushes_by_its_id(world: World) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,), public=True)
    answer = world.post("par", wanted(holder))
    assert answer.status_code == 201
    assert Browser(world).ask({"client_id": holder.id, "request_uri": answer.json()["request_uri"]}).status_code == 200


def test_a_public_client_pushes_so_often_from_one_address_and_holds_up_no_other(
    any_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It proves nothing, so anybody may push in its name."""
    monkeypatch.setattr("flask_apiguard.oauth.throttle.PUSHED_FROM_ADDRESS", 5)
    public, other = (any_world.holder(redirect_uris=(CALLBACK,), public=True) for _ in range(2))
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda _: any_world.post("par", wanted(public)), range(12)))
    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [429] * 7, "of any number at once"
    refusal = next(answer for answer in answers if answer.status_code == 429)
    assert refusal.json()["error"] == "temporarily_unavailable"
    assert 1 <= int(refusal.headers["Retry-After"]) <= 2 * 600
    assert any_world.post("par", wanted(other)).status_code == 201
    confidential = any_world.holder(redirect_uris=(CALLBACK,))
    assert {push(any_world, confidential).status_code for _ in range(7)} == {201}, "who proves itself is known"
    any_world.house.clock.advance(2 * 600)
    assert any_world.post("par", wanted(public)).status_code == 201


def test_a_network_is_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flask_apiguard.oauth.throttle.PUSHED_FROM_ADDRESS", 1)
    throttle = Throttle(Memory(), Clock(), Secrets(b"x" * 32))
    assert throttle.pushed("cli_a", "2001:db8:1:2::1") is None
    assert throttle.pushed("cli_a", "2001:db8:1:2::2") is not None, "a neighbour in the same network"
    assert throttle.pushed("cli_a", "2001:db8:1:3::1") is None
    assert throttle.pushed("cli_b", "2001:db8:1:2::1") is None


def test_while_nobody_can_tell_how_many_came_before_nothing_is_pushed_by_who_proves_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> Any:
        raise StoreAway("counter")

    monkeypatch.setattr(world.house.oauth.throttle._tries._counter(), "take", away)
    answer = world.post("par", wanted(world.holder(redirect_uris=(CALLBACK,), public=True)))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    assert push(world, world.holder(redirect_uris=(CALLBACK,))).status_code == 201


def test_a_pushed_request_is_asked_once(any_world: World, holder: Holder) -> None:
    browser, asked = Browser(any_world), named(any_world, holder)
    assert browser.ask(asked).status_code == 200
    refused(browser.ask(asked))
    refused(Browser(any_world, "bob").ask(asked))


def test_of_many_who_come_with_one_name_one_is_asked(any_world: World, holder: Holder) -> None:
    asked = named(any_world, holder)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: Browser(any_world).ask(asked).status_code, range(32)))
    assert sorted(found) == [200] + [400] * 31


def test_a_remembered_consent_uses_the_name_up_as_well(any_world: World, holder: Holder) -> None:
    Browser(any_world).code(holder)
    asked = named(any_world, holder)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: Browser(any_world).ask(asked).status_code, range(8)))
    assert sorted(found) == [302] + [400] * 7


def test_signing_in_first_uses_up_nothing(world: World) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,))
    asked = named(world, holder)
    assert Browser(world, None).ask(asked).status_code in (302, 303, 401)
    assert Browser(world).ask(asked).status_code == 200


def test_a_name_is_its_clients_own_and_ends(world: World) -> None:
    holder, other = (world.holder(redirect_uris=(CALLBACK,)) for _ in range(2))
    asked = named(world, holder)
    refused(Browser(world).ask({**asked, "client_id": other.id}))
    refused(Browser(world).ask({"request_uri": asked["request_uri"]}))
    refused(Browser(world).ask({**asked, "request_uri": asked["request_uri"] + "x"}))
    world.house.clock.advance(301)
    refused(Browser(world).ask(asked))


@pytest.mark.parametrize(
    "more", [{"scope": "orders:write"}, {"redirect_uri": CALLBACK}, {"state": "s2"}, {"prompt": "none"}, {"x": "y"}]
)
def test_nothing_stands_beside_a_name(world: World, more: dict[str, str]) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,))
    refused(Browser(world).ask(named(world, holder) | more))


@pytest.mark.parametrize(
    "name", ["https://evil.example/request", "urn:x", "file:///etc/passwd", "http://169.254.169.254/"]
)
def test_a_name_that_is_not_ours_is_fetched_from_nowhere(world: World, name: str) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,))
    back = Browser(world).ask(wanted(holder, request_uri=name))
    assert answered(back)["error"] == "request_uri_not_supported"
    refused(Browser(world).ask({"client_id": holder.id, "request_uri": name}))


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "invalid_request"),
        ({"request": "eyJ.eyJ.x"}, "request_not_supported"),
        ({"redirect_uri": "https://evil.example/cb"}, "invalid_request"),
        ({"redirect_uri": None}, "invalid_request"), ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"scope": "reports:read"}, "invalid_scope"), ({"resource": "https://other.example"}, "invalid_target"),
    ],
    ids=str,
)  # fmt: skip
def test_what_would_be_refused_later_is_refused_when_it_is_pushed(world: World, more: Any, error: str) -> None:
    answer = push(world, world.holder(redirect_uris=(CALLBACK,)), **more)
    assert (answer.status_code, answer.json()["error"]) == (400, error)


def test_only_a_client_that_proves_itself_pushes_and_by_post(world: World) -> None:
    holder, other = (world.holder(redirect_uris=(CALLBACK,)) for _ in range(2))
    assert world.post("par", wanted(holder)).status_code == 401
    assert world.post("par", wanted(holder), other).status_code == 400
    without = wanted(holder)
    del without["client_id"]
    assert world.post("par", without, holder).status_code == 201
    assert requests.get(world.base + "/oauth/par", timeout=20).status_code == 405
    told = requests.get(world.base + "/.well-known/oauth-authorization-server", timeout=20).json()
    assert told["pushed_authorization_request_endpoint"] == world.base + "/oauth/par"


def test_what_a_client_may_no_longer_do_is_refused_though_it_was_pushed(world: World) -> None:
    from flask_apiguard.clients import registry
    from flask_apiguard.values import SYSTEM

    holder = world.holder(redirect_uris=(CALLBACK,))
    asked = named(world, holder)
    with world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, holder.id, "an incident")
    refused(Browser(world).ask(asked))


def test_neither_the_name_nor_a_secret_is_kept(world: World) -> None:
    import sqlalchemy as sa

    from flask_apiguard.oauth.tables import oauth_pushed

    holder = world.holder(redirect_uris=(CALLBACK,))
    answer = world.post("par", wanted(holder) | {"client_secret": holder.secret})
    assert answer.status_code == 201
    text = answer.json()["request_uri"].rpartition(":")[2]
    with world.house.store.read() as conn:
        rows = str(conn.execute(sa.select(oauth_pushed)).all())
    assert text not in rows
    assert holder.secret not in rows
