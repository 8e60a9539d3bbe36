"""The page where a user types what a device shows: in words, once, for this user, and not by guessing (RFC 8628)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests

from flask_apiguard import access
from flask_apiguard.clients import registry
from flask_apiguard.oauth import consents_of
from flask_apiguard.values import SYSTEM, Environment
from tests.oauth.browser import CALLBACK, Browser
from tests.oauth.devices import Screen, field, question, say, send, told, type_in
from tests.oauth.world import World, make_app, running


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


# -- what the user sees --------------------------------------------------------------------------------------------


def test_the_question_says_who_asks_for_what_in_words_and_which_device(browser: Browser, screen: Screen) -> None:
    started = screen.start(scope="orders:read orders:write")
    page = question(browser, started)
    for text in ("See your orders", "Change your orders", "Pay &lt;b&gt;", "Alice", started["user_code"]):
        assert text in page.text
    assert "<b>" not in page.text
    assert "sandbox" not in page.text


def test_a_sandbox_says_so(world: World, browser: Browser) -> None:
    screen = Screen(world, world.holder(environment=Environment.SANDBOX, device=True))
    assert "sandbox" in question(browser, screen.start()).text


def test_no_state_of_the_page_is_framed_cached_or_scripted(browser: Browser, screen: Screen) -> None:
    started = screen.start()
    asked = question(browser, started)
    pages = [
        field(browser), field(browser, f"?user_code={started['user_code']}"), type_in(browser, "BBBB-BBBB"), asked,
        send(browser, asked, answer="deny"), send(browser, asked, request="x", answer="deny"),
    ]  # fmt: skip
    for page in pages:
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none';")
        assert re.search(r"form-action '(self|none)'$", policy)
        assert (page.headers["X-Frame-Options"], page.headers["Cache-Control"]) == ("DENY", "no-store")
        assert "<script" not in page.text
        assert "style=" not in page.text
        assert "Access-Control-Allow-Origin" not in page.headers


def test_what_was_allowed_before_is_asked_again_and_what_is_new_is_marked(
    world: World, browser: Browser, screen: Screen
) -> None:
    say(browser, screen.start())
    again = question(browser, screen.start(scope="orders:read orders:write"))
    assert again.text.count("new</em>") == 1
    assert "asks for access" in question(browser, screen.start()).text


def test_nobody_who_is_not_signed_in_is_asked(world: World, screen: Screen) -> None:
    nobody, started = Browser(world, None), screen.start()
    assert field(nobody).status_code == 401
    page = question(Browser(world), started)
    assert send(nobody, page, answer="allow").status_code == 401
    assert told(screen.poll(started)) == (400, "authorization_pending")


def test_a_host_that_says_where_it_signs_in_gets_its_user_back_with_the_code(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    with running(lambda base: make_app(base, url, APIGUARD_SIGN_IN="/login")) as world:
        started = Screen(world, world.holder(device=True)).start()
        back = field(Browser(world, None), f"?user_code={started['user_code']}")
        place, _, following = back.headers["Location"].partition("?next=")
        assert (back.status_code, place) == (302, "/login")
        page = Browser(world).session.get(world.base + unquote(following), allow_redirects=False, timeout=20)
        assert f'value="{started["user_code"]}"' in page.text


def test_a_link_with_the_code_types_it_and_looks_nothing_up(browser: Browser, screen: Screen) -> None:
    started = screen.start()
    page = field(browser, f"?user_code={started['user_code']}")
    assert f'value="{started["user_code"]}"' in page.text
    assert "only if your own device shows this very code" in page.text
    assert "Pay" not in page.text
    assert field(browser, "?user_code=BBBBBBBB").text.count("BBBB-BBBB") == 1


@pytest.mark.parametrize(
    "junk", ["%22%3E%3Cscript%3E", "%FF%FE", "x" * 3000, "BBBB-BBB", "%00", "user_code=&user_code"]
)
def test_a_link_with_anything_else_shows_an_empty_field(browser: Browser, junk: str) -> None:
    page = field(browser, f"?user_code={junk}")
    assert page.status_code == 200
    assert 'name="user_code" value=""' in page.text


@pytest.mark.parametrize(
    "form",
    ["{0}-{1}", "{0}{1}", " {0} {1} ", "{0}\u2013{1}", "{0}. {1}", "{0}_{1}"],
    ids=lambda form: form.format("A", "B"),
)
@pytest.mark.parametrize("lower", [False, True])
def test_a_code_is_known_however_it_was_typed(browser: Browser, screen: Screen, form: str, lower: bool) -> None:
    typed = form.format(*screen.start()["user_code"].split("-"))
    assert "asks for access" in type_in(browser, typed.lower() if lower else typed).text


@pytest.mark.parametrize(
    "typed", ["BBBB-BBBB", "AEIO-UAEI", "BBBB", "", '"><script>alert(1)</script>', "é" * 8, "ß" * 4]
)
def test_a_code_that_no_device_shows_leaves_the_field_and_says_what_to_do(browser: Browser, typed: str) -> None:
    page = type_in(browser, typed)
    assert page.status_code == 400
    assert "No device shows this code" in page.text
    assert 'aria-invalid="true"' in page.text
    assert "<script" not in page.text


def test_a_host_overrides_the_pages_block_by_block(tmp_path: Path) -> None:
    folder = tmp_path / "templates" / "apiguard" / "oauth"
    folder.mkdir(parents=True)
    (folder / "page.html").write_text("<title>Ours</title>{% block main %}{% endblock %}")
    url = f"sqlite:///{tmp_path}/a.db"

    def make(base: str) -> object:
        app = make_app(base, url)
        app.template_folder = str(tmp_path / "templates")
        return app

    with running(make) as world:  # type: ignore[arg-type]
        screen, browser = Screen(world, world.holder(device=True)), Browser(world)
        assert "<title>Ours</title>" in field(browser).text
        assert "is connected" in say(browser, screen.start()).text


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_the_page_is_for_get_and_post_alone(world: World, browser: Browser, method: str) -> None:
    answer = browser.session.request(method, world.base + "/oauth/device", timeout=20)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, POST")


# -- guessing ------------------------------------------------------------------------------------------------------


def test_one_user_types_twenty_codes_in_ten_minutes_and_then_not_even_the_right_one(
    world: World, browser: Browser, screen: Screen
) -> None:
    started = screen.start()
    page = field(browser)
    assert {send(browser, page, user_code="nonsense").status_code for _ in range(5)} == {400}  # no guess at all
    assert {send(browser, page, user_code="BBBB-BBBB").status_code for _ in range(20)} == {400}
    for code in ("BBBB-BBBB", started["user_code"]):
        throttled = send(browser, page, user_code=code)
        assert throttled.status_code == 429
        assert 0 < int(throttled.headers["Retry-After"]) <= 600
        assert "Too many codes" in throttled.text
    assert type_in(Browser(world, "bob"), started["user_code"]).status_code == 200
    world.house.clock.advance(int(throttled.headers["Retry-After"]))
    assert type_in(browser, started["user_code"]).status_code == 200


def test_from_one_address_a_hundred_codes_are_typed_whoever_types_them(world: World) -> None:
    found = []
    for number in range(6):
        browser = Browser(world, f"guesser{number}")
        page = field(browser)
        with ThreadPoolExecutor(8) as pool:
            found += list(pool.map(lambda _, it=(browser, page): send(*it, user_code="BBBB-BBBB"), range(20)))
    assert sorted(answer.status_code for answer in found) == [400] * 100 + [429] * 20


def test_guesses_at_once_are_counted_exactly(any_world: World) -> None:
    browser = Browser(any_world)
    page = field(browser)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: send(browser, page, user_code="BBBB-BBBB").status_code, range(32)))
    assert sorted(found) == [400] * 20 + [429] * 12


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
