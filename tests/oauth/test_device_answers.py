"""What a user answers about a device counts once, for what was shown, and only from our own page (RFC 8628)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from flask_apiguard import access
from flask_apiguard.clients import registry
from flask_apiguard.oauth import consents_of
from flask_apiguard.values import SYSTEM
from tests.oauth.browser import CALLBACK, Browser
from tests.oauth.devices import Screen, field, question, say, send, told, type_in
from tests.oauth.world import World


@pytest.fixture
def screen(world: World) -> Screen:
    return Screen(world, world.holder(device=True))


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


def consented(world: World, screen: Screen, user: str = "alice") -> set[str]:
    """What a user allowed the screen's client."""
    with world.house.store.read() as conn:
        found = [one for one in consents_of(conn, user) if one.client_id == screen.holder.id]
    return set(found[0].scopes) if found else set()


# -- forged answers ------------------------------------------------------------------------------------------------


def test_what_does_not_come_from_our_own_page_is_looked_at_by_nobody(
    world: World, browser: Browser, screen: Screen
) -> None:
    started = screen.start()
    empty, asked = field(browser), question(browser, started)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}, {"Origin": "null"}):
        assert send(browser, empty, headers, user_code=started["user_code"]).status_code == 403
        assert send(browser, asked, headers, answer="allow").status_code == 403
    for page, more in ((empty, {"user_code": started["user_code"]}), (asked, {"answer": "allow"})):
        assert send(browser, page, proof=None, **more).status_code == 403
        assert send(browser, page, proof="x", **more).status_code == 403
        assert send(Browser(world, "mallory"), page, **more).status_code == 403  # another's proof
    assert send(browser, asked, answer="perhaps").status_code == 403
    assert told(screen.poll(started)) == (400, "authorization_pending")
    assert consented(world, screen) == set()


def test_a_form_without_the_questions_own_text_answers_nothing(browser: Browser, screen: Screen) -> None:
    asked = question(browser, screen.start())
    for request in (None, "guess", "x" * 43):
        assert send(browser, asked, request=request, answer="allow").status_code == 400


@pytest.mark.parametrize("media_type", ["text/plain", "application/json", "multipart/form-data; boundary=x"])
def test_an_answer_is_a_form_and_nothing_else(browser: Browser, screen: Screen, media_type: str) -> None:
    asked = question(browser, screen.start())
    assert send(browser, asked, {"Content-Type": media_type}, answer="allow").status_code == 400


def test_nothing_is_answered_by_following_a_link(world: World, browser: Browser, screen: Screen) -> None:
    started = screen.start()
    text = re.search(r'name="request" value="([^"]+)"', question(browser, started).text)
    assert text is not None
    field(browser, f"?request={text[1]}&answer=allow&user_code={started['user_code']}")
    assert told(screen.poll(started)) == (400, "authorization_pending")


def test_a_question_is_answered_by_the_user_it_was_shown_to(world: World, browser: Browser, screen: Screen) -> None:
    started = screen.start()
    asked, mallory = question(browser, started), Browser(world, "mallory")
    own = re.search(r'name="proof" value="([^"]+)"', field(mallory).text)
    assert own is not None
    assert send(mallory, asked, proof=own[1], answer="allow").status_code == 400
    assert send(browser, asked, answer="allow").status_code == 200


# -- answered once -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("first", "second"), [("allow", "allow"), ("allow", "deny"), ("deny", "allow")])
def test_an_answer_that_is_sent_twice_stands_as_it_was_given_first(
    world: World, browser: Browser, screen: Screen, first: str, second: str
) -> None:
    asked = question(browser, screen.start())
    page = send(browser, asked, answer=first)
    again = send(browser, asked, answer=second)
    assert (again.status_code, again.text) == (200, page.text)
    assert ("is connected" in page.text) is (first == "allow")
    assert consented(world, screen) == ({"orders:read"} if first == "allow" else set())


def test_two_windows_of_one_user_tell_the_same(browser: Browser, screen: Screen) -> None:
    started = screen.start()
    one, other = question(browser, started), question(browser, started)
    assert "is not connected" in send(browser, one, answer="deny").text
    assert "is not connected" in send(browser, other, answer="allow").text
    assert told(screen.poll(started)) == (400, "access_denied")


def test_of_two_users_the_first_one_answers(world: World, screen: Screen) -> None:
    started = screen.start()
    alice, bob = Browser(world), Browser(world, "bob")
    of_alice, of_bob = question(alice, started), question(bob, started)
    assert send(bob, of_bob, answer="allow").status_code == 200
    late = send(alice, of_alice, answer="allow")
    assert late.status_code == 400
    assert "answered already" in late.text
    assert consented(world, screen) == set()
    assert world.call(screen.poll(started).json()["access_token"]).json()["user"] == "bob"


