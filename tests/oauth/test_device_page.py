"""The page where a user types what a device shows: in words, once, for this user, and not by guessing (RFC 8628)."""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn
from urllib.parse import unquote

import pytest

from flask_apiguard.errors import StoreAway
from flask_apiguard.oauth.throttle import Throttle
from flask_apiguard.values import Environment
from tests.oauth.browser import Browser
from tests.oauth.devices import Screen, field, question, say, send, told, type_in
from tests.oauth.world import World, make_app, running


@pytest.fixture
def screen(world: World) -> Screen:
    return Screen(world, world.holder(device=True))


@pytest.fixture
def browser(world: World) -> Browser:
    return Browser(world)


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


def test_a_hosts_own_page_surrounds_every_state(tmp_path: Path) -> None:
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
        # The window slides in two halves: of the twenty, one is forgiven a twentieth of it after the window's end.
        assert 0 < int(throttled.headers["Retry-After"]) <= 600 + 600 / 20
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


def test_while_nobody_can_count_nobody_guesses(world: World, browser: Browser, screen: Screen) -> None:
    class Away:
        def take(self, *_: object) -> NoReturn:
            raise StoreAway("counter")

    started, page = screen.start(), field(browser)
    world.house.oauth.throttle = Throttle(Away(), world.house.clock, world.house.secrets)  # type: ignore[arg-type]
    answer = send(browser, page, user_code=started["user_code"])
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    refusal = Screen(world, world.holder(device=True, public=True), True).ask()
    assert told(refusal) == (503, "temporarily_unavailable")
    assert told(screen.poll(started)) == (400, "authorization_pending")


def test_guesses_at_once_are_counted_exactly(any_world: World) -> None:
    browser = Browser(any_world)
    page = field(browser)
    with ThreadPoolExecutor(16) as pool:
        found = list(pool.map(lambda _: send(browser, page, user_code="BBBB-BBBB").status_code, range(32)))
    assert sorted(found) == [400] * 20 + [429] * 12