def test_an_allow_and_a_deny_at_once_end_as_one_of_both(any_world: World) -> None:
    screen, browser = Screen(any_world, any_world.holder(device=True)), Browser(any_world, "racer")
    for _ in range(4):
        started = screen.start()
        pages = [question(browser, started) for _ in range(2)] * 4
        with ThreadPoolExecutor(8) as pool:
            sent = [
                pool.submit(send, browser, page, answer="allow" if number % 3 else "deny")
                for number, page in enumerate(pages)
            ]
            found = {"is connected" in future.result().text for future in sent}
        assert len(found) == 1  # everybody hears the same
        polled = screen.poll(started)
        assert polled.status_code == (200 if found == {True} else 400)


def test_answers_of_many_users_at_once_make_one_consent(any_world: World) -> None:
    screen = Screen(any_world, any_world.holder(device=True))
    started = screen.start()
    users = [Browser(any_world, f"crowd{number}") for number in range(8)]
    pages = [question(user, started) for user in users]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: send(*pair, answer="allow").status_code, zip(users, pages, strict=True)))
    assert sorted(found) == [200] + [400] * 7
    first = users[found.index(200)].user
    assert first is not None
    assert [user.user for user in users if consented(any_world, screen, user.user or "")] == [first]
    assert any_world.call(screen.poll(started).json()["access_token"]).json()["user"] == first


# -- what changed between page and answer --------------------------------------------------------------------------


def test_what_is_granted_is_what_was_kept_whatever_the_browser_sends(
    world: World, browser: Browser, screen: Screen
) -> None:
    started = screen.start()
    asked = question(browser, started)
    send(browser, asked, answer="allow", scope="orders:read orders:write", client_id="cli_x", user_id="bob")
    assert consented(world, screen) == {"orders:read"}
    assert screen.poll(started, scope="orders:read orders:write").json()["scope"] == "orders:read"


def test_a_scope_that_was_not_shown_is_not_granted_though_it_was_asked_for(
    world: World, browser: Browser, screen: Screen
) -> None:
    started, client = screen.start(scope="orders:read orders:write"), screen.holder.client
    where = (client.application_id, client.environment)
    with world.house.store.write() as tx:
        access.end(tx, SYSTEM, *where, ["orders:write"], "over")
    asked = question(browser, started)
    assert "Change your orders" not in asked.text
    with world.house.store.write() as tx:
        access.give(tx, SYSTEM, *where, ["orders:write"])
    send(browser, asked, answer="allow")
    assert consented(world, screen) == {"orders:read"}
    assert screen.poll(started).json()["scope"] == "orders:read"


def test_what_waited_too_long_is_neither_found_nor_granted(world: World, browser: Browser, screen: Screen) -> None:
    started = screen.start()
    asked = question(browser, started)
    world.house.clock.advance(901)
    assert "No device shows this code" in type_in(browser, started["user_code"]).text
    late = send(browser, asked, answer="allow")
    assert (late.status_code, "waited too long" in late.text) == (400, True)
    assert consented(world, screen) == set()


@pytest.mark.parametrize("answer", ["allow", "deny"])
def test_a_code_that_was_answered_is_known_to_nobody_any_more(browser: Browser, screen: Screen, answer: str) -> None:
    started = screen.start()
    say(browser, started, answer)
    unknown = type_in(browser, "BBBB-BBBB").text
    assert type_in(browser, started["user_code"]).text == unknown.replace("BBBB-BBBB", started["user_code"])


def test_a_suspended_clients_device_looks_like_one_that_is_not_there(
    world: World, browser: Browser, screen: Screen
) -> None:
    started = screen.start()
    unknown = type_in(browser, "BBBB-BBBB")
    with world.house.store.write() as tx:
        registry.suspend(tx, SYSTEM, screen.holder.id, "odd")
    found = type_in(browser, started["user_code"])
    assert (found.status_code, found.text) == (400, unknown.text.replace("BBBB-BBBB", started["user_code"]))


def test_a_device_and_a_browser_of_one_client_share_a_consent_and_its_end(world: World) -> None:
    holder = world.holder(redirect_uris=(CALLBACK,), device=True)
    screen, browser = Screen(world, holder), Browser(world, "both")
    tokens = [browser.tokens(holder)["access_token"], screen.tokens("both")["access_token"]]
    page = browser.session.get(world.base + "/oauth/connections", timeout=20)
    assert page.text.count("Disconnect</button>") == 1
    proof = re.search(r'name="proof" value="([^"]+)"', page.text)
    assert proof is not None
    data = {"proof": proof[1], "client_id": holder.id}
    assert browser.session.post(world.base + "/oauth/connections", data=data, timeout=20).status_code == 200
    assert {world.call(token).status_code for token in tokens} == {401}


def test_the_form_of_one_page_is_good_for_no_other(world: World, browser: Browser, screen: Screen) -> None:
    tokens = screen.tokens()
    proof = re.search(r'name="proof" value="([^"]+)"', field(browser).text)
    assert proof is not None
    data = {"proof": proof[1], "client_id": screen.holder.id}
    assert browser.session.post(world.base + "/oauth/connections", data=data, timeout=20).status_code == 403
    assert world.call(tokens["access_token"]).status_code == 200
    assert requests.get(world.base + "/oauth/device", timeout=20).status_code == 401
